"""What is claimed of the final models, at both sides of each limit."""

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluate import findings as stage
from pipeline.vocabulary import MODELS

METRICS = ("auc", "sensitivity", "specificity")


def table(name, rows):
    made = pd.DataFrame(rows)
    made.attrs["table"] = name
    return made


def values(decided):
    """{subject: value} of findings."""
    return {row["subject"]: row["value"] for row in decided}


def aucs(*intervals):
    """Test metrics: (low, value, high) of the AUC of each model."""
    return table(
        "evaluate/test_metrics",
        [
            {"model": model, "metric": "auc", "value": value, "ci_low": low, "ci_high": high}
            for model, (low, value, high) in zip(MODELS, intervals, strict=True)
        ],
    )


def external(**differences):
    """External metrics: {metric: intervals of the difference, one per model}, others around 0."""
    around = ((-0.1, 0.1), (-0.1, 0.1))
    rows = [
        {"model": model, "metric": metric, "difference_ci_low": low, "difference_ci_high": high}
        for metric in METRICS
        for model, (low, high) in zip(MODELS, differences.get(metric, around), strict=True)
    ]
    return table("evaluate/external_metrics", rows)


@pytest.mark.parametrize("looks, expected", [(2, "planned"), (3, "more")])
def test_looks_are_one_for_each_model(looks, expected):
    decided = stage.evaluations(table("evaluate/ledger", [{"weights_sha256": "w"}] * looks))
    assert (decided["value"], decided["limit"]) == (expected, 2)
    assert decided["cells"].startswith("evaluate/ledger:1:weights_sha256; evaluate/ledger:2:")


def test_train_only_runs():
    rows = [{"model": model, "runs": runs} for model, runs in zip(MODELS, (1, 2), strict=True)]
    decided = stage.train_only_runs(table("evaluate/thresholds", rows))
    assert values(decided) == {"baseline": "one", "transfer": "several"}


def test_a_perfect_auc_is_exactly_one():
    perfect, none = (0.9, 1.0, 1.0), (0.9, 0.9999, 1.0)
    assert stage.perfect_auc(aucs(none, perfect))["value"] == "some"
    assert stage.perfect_auc(aucs(none, none))["value"] == "none"


@pytest.mark.parametrize("copies, expected", [(0, "none"), (2, "some")])
def test_copies_in_test(copies, expected):
    sizes = table("explore/sizes", [{"split": "train", "copies": 7}, {"split": "test", "copies": copies}])
    assert stage.copies_in_test(sizes)["value"] == expected


def test_above_chance():
    decided = stage.above_chance(aucs((0.501, 0.6, 0.7), (0.5, 0.6, 0.7)))
    assert values(decided) == {"baseline": "above", "transfer": "undetected"}
    assert decided[0]["margin"] == pytest.approx(0.001 / 0.0995) and decided[0]["limit"] == 0.5
    decided = stage.above_chance(aucs((0.3, 0.4, 0.499), (0.3, 0.4, 0.5)))
    assert values(decided) == {"baseline": "below", "transfer": "undetected"}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.2, -0.001, "covid"),
        (-0.2, 0, "undetected"),
        (0, 0.2, "undetected"),
        (0.001, 0.2, "normal"),
    ],
)
def test_the_class_that_is_misclassified_more_often(low, high, expected):
    rows = [
        {"model": model, "metric": "sensitivity_less_specificity", "ci_low": first, "ci_high": second}
        for model, first, second in zip(MODELS, (-1, low), (1, high), strict=True)
    ]
    decided = stage.class_errors(table("evaluate/test_metrics", rows))
    assert values(decided) == {"baseline": "undetected", "transfer": expected}


def test_cues_are_the_reference_where_they_separate_the_classes():
    def decide(value):
        cues = table("explore/shortcuts", [{"cue": "all together", "value": 0.8}])
        explored = {"finding": "cues", "value": value, "cells": "explore/shortcuts:1:ci_low", "limit": 0.5}
        explored = table("explore/findings", [explored | {"margin": 0.1, "unit": "half width"}])
        return stage.above_cues(aucs((0.801, 0.9, 0.95), (0.8, 0.9, 0.95)), cues, explored)

    above = decide("separate")
    assert values(above) == {"baseline": "above", "transfer": "undetected"}
    assert above[0]["limit"] == 0.8 and "explore/shortcuts:1:value" in above[0]["cells"]
    assert values(decide("undetected")) == dict.fromkeys(MODELS, "no_reference")


