"""ablate_findings: what the studies show, at both sides of each limit."""

import numpy as np
import pandas as pd
import pytest

from pipeline import findings as decide
from pipeline.ablate import findings as ablate

EFFECTS = {"better": (0.001, 0.003), "worse": (-0.003, -0.001), "undetected": (-0.001, 0.002)}
NAN = float("nan")


def table(name, rows):
    made = pd.DataFrame(rows)
    made.attrs["table"] = f"ablate/{name}"
    return made


def study(name, reference, variants, **columns):
    """A study whose `variants` have these effects; columns: values of each row, the reference's first."""
    rows = [{"variant": reference, "reference": True, "difference": 0, "ci_low": 0, "ci_high": 0}]
    for variant, effect in variants.items():
        low, high = EFFECTS[effect]
        rows.append({"variant": variant, "reference": False, "ci_low": low, "ci_high": high})
    return table(name, rows).assign(**columns)


def effects(made):
    return ablate.variants(made.attrs["table"].split("/")[1], made)


def values(decided):
    """{finding and subject: value}."""
    return {f"{row['finding']} {row['subject']}".strip(): row["value"] for row in decided}


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [(1e-9, 1, "better"), (0, 1, "undetected"), (-1, 0, "undetected"), (-1, -1e-9, "worse"), (NAN, NAN, "undetected")],
)
def test_a_variant_differs_where_its_interval_excludes_0(low, high, value):
    made = study("loss", "a", {"b c": "better"})
    made.loc[1, ["ci_low", "ci_high"]] = low, high
    (row,) = effects(made).values()
    assert (row["finding"], row["subject"], row["value"]) == ("variant", "loss b c", value)
    assert row["cells"] == "ablate/loss:2:ci_low; ablate/loss:2:ci_high"


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ({}, ("one", "none", "none", "none")),
        ({"a": "better"}, ("several", "some", "none", "none")),
        ({"a": "worse", "b": "worse"}, ("several", "none", "some", "none")),
        ({"a": "worse", "b": "undetected"}, ("several", "none", "some", "some")),
    ],
)
def test_a_study_has_variants_of_each_effect(variants, expected):
    made = study("loss", "reference", variants)
    names = ("variants", "better", "worse", "undetected")
    assert values(ablate.study_effects("loss", made)) == dict(
        zip((f"{name} loss" for name in names), expected, strict=True)
    )


def with_intervals(name, reference, **intervals):
    """A study whose variants have these intervals."""
    made = study(name, reference, dict.fromkeys(intervals, "better"))
    made.loc[1:, ["ci_low", "ci_high"]] = list(intervals.values())
    return made


def test_one_variant_is_enough_for_its_effect():
    """The farthest of a kind would have to turn; the first that turns ends that there is none."""
    made = with_intervals("loss", "a", b=(1, 3), c=(2, 4), d=(-1, 3), e=(-2, 3), f=(-4, -1))
    margins = {row["finding"]: row["margin"] for row in ablate.study_effects("loss", made)}
    assert margins == {"variants": None, "better": 2, "worse": pytest.approx(1 / 1.5), "undetected": pytest.approx(0.8)}
    # Neither a better nor an undetected one: their intervals would have to cross 0 with the lower, the upper end.
    made = with_intervals("loss", "a", b=(-5, -1))
    margins = {row["finding"]: row["margin"] for row in ablate.study_effects("loss", made)}
    assert margins == {"variants": None, "better": 2.5, "worse": 0.5, "undetected": 0.5}


def test_a_smaller_size_that_is_better_is_as_far_as_the_best_shown():
    made = with_intervals("resolution", "224 pixels", **{"64 pixels": (1, 3), "96 pixels": (2, 4)})
    assert ablate.smaller_size(made, 128)["margin"] == 2
    made = with_intervals("resolution", "224 pixels", **{"64 pixels": (-1, 3), "96 pixels": (-3, 0.1)})
    assert ablate.smaller_size(made, 128)["margin"] == 0.5  # not that of the upper end near 0


def test_effects_list_the_variants_of_all_studies_with_the_references():
    studies = {"loss": study("loss", "a", {"b": "worse"}), "head": study("head", 64, {16: "better"})}
    made = ablate.effect_table(studies, {name: effects(of) for name, of in studies.items()})
    assert made.to_numpy().tolist() == [
        ["loss", "a", "reference"],
        ["loss", "b", "worse"],
        ["head", "64", "reference"],
        ["head", "16", "better"],
    ]


