"""Grad-CAM against CAM, finite differences and the definition, on networks of a few weights."""

import re

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from keras import layers
from PIL import Image
from scipy.special import expit
from scipy.stats import spearmanr

from pipeline.command import InputError
from pipeline.gradcam import figures as plots
from pipeline.gradcam import maps as gradcam
from pipeline.gradcam import overlays as gradcam_overlays
from pipeline.gradcam import trust as gradcam_trust
from pipeline.images import cache, regions
from pipeline.models import baseline, explain, fitting, runtime

runtime.start({"threads": 2})

SIZE, CHANNELS = 8, 5
IMAGES = np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE), np.uint8)
COVID, NORMAL = 1, -1
# A last bias that decides for one class, whatever the image.
BIAS = {COVID: 50.0, NORMAL: -50.0}


def network(bias=0.0, strides=1, weights=(1, -1, 0.5, -2, 0.8)):
    """Convolution, ReLU, global average pooling, one logit: where Grad-CAM is CAM (Zhou et al. 2016)."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(CHANNELS, 3, strides=strides, padding="same", activation="relu", name="map")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(1, name="logit")(x))
    model.get_layer("map").kernel.assign(np.random.default_rng(3).normal(size=(3, 3, 1, CHANNELS)))
    model.get_layer("logit").set_weights([np.reshape(weights, (CHANNELS, 1)), np.array([bias])])
    return model


def activations(model):
    """(n, h, w, channels), and the logits (n,)."""
    tapped = keras.Model(model.input, [model.get_layer("map").output, model.output])
    maps, logits = tapped.predict(IMAGES[..., None].astype(np.float32), verbose=0)
    return maps.astype(np.float64), logits[:, 0].astype(np.float64)


def cam(model, signs):
    """The activations weighted by the last layer's weights; sign +1 for covid, -1 for normal; maximum 1."""
    weights = model.get_layer("logit").get_weights()[0][:, 0].astype(np.float64)
    maps = np.maximum(np.reshape(signs, (-1, 1, 1)) * (activations(model)[0] @ weights), 0)
    assert maps.any(axis=(1, 2)).all()
    return maps / maps.max(axis=(1, 2), keepdims=True)


def explained(model, layer, images, threshold=0.0):
    """Maps of the verdicts at a logit, at the size of the images; and the logits."""
    maps, logits = explain.signed_maps(model, layer, images)
    return explain.enlarged(explain.heat(maps, logits >= threshold), *images.shape[1:]), logits


# The maps


@pytest.mark.parametrize("verdict", [COVID, NORMAL])
def test_equals_cam_where_one_dense_layer_follows_pooling(verdict):
    model = network(BIAS[verdict])
    maps, logits = explained(model, "map", IMAGES)
    assert maps == pytest.approx(cam(model, verdict), abs=1e-3)
    assert logits == pytest.approx(activations(model)[1], abs=1e-4) and (logits * verdict > 0).all()
    assert not np.allclose(cam(model, COVID), cam(model, NORMAL), atol=0.1)


@pytest.mark.parametrize("shift", [0, 18, -18])
def test_the_threshold_decides_the_sign(shift):
    """Three images below it, three above; far from 0, where float32 cannot tell the probabilities apart, as well."""
    model = network()
    logits = activations(model)[1]
    middle = np.sort(logits)[2:4].mean()
    model.get_layer("logit").bias.assign([shift])
    signs = np.where(logits > middle, COVID, NORMAL)
    assert abs(middle + shift) > 0.01
    maps, _ = explained(model, "map", IMAGES, middle + shift)
    assert maps == pytest.approx(cam(model, signs), abs=1e-3)


