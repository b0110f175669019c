"""evaluate: test results with their uncertainty, from predictions that were made once (pipeline.predict_test).

Reads   results/evaluate/MODEL_logits.csv and the ledger; val predictions of held-out models, for the thresholds.
Writes  tables/evaluate/thresholds.csv, test_predictions.csv, test_metrics.csv, confusion.csv, ledger.csv; samples.csv
        and results/evaluate/samples.npz, the images to be shown.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from pipeline.command import run
from pipeline.images import cache
from pipeline.statistics import intervals, metrics
from pipeline.vocabulary import LABELS, MODELS

SAMPLES = 4  # right ones to be shown, half of them of each class, and as many wrong ones


def evaluate(
    logits: list[Path],
    val_predictions: list[Path],
    ledger: Path,
    test: Path,
    test_index: Path,
    settings: dict,
    thresholds: Path,
    predictions: Path,
    test_metrics: Path,
    confusion: Path,
    looks: Path,
    samples: Path,
    sample_images: Path,
):
    """Thresholds from held-out val outputs, then every table from the test predictions."""
    chosen = {model: val_threshold(pd.read_csv(file)) for model, file in zip(MODELS, val_predictions, strict=True)}
    table = pd.concat(map(pd.read_csv, logits))
    table["probability"] = expit(table["logit"])
    above = table["probability"] >= table["model"].map(chosen)
    table["predicted"] = np.where(above, "covid", "normal")

    thresholds.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"model": MODELS, "threshold": chosen.values(), "source": list(map(str, val_predictions))}).to_csv(
        thresholds, index=False
    )
    table.to_csv(predictions, index=False)
    rows = [
        {"model": model, **row}
        for model, threshold in chosen.items()
        for row in metric_rows(table[table["model"] == model], threshold, settings["seed"])
    ]
    pd.DataFrame(rows).to_csv(test_metrics, index=False)
    confusion_table(table).to_csv(confusion, index=False)
    shown = choose_samples(table[table["model"] == "transfer"])
    shown.to_csv(samples, index=False)
    places = pd.Index(pd.read_csv(test_index)["file"]).get_indexer(shown["file"])
    sample_images.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(sample_images, images=cache.read(test)[places])
    seen = pd.read_csv(ledger).drop(columns="time").drop_duplicates()
    seen.sort_values(["model", "weights_sha256", "data_sha256"]).to_csv(looks, index=False)


def val_threshold(predictions):
    """The operating threshold: the mean over seeds of each held-out model's best threshold on val."""
    return float(
        np.mean(
            [
                metrics.operating_threshold((run["label"] == "covid").to_numpy(float), run["logit"].to_numpy())
                for _, run in predictions.groupby("seed")
            ]
        )
    )


def metric_rows(predictions, threshold, seed):
    """One row a metric: value with a 95 % interval and the number of images it is a share of."""
    labels = (predictions["label"] == "covid").to_numpy(float)
    logits = predictions["logit"].to_numpy()
    low, high = intervals.auc_interval(labels, logits)
    yield {"metric": "auc", "value": metrics.auc(labels, logits), "ci_low": low, "ci_high": high, "n": len(labels)}

    right = (predictions["predicted"] == predictions["label"]).to_numpy()
    for metric, chosen in {
        "accuracy": np.ones(len(labels), bool),
        "sensitivity": labels == 1,
        "specificity": labels == 0,
    }.items():
        low, high = intervals.wilson(right[chosen].sum(), chosen.sum())
        yield {"metric": metric, "value": right[chosen].mean(), "ci_low": low, "ci_high": high, "n": chosen.sum()}

    for metric, function in {
        "average_precision": metrics.average_precision,
        "balanced_accuracy": metrics.balanced_accuracy,
        "f1": metrics.f1,
        "mcc": metrics.matthews,
    }.items():
        value = function(labels, logits, threshold)
        low, high = intervals.bootstrap(labels, logits, lambda y, z, f=function: f(y, z, threshold), seed)
        yield {"metric": metric, "value": value, "ci_low": low, "ci_high": high, "n": len(labels)}


def confusion_table(predictions):
    """One row a model, label and verdict: number of images, 0 where there are none."""
    cells = pd.MultiIndex.from_product([MODELS, LABELS, LABELS], names=["model", "label", "predicted"])
    counts = predictions.groupby(["model", "label", "predicted"]).size().reindex(cells, fill_value=0)
    return counts.reset_index(name="images")


def choose_samples(predictions):
    """The first right predictions of each class, then the first wrong ones, in the order of the file names."""
    right = predictions["label"] == predictions["predicted"]
    return pd.concat([predictions[right].groupby("label").head(SAMPLES // 2), predictions[~right].head(SAMPLES)])


if __name__ == "__main__":
    run(evaluate)