@pytest.mark.parametrize(("value", "expected"), [("weighted_cross_entropy", "reference"), ("focal", "other")])
def test_the_selected_value_is_compared_with_the_reference(value, expected):
    best = table("best", [{"loss": value}])
    assert ablate.selected("loss", study("loss", "weighted cross entropy", {}), best)["value"] == expected


@pytest.mark.parametrize(("parameters", "expected"), [(100, "reference"), (101, "other")])
def test_the_selected_head_is_known_by_its_parameters(parameters, expected):
    selection = table(
        "selection", [{"selected": False, "parameters": 100}, {"selected": True, "parameters": parameters}]
    )
    assert ablate.selected_head(study("head", "64", {}, parameters=100), selection)["value"] == expected


# Resolution


@pytest.mark.parametrize(
    ("reference", "variants", "aucs", "value"),
    [
        (0.90, {"64 pixels": "better", "96 pixels": "better"}, (0.92, 0.91), "underfitted"),
        (0.91, {"64 pixels": "better", "96 pixels": "better"}, (0.92, 0.91), "not_shown"),
        (0.90, {"64 pixels": "better", "96 pixels": "undetected"}, (0.92, 0.80), "underfitted"),
        (0.90, {"64 pixels": "worse", "96 pixels": "undetected"}, (0.92, 0.91), "not_shown"),
    ],
)
def test_a_reference_is_underfitted_where_every_better_size_fits_better(reference, variants, aucs, value):
    made = study("resolution", "224 pixels", variants, train_auc=[reference, *aucs])
    decided = ablate.underfitting(made, effects(made))
    assert decided["value"] == value
    if value == "underfitted":
        better = [auc for auc, effect in zip(aucs, variants.values(), strict=True) if effect == "better"]
        assert decided["limit"] == min(better)


@pytest.mark.parametrize(
    ("side", "effect", "value"),
    [(129, "better", "better"), (128, "better", "not_better"), (129, "undetected", "not_better")],
)
def test_a_size_below_that_of_the_models_is_better_or_not(side, effect, value):
    made = study("resolution", "224 pixels", {"128 pixels": effect})
    assert ablate.smaller_size(made, side)["value"] == value


@pytest.mark.parametrize(("side", "value"), [(128, "studied"), (224, "studied"), (127, "left_out")])
def test_the_size_of_the_models_is_studied_or_not(side, value):
    assert ablate.own_size(study("resolution", "224 pixels", {"128 pixels": "worse"}), side)["value"] == value


# Normalisation and augmentation


@pytest.mark.parametrize(
    ("variants", "value"),
    [({"sample": "worse"}, "worse"), ({"sample": "undetected"}, "not_worse"), ({"fixed": "worse"}, "not_worse")],
)
def test_per_image_normalisation_is_worse_or_not(variants, value):
    assert ablate.per_image(effects(study("normalisation", "training global", variants)))["value"] == value


@pytest.mark.parametrize(
    ("none", "everything", "value"),
    [
        ((0.99, 0.94), (0.98, 0.94), "narrower"),
        ((0.99, 0.94), (0.99, 0.95), "not_narrower"),
        ((0.99, 0.94), (0.98, 0.92), "not_narrower"),
    ],
    ids=["narrower", "train as high", "wider"],
)
def test_augmentation_narrows_the_gap_where_train_falls_by_more_than_val(none, everything, value):
    made = study("augmentation", "none", {"all": "undetected"})
    made[["train_auc", "val_auc"]] = [none, everything]
    assert ablate.augmentation_gap(made)["value"] == value
    assert ablate.augmentation_gap(made[:1])["value"] == "not_narrower"