def test_weights_are_finite_differences_of_the_score():
    """Where position matters and gradients depend on the activations: two dense layers, no pooling."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Conv2D(3, 3, strides=2, padding="same", name="map")(layers.Rescaling(1 / 255)(inputs))
    x = layers.Dense(1, name="logit")(layers.Dense(4, activation="tanh", name="hidden")(layers.Flatten()(x)))
    model = keras.Model(inputs, x)
    (kernel, bias), (last_kernel, last_bias) = (model.get_layer(name).get_weights() for name in ("hidden", "logit"))
    features, logits = activations(model)

    def logit(values):
        return (np.tanh(values.reshape(len(values), -1) @ kernel + bias) @ last_kernel + last_bias)[:, 0]

    step = 1e-5
    slopes = np.zeros_like(features)
    for place in np.ndindex(features.shape[1:]):
        moved = np.zeros_like(features)
        moved[:, *place] = step
        slopes[:, *place] = (logit(features + moved) - logit(features - moved)) / (2 * step)
    alpha = (np.sign(logits)[:, None, None, None] * slopes).mean(axis=(1, 2), keepdims=True)
    expected = np.maximum((alpha * features).sum(axis=-1), 0)
    expected = enlarged(expected / expected.max(axis=(1, 2), keepdims=True))
    assert {*np.sign(logits)} == {-1, 1}
    assert explained(model, "map", IMAGES)[0] == pytest.approx(expected, abs=1e-3)


def enlarged(maps):
    """Bilinear, between pixel centres, by Pillow."""
    resized = [Image.fromarray(map.astype(np.float32)).resize((SIZE, SIZE), Image.Resampling.BILINEAR) for map in maps]
    return np.stack([np.asarray(image) for image in resized])


def test_coarse_maps_are_enlarged_to_the_image():
    model = network(BIAS[COVID], strides=4)
    maps, _ = explained(model, "map", IMAGES)
    assert maps == pytest.approx(enlarged(cam(model, COVID)), abs=1e-3)


def test_a_batch_is_explained_as_one_at_a_time():
    together = explained(network(), "map", IMAGES)
    singly = [explained(network(), "map", IMAGES[place : place + 1]) for place in range(len(IMAGES))]
    for whole, parts in zip(together, zip(*singly, strict=True), strict=True):
        assert whole == pytest.approx(np.concatenate(parts), abs=1e-6)


def test_a_reloaded_and_a_frozen_model_are_explained_alike():
    fresh, frozen = network(), network()
    frozen.trainable = False
    assert not frozen.trainable_weights
    expected = explained(fresh, "map", IMAGES)[0]
    assert expected.any(axis=(1, 2)).all()
    for model in (frozen, fitting.reload(fresh), fitting.reload(frozen)):
        assert np.array_equal(explained(model, "map", IMAGES)[0], expected)


def test_nothing_that_speaks_for_the_verdict_gives_an_empty_map():
    """All channels speak against covid, which the bias alone decides for: zeros, no division by zero."""
    maps, logits = explained(network(BIAS[COVID], weights=-np.ones(CHANNELS)), "map", IMAGES)
    assert (logits > 0).all() and not maps.any() and maps.shape == IMAGES.shape


def test_a_saturated_verdict_is_explained():
    """A sigmoid's gradient would be exactly zero at a logit of 500."""
    certain, unsure = (explained(network(bias), "map", IMAGES)[0] for bias in (500.0, BIAS[COVID]))
    assert certain.any() and certain == pytest.approx(unsure, abs=1e-5)


# The layer


def test_default_layer_is_the_last_map():
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.ReLU(name="relu4")(layers.Conv2D(2, 3, name="conv4")(inputs))
    model = keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D(name="average")(x)), name="baseline")
    assert explain.target_layer(model, None, "gradcam.layer.baseline") == "relu4"
    assert explain.target_layer(model, "conv4", "gradcam.layer.baseline") == "conv4"
    with pytest.raises(InputError, match="gradcam.layer.baseline.*'relu5'.*relu4"):
        explain.target_layer(model, "relu5", "gradcam.layer.baseline")


