"""audit: what is claimed of shortcuts, on both sides of each limit."""

import math

import pandas as pd
import pytest

from pipeline.audit.findings import findings, shortcut

BLIND = ("inside_blanked", "border_alone", "outline")
CONTROLS = {  # AUC with its interval, ratio, whether it is flagged
    "whole": (0.97, 0.95, 0.98, math.nan, False),
    "inside_blanked": (0.96, 0.94, 0.97, 0.98, True),
    "border_alone": (0.92, 0.9, 0.94, 0.89, True),
    "no_places": (0.9, 0.87, 0.92, 0.85, True),
}
INSIDE = {"covid": (0.17, 0.12, 0.24), "normal": (0.08, 0.06, 0.11)}  # flipped, its interval
CROPS = {  # by model and class: flipped, its interval
    ("baseline", "covid"): (0.03, 0.01, 0.08),
    ("baseline", "normal"): (0.66, 0.62, 0.71),
    ("transfer", "covid"): (0.02, 0.01, 0.06),
    ("transfer", "normal"): (0.42, 0.37, 0.46),
}


def frame(name, rows):
    """The table as a stage's function gets it."""
    made = pd.DataFrame(rows)
    made.attrs["table"] = name
    return made


def decided(
    controls=None, inside=None, crops=None, marks=(0.2, 0.6), heat=(0.1, 0.3), share=(0.3, 0.4), model="transfer"
):
    """{"FINDING SUBJECT": row} of made-up tables.

    Args:
        controls: what differs from CONTROLS; the interval of the ratio is 0.04 to either side, the limits are 0.8 for
            the ratio and 0.6 for the whole image.
        inside, crops: what differs from INSIDE and CROPS.
        marks: share of covid and normal images with markers; the intervals are 0.1 to either side.
        heat: interval of the difference in heat on the border, covid less normal.
        share: interval of the share of heat in the lungs of true covid.
        model: which model's maps are explained.
    """
    of_controls = [
        {"control": name, "blind": name in BLIND, "value": value, "ci_low": low, "ci_high": high, "ratio": ratio,
         "ratio_ci_low": ratio - 0.04, "ratio_ci_high": ratio + 0.04, "flag": 0.8, "least_auc": 0.6,
         "status": "not defined" if math.isnan(ratio) else "defined", "flagged": flagged}
        for name, (value, low, high, ratio, flagged) in (CONTROLS | (controls or {})).items()
    ]  # fmt: skip
    flips = {(each, "inside", label): shares for each in {"transfer", model}
             for label, shares in (INSIDE | (inside or {})).items()}  # fmt: skip
    flips |= {(model, "crop", label): shares for (model, label), shares in (CROPS | (crops or {})).items()}
    edits = [
        {"model": model, "edit": edit, "label": label, "flipped": share, "flipped_ci_low": low, "flipped_ci_high": high}
        for (model, edit, label), (share, low, high) in flips.items()
    ]
    markers = [
        {"label": label, "value": value, "ci_low": value - 0.1, "ci_high": value + 0.1}
        for label, value in zip(("covid", "normal"), marks, strict=True)
    ]
    difference = {"first": "true covid", "second": "true normal", "region": "border", "difference": sum(heat) / 2}
    table = findings(
        frame("audit/controls", of_controls),
        frame("audit/counterfactuals", edits),
        frame("audit/markers", markers),
        frame("gradcam/groups", [{"group": "true covid", "model": model}]),
        frame("gradcam/regions", [{"group": "true covid", "share_ci_low": share[0], "share_ci_high": share[1]}]),
        frame("gradcam/differences", [difference | dict(zip(("ci_low", "ci_high"), heat, strict=True))]),
    )["findings"]
    return {f"{row['finding']} {row['subject']}".strip(): row for row in table.to_dict("records")}


def low(value, low, ratio=0.1):
    return {name: (value, low, value + 0.02, ratio, False) for name in ("inside_blanked", "border_alone", "no_places")}


UNDEFINED = low(0.7, 0.65, math.nan) | {"whole": (0.7, 0.55, 0.8, math.nan, False)}
UNSURE = {("transfer", "normal"): (0.42, 0.05, 0.8)}  # too wide an interval to be above the limit


def test_a_shortcut_is_found_with_the_cells_that_decide_it():
    found = decided()
    assert {name: row["value"] for name, row in found.items()} == {
        "shortcut": "flagged", "shortcut_control": "inside_blanked", "outside": "enough",
        "no_places": "above_chance", "inside_dependence": "stay", "crop baseline": "flips", "crop transfer": "flips",
        "crop_models": "both", "markers": "differ", "map_against_crop": "contradicted",
        "map_against_blanking": "undetected",
    }  # fmt: skip
    assert found["shortcut"]["cells"] == (
        "audit/controls:2:ratio_ci_low; audit/controls:2:ratio_ci_high; audit/controls:2:flag"
    )
    assert (found["shortcut"]["limit"], found["crop transfer"]["limit"]) == (0.8, 0.1)
    assert found["shortcut"]["margin"] == pytest.approx((0.94 - 0.8) / 0.04)
    assert found["crop transfer"]["margin"] == pytest.approx((0.37 - 0.1) / 0.045), "the class that decides it"


