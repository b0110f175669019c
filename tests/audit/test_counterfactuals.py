"""audit: edits change what they say and nothing else; what they do to predictions; the figures."""

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from pipeline.audit import counterfactuals
from pipeline.audit import figures as plots
from pipeline.images import regions
from pipeline.models import runtime
from pipeline.statistics import intervals, metrics
from tests.audit.examples import SETTINGS, SIZE, lungs, scored, splits, summarised

runtime.start(SETTINGS["compute"])


@pytest.fixture
def images():
    rng, labels = np.random.default_rng(2), np.repeat([0.0, 1.0], 20)
    base = rng.normal(110, 8, (40, 1, 1)) + 40 * labels[:, None, None]
    noise = rng.normal(0, 1, (40, SIZE, SIZE)) * (15 + 10 * labels)[:, None, None]
    return np.clip(np.round(base + noise), 0, 255).astype(np.uint8), labels


def test_edits_change_what_they_say_and_nothing_else(images):
    images, labels = images
    inside = np.broadcast_to(regions.central(SIZE), images.shape)
    found = np.zeros(images.shape, bool)
    found[:, 1:3, 14:18] = True
    for edit, blanked in {"edges": found | regions.corners(SIZE), "inside": inside}.items():
        after = counterfactuals.alter(edit, images, labels, inside, found)
        assert after.dtype == np.uint8 and np.array_equal(after[~blanked], images[~blanked])
        means = np.broadcast_to(images.mean(axis=(1, 2), keepdims=True).astype(np.uint8), images.shape)
        assert np.array_equal(after[blanked], means[blanked])
    step = np.arange(SIZE, dtype=np.uint8)
    ramp = counterfactuals.alter("crop", np.tile(8 * step, (1, SIZE, 1)), labels[:1], inside[:1], found[:1])[0]
    assert ramp.shape == (SIZE, SIZE) and (ramp[0, 0], ramp[0, -1]) == (8 * 3, 8 * 28)


def test_each_class_takes_brightness_and_contrast_of_the_other(images):
    images, labels = images
    after = counterfactuals.alter("grey", images, labels, None, None)
    for moment in (np.mean, np.std):
        before, now = moment(images, axis=(1, 2)), moment(after, axis=(1, 2))
        for label in (0, 1):
            assert now[labels == label].mean() == pytest.approx(before[labels != label].mean(), rel=0.02)
        order = np.corrcoef(before[labels == 1], now[labels == 1])[0, 1]
        assert order > 0.99, "images keep their order within the class"


def test_effects_are_of_probabilities_and_of_predictions_at_the_threshold():
    labels, groups = np.repeat([0.0, 1.0], [30, 10]), np.arange(40)
    before = np.where(labels == 1, 2.0, -2.0) + np.random.default_rng(0).normal(0, 0.3, 40)
    after = before.copy()
    after[30:34] = 0.25  # below the threshold, and above a probability of one half
    table = counterfactuals.effect_table(labels, groups, {"original": before, "edges": after}, 0.5, seed=1)
    table = table.set_index("label")
    change = (expit(after) - expit(before))[labels == 1]
    assert table.loc["covid", "value"] == pytest.approx(change.mean())
    draws = np.random.default_rng(8).choice(change, (4000, 10)).mean(axis=1)
    expected = np.quantile(draws, [0.025, 0.975])
    assert table.loc["covid", ["ci_low", "ci_high"]].to_numpy(float) == pytest.approx(expected, abs=0.03)
    assert table.loc["covid", "flipped"] == 0.4 and table.loc["covid", "images"] == 10
    assert table.loc["covid", ["flipped_ci_low", "flipped_ci_high"]].tolist() == list(intervals.wilson(4, 10))
    assert (table.loc["normal", ["value", "ci_low", "ci_high", "flipped"]] == 0).all()


def test_markers_are_counted_by_class_and_examples_are_those_that_change_most():
    labels = np.array([0, 1, 0, 1, 0], float)
    found = np.zeros((5, 4, 4), bool)
    found[[0, 2, 3], 1, 1:3] = True
    table = counterfactuals.marker_table(labels, found).set_index("label")
    assert table["hits"].to_dict() == {"normal": 2, "covid": 1} and table.loc["normal", "value"] == pytest.approx(2 / 3)
    original = np.full(5, 0.5)
    probabilities = {
        "baseline": {"original": original, "crop": original + [0, 0.1, 0.3, 0, 0]},
        "transfer": {"original": original, "crop": original - [0, 0, 0, 0.2, 0.1]},
    }
    assert counterfactuals.most_changed(labels, probabilities).tolist() == [2, 3]


# Both wordings of the region, through tables and figures.


@pytest.fixture(scope="module", params=["lungs", "central region"])
def built(request, tmp_path_factory):
    """The region, and what the stage makes of films that carry markers, with a model each that measures brightness."""
    inputs = splits(np.ones((SIZE, SIZE), bool), masks=lungs if request.param == "lungs" else None)
    files = {}
    for model, sign in {"baseline": 1, "transfer": -1}.items():
        film = keras.Input((SIZE, SIZE, 1))
        mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(sign / 20, offset=-sign * 6)(film))
        files[model] = tmp_path_factory.mktemp("models") / f"{model}.keras"
        keras.Model(film, keras.layers.Dense(1, kernel_initializer="ones")(mean)).save(files[model])
    of_val = {name: inputs[name] for name in ("val", "val_masks", "val_index")}
    return request.param, counterfactuals.edit_images(**files, **of_val, settings=SETTINGS)


def test_the_stage_tells_of_lungs_or_of_a_central_region(built):
    region, made = built
    table, samples = made["table"], made["samples"]
    assert table[["model", "edit", "label"]].values.tolist() == [
        [model, edit, label]
        for model in ("baseline", "transfer")
        for label in ("normal", "covid")
        for edit in ("edges", "inside", "grey", "crop")
    ]
    assert (table["region"] == region).all() and f"{region} blanked" in set(table["name"])
    assert (table["ci_low"] <= table["value"]).all() and (table["value"] <= table["ci_high"]).all()
    assert samples["label"].value_counts().to_dict() == {"normal": 5, "covid": 5}
    assert samples["name"].tolist()[2] == f"{region} blanked"
    assert made["sample_images"]["images"].shape == (10, SIZE, SIZE)


def test_figures_are_drawn_from_tables_alone(built):
    _, made = built
    labels, groups, scores = scored(0.95, 0.95, 0.5, runs=2)
    runs = [
        {"control": c, "seed": s, "val_auc": metrics.auc(labels, v)} for c in scores for s, v in enumerate(scores[c])
    ]
    arrays = {name: made[name] for name in ("samples", "sample_images", "marker_images")}
    for least, ratios in ((0.6, True), (0.99, False)):
        table = summarised(labels, groups, scores, least_auc=least).reset_index()
        drawings = plots.draw(runs=pd.DataFrame(runs), table=table, **arrays)
        assert list(drawings) == ["controls", "counterfactuals", "markers"]
        texts = {text.get_text() for text in drawings["controls"].axes[0].texts}
        assert ("$S$" in texts) == ratios, "the shortcut ratio where it is defined"
        assert len(drawings["counterfactuals"].axes) == 10