def test_layers_that_a_configuration_may_name_are_those_with_a_map():
    """All of the baseline but what comes before its first convolution."""
    chosen = {"filters": 2, "dense_units": 2, "dropout": 0.1, "l2": 0, "normalisation": "fixed"}
    network = baseline.build(chosen, np.zeros((1, 32, 32), np.uint8))
    names = [layer.name for layer in network.layers]
    maps = [layer.name for layer in network.layers[names.index("conv1") :] if len(layer.output.shape) == 4]
    with open("workflow/schemas/config.schema.yaml") as file:
        schema = yaml.safe_load(file)
    pattern = schema["properties"]["gradcam"]["properties"]["layer"]["properties"]["baseline"]["pattern"]
    assert [name for name in names if re.search(pattern, name)] == maps and len(maps) == 15


def test_a_pass_in_batches_is_one_pass(monkeypatch):
    whole = explain.signed_maps(network(), "map", IMAGES)
    monkeypatch.setattr(explain, "AT_ONCE", 4)
    for parts, all_at_once in zip(explain.signed_maps(network(), "map", IMAGES), whole, strict=True):
        assert parts == pytest.approx(all_at_once, abs=1e-6)


def test_maps_of_the_two_classes_share_no_cell():
    maps, _ = explain.signed_maps(network(), "map", IMAGES)
    covid, normal = (explain.heat(maps, np.full(len(maps), verdict)) for verdict in (True, False))
    assert covid.any() and normal.any() and not ((covid > 0) & (normal > 0)).any()


def test_overlay_is_the_image_where_there_is_no_heat():
    image = IMAGES[0]
    assert np.array_equal(explain.overlay(image, np.zeros(image.shape)), np.stack([image] * 3, axis=-1))
    hot = explain.overlay(np.zeros((1, 1), np.uint8), np.array([[0.75]]))
    assert hot.tolist() == [[[102, 51, 0]]]  # 0.4 x 255 x jet's (1, 0.5, 0)


# The samples

GROUPS = {
    "true covid": ("covid", "covid"),
    "false alarm": ("normal", "covid"),
    "true normal": ("normal", "normal"),
    "missed covid": ("covid", "normal"),
}


def table(logits, threshold):
    """Predictions in a fixed disorder, every other one covid, with their groups."""
    rows = pd.DataFrame({"logit": logits, "label": np.where(np.arange(len(logits)) % 2, "covid", "normal")})
    rows["probability"] = expit(rows["logit"])
    rows["predicted"] = np.where(rows["logit"] >= threshold, "covid", "normal")
    named = {pair: group for group, pair in GROUPS.items()}
    rows["group"] = [named[pair] for pair in zip(rows["label"], rows["predicted"], strict=True)]
    return rows.assign(file=[f"{place}.png" for place in range(len(rows))], model="baseline")


