"""evaluate: test results with their uncertainty, from predictions that were made once (pipeline.evaluate.predict).

Reads   the logits of test and the ledger; thresholds and corrections; images and index of test, only for the samples.
Returns the tables of predictions, metrics, confusion, curves, looks and samples, and the images of the samples.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.evaluate.thresholds import labels_and_logits
from pipeline.statistics import calibration, classification, comparisons, curves, intervals, metrics
from pipeline.vocabulary import LABELS, MODELS


def evaluate(
    logits: list[pd.DataFrame],
    thresholds: pd.DataFrame,
    corrections: pd.DataFrame,
    test: np.ndarray,
    test_index: pd.DataFrame,
    ledger: Path,
    settings: dict,
):
    """Every table of the test predictions, made at the thresholds that val gave; a parameter per input of the rule.

    Args:
        logits: of each model, in the order of the vocabulary.
        test: uint8 (images, height, width), in the order of its index.

    Columns of the predictions: file, label, model, logit (as the model gives it), probability (of covid, corrected for
    what the class weights did to the logit; it holds for the prevalence in corrections.csv), predicted (covid where the
    logit is at least the threshold).
    """
    limits = thresholds.set_index("model")["logit"]
    predictions = predict(pd.concat(logits), limits, corrections.set_index("model"))
    of_model = {model: predictions[predictions["model"] == model] for model in MODELS}
    rows = [
        {"model": model, **row}
        for model, rows in of_model.items()
        for row in metric_rows(rows, limits[model], settings["seed"])
    ]
    bands = [
        curves.bands(*labels_and_logits(rows), settings["seed"]).assign(model=model) for model, rows in of_model.items()
    ]
    samples = of_model["transfer"].set_index("file", drop=False).loc[choose_samples(predictions)]
    return {
        "predictions": predictions,
        "metrics": pd.DataFrame(rows),
        "confusion": confusion_table(predictions),
        "curves": pd.concat(bands),
        "looks": distinct_looks(pd.read_csv(ledger)),
        "samples": samples,
        "sample_images": {"images": test[pd.Index(test_index["file"]).get_indexer(samples["file"])]},
    }


def predict(logits, thresholds, corrections):
    """The logits with the columns probability and predicted.

    Args:
        thresholds, corrections: of each model, by its name.
    """
    intercept, slope = (logits["model"].map(corrections[name]) for name in ("intercept", "slope"))
    return logits.assign(
        probability=calibration.corrected(logits["logit"], intercept, slope),
        predicted=np.where(logits["logit"] >= logits["model"].map(thresholds), "covid", "normal"),
    )


def distinct_looks(ledger):
    """The looks of a ledger: its distinct pairs of weights and data, without their times."""
    return ledger.drop(columns="time").drop_duplicates().sort_values(["model", "weights_sha256", "data_sha256"])


def metric_rows(predictions, threshold, seed):
    """One row per metric: value with a 95 % interval, and the number of images it is of."""
    labels, logits = labels_and_logits(predictions)
    predicted, covid = logits >= threshold, labels == 1

    def row(metric, value, interval, n=None):
        low, high = interval
        return {"metric": metric, "value": value, "ci_low": low, "ci_high": high, "n": len(labels) if n is None else n}

    yield row("auc", metrics.auc(labels, logits), intervals.auc_interval(labels, logits))
    # Each a share: of which images, and which of them count.
    everything, shares = np.ones(len(labels), bool), {}
    for metric, (of, counted) in {
        "accuracy": (everything, predicted == covid),
        "sensitivity": (covid, predicted),
        "specificity": (~covid, ~predicted),
        # These hold for the prevalence of covid among the test images alone.
        "prevalence": (everything, covid),
        "positive_predictive_value": (predicted, covid),
        "negative_predictive_value": (~predicted, ~covid),
    }.items():
        counted, n = int((counted & of).sum()), int(of.sum())
        # The share of no images is undefined.
        shares[metric] = (counted / n, intervals.wilson(counted, n)) if n else (np.nan, [np.nan] * 2)
        yield row(metric, *shares[metric], n)
    # Whether one class is misjudged more often; the classes are different images.
    difference = comparisons.independent(shares["specificity"], shares["sensitivity"])
    yield row("sensitivity_less_specificity", *difference)
    precision = curves.average_precision(labels, logits), curves.average_precision_interval(labels, logits, seed)
    yield row("average_precision", *precision)
    yield row("brier", calibration.brier(labels, logits), calibration.brier_interval(labels, logits))
    counts = classification.counts(labels, predicted)
    for metric, of_counts in {
        "balanced_accuracy": classification.balanced_accuracy,
        "f1": classification.f1,
        "mcc": classification.matthews,
    }.items():
        yield row(metric, of_counts(*counts), classification.interval(of_counts, *counts))


def confusion_table(predictions):
    """One row per model, label and prediction: number of images, 0 where there are none."""
    cells = pd.MultiIndex.from_product([MODELS, LABELS, LABELS], names=["model", "label", "predicted"])
    counts = predictions.groupby(["model", "label", "predicted"]).size().reindex(cells, fill_value=0)
    return counts.reset_index(name="images")


def choose_samples(predictions):
    """Files of the samples, in the order of the file names.

    Of each class the first image that all models classify correctly, then the first that each model misclassifies, if
    there is one that is no sample already.
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