@pytest.mark.parametrize(
    ("everything", "views", "value"),
    [
        ("better", "worse", "contradictory"),
        ("worse", "better", "contradictory"),
        ("better", "undetected", "supported"),
        ("undetected", "better", "supported"),
        ("worse", None, "opposed"),
        (None, "worse", "opposed"),
        ("undetected", "undetected", "undetected"),
        (None, None, "undetected"),
    ],
)
def test_augmentation_is_judged_by_the_baseline_and_by_the_head(everything, views, value):
    made = study("augmentation", "none", {"all": everything} if everything else {})
    rows = [dict(zip(("ci_low", "ci_high"), EFFECTS[views], strict=True))] if views else []
    of_views = ablate.effect_of_views(table("views", rows))
    assert of_views["value"] == (views or "not_compared")
    assert ablate.augmentation_effect(effects(made), of_views)["value"] == value


# Heads and cuts


@pytest.mark.parametrize(
    ("variants", "parameters", "value", "smallest"),
    [
        ({}, [], "one", "64"),
        ({"256": "better", "16": "undetected"}, [400, 20], "better", "16"),
        ({"no dense layer": "worse", "16": "undetected", "32": "undetected"}, [5, 20, 40], "dense_needed", "16"),
        ({"8": "worse", "16": "undetected"}, [10, 20], "some_smaller_worse", "16"),
        ({"8": "undetected", "256": "worse"}, [10, 400], "no_smaller_worse", "8"),
        ({"8": "worse", "16": "worse", "256": "undetected"}, [10, 20, 400], "all_smaller_worse", "64"),
        ({"256": "undetected", "64 again": "worse"}, [400, 100], "no_smaller", "64"),
    ],
)
def test_heads(variants, parameters, value, smallest):
    made = study("head", "64", variants, parameters=[100, *parameters])
    whole, least = ablate.heads(made, effects(made))
    assert whole["value"] == value
    assert (least["subject"], least["value"]) == (smallest, "reference" if smallest == "64" else "smaller")


@pytest.mark.parametrize(
    ("variants", "parameters", "aucs", "value", "best", "why"),
    [
        ({}, [], [], "one", "own", "reference"),
        ({"a": "better", "b": "better"}, [10, 20], [0.8, 0.9], "better", "b", "better"),
        ({"a": "worse", "b": "undetected", "c": "undetected"}, [10, 20, 30], [0.8] * 3, "earlier", "b", "earlier"),
        ({"a": "worse", "b": "worse"}, [10, 20], [0.8, 0.8], "needed", "own", "reference"),
        ({"deeper": "undetected"}, [200], [0.8], "no_earlier", "own", "reference"),
    ],
)
def test_cuts(variants, parameters, aucs, value, best, why):
    made = study("cut", "own", variants, backbone_parameters=[100, *parameters], val_auc=[0.85, *aucs])
    whole, recommended = ablate.cuts(made, effects(made))
    assert whole["value"] == value
    assert (recommended["subject"], recommended["value"]) == (best, why)


def test_a_cut_without_an_interval_is_not_shown_to_be_worse():
    made = study("cut", "own", {"a": "worse"}, backbone_parameters=[100, 10], val_auc=[0.9, 0.8])
    made.loc[1, ["ci_low", "ci_high"]] = NAN
    assert values(ablate.cuts(made, effects(made))) == {"cut": "earlier", "best_cut a": "earlier"}


@pytest.mark.parametrize(("layer", "value"), [("post_relu", "whole"), ("conv4_block6_out", "cut")])
def test_the_backbone_is_whole_up_to_its_last_layer(layer, value):
    assert ablate.backbone(study("cut", layer, {}), "resnet50v2")["value"] == value


@pytest.mark.parametrize(
    ("aucs", "value", "limit"),
    [([0.85, 0.8, 0.85], "not_best", 0.85), ([0.85, 0.8, 0.86], "best", 0.85), ([0.85, 0.86, 0.86], "not_best", 0.86)],
)
def test_the_deepest_cut_may_be_the_best(aucs, value, limit):
    variants = {"a": "worse", "deeper": "undetected"}
    decided = ablate.deepest_cut(study("cut", "own", variants, backbone_parameters=[100, 10, 200], val_auc=aucs))
    assert (decided["value"], decided["limit"]) == (value, limit)
    assert decided["cells"].startswith("ablate/cut:3:val_auc; ")


def test_a_cut_alone_is_the_best():
    assert ablate.deepest_cut(study("cut", "own", {}, backbone_parameters=100, val_auc=0.9))["value"] == "best"


# The number of images