@pytest.mark.parametrize(
    "low, expected, limit",
    [(0.901, "high", 0.9), (0.9, "partial", 0.9), (0.501, "partial", 0.5), (0.5, "undetected", 0.5)],
)
def test_separation_is_that_of_the_better_model(low, expected, limit):
    decided = stage.separation(aucs((0.2, 0.3, 0.4), (low, 0.93, 0.95)))
    assert (decided["value"], decided["limit"]) == (expected, limit)
    assert decided["cells"].startswith("evaluate/test_metrics:2:ci_low")


@pytest.mark.parametrize(
    "interval, expected",
    [((0.001, 0.02), "transfer"), ((0, 0.02), "undetected"), ((-0.02, 0), "undetected"), ((-0.02, -0.001), "baseline")],
)
def test_rankings(interval, expected):
    """By the interval over images and runs, if there are several of these; else by that over images."""
    ends = {"ci_low": interval[0], "ci_high": interval[1]}
    assert stage.external_ranking(table("evaluate/compare", [ends | {"metric": "auc"}]))["value"] == expected
    wide = {"estimate": "difference", "ci_low": 0.1, "ci_high": 0.2, "run_sd": 0.01}
    wide |= {"total_low": interval[0], "total_high": interval[1]}
    assert stage.ranking(table("evaluate/uncertainty", [wide]))["value"] == expected
    alone = {"estimate": "difference", "run_sd": float("nan"), "total_low": float("nan"), "total_high": float("nan")}
    assert stage.ranking(table("evaluate/uncertainty", [ends | alone]))["value"] == expected


@pytest.mark.parametrize(("deviation", "value"), [(0.01, "several"), (float("nan"), "one")])
def test_whether_there_are_several_runs(deviation, value):
    rows = table("evaluate/uncertainty", [{"estimate": "difference", "run_sd": deviation}])
    assert stage.runs(rows)["value"] == value


@pytest.mark.parametrize(
    "p, difference, interval, expected, limit, margin",
    [
        (0.049, 0.02, (0.01, 0.03), "transfer", 0.05, 0.02),
        (0.049, -0.02, (-0.03, -0.01), "baseline", 0.05, 0.02),
        (0.05, 0.02, (-0.001, 0.03), "undetected", 0.05, 0),
        (0.05, 0.02, (0.001, 0.03), "disputed", 0.05, 0),
        (0.05, -0.02, (-0.03, -0.001), "disputed", 0.05, 0),
        # The interval's end is nearer to making it disputed, or undetected, than p to being significant.
        (0.06, 0.02, (-0.001, 0.039), "undetected", 0, 0.05),
        (0.06, 0.02, (0.001, 0.041), "disputed", 0, 0.05),
        (1.0, 0.0, (-0.01, 0.01), "undetected", 0, 1),
    ],
)
def test_the_exact_test_decides_and_an_interval_that_disagrees_is_noticed(
    p, difference, interval, expected, limit, margin
):
    row = {"p": p, "difference": difference, "ci_low": interval[0], "ci_high": interval[1]}
    compare = table("evaluate/compare", [row | {"metric": metric} for metric in ("accuracy", *METRICS)])
    decided = stage.paired_tests(compare)
    assert values(decided) == dict.fromkeys(("accuracy", "sensitivity", "specificity"), expected)
    assert (decided[0]["limit"], decided[0]["margin"]) == (limit, pytest.approx(margin))


def val_test(**intervals):
    """The table; {MODEL_METRIC: interval of the difference}, others around 0."""
    rows = []
    for model in MODELS:
        for metric in METRICS:
            low, high = intervals.get(f"{model}_{metric}", (-0.01, 0.01))
            rows.append({"model": model, "metric": metric, "ci_low": low, "ci_high": high})
    return {(row["finding"], row["subject"]): row for row in stage.val_against_test(table("evaluate/val_test", rows))}


@pytest.mark.parametrize(
    "interval, expected, loss",
    [
        ((-0.02, -0.001), "lower", "baseline"),
        ((-0.02, 0), "undetected", "neither"),
        ((0, 0.02), "undetected", "neither"),
        ((0.001, 0.02), "higher", "neither"),
    ],
)
def test_val_against_test(interval, expected, loss):
    decided = val_test(baseline_auc=interval)
    assert decided["val_test", "baseline"]["value"] == expected
    assert decided["val_test", "transfer"]["value"] == "undetected"
    assert decided["val_test_loss", ""]["value"] == loss