@pytest.mark.parametrize("threshold", [0.0, -4.0, 4.0])
@pytest.mark.parametrize("samples", [1, 4, 100])
def test_samples_are_the_surest_and_the_least_sure(threshold, samples):
    """In logits: probabilities near 0 and 1 would all be as far."""
    rows = table(np.random.default_rng(5).permutation(np.linspace(-30, 30, 40)), threshold)
    chosen = gradcam.choose(rows, threshold, samples)
    assert chosen["group"].drop_duplicates().tolist() == list(GROUPS)
    for group, pair in GROUPS.items():
        members = [row for row in rows.itertuples() if (row.label, row.predicted) == pair]
        members.sort(key=lambda row: -abs(row.logit - threshold))
        files = [row.file for row in members]
        expected = (
            files if samples >= len(files) else files[: samples - samples // 2] + files[len(files) - samples // 2 :]
        )
        assert chosen.loc[chosen["group"] == group, "file"].tolist() == expected
    assert chosen["file"].is_unique


def test_a_group_without_members_is_no_error():
    chosen = gradcam.choose(table(np.array([-4.0, 3.0, -2.0, 1.0]), 0.0), 0.0, 2)
    assert chosen["group"].tolist() == ["true covid"] * 2 + ["true normal"] * 2
    assert chosen["confidence"].tolist() == ["most", "least"] * 2


def test_figures_show_the_groups_in_the_order_of_the_tables():
    assert list(plots.GROUPS) == list(gradcam.GROUPS) == list(GROUPS)


# Where the heat is


def test_shares_of_heat_add_up_by_region():
    """All heat in one corner, all inside the mask, even heat, no heat."""
    size = 20
    heat, masks = np.zeros((4, size, size)), np.zeros((4, size, size), np.uint8)
    masks[:, 5:15, 5:15] = 255
    heat[0, 0, 0], heat[1, 7, 7], heat[2] = 1, 0.3, 0.5
    columns = gradcam.shares(heat, masks)
    assert columns["region"] == "lungs"
    assert columns["inside"][:3] == pytest.approx([0, 1, 0.25]) and columns["inside_area"] == pytest.approx([0.25] * 4)
    assert columns["border"][:3] == pytest.approx([1, 0, columns["border_area"][0]])
    assert columns["corners"][:3] == pytest.approx([1, 0, columns["corners_area"][0]])
    assert all(np.isnan(columns[region][3]) for region in ("inside", "border", "corners"))
    without = gradcam.shares(heat, np.empty((0, size, size), np.uint8))
    assert without["region"] == "central region" and without["inside"][1] == 1
    assert 0.5 < without["inside_area"][0] < 0.6


def heated(inside, groups):
    """A table of heat shares, as `gradcam` makes it."""
    rows = pd.DataFrame({"inside": inside, "group": groups, "region": "lungs", "empty": np.isnan(inside)})
    areas = {f"{region}_area": 0.25 for region in ("inside", "border", "corners")}
    return rows.assign(border=1 - rows["inside"], corners=0.1, **areas)


def test_means_by_group_with_their_intervals():
    rng = np.random.default_rng(0)
    few, enough = [0.2] * 9 + [np.nan], rng.normal(0.4, 0.1, 10)
    groups = ["true covid"] * 60 + ["false alarm"] * 10 + ["true normal"] * 10
    rows = heated(np.concatenate([rng.normal(0.5, 0.1, 60), few, enough]), groups)
    found = pd.DataFrame(gradcam.region_rows(rows, seed=1)).set_index(["group", "region"])
    values = rows["inside"][:60]
    row = found.loc["true covid", "lungs"]
    assert (row["images"], row["share"], row["lift"]) == (60, values.mean(), pytest.approx(values.mean() / 0.25))
    error = values.std() / np.sqrt(60)
    assert (row["share_ci_low"], row["share_ci_high"]) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.1 * error + 2e-3
    )
    alarms, normal = found.loc["false alarm", "lungs"], found.loc["true normal", "lungs"]
    assert alarms["images"] == 9 and alarms["share"] == pytest.approx(0.2)
    assert alarms[["share_ci_low", "share_ci_high", "lift_ci_low", "lift_ci_high"]].isna().all(), (
        "too few for intervals"
    )
    assert normal["share_ci_low"] < enough.mean() < normal["share_ci_high"]
    assert found.loc["missed covid", "border"]["images"] == 0 and np.isnan(found.loc["missed covid", "border"]["share"])


def test_extents_are_those_of_the_regions():
    """The areas that follow from them are those of the regions on a fine grid."""
    height, width = gradcam.EXTENTS["central region"]
    assert height * width == pytest.approx(regions.central(200).mean(), abs=1e-6)
    height, width = gradcam.EXTENTS["border"]
    assert 1 - (1 - 2 * height) * (1 - 2 * width) == pytest.approx(regions.border(200).mean(), abs=1e-6)
    height, width = gradcam.EXTENTS["corners"]
    assert 4 * height * width == pytest.approx(regions.corners(200).mean(), abs=1e-6)