def data(of_head, aucs, full=0.9):
    """Shares with these effects of the head against the baseline, and its mean AUCs; the baseline's on all images."""
    shares = np.linspace(1 / len(of_head), 1, len(of_head))
    rows = []
    for share, effect, auc in zip(shares, of_head, aucs, strict=True):
        low, high = EFFECTS[{"higher": "better", "lower": "worse"}.get(effect, effect)]
        row = {"share": share, "images": round(100 * share)}
        rows.append({"model": "transfer", "val_auc": auc, "ci_low": low, "ci_high": high, **row})
        rows.append({"model": "baseline", "val_auc": full if share == 1 else 0.5, **row})
    return table("data", rows)


@pytest.mark.parametrize(
    ("of_head", "lead", "lead_open"),
    [
        (["higher", "higher"], "always", "none"),
        (["higher", "undetected"], "higher", "some"),
        (["higher", "lower"], "higher_and_lower", "none"),
        (["higher", "undetected", "lower", "undetected"], "higher_and_lower", "some"),
        (["lower", "lower"], "lower", "none"),
        (["lower", "undetected"], "lower", "some"),
        (["undetected", "undetected"], "undetected", "some"),
    ],
)
def test_the_head_leads_at_some_numbers_of_images(of_head, lead, lead_open):
    decided = ablate.shares(data(of_head, [0.9] * len(of_head)))
    assert [row["value"] for row in decided] == [*of_head, lead, lead_open]
    assert decided[0]["subject"] == str(round(100 / len(of_head)))


def test_a_lead_is_open_as_long_as_at_one_number_of_images():
    made = data(["undetected", "undetected"], [0.9, 0.9])
    made.loc[made["model"] == "transfer", ["ci_low", "ci_high"]] = [(-1, 3), (-2, 2)]
    assert ablate.shares(made)[-1]["margin"] == 1
    made.loc[made["model"] == "transfer", ["ci_low", "ci_high"]] = [(1, 3), (-3, -2)]
    assert ablate.shares(made)[-1]["margin"] == 1  # not that of the other, 4


@pytest.mark.parametrize(
    ("aucs", "value", "images"),
    [
        ([0.90, 0.91, 0.92, 0.93], "enough", "25"),
        ([0.899, 0.90, 0.92, 0.93], "enough", "50"),
        ([0.90, 0.80, 0.92, 0.93], "enough", "25"),
        ([0.7, 0.8, 0.899, 0.93], "not_enough", "100"),
    ],
)
def test_fewer_images_are_enough_where_the_head_reaches_the_baseline_on_all(aucs, value, images):
    """All images themselves do not count."""
    whole, fewest = ablate.enough_images(data(["undetected"] * 4, aucs, full=0.9))
    assert (whole["value"], whole["limit"]) == (value, 0.9)
    assert (fewest["subject"], fewest["value"]) == (images, "fewer" if value == "enough" else "all")


@pytest.mark.parametrize(
    ("interval", "aucs", "value"),
    [
        ((0.001, 0.01), (0.8, 0.7, 0.9), "rises"),
        ((-0.01, -0.001), (0.8, 0.7, 0.9), "falls"),
        ((0, 0.01), (0.7, 0.8, 0.9), "rises_at_each_step"),
        ((0, 0.01), (0.7, 0.7, 0.9), "open"),
    ],
)
def test_more_images_may_help(interval, aucs, value):
    low, high = interval
    (rise,) = decide.rows(table("data_rise", [{"model": "transfer", "ci_low": low, "ci_high": high}]))
    decided = ablate.more_images(data(["undetected"] * 3, aucs), rise)
    assert (decided["subject"], decided["value"]) == ("transfer", value)


@pytest.mark.parametrize(("lowest", "value"), [(0.951, "above"), (0.95, "not_above"), (0.949, "not_above")])
def test_the_selected_baseline_may_rank_above_the_selected_head(lowest, value):
    baseline, head = table("a", {"val_auc": [0.99, lowest]}), table("b", {"val_auc": [0.90, 0.95]})
    assert ablate.selected_baseline(baseline, head)["value"] == value


@pytest.mark.parametrize(("side", "value"), [(64, "not_smaller"), (65, "smaller")])
def test_the_studies_have_smaller_images_or_not(side, value):
    assert ablate.study_size(side, 64)["value"] == value
