"""evaluate: what the stage evaluate claims of the final models.

Reads   tables of the stage evaluate; the cues and sizes of explore, the parameters of both models; the tables on the
        external set, where there is one.
Returns the table of findings (pipeline.findings).
"""

import math

import pandas as pd

from pipeline import findings as decide
from pipeline.command import run
from pipeline.findings import CHANCE, INTERVAL, SIGNIFICANT, WHICH_MODELS, Finding, Margin
from pipeline.vocabulary import MODELS

HIGH_AUC = 0.9  # from here discrimination is called outstanding (Hosmer, Lemeshow and Sturdivant 2013)
# Of a calibrated model (van Calster et al. 2019).
PERFECT_SLOPE, PERFECT_INTERCEPT = 1, 0

LOOKS = Finding("looks", ("planned", "more"), "the ledger has one evaluation of test for each final model")
TRAIN_ONLY_RUNS = Finding("train_only_runs", ("one", "several"), "train-only models whose val predictions are used")
PERFECT_AUC = Finding("perfect_auc", ("some", "none"), "a model has a test AUC of 1")
TEST_COPIES = Finding("test_copies", ("some", "none"), "test images have a copy in the test set")
CORRECTION_ORDER = Finding(
    "correction_order", ("kept", "changed"), "the slopes of both corrections are positive, so logits keep their order"
)

ABOVE_CHANCE = Finding(
    "above_chance", ("above", "below", "undetected"), "the 95 % interval of the test AUC excludes that of chance"
)
ABOVE_CUES = Finding(
    "above_cues",
    ("above", "undetected", "no_reference"),
    "the 95 % interval of the test AUC lies above the val AUC of all non-anatomical cues, if this is above chance",
)
SEPARATION = Finding(
    "separation",
    ("high", "partial", "undetected"),
    "the lower end of the 95 % interval of a test AUC, the higher one of both models, against a high AUC and chance",
)
RANKING = Finding(
    "ranking",
    ("transfer", "baseline", "undetected"),
    "the 95 % interval of the paired difference in test AUC, over images and, where there are several, training runs, "
    "excludes 0",
)
RUNS = Finding("runs", ("one", "several"), "some model has several train-only runs, which show the spread over seeds")
PAIRED = Finding(
    "paired",
    ("transfer", "baseline", "undetected", "disputed"),
    "McNemar's exact test on the same test images is significant; disputed where only the 95 % interval excludes 0",
)
CLASS_ERRORS = Finding(
    "class_errors",
    ("covid", "normal", "undetected"),
    "the class that is misclassified more often: the 95 % interval of sensitivity less specificity on test excludes 0",
)

VAL_TEST = Finding(
    "val_test",
    ("higher", "lower", "undetected"),
    "the 95 % interval of the difference in AUC, test less val, excludes 0",
)
VAL_TEST_LOSS = Finding("val_test_loss", WHICH_MODELS, "the models whose AUC is lower on test than on val")
VAL_TEST_RATE = Finding(
    "val_test_rate",
    ("lower", "not_lower"),
    "the 95 % interval of the difference in sensitivity or specificity, test less val, lies below 0",
)
THRESHOLDS = Finding(
    "thresholds", ("carry_over", "lower"), "a sensitivity or specificity at the threshold is lower on test than on val"
)

SLOPE = Finding(
    "slope",
    ("too_extreme", "too_moderate", "undetected", "infinite"),
    "the 95 % interval of the calibration slope on test excludes 1",
)
INTERCEPT = Finding(
    "intercept",
    ("too_high", "too_low", "undetected"),
    "the 95 % interval of the calibration intercept on test excludes 0",
)
CALIBRATION_ERROR = Finding(
    "calibration_error",
    ("above", "within"),
    "the calibration error on test is above the 95th percentile of that of a perfectly calibrated model",
)
CORRECTED_ERROR = Finding(
    "corrected_error",
    ("raised", "lowered", "same"),
    "the calibration error on test of corrected against uncorrected probabilities",
)
CORRECTED_BRIER = Finding(
    "corrected_brier",
    ("worse", "better", "undetected"),
    "the 95 % interval of the change of the Brier score on test by the correction excludes 0",
)

