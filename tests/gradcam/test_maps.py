"""gradcam: the samples, where the heat is, and the stage run from a finished evaluation."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit

from pipeline.command import InputError
from pipeline.gradcam import figures as plots
from pipeline.gradcam import maps, overlays
from pipeline.images import regions
from pipeline.images.examples import Examples
from pipeline.models import explain, runtime
from tests.gradcam.networks import IMAGES, SIZE, activations, network

runtime.start({"threads": 2})

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
    chosen = maps.choose(rows, threshold, samples)
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
    chosen = maps.choose(table(np.array([-4.0, 3.0, -2.0, 1.0]), 0.0), 0.0, 2)
    assert chosen["group"].tolist() == ["true covid"] * 2 + ["true normal"] * 2
    assert chosen["confidence"].tolist() == ["most", "least"] * 2


def test_figures_show_the_groups_in_the_order_of_the_tables():
    assert list(plots.GROUPS) == list(maps.GROUPS) == list(GROUPS)


# Where the heat is


def test_shares_of_heat_add_up_by_region():
    """All heat in one corner, all inside the mask, even heat, no heat."""
    size = 20
    heat, masks = np.zeros((4, size, size)), np.zeros((4, size, size), np.uint8)
    masks[:, 5:15, 5:15] = 255
    heat[0, 0, 0], heat[1, 7, 7], heat[2] = 1, 0.3, 0.5
    columns = maps.heat_shares(heat, masks)
    assert columns["region"] == "lungs"
    assert columns["inside"][:3] == pytest.approx([0, 1, 0.25]) and columns["inside_area"] == pytest.approx([0.25] * 4)
    assert columns["border"][:3] == pytest.approx([1, 0, columns["border_area"][0]])
    assert columns["corners"][:3] == pytest.approx([1, 0, columns["corners_area"][0]])
    assert all(np.isnan(columns[region][3]) for region in ("inside", "border", "corners"))
    without = maps.heat_shares(heat, np.empty((0, size, size), np.uint8))
    assert without["region"] == "central region" and without["inside"][1] == 1
    assert 0.5 < without["inside_area"][0] < 0.6


def heated(inside, groups):
    """A table of heat shares, as `explain_test` makes it."""
    rows = pd.DataFrame({"inside": inside, "group": groups, "region": "lungs", "empty": np.isnan(inside)})
    areas = {f"{region}_area": 0.25 for region in ("inside", "border", "corners")}
    return rows.assign(border=1 - rows["inside"], corners=0.1, **areas)


def test_means_by_group_with_their_intervals():
    rng = np.random.default_rng(0)
    few, enough = [0.2] * 9 + [np.nan], rng.normal(0.4, 0.1, 10)
    groups = ["true covid"] * 60 + ["false alarm"] * 10 + ["true normal"] * 10
    rows = heated(np.concatenate([rng.normal(0.5, 0.1, 60), few, enough]), groups)
    found = maps.region_table(rows, seed=1).set_index(["group", "region"])
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
    height, width = maps.EXTENTS["central region"]
    assert height * width == pytest.approx(regions.central(200).mean(), abs=1e-6)
    height, width = maps.EXTENTS["border"]
    assert 1 - (1 - 2 * height) * (1 - 2 * width) == pytest.approx(regions.border(200).mean(), abs=1e-6)
    height, width = maps.EXTENTS["corners"]
    assert 4 * height * width == pytest.approx(regions.corners(200).mean(), abs=1e-6)


def test_differences_between_groups():
    """Errors against right predictions of the same predicted class, from ten maps of each on."""
    rng = np.random.default_rng(0)
    shares = {"true covid": (0.8, 40), "true normal": (0.2, 40), "missed covid": (0.3, 10), "false alarm": (0.7, 9)}
    values = {group: rng.normal(mean, 0.05, count) for group, (mean, count) in shares.items()}
    groups = np.repeat(list(shares), [count for _, count in shares.values()])
    found = maps.difference_table(heated(np.concatenate([*values.values()]), groups), seed=1)
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
    signed = np.array([[[1.0, -1], [2, 3]], [[-1, -1], [-2, -1]], [[1, -1], [-1, -1]]])
    normal, covid = maps.class_table(signed, np.array([True, True, False])).to_dict("records")
    assert covid == {"predicted": "covid", "images": 2, "empty": 1, "other_empty": 0, "own_cells": 3 / 8}
    assert normal == {"predicted": "normal", "images": 1, "empty": 0, "other_empty": 0, "own_cells": 3 / 4}


# A stage run


THRESHOLD = float(np.median(activations(network())[1]))
SETTINGS = {
    "seed": 1,
    "compute": {"threads": 2},
    "gradcam": {"samples": 2, "layer": {"baseline": "map", "transfer": None}},
}


@pytest.fixture
def inputs(tmp_path):
    """A finished evaluation of `network`, of which both models are as good."""
    network().save(tmp_path / "model.keras")
    rows = table(activations(network())[1], THRESHOLD).drop(columns="group")
    rows["file"] = [f"test/{label}/{place}.png" for place, label in enumerate(rows["label"])]
    models = pd.DataFrame({"model": ["baseline", "transfer"]})
    return {
        "baseline": tmp_path / "model.keras",
        "transfer": tmp_path / "model.keras",
        "test": Examples(IMAGES, (rows["label"] == "covid").to_numpy(np.float32), rows["file"].to_numpy(str)),
        "test_masks": np.empty((0, SIZE, SIZE), np.uint8),
        "predictions": rows,
        "metrics": models.assign(metric="auc", value=0.9),
        "thresholds": models.assign(logit=THRESHOLD),
        "settings": SETTINGS,
    }


def test_logits_that_are_not_the_tables_are_refused(inputs):
    """As when the model was trained again and the predictions are old."""
    inputs["predictions"]["logit"] += 0.1
    with pytest.raises(InputError, match="not the one that was evaluated"):
        maps.explain_test(**inputs)


def test_every_test_image_is_explained_and_the_samples_at_their_own_size(inputs, tmp_path):
    """Both models are as good: the baseline is explained."""
    made = maps.explain_test(**inputs)
    heat, groups, samples = made["heat"], made["groups"], made["samples"]
    assert len(heat) == len(IMAGES) and heat["model"].eq("baseline").all() and groups["model"].eq("baseline").all()
    assert groups["images"].sum() == len(IMAGES) and (groups["height"] == SIZE).all()
    signed, logits = explain.signed_maps(network(), "map", IMAGES)
    enlarged = explain.enlarged(explain.heat(signed, logits >= THRESHOLD), SIZE, SIZE)
    central = np.zeros((SIZE, SIZE), bool)
    central[1:7, 1:7] = True
    assert heat["inside"].to_numpy() == pytest.approx(
        (enlarged * central).sum(axis=(1, 2)) / enlarged.sum(axis=(1, 2)), abs=1e-4
    )
    members = heat["group"].eq("true covid") & ~heat["empty"]
    assert made["means"]["true_covid"] == pytest.approx(enlarged[members].mean(axis=0))

    for image, name in zip(IMAGES, heat["file"], strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((3 * SIZE, 2 * SIZE)).save(tmp_path / name)
    index = heat[["file", "label"]].assign(bit_depth=8)
    arrays = overlays.overlay_samples(tmp_path, samples, index, made["maps"], SETTINGS)["overlays"]
    assert len(arrays) == 2 * len(samples) and arrays["overlay0"].shape == (2 * SIZE, 3 * SIZE, 3)
    original = np.asarray(Image.open(tmp_path / samples["file"].iloc[0]))
    assert np.array_equal(arrays["image0"], original) and (arrays["overlay0"] >= original[..., None]).all()