def test_a_loss_does_not_turn_where_a_gain_turns():
    decided = val_test(baseline_auc=(0.0001, 0.02))
    assert decided["val_test", "baseline"]["margin"] < 0.02
    assert decided["val_test_loss", ""]["value"] == "neither" and decided["val_test_loss", ""]["margin"] == 1


def test_both_models_can_lose():
    lower = (-0.02, -0.001)
    assert val_test(baseline_auc=lower, transfer_auc=lower)["val_test_loss", ""]["value"] == "both"
    assert val_test(transfer_auc=lower)["val_test_loss", ""]["value"] == "transfer"


def test_thresholds_carry_over_unless_one_rate_is_lower():
    decided = val_test(transfer_specificity=(-0.03, -0.002), baseline_sensitivity=(-0.03, 0))
    assert decided["val_test_rate", "transfer specificity"]["value"] == "lower"
    assert decided["val_test_rate", "baseline sensitivity"]["value"] == "not_lower"
    assert decided["thresholds", ""]["value"] == "lower"
    assert decided["thresholds", ""]["margin"] == decided["val_test_rate", "transfer specificity"]["margin"]
    # A rate that is higher on test costs nothing; the nearest of all decides that none is lower.
    decided = val_test(transfer_specificity=(0.01, 0.03), baseline_sensitivity=(-0.03, 0))
    assert decided["thresholds", ""]["value"] == "carry_over" and decided["thresholds", ""]["margin"] == 0


def calibrated(raw=None, fixed=None):
    """{finding: value} of the baseline, one of whose rows is changed."""
    good = {"slope_ci_low": 0.9, "slope_ci_high": 1.1, "intercept_ci_low": -0.1, "intercept_ci_high": 0.1}
    good |= {"error": 0.02, "perfect_p95": 0.02, "correction_slope": 1.0}
    good |= {"brier_change_ci_low": np.nan, "brier_change_ci_high": np.nan}
    better = good | {"brier_change_ci_low": -0.1, "brier_change_ci_high": 0.1, "correction_slope": 0.8}
    rows = [
        {"model": model, "corrected": corrected, **row}
        for model, changed in zip(MODELS, ((raw or {}, fixed or {}), ({}, {})), strict=True)
        for corrected, row in ((False, good | changed[0]), (True, better | changed[1]))
    ]
    decided = stage.calibrations(table("evaluate/calibration", rows))
    return {row["finding"]: row["value"] for row in decided if row["subject"] in ("", "baseline")}


@pytest.mark.parametrize(
    "finding, raw, expected",
    [
        ("slope", {"slope_ci_high": 0.999}, "too_extreme"),
        ("slope", {"slope_ci_high": 1.0}, "undetected"),
        ("slope", {"slope_ci_low": 1.001}, "too_moderate"),
        ("slope", {"slope_ci_low": 1.0}, "undetected"),
        ("slope", {"slope_ci_low": np.nan, "slope_ci_high": np.nan}, "infinite"),
        ("intercept", {"intercept_ci_high": -0.001}, "too_high"),
        ("intercept", {"intercept_ci_high": 0.0}, "undetected"),
        ("intercept", {"intercept_ci_low": 0.001}, "too_low"),
        ("intercept", {"intercept_ci_low": 0.0}, "undetected"),
        ("calibration_error", {"error": 0.0201}, "above"),
        ("calibration_error", {"error": 0.02}, "within"),
    ],
)
def test_calibration_on_test(finding, raw, expected):
    assert calibrated(raw=raw)[finding] == expected


@pytest.mark.parametrize(
    "finding, fixed, expected",
    [
        ("corrected_error", {"error": 0.0201}, "raised"),
        ("corrected_error", {"error": 0.02}, "same"),
        ("corrected_error", {"error": 0.0199}, "lowered"),
        ("corrected_brier", {"brier_change_ci_low": 0.001}, "worse"),
        ("corrected_brier", {"brier_change_ci_low": 0.0}, "undetected"),
        ("corrected_brier", {"brier_change_ci_high": -0.001}, "better"),
        ("corrected_brier", {"brier_change_ci_high": 0.0}, "undetected"),
        ("correction_order", {"correction_slope": 0.001}, "kept"),
        ("correction_order", {"correction_slope": 0.0}, "changed"),
        ("correction_order", {"correction_slope": -0.001}, "changed"),
    ],
)
def test_what_the_correction_does_on_test(finding, fixed, expected):
    assert calibrated(fixed=fixed)[finding] == expected