EXTERNAL_COPIES = Finding("external_copies", ("removed", "none"), "images of the archive are dropped from the set")
EXTERNAL_CHANGE = Finding(
    "external_change",
    ("worse", "better", "undetected"),
    "the 95 % interval of the difference in AUC, external set less test set, excludes 0",
)
EXTERNAL_LOSS = Finding("external_loss", WHICH_MODELS, "the models whose AUC is lower on the external set")
EXTERNAL_RATE = Finding(
    "external_rate",
    ("lower", "not_lower"),
    "the 95 % interval of the difference in sensitivity or specificity, external set less test set, lies below 0",
)
EXTERNAL_THRESHOLDS = Finding(
    "external_thresholds",
    ("carry_over", "lower"),
    "a sensitivity or specificity at the threshold is lower on the external set than on test",
)
EXTERNAL_RANKING = Finding(
    "external_ranking",
    ("transfer", "baseline", "undetected"),
    "the 95 % interval of the paired difference in AUC on the external set excludes 0",
)

SMALLER = Finding("smaller", ("baseline", "transfer"), "the model with fewer parameters")
PREFERRED = Finding(
    "preferred",
    (
        *("transfer_carries_over", "baseline_carries_over", "transfer_ranks", "baseline_ranks"),
        *("transfer_smaller", "baseline_smaller", "none"),
    ),
    "the model that ranks the external images better; else that which ranks the test images better; else the smaller "
    "one; none if neither separates the classes",
)
PREFERRED_MISSES = Finding(
    "preferred_misses",
    ("more", "not_more"),
    "the other model has a significantly higher sensitivity on test than the preferred one",
)


def findings(
    test_metrics: pd.DataFrame,
    compare: pd.DataFrame,
    uncertainty: pd.DataFrame,
    val_test: pd.DataFrame,
    calibration: pd.DataFrame,
    thresholds: pd.DataFrame,
    ledger: pd.DataFrame,
    explore_shortcuts: pd.DataFrame,
    explore_findings: pd.DataFrame,
    explore_sizes: pd.DataFrame,
    finetune_compare: pd.DataFrame,
    data_external_summary: pd.DataFrame | None,
    external_metrics: pd.DataFrame | None,
    external_compare: pd.DataFrame | None,
):
    """Decide the findings; without an external set there is none of its tables. A parameter per input of the rule."""
    protocol = [
        evaluations(ledger),
        *train_only_runs(thresholds),
        perfect_auc(test_metrics),
        copies_in_test(explore_sizes),
    ]
    metrics = [
        *class_errors(test_metrics),
        *above_chance(test_metrics),
        *above_cues(test_metrics, explore_shortcuts, explore_findings),
    ]
    pairs = paired_tests(compare)
    decided = [*protocol, *metrics, *calibrations(calibration), *pairs, *val_against_test(val_test)]
    rankings = [ranking(uncertainty)]
    if external_metrics is not None:
        decided += [external_copies(data_external_summary), *external_changes(external_metrics)]
        rankings.append(external_ranking(external_compare))
    fewer = size(finetune_compare)
    preferred = preference(separation(test_metrics, limits=[CHANCE]), rankings, fewer)
    decided += [
        separation(test_metrics),
        *rankings,
        runs(uncertainty),
        fewer,
        preferred,
        preferred_misses(preferred, pairs),
    ]
    return {"findings": decide.table(decided)}


def evaluations(ledger):
    rows = decide.rows(ledger)
    value = "planned" if len(rows) == len(MODELS) else "more"
    return LOOKS.is_(value, cells=[(row, "weights_sha256") for row in rows], limit=len(MODELS))


def train_only_runs(thresholds):
    rows = [decide.row(thresholds, model=model) for model in MODELS]
    return [
        TRAIN_ONLY_RUNS.is_("several" if row["runs"] > 1 else "one", cells=[(row, "runs")], limit=1, subject=model)
        for model, row in zip(MODELS, rows, strict=True)
    ]


def perfect_auc(metrics):
    rows = decide.rows(metrics, metric="auc")
    value = "some" if any(row["value"] == 1 for row in rows) else "none"
    return PERFECT_AUC.is_(value, cells=[(row, "value") for row in rows], limit=1)


def copies_in_test(sizes):
    row = decide.row(sizes, split="test")
    return TEST_COPIES.is_("some" if row["copies"] else "none", cells=[(row, "copies")], limit=0)


def above_chance(metrics):
    values = {"above": "above", "below": "below", "neither": "undetected"}
    return [
        ABOVE_CHANCE.of_interval(auc_on_test(metrics, model), limit=CHANCE, subject=model, **values) for model in MODELS
    ]