def test_differences_between_groups():
    """Errors against right verdicts of the same predicted class, from ten maps of each on."""
    rng = np.random.default_rng(0)
    shares = {"true covid": (0.8, 40), "true normal": (0.2, 40), "missed covid": (0.3, 10), "false alarm": (0.7, 9)}
    values = {group: rng.normal(mean, 0.05, count) for group, (mean, count) in shares.items()}
    groups = np.repeat(list(shares), [count for _, count in shares.values()])
    found = pd.DataFrame(gradcam.difference_rows(heated(np.concatenate([*values.values()]), groups), seed=1))
    found = found.set_index(["first", "second", "region"]).sort_index()
    assert {pair[:2] for pair in found.index} == {
        ("true covid", "true normal"), ("missed covid", "true normal"), ("false alarm", "true covid"),
    }  # fmt: skip
    for first in ("true covid", "missed covid"):
        row = found.loc[first, "true normal", "lungs"]
        a, b = values[first], values["true normal"]
        error = np.sqrt(a.var() / len(a) + b.var() / len(b))
        assert row["difference"] == pytest.approx(a.mean() - b.mean())
        assert row["ci_low"] == pytest.approx(row["difference"] - 1.96 * error, abs=0.2 * error)
        assert row["ci_high"] == pytest.approx(row["difference"] + 1.96 * error, abs=0.2 * error)
        assert found.loc[first, "true normal", "border"]["difference"] == pytest.approx(-row["difference"])
    assert found.loc["false alarm", "true covid"].isna().all(axis=None)


def test_what_two_classes_leave_of_the_maps():
    maps = np.array([[[1.0, -1], [2, 3]], [[-1, -1], [-2, -1]], [[1, -1], [-1, -1]]])
    covid = np.array([True, True, False])
    normal, said = pd.DataFrame(gradcam.class_rows(maps, covid)).to_dict("records")
    assert said == {"predicted": "covid", "images": 2, "empty": 1, "other_empty": 0, "own_cells": 3 / 8}
    assert normal == {"predicted": "normal", "images": 1, "empty": 0, "other_empty": 0, "own_cells": 3 / 4}


# Trust


def test_rank_correlations_are_spearmans():
    rng = np.random.default_rng(0)
    first = np.maximum(rng.normal(size=(5, 4, 4)), 0)
    second = np.maximum(first + rng.normal(size=(5, 4, 4)), 0)
    first[3] = 0
    expected = [spearmanr(a.ravel(), b.ravel()).statistic if a.any() else 0 for a, b in zip(first, second, strict=True)]
    assert gradcam_trust.rank_correlations(first, second) == pytest.approx(expected)


def test_shuffling_keeps_what_is_below_and_the_values():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Conv2D(4, 3, name="first")(inputs)
    x = layers.Conv2D(16, 3, name="second")(x)
    model = keras.Model(inputs, layers.Dense(1, name="logit")(layers.GlobalAveragePooling2D()(x)))
    before = {layer.name: layer.get_weights() for layer in model.layers}
    gradcam_trust.shuffle_weights(model, 0.5, seed=1)
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
    curves = gradcam_trust.deletion_curves(model, images, heat, np.ones(3, bool), seed=0)
    assert curves["hottest"][0] == pytest.approx(curves["random"][0]) and curves["hottest"][0].min() > 0.99
    assert curves["hottest"][-1] == pytest.approx(curves["random"][-1]) and curves["hottest"][-1].max() < 0.01
    assert (np.diff(curves["hottest"].mean(axis=1)) <= 1e-9).all()
    assert curves["hottest"].mean() < curves["random"].mean() - 0.1


# A stage run


def test_logits_that_are_not_the_tables_are_refused(tmp_path):
    """As when the model was trained again and the predictions are old."""
    files = stage_inputs(tmp_path)
    predictions = pd.read_csv(files["predictions"])
    predictions.assign(logit=predictions["logit"] + 0.1).to_csv(files["predictions"], index=False)
    with pytest.raises(InputError, match="not the one that was evaluated"):
        gradcam.gradcam(**files)