@pytest.mark.parametrize("dropped, expected", [(0, "none"), (1, "removed")])
def test_copies_in_the_external_set(dropped, expected):
    assert stage.external_copies(table("data/external_summary", [{"dropped": dropped}]))["value"] == expected


@pytest.mark.parametrize(
    "baseline, transfer, changes, loss",
    [
        ((-0.2, -0.001), (-0.2, -0.1), ["worse", "worse"], "both"),
        ((-0.2, 0), (-0.2, -0.1), ["undetected", "worse"], "transfer"),
        ((-0.2, -0.1), (0.001, 0.1), ["worse", "better"], "baseline"),
        ((0, 0.1), (-0.1, 0.1), ["undetected", "undetected"], "neither"),
    ],
)
def test_the_models_that_lose_on_the_external_set(baseline, transfer, changes, loss):
    decided = stage.external_changes(external(auc=(baseline, transfer)))
    assert [row["value"] for row in decided[:2]] == changes and decided[2]["value"] == loss


@pytest.mark.parametrize("high, expected", [(-0.001, "lower"), (0, "not_lower")])
def test_thresholds_that_do_not_carry_over_to_the_external_set(high, expected):
    decided = stage.external_changes(external(specificity=((-0.3, high), (-0.1, 0.1))))
    rates = {row["subject"]: row["value"] for row in decided if row["finding"] == "external_rate"}
    assert rates.pop("baseline specificity") == expected and set(rates.values()) == {"not_lower"}
    assert decided[-1]["value"] == ("lower" if expected == "lower" else "carry_over")


@pytest.mark.parametrize(
    "parameters, expected", [((9, 10), "baseline"), ((10, 10), "transfer"), ((11, 10), "transfer")]
)
def test_the_smaller_model(parameters, expected):
    rows = [{"model": model, "parameters": number} for model, number in zip(MODELS, parameters, strict=True)]
    assert stage.size(table("finetune/compare", rows))["value"] == expected


def decided(value, margin=0.3):
    return {"value": value, "cells": "a:1:b", "limit": 0, "margin": margin, "unit": "half width"}


@pytest.mark.parametrize(
    "separation, rankings, expected",
    [
        ("undetected", ["transfer", "transfer"], "none"),
        ("partial", ["transfer"], "transfer_ranks"),
        ("high", ["baseline", "undetected"], "baseline_ranks"),
        ("high", ["transfer", "baseline"], "baseline_carries_over"),
        ("high", ["baseline", "transfer"], "transfer_carries_over"),
        ("high", ["undetected"], "baseline_smaller"),
        ("high", ["undetected", "undetected"], "baseline_smaller"),
    ],
)
def test_the_model_that_is_preferred(separation, rankings, expected):
    size = decided("baseline")
    assert stage.preference(decided(separation), [decided(each) for each in rankings], size)["value"] == expected


@pytest.mark.parametrize(
    "preferred, sensitivity, expected",
    [
        ("transfer_ranks", "baseline", "more"),
        ("baseline_smaller", "transfer", "more"),
        ("transfer_ranks", "transfer", "not_more"),
        ("transfer_ranks", "undetected", "not_more"),
        ("none", "baseline", "not_more"),
    ],
)
def test_a_preferred_model_that_misses_more_is_noticed(preferred, sensitivity, expected):
    pairs = [{"subject": "accuracy"}, decided(sensitivity) | {"subject": "sensitivity"}]
    assert stage.preferred_misses(decided(preferred), pairs)["value"] == expected


def test_a_preference_is_as_fragile_as_the_weakest_finding_that_it_follows():
    preference = stage.preference(decided("high", 0.5), [decided("transfer", 0.2)], decided("baseline", 0.1))
    assert (preference["margin"], preference["unit"]) == (0.2, "half width")
    # A ranking on the external set that is nearly detected would turn it too.
    rankings = [decided("transfer", 0.2), decided("undetected", 0.15)]
    assert stage.preference(decided("high", 0.5), rankings, decided("baseline", 0.1))["margin"] == 0.15


def test_a_preference_hangs_on_chance_and_not_on_a_high_auc():
    metrics = aucs((0.2, 0.3, 0.4), (0.91, 0.93, 0.95))
    assert stage.separation(metrics)["margin"] == pytest.approx(0.5)
    assert stage.separation(metrics, limits=[0.5])["margin"] == pytest.approx(0.41 / 0.02)