def above_cues(metrics, shortcuts, explored):
    """Against all cues together, where they separate the classes by the findings of the stage explore (`explored`)."""
    cues = decide.row(explored, finding="cues")
    if cues["value"] != "separate":
        return [ABOVE_CUES.follows("no_reference", [cues], subject=model) for model in MODELS]
    limit = (decide.row(shortcuts, cue="all together"), "value")
    values = {"above": "above", "below": "undetected", "neither": "undetected"}
    return [
        ABOVE_CUES.of_interval(auc_on_test(metrics, model), limit=limit, subject=model, **values) for model in MODELS
    ]


def class_errors(metrics):
    rows = [decide.row(metrics, model=model, metric="sensitivity_less_specificity") for model in MODELS]
    values = {"above": "normal", "below": "covid", "neither": "undetected"}
    return [CLASS_ERRORS.of_interval(row, subject=model, **values) for model, row in zip(MODELS, rows, strict=True)]


def separation(metrics, limits=(CHANCE, HIGH_AUC)):
    """Of the model with the higher lower end; the limit is the one of `limits` that is nearer to it."""
    row = max((auc_on_test(metrics, model) for model in MODELS), key=lambda row: row["ci_low"])
    low, high = row["ci_low"], row["ci_high"]
    value = "high" if low > HIGH_AUC else "partial" if low > CHANCE else "undetected"
    limit = min(limits, key=lambda limit: abs(low - limit))
    margin = Margin.of_interval(low, high, limit, "low")
    return SEPARATION.is_(value, cells=[(row, "ci_low"), (row, "ci_high")], limit=limit, margin=margin)


def auc_on_test(metrics, model):
    return decide.row(metrics, model=model, metric="auc")


def ranking(uncertainty):
    row = decide.row(uncertainty, estimate="difference")
    ends = ("ci_low", "ci_high") if math.isnan(row["run_sd"]) else ("total_low", "total_high")
    return RANKING.of_interval(row, ends, above="transfer", below="baseline", neither="undetected")


def runs(uncertainty):
    row = decide.row(uncertainty, estimate="difference")
    return RUNS.is_("one" if math.isnan(row["run_sd"]) else "several", cells=[(row, "run_sd")])


def paired_tests(compare):
    """By the exact test: at few images Tango's interval can exclude 0 where that is not significant."""
    decided = []
    for metric in ("accuracy", "sensitivity", "specificity"):
        row = decide.row(compare, metric=metric)
        margins = [(Margin.of_number(row["p"], SIGNIFICANT), SIGNIFICANT)]
        if row["p"] < SIGNIFICANT:
            value = "transfer" if row["difference"] > 0 else "baseline"
        else:
            value = "undetected" if row["ci_low"] <= 0 <= row["ci_high"] else "disputed"
            margins.append((Margin.of_interval(row["ci_low"], row["ci_high"], 0), 0))
        margin, limit = min(margins)
        cells = [(row, column) for column in ("p", "difference", "ci_low", "ci_high")]
        decided.append(PAIRED.is_(value, cells=cells, limit=limit, margin=margin, subject=metric))
    return decided


def val_against_test(table):
    """The AUC of each model, and which models lose; the rates at each threshold, and whether one is lower."""
    ways = {"above": "higher", "below": "lower", "neither": "undetected"}
    rows = [decide.row(table, model=model, metric="auc") for model in MODELS]
    return [
        *(VAL_TEST.of_interval(row, subject=row["model"], **ways) for row in rows),
        loss(VAL_TEST_LOSS, rows, INTERVAL),
        *rates_at_thresholds(table, INTERVAL, VAL_TEST_RATE, THRESHOLDS),
    ]


def rates_at_thresholds(table, ends, rate, thresholds):
    """Sensitivity and specificity of each model on other images, and whether one is lower there.

    Args:
        ends: columns of the interval of the difference; rate, thresholds: the findings.
    """
    ways = {"above": "not_lower", "below": "lower", "neither": "not_lower"}
    rates = [
        rate.of_interval(decide.row(table, model=model, metric=metric), ends, subject=f"{model} {metric}", **ways)
        for model in MODELS
        for metric in ("sensitivity", "specificity")
    ]
    lower = [each for each in rates if each["value"] == "lower"]
    return [*rates, thresholds.any_of(lower, rates, some="lower", none="carry_over")]