def stage_inputs(folder):
    """Files of a finished evaluation of `network`, and where gradcam writes."""
    model, archive = network(), folder / "archive" / "test"
    model.save(folder / "model.keras")
    _, logits = activations(model)
    threshold = float(np.median(logits))
    names = []
    for place, image in enumerate(IMAGES):
        file = archive / ("covid" if place % 2 else "normal") / f"{place}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((3 * SIZE, 2 * SIZE)).save(file)
        names.append(file.relative_to(folder / "archive").as_posix())
    rows = table(logits, threshold).drop(columns="group").assign(file=names)
    rows.to_csv(folder / "predictions.csv", index=False)
    rows[["file", "label"]].assign(bit_depth=8).to_csv(folder / "index.csv", index=False)
    pd.DataFrame({"model": ["baseline", "transfer"], "metric": "auc", "value": [0.9, 0.9]}).to_csv(
        folder / "metrics.csv", index=False
    )
    pd.DataFrame({"model": ["baseline", "transfer"], "logit": threshold}).to_csv(folder / "thresholds.csv", index=False)
    cache.create(folder / "test.npy", IMAGES.shape, np.uint8)[:] = IMAGES
    cache.create(folder / "masks.npy", (0, SIZE, SIZE), np.uint8)
    tables = ("heat", "groups", "region_table", "differences", "classes", "samples")
    return {
        "models": [folder / "model.keras"] * 2,
        "test": folder / "test.npy",
        "test_masks": folder / "masks.npy",
        "test_index": folder / "index.csv",
        "predictions": folder / "predictions.csv",
        "test_metrics": folder / "metrics.csv",
        "thresholds": folder / "thresholds.csv",
        "settings": {
            "seed": 1,
            "compute": {"threads": 2},
            "gradcam": {"samples": 2, "layer": {"baseline": "map", "transfer": None}},
        },
        **{name: folder / "tables" / f"{name}.csv" for name in tables},
        "shown_maps": folder / "maps.npz",
        "means": folder / "means.npz",
    }  # fmt: skip


def test_every_test_image_is_explained_and_the_shown_ones_at_their_own_size(tmp_path):
    """Both models are as good: the baseline is explained."""
    files = stage_inputs(tmp_path)
    gradcam.gradcam(**files)
    heat, groups = pd.read_csv(files["heat"]), pd.read_csv(files["groups"])
    assert len(heat) == len(IMAGES) and heat["model"].eq("baseline").all() and groups["model"].eq("baseline").all()
    assert groups["images"].sum() == len(IMAGES) and (groups["height"] == SIZE).all()
    maps, logits = explained(network(), "map", IMAGES, pd.read_csv(files["thresholds"])["logit"][0])
    central = np.zeros((SIZE, SIZE), bool)
    central[1:7, 1:7] = True
    assert heat["inside"].to_numpy() == pytest.approx(
        (maps * central).sum(axis=(1, 2)) / maps.sum(axis=(1, 2)), abs=1e-4
    )
    gradcam_overlays.gradcam_overlays(
        archive=tmp_path / "archive",
        samples=files["samples"],
        test_index=files["test_index"],
        maps=files["shown_maps"],
        settings={"compute": {"threads": 2}},
        overlays=tmp_path / "overlays.npz",
    )
    arrays, shown = np.load(tmp_path / "overlays.npz"), pd.read_csv(files["samples"])
    assert len(arrays) == 2 * len(shown) and arrays["overlay0"].shape == (2 * SIZE, 3 * SIZE, 3)
    original = np.asarray(Image.open(tmp_path / "archive" / shown["file"][0]))
    assert np.array_equal(arrays["image0"], original) and (arrays["overlay0"] >= original[..., None]).all()
