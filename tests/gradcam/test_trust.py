"""gradcam: the checks on the maps."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.stats import spearmanr

from pipeline.gradcam import trust
from pipeline.images.examples import Examples
from pipeline.models import runtime
from tests.gradcam.networks import IMAGES, SIZE, network

runtime.start({"threads": 2})


def test_rank_correlations_are_spearmans():
    rng = np.random.default_rng(0)
    first = np.maximum(rng.normal(size=(5, 4, 4)), 0)
    second = np.maximum(first + rng.normal(size=(5, 4, 4)), 0)
    first[3] = 0
    expected = [spearmanr(a.ravel(), b.ravel()).statistic if a.any() else 0 for a, b in zip(first, second, strict=True)]
    assert trust.rank_correlations(first, second) == pytest.approx(expected)


def test_shuffling_keeps_what_is_below_and_the_values():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Conv2D(4, 3, name="first")(inputs)
    x = layers.Conv2D(16, 3, name="second")(x)
    model = keras.Model(inputs, layers.Dense(1, name="logit")(layers.GlobalAveragePooling2D()(x)))
    before = {layer.name: layer.get_weights() for layer in model.layers}
    trust.shuffle_weights(model, 0.5, seed=1)
    changed = {
        name for name, weights in before.items()
        if any(not np.array_equal(a, b) for a, b in zip(weights, model.get_layer(name).get_weights(), strict=True))
    }  # fmt: skip
    assert changed == {"second", "logit"}
    for name in changed:
        for a, b in zip(before[name], model.get_layer(name).get_weights(), strict=True):
            assert np.array_equal(np.sort(a, axis=None), np.sort(b, axis=None))


def test_deleting_what_the_network_looks_at_lowers_the_probability_first():
    """The logit is the brightness of the upper left quarter less 100, and so is the heat."""
    inputs = keras.Input((SIZE, SIZE, 1))
    quarter = layers.Cropping2D(((0, SIZE // 2), (0, SIZE // 2)))(inputs)
    model = keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(quarter)))
    model.set_weights([np.full((1, 1), 0.2), np.array([-20.0])])
    images = np.full((3, SIZE, SIZE), 10, np.uint8)
    images[:, : SIZE // 2, : SIZE // 2] = 130
    heat = np.zeros((3, 2, 2), np.float32)
    heat[:, 0, 0] = 1
    curves = trust.deletion_curves(model, images, heat, np.ones(3, bool), seed=0)
    assert curves["hottest"][0] == pytest.approx(curves["random"][0]) and curves["hottest"][0].min() > 0.99
    assert curves["hottest"][-1] == pytest.approx(curves["random"][-1]) and curves["hottest"][-1].max() < 0.01
    assert (np.diff(curves["hottest"].mean(axis=1)) <= 1e-9).all()
    assert curves["hottest"].mean() < curves["random"].mean() - 0.1


@pytest.mark.parametrize("seeds", [0, 2])
def test_all_checks_have_a_row_with_its_interval(tmp_path, seeds):
    files = [tmp_path / f"{seed}.keras" for seed in range(2)]
    for seed, file in enumerate(files):
        network(weights=(1, -1, 0.5, -2, 0.8 + seed)).save(file)
    labels = np.tile([0.0, 1.0], 3).astype(np.float32)
    made = trust.check_maps(
        "baseline",
        explained=files[0],
        seeds=files[:seeds],
        val=Examples(IMAGES, labels, labels.astype(str)),
        settings={"seed": 1, "compute": {"threads": 2}, "gradcam": {"val_images": 4, "layer": {"baseline": "map"}}},
    )
    table = made["table"].set_index("check")
    assert ("two seeds" in table.index) == (seeds == 2), "nothing is said of seeds where there is but one"
    assert (table["images"] == 4).all() and (table["layer"] == "map").all()
    assert (table["ci_low"] <= table["value"]).all() and (table["value"] <= table["ci_high"]).all()
    gain = table.loc["deletion, random first", "value"] - table.loc["deletion, hottest first", "value"]
    assert table.loc["deletion, random less hottest", "value"] == pytest.approx(gain)
    first = made["deletion"].query("deleted == 0")["probability"]
    assert len(made["deletion"]) == 2 * len(trust.DELETED) and first.nunique() == 1, "before anything is blanked"
