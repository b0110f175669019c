"""evaluate: test results with their uncertainty, from predictions that were made once (pipeline.evaluate.predict).

Reads   results/evaluate/MODEL_logits.csv and the ledger; tables/evaluate/thresholds.csv and corrections.csv; the cache
        and index of test, for the images to be shown alone.
Writes  tables/evaluate/test_predictions.csv, test_metrics.csv, confusion.csv, curves.csv, ledger.csv; samples.csv and
        results/evaluate/samples.npz, the images to be shown.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.evaluate.thresholds import labels_and_logits
from pipeline.images import cache
from pipeline.statistics import calibration, comparisons, curves, intervals, metrics, verdicts
from pipeline.vocabulary import LABELS, MODELS


def evaluate(
    logits: list[Path],
    thresholds: Path,
    corrections: Path,
    ledger: Path,
    test: Path,
    test_index: Path,
    settings: dict,
    predictions: Path,
    test_metrics: Path,
    confusion: Path,
    curve_table: Path,
    looks: Path,
    samples: Path,
    sample_images: Path,
):
    """Every table of the test predictions, verdicts at the thresholds that val gave.

    Columns of the predictions: file, label, model, logit (as the model gives it), probability (of covid, corrected for
    what the class weights did to the logit; it holds for the prevalence in corrections.csv), predicted (covid where the
    logit is at least the threshold).
    """
    chosen = pd.read_csv(thresholds).set_index("model")["logit"]
    fits = pd.read_csv(corrections).set_index("model")
    table = pd.concat(map(pd.read_csv, logits))
    intercept, slope = (table["model"].map(fits[name]) for name in ("intercept", "slope"))
    table["probability"] = calibration.corrected(table["logit"], intercept, slope)
    table["predicted"] = np.where(table["logit"] >= table["model"].map(chosen), "covid", "normal")

    predictions.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(predictions, index=False)
    of_model = {model: table[table["model"] == model] for model in MODELS}
    pd.DataFrame(
        [
            {"model": model, **row}
            for model, rows in of_model.items()
            for row in metric_rows(rows, chosen[model], settings["seed"])
        ]
    ).to_csv(test_metrics, index=False)
    confusion_table(table).to_csv(confusion, index=False)
    pd.concat(
        [
            curves.bands(*labels_and_logits(rows), settings["seed"]).assign(model=model)
            for model, rows in of_model.items()
        ]
    ).to_csv(curve_table, index=False)
    shown = of_model["transfer"].set_index("file", drop=False).loc[choose_samples(table)]
    shown.to_csv(samples, index=False)
    places = pd.Index(pd.read_csv(test_index)["file"]).get_indexer(shown["file"])
    sample_images.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(sample_images, images=cache.read(test)[places])
    distinct(pd.read_csv(ledger)).to_csv(looks, index=False)


def distinct(ledger):
    """The looks of a ledger: its distinct pairs of weights and data, without their times."""
    return ledger.drop(columns="time").drop_duplicates().sort_values(["model", "weights_sha256", "data_sha256"])


def metric_rows(predictions, threshold, seed):
    """One row a metric: value with a 95 % interval, and the number of images it is of."""
    labels, logits = labels_and_logits(predictions)
    said, covid = logits >= threshold, labels == 1

    def row(metric, value, interval, n=None):
        low, high = interval
        return {"metric": metric, "value": value, "ci_low": low, "ci_high": high, "n": len(labels) if n is None else n}

    yield row("auc", metrics.auc(labels, logits), intervals.auc_interval(labels, logits))
    # Each a share: of which images, and which of them count.
    everything, shares = np.ones(len(labels), bool), {}
    for metric, (of, counted) in {
        "accuracy": (everything, said == covid),
        "sensitivity": (covid, said),
        "specificity": (~covid, ~said),
        # These hold for the prevalence of covid among the test images alone.
        "prevalence": (everything, covid),
        "positive_predictive_value": (said, covid),
        "negative_predictive_value": (~said, ~covid),
    }.items():
        counted, n = int((counted & of).sum()), int(of.sum())
        # Of no images, nothing can be said.
        shares[metric] = (counted / n, intervals.wilson(counted, n)) if n else (np.nan, [np.nan] * 2)
        yield row(metric, *shares[metric], n)
    # Whether one class is misjudged more often; the classes are different images.
    difference = comparisons.independent(shares["specificity"], shares["sensitivity"])
    yield row("sensitivity_less_specificity", *difference)
    precision = curves.average_precision(labels, logits), curves.average_precision_interval(labels, logits, seed)
    yield row("average_precision", *precision)
    yield row("brier", calibration.brier(labels, logits), calibration.brier_interval(labels, logits))
    counts = verdicts.counts(labels, said)
    for metric, of_counts in {
        "balanced_accuracy": verdicts.balanced_accuracy,
        "f1": verdicts.f1,
        "mcc": verdicts.matthews,
    }.items():
        yield row(metric, of_counts(*counts), verdicts.interval(of_counts, *counts))


def confusion_table(predictions):
    """One row a model, label and verdict: number of images, 0 where there are none."""
    cells = pd.MultiIndex.from_product([MODELS, LABELS, LABELS], names=["model", "label", "predicted"])
    counts = predictions.groupby(["model", "label", "predicted"]).size().reindex(cells, fill_value=0)
    return counts.reset_index(name="images")


def choose_samples(predictions):
    """Files of the images to be shown, in the order of the file names.

    Of each class the first image that all models classify correctly, then the first that each model misclassifies, if
    there is one that is not shown already.
    """
    right = predictions["label"] == predictions["predicted"]
    right = predictions.assign(right=right).pivot(index=["file", "label"], columns="model", values="right")
    chosen = []
    for kind in (right.all(axis=1), *(~right[model] for model in MODELS)):
        for label in LABELS:
            files = right.index[kind & (right.index.get_level_values("label") == label)].get_level_values("file")
            chosen += list(files.difference(chosen)[:1])
    return chosen


if __name__ == "__main__":
    run(evaluate)