def loss(finding, rows, ends):
    """The models whose interval of a difference lies below 0: both, one of them, or neither.

    Args:
        rows: of each model; ends: columns of the interval.
    """
    models = [row["model"] for row in rows if row[ends[1]] < 0]
    margin = min(Margin.of_interval(*(row[end] for end in ends), 0, "high") for row in rows)
    cells = [(row, end) for row in rows for end in ends]
    return finding.is_(decide.which_models(models), cells=cells, limit=0, margin=margin)


def calibrations(table):
    corrected = [decide.row(table, model=model, corrected=True) for model in MODELS]
    decided = [correction_order(corrected)]
    for model, fixed in zip(MODELS, corrected, strict=True):
        decided += calibration_of_model(model, decide.row(table, model=model, corrected=False), fixed)
    return decided


def correction_order(corrected):
    lowest = min(corrected, key=lambda row: row["correction_slope"])
    return CORRECTION_ORDER.of_number(
        lowest, "correction_slope", limit=0, above="kept", below="changed", equal="changed"
    )


def calibration_of_model(model, raw, fixed):
    """The rows of one model: of its uncorrected (`raw`) and corrected (`fixed`) probabilities."""
    slope, intercept, brier = ((f"{name}_ci_low", f"{name}_ci_high") for name in ("slope", "intercept", "brier_change"))
    slopes = {"above": "too_moderate", "below": "too_extreme", "neither": "undetected", "missing": "infinite"}
    intercepts = {"above": "too_low", "below": "too_high", "neither": "undetected"}
    errors = {"above": "above", "below": "within", "equal": "within"}
    changes = {"above": "raised", "below": "lowered", "equal": "same"}
    briers = {"above": "worse", "below": "better", "neither": "undetected"}
    return [
        SLOPE.of_interval(raw, slope, limit=PERFECT_SLOPE, subject=model, **slopes),
        INTERCEPT.of_interval(raw, intercept, limit=PERFECT_INTERCEPT, subject=model, **intercepts),
        CALIBRATION_ERROR.of_number(raw, "error", limit=(raw, "perfect_p95"), subject=model, **errors),
        CORRECTED_ERROR.of_number(fixed, "error", limit=(raw, "error"), subject=model, **changes),
        CORRECTED_BRIER.of_interval(fixed, brier, subject=model, **briers),
    ]


def external_copies(summary):
    row = decide.row(summary)
    return EXTERNAL_COPIES.of_number(row, "dropped", limit=0, above="removed", below="none", equal="none")


def external_changes(metrics):
    """The change of each model's AUC from the test set, and which models lose; the rates at the thresholds."""
    ends = ("difference_ci_low", "difference_ci_high")
    ways = {"above": "better", "below": "worse", "neither": "undetected"}
    rows = [decide.row(metrics, model=model, metric="auc") for model in MODELS]
    return [
        *(EXTERNAL_CHANGE.of_interval(row, ends, subject=row["model"], **ways) for row in rows),
        loss(EXTERNAL_LOSS, rows, ends),
        *rates_at_thresholds(metrics, ends, EXTERNAL_RATE, EXTERNAL_THRESHOLDS),
    ]


def external_ranking(compare):
    row = decide.row(compare, metric="auc")
    return EXTERNAL_RANKING.of_interval(row, above="transfer", below="baseline", neither="undetected")


def size(compare):
    baseline, transfer = (decide.row(compare, model=model) for model in MODELS)
    limit = (transfer, "parameters")
    values = {"above": "transfer", "below": "baseline", "equal": "transfer"}
    return SMALLER.of_number(baseline, "parameters", limit=limit, **values)


def preference(reached, rankings, size):
    """Of the separation against chance, and the rankings on the test set and, if there is one, on the external set."""
    if reached["value"] == "undetected":
        return PREFERRED.follows("none", [reached])
    decided = [reached]
    for ranking, reason in reversed(list(zip(rankings, ("ranks", "carries_over"), strict=False))):
        decided.append(ranking)
        if ranking["value"] != "undetected":
            return PREFERRED.follows(f"{ranking['value']}_{reason}", decided)
    return PREFERRED.follows(f"{size['value']}_smaller", [*decided, size])


def preferred_misses(preferred, pairs):
    """Of the finding `preferred`, and of the paired tests."""
    (sensitivity,) = (pair for pair in pairs if pair["subject"] == "sensitivity")
    model = preferred["value"].split("_")[0]
    misses = model in MODELS and sensitivity["value"] in MODELS and sensitivity["value"] != model
    return PREFERRED_MISSES.follows("more" if misses else "not_more", [preferred, sensitivity])


if __name__ == "__main__":
    run(findings)