@pytest.mark.parametrize(
    "name, value, changed",
    [
        ("shortcut", "not_flagged", {"controls": low(0.55, 0.48)}),
        ("shortcut", "undecided", {"controls": low(0.8, 0.7, ratio=0.78)}),
        ("shortcut", "not_flagged", {"controls": low(0.8, 0.7, ratio=0.75)}),
        ("shortcut", "flagged", {"controls": low(0.8, 0.7, ratio=0.85)}),
        ("shortcut", "not_defined", {"controls": UNDEFINED}),
        ("shortcut_control", "border_alone", {"controls": low(0.5, 0.4) | {"border_alone": (0.9, 0.8, 1, 0.9, True)}}),
        (
            "shortcut_control",
            "inside_blanked",  # the other's ratio is greater, but is not above the limit with its whole interval
            {"controls": {"inside_blanked": (0.88, 0.8, 1, 0.841, True), "border_alone": (0.9, 0.8, 1, 0.83, False)}},
        ),
        ("outside", "part", {"controls": low(0.6, 0.51)}),
        ("outside", "chance", {"controls": low(0.6, 0.49)}),
        ("outside", "part", {"controls": low(0.6, 0.51, ratio=0.83)}),
        ("outside", "enough", {"controls": low(0.6, 0.51, ratio=0.85)}),
        ("outside", "not_defined", {"controls": UNDEFINED}),
        ("no_places", "above_chance", {"controls": low(0.55, 0.51)}),
        ("no_places", "undetected", {"controls": low(0.55, 0.49)}),
        ("inside_dependence", "flip", {"inside": {"covid": (0.8, 0.51, 0.9)}}),
        ("inside_dependence", "undecided", {"inside": {"covid": (0.8, 0.49, 0.9)}}),
        ("inside_dependence", "undecided", {"inside": {"covid": (0.4, 0.3, 0.51)}}),
        ("inside_dependence", "stay", {"inside": {"covid": (0.4, 0.3, 0.49)}}),
        ("inside_dependence", "inconclusive", {"inside": {"normal": (0.4, 0.3, 0.51)}}),
        ("inside_dependence", "inconclusive", {"inside": {"normal": (0.9, 0.8, 0.95)}}),
        ("crop transfer", "flips", {"crops": {("transfer", "normal"): (0.42, 0.11, 0.8)}}),
        ("crop transfer", "undetected", {"crops": {("transfer", "normal"): (0.42, 0.09, 0.8)}}),
        ("crop_models", "baseline", {"crops": UNSURE}),
        ("crop_models", "transfer", {"crops": {("baseline", "normal"): (0.12, 0.08, 0.16)}}),
        ("crop_models", "neither", {"crops": UNSURE | {("baseline", "normal"): (0.12, 0.08, 0.16)}}),
        ("markers", "undetected", {"marks": (0.5, 0.64)}),
        ("markers", "differ", {"marks": (0.5, 0.65)}),  # though their intervals overlap
        ("map_against_crop", "undetected", {"heat": (-0.01, 0.3)}),
        ("map_against_crop", "undetected", {"heat": (math.nan, math.nan)}),
        ("map_against_crop", "agrees", {"heat": (-0.3, -0.01)}),
        ("map_against_crop", "contradicted", {"crops": {("transfer", "normal"): (0.08, 0.04, 0.2)}}),
        ("map_against_crop", "undetected", {"crops": {("transfer", "normal"): (0.07, 0.02, 0.2)}}),
        ("map_against_crop", "agrees", {"crops": {("transfer", "covid"): (0.8, 0.7, 0.9)}}),
        ("map_against_blanking", "heat_alone", {"share": (0.51, 0.6)}),
        ("map_against_blanking", "undetected", {"share": (0.49, 0.6)}),
        ("map_against_blanking", "undetected", {"share": (0.51, 0.6), "inside": {"covid": (0.4, 0.3, 0.51)}}),
        ("map_against_blanking", "undetected", {"share": (math.nan, math.nan)}),
        ("map_against_blanking", "dependence_alone", {"share": (0.4, 0.49), "inside": {"covid": (0.8, 0.51, 0.9)}}),
        ("map_against_blanking", "undetected", {"share": (0.4, 0.51), "inside": {"covid": (0.8, 0.51, 0.9)}}),
        ("map_against_blanking", "undetected", {"share": (0.4, 0.49), "inside": {"covid": (0.8, 0.49, 0.9)}}),
        (
            "map_against_crop",  # of the baseline, not of the other model
            "agrees",
            {"crops": {("baseline", "covid"): (0.8, 0.75, 0.9)}, "model": "baseline"},
        ),
    ],
)
def test_each_value_is_decided_by_its_limit(name, value, changed):
    assert decided(**changed)[name]["value"] == value


