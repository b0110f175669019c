"""evaluate_compare: val against test, and the two models on the same test images. It belongs to the stage evaluate.

Reads   tables/evaluate/test_predictions.csv; val predictions of held-out models.
Writes  tables/evaluate/val_test.csv (one row a model), compare.csv (one row a metric).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from pipeline.command import run
from pipeline.evaluate_thresholds import labels_and_logits
from pipeline.statistics import comparisons, intervals, metrics
from pipeline.vocabulary import MODELS


def evaluate_compare(predictions: Path, val_predictions: list[Path], val_test: Path, compare: Path):
    """Both comparisons, from predictions alone.

    Args:
        val_predictions: a file a model, in the order of the vocabulary.
    """
    test = pd.read_csv(predictions)
    of_model = {model: test[test["model"] == model] for model in MODELS}
    rows = [
        {"model": model, **val_test_row(pd.read_csv(file), of_model[model])}
        for model, file in zip(MODELS, val_predictions, strict=True)
    ]
    pd.DataFrame(rows).to_csv(val_test, index=False)
    pd.DataFrame(compare_rows(*of_model.values())).to_csv(compare, index=False)


def val_test_row(val, test):
    """AUC of held-out models on val and of the final model on test: both, and their difference, test less val.

    The two sets of images are independent; a large difference means a fault. p is that of the test that the interval
    inverts. Selection on val makes val look a little better than it is.
    """
    runs = [labels_and_logits(run) for _, run in val.groupby("seed")]
    labels, logits = labels_and_logits(test)
    test_auc = metrics.auc(labels, logits)

    def interval(level):
        test_interval = intervals.auc_interval(labels, logits, level)
        return comparisons.independent(mean_auc(runs, level), (test_auc, test_interval))[1]

    val_auc, val_interval = mean_auc(runs)
    test_interval = intervals.auc_interval(labels, logits)
    low, high = interval(intervals.LEVEL)
    return {
        "seeds": len(runs),
        "val_auc": val_auc,
        "val_ci_low": val_interval[0],
        "val_ci_high": val_interval[1],
        "test_auc": test_auc,
        "test_ci_low": test_interval[0],
        "test_ci_high": test_interval[1],
        "difference": test_auc - val_auc,
        "ci_low": low,
        "ci_high": high,
        "p": comparisons.inverted(interval),
    }


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


def compare_rows(baseline, transfer):
    """One row a metric: each model's value, the difference (transfer less baseline) with interval, and p.

    Shares have Tango's interval and McNemar's exact p, over the images that the metric is of; the AUC has DeLong's.
    """
    labels, first = labels_and_logits(baseline)
    _, second = labels_and_logits(transfer)
    difference, (low, high), p = comparisons.paired_aucs(labels, first, second)
    row = {"metric": "auc", "baseline": metrics.auc(labels, first), "transfer": metrics.auc(labels, second)}
    yield row | {"difference": difference, "ci_low": low, "ci_high": high, "p": p, "n": len(labels)}

    right = [(table["predicted"] == table["label"]).to_numpy() for table in (baseline, transfer)]
    everything = np.ones(len(labels), bool)
    for metric, of in {"accuracy": everything, "sensitivity": labels == 1, "specificity": labels == 0}.items():
        first, second = (verdicts[of] for verdicts in right)
        difference, (low, high) = comparisons.paired_shares(first, second)
        row = {"metric": metric, "baseline": first.mean(), "transfer": second.mean(), "difference": difference}
        row |= {"ci_low": low, "ci_high": high, "p": comparisons.mcnemar(first, second), "n": int(of.sum())}
        yield row | {"baseline_alone": int((first & ~second).sum()), "transfer_alone": int((second & ~first).sum())}


if __name__ == "__main__":
    run(evaluate_compare)
