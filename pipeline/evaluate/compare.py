"""evaluate: val against test, and the two models on the same test images.

Reads   the test predictions and the thresholds; val predictions of train-only models.
Returns the tables of both comparisons: val_test (one row per model and metric), compare (one row per metric); and of
        the uncertainty of the AUCs, by the sampling of images and by training.
"""

import functools

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from pipeline.command import run
from pipeline.evaluate.thresholds import labels_and_logits
from pipeline.statistics import comparisons, intervals, metrics
from pipeline.vocabulary import MODELS


def compare(predictions: pd.DataFrame, thresholds: pd.DataFrame, val_predictions: list[pd.DataFrame]):
    """Both comparisons, from predictions alone; the val predictions are in the order of the vocabulary."""
    of_model = {model: predictions[predictions["model"] == model] for model in MODELS}
    limits = thresholds.set_index("model")["logit"]
    rows = [
        {"model": model, **row}
        for model, val in zip(MODELS, val_predictions, strict=True)
        for row in val_test_rows(val, of_model[model], limits[model])
    ]
    return {
        "val_test": pd.DataFrame(rows),
        "compare": pd.DataFrame(compare_rows(*of_model.values())),
        "uncertainty": pd.DataFrame(uncertainty_rows(of_model, val_predictions)),
    }


def uncertainty_rows(of_model, val_predictions):
    """The test AUC of each model and their difference, each with two intervals.

    Each row: estimate (a model, or difference: transfer less baseline), value, ci_low and ci_high (over images), runs
    (train-only ones, whose val AUCs give the spread over seeds), run_sd (pooled over them), total_low and total_high
    (over images and runs, `comparisons.over_runs`). An AUC is kept within 0 and 1.
    """
    aucs = [[metrics.auc(*labels_and_logits(run)) for _, run in val.groupby("seed")] for val in val_predictions]
    single = [
        (model, (metrics.auc(*labels_and_logits(test)), intervals.auc_interval(*labels_and_logits(test))), [runs])
        for (model, test), runs in zip(of_model.items(), aucs, strict=True)
    ]
    both = auc_row(*of_model.values())
    pair = ("difference", (both["difference"], (both["ci_low"], both["ci_high"])), aucs)
    for estimate, (value, (low, high)), runs in [*single, pair]:
        (total_low, total_high), deviation = comparisons.over_runs(value, (low, high), runs)
        least = -1.0 if estimate == "difference" else 0.0
        row = {"estimate": estimate, "value": value, "ci_low": low, "ci_high": high}
        row |= {"runs": sum(map(len, runs)), "run_sd": deviation}
        yield row | {"total_low": np.maximum(least, total_low), "total_high": np.minimum(1.0, total_high)}


def val_test_rows(val, test, threshold):
    """AUC, sensitivity and specificity of train-only models on val and of the final model on test: both, and their
    difference, test less val.

    The two sets of images are independent; a large difference means a fault. p is that of the test that the interval
    inverts. Selection on val, of the threshold too, makes val look a little better than it is.
    """
    on_val, on_test = [labels_and_logits(run) for _, run in val.groupby("seed")], [labels_and_logits(test)]
    for metric, estimate in {
        "auc": mean_auc,
        "sensitivity": functools.partial(mean_share, label=1, threshold=threshold),
        "specificity": functools.partial(mean_share, label=0, threshold=threshold),
    }.items():

        def interval(level, estimate=estimate):
            return comparisons.independent(estimate(on_val, level), estimate(on_test, level))[1]

        row = {"metric": metric, "seeds": len(on_val)}
        for split, runs in {"val": on_val, "test": on_test}.items():
            row[split], (row[f"{split}_ci_low"], row[f"{split}_ci_high"]) = estimate(runs)
        low, high = interval(intervals.LEVEL)
        row |= {"difference": row["test"] - row["val"], "ci_low": low, "ci_high": high}
        yield row | {"p": comparisons.inverted(interval)}


def mean_auc(runs, level=intervals.LEVEL):
    """Mean AUC of several models on the same images: value, interval as that of one AUC.

    DeLong's variance of the mean, by the mean placements of each image: what the models err in alike does not average
    out.

    Args:
        runs: (labels, logits) of each model.
    """
    pairs = [intervals.placements(*run) for run in runs]
    parts = [np.mean(part, axis=0) for part in zip(*pairs, strict=True)]
    variance = sum(part.var(ddof=1) / len(part) for part in parts)
    area = float(parts[0].mean())
    if variance == 0:
        return area, intervals.auc_interval(*runs[0], level)
    half = norm.ppf((1 + level) / 2) * np.sqrt(variance) / (area * (1 - area))
    return area, (float(expit(logit(area) - half)), float(expit(logit(area) + half)))


def mean_share(runs, level=intervals.LEVEL, *, label, threshold):
    """Mean recall of a class over several models: value, interval as that of one.

    Wilson's: what the models err in alike does not average out.

    Args:
        runs: (labels, logits) of each model, on the same images.
    """
    right = [(logits[labels == label] >= threshold) == label for labels, logits in runs]
    share, n = float(np.mean(right)), right[0].size
    return share, intervals.wilson(share * n, n, level)


def compare_rows(baseline, transfer):
    """One row a metric: each model's value, the difference (transfer less baseline) with interval, and p.

    Shares have Tango's interval and McNemar's exact p, over the images that the metric is of; the AUC has DeLong's.
    """
    yield auc_row(baseline, transfer)
    labels, _ = labels_and_logits(baseline)
    right = [(table["predicted"] == table["label"]).to_numpy() for table in (baseline, transfer)]
    everything = np.ones(len(labels), bool)
    for metric, of in {"accuracy": everything, "sensitivity": labels == 1, "specificity": labels == 0}.items():
        first, second = (of_model[of] for of_model in right)
        difference, (low, high) = comparisons.paired_shares(first, second)
        row = {"metric": metric, "baseline": first.mean(), "transfer": second.mean(), "difference": difference}
        row |= {"ci_low": low, "ci_high": high, "p": comparisons.mcnemar(first, second), "n": int(of.sum())}
        yield row | {"baseline_alone": int((first & ~second).sum()), "transfer_alone": int((second & ~first).sum())}


def auc_row(baseline, transfer):
    """The row of `compare_rows` on the AUC, from predictions on the same images."""
    labels, first = labels_and_logits(baseline)
    _, second = labels_and_logits(transfer)
    difference, (low, high), p = comparisons.paired_aucs(labels, first, second)
    row = {"metric": "auc", "baseline": metrics.auc(labels, first), "transfer": metrics.auc(labels, second)}
    return row | {"difference": difference, "ci_low": low, "ci_high": high, "p": p, "n": len(labels)}


if __name__ == "__main__":
    run(compare)