@pytest.mark.parametrize(
    ("ratios", "value", "control", "margin"),
    [
        # (low, ratio, high) of inside_blanked and border_alone, against 0.8
        (((0.81, 1.0, 1.19), (0.9, 0.95, 1.0)), "flagged", "border_alone", 0.1 / 0.05),
        (((0.7, 0.9, 1.1), (0.81, 0.85, 0.89)), "flagged", "border_alone", 0.01 / 0.04),
        (((0.75, 0.79, 0.83), (0.6, 0.75, 0.9)), "undecided", "border_alone", 0.1 / 0.15),
        (((0.79, 0.81, 0.83), (0.6, 0.75, 0.9)), "undecided", "border_alone", 0.01 / 0.02),
        (((0.7, 0.72, 0.74), (0.5, 0.65, 0.8)), "undecided", "border_alone", 0),
        (((0.7, 0.72, 0.74), (0.5, 0.65, 0.79)), "not_flagged", "border_alone", 0.01 / 0.145),
        (((0.7, 0.72, 0.79), (0.5, 0.73, 0.78)), "not_flagged", "inside_blanked", 0.01 / 0.045),
    ],
)
def test_the_ends_of_the_intervals_decide_on_a_shortcut(ratios, value, control, margin):
    rows = [
        {"control": name, "blind": True, "ratio_ci_low": low, "ratio": ratio, "ratio_ci_high": high, "flag": 0.8}
        for name, (low, ratio, high) in zip(("inside_blanked", "border_alone"), ratios, strict=True)
    ]
    found, deciding = shortcut(frame("audit/controls", rows))
    assert (found["value"], deciding["value"]) == (value, control)
    assert (found["limit"], found["margin"]) == (0.8, pytest.approx(margin, abs=1e-9))


def test_one_class_that_flips_is_enough():
    crops = {("transfer", "covid"): (0.3, 0.2, 0.4), ("transfer", "normal"): (0.3, 0.15, 0.45)}
    assert decided(crops=crops)["crop transfer"]["margin"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("heat", "crops", "margin"),
    [
        # The difference in flips is detected: that in heat decides alone.
        ((-0.01, 0.03), {}, 0.5),
        # Neither is: both would have to be, and so the farther decides.
        ((-0.01, 0.03), {("transfer", "normal"): (0.02, 0.01, 0.06)}, 1),
        ((math.nan, math.nan), {("transfer", "normal"): (0.02, 0.01, 0.06)}, None),
    ],
)
def test_map_and_crop_are_both_detected_or_nothing_is(heat, crops, margin):
    found = decided(heat=heat, crops=crops)["map_against_crop"]
    assert found["value"] == "undetected"
    assert found["margin"] == pytest.approx(margin) if margin else pd.isna(found["margin"])


@pytest.mark.parametrize(
    ("share", "flipped", "margin"),
    [
        # Both are open: "heat alone" lacks 0.5 of the heat's interval and 0.2 of that of the flips, "dependence alone"
        # 1.5 and 1.8.
        ((0.45, 0.65), (0.32, 0.52), 0.5),
        # "heat alone" lacks 0.2 and 1.8, "dependence alone" 1.8 and 0.2.
        ((0.48, 0.68), (0.48, 0.68), 1.8),
        # No heat alone, as predictions depend on the region: its whole interval would have to pass the middle.
        ((0.51, 0.71), (0.6, 0.8), 2.1),
        # The heat is in the region: the flips decide, by their upper end.
        ((0.51, 0.71), (0.35, 0.55), 0.5),
        ((math.nan, math.nan), (0.48, 0.68), None),
    ],
)
def test_heat_and_dependence_must_be_on_opposite_sides(share, flipped, margin):
    found = decided(share=share, inside={"covid": (sum(flipped) / 2, *flipped)})["map_against_blanking"]
    assert found["value"] == "undetected"
    assert found["margin"] == pytest.approx(margin) if margin else pd.isna(found["margin"])


def test_no_control_decides_where_whole_images_are_too_hard():
    found = decided(controls=UNDEFINED)
    assert "shortcut_control" not in found
    assert found["outside"]["cells"] == "audit/controls:1:ci_low; audit/controls:1:least_auc"
    assert found["outside"]["margin"] == pytest.approx((0.6 - 0.55) / 0.125)
