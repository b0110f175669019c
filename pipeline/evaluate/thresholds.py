"""evaluate_thresholds: operating thresholds and corrections of probabilities, set before test is looked at. It belongs
to the stage evaluate.

Both come from outputs for val of held-out models, fitted on train alone; the prediction of test waits for them.

Reads   val predictions of held-out models; tables/tune/MODEL_best.csv.
Writes  tables/evaluate/thresholds.csv and corrections.csv (one row a model).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.statistics import calibration, verdicts
from pipeline.vocabulary import MODELS


def evaluate_thresholds(val_predictions: list[Path], best: list[Path], thresholds: Path, corrections: Path):
    """Set both for each model.

    Args:
        val_predictions, best: a file a model, in the order of the vocabulary.
    """
    limits, fits = [], []
    for model, file, configuration in zip(MODELS, val_predictions, best, strict=True):
        table = pd.read_csv(file)
        correction = correction_row(table, pd.read_csv(configuration)["loss"].item())
        fits.append({"model": model, **correction})
        limits.append({"model": model, **threshold_row(table, correction), "source": str(file)})
    thresholds.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(limits).to_csv(thresholds, index=False)
    pd.DataFrame(fits).to_csv(corrections, index=False)


def labels_and_logits(predictions):
    """Float arrays (n,) of a table of predictions: 1 = covid, and the logits."""
    return (predictions["label"] == "covid").to_numpy(float), predictions["logit"].to_numpy()


def val_threshold(predictions):
    """The operating threshold, a logit: the mean over seeds of each held-out model's best threshold on val."""
    runs = [labels_and_logits(run) for _, run in predictions.groupby("seed")]
    return float(np.mean([verdicts.operating_threshold(*run) for run in runs]))


def threshold_row(predictions, correction):
    """A model's threshold: threshold (the corrected probability), logit (as the model gives it; predictions are decided
    by it), runs (the number of held-out models that it is the mean of)."""
    logit = val_threshold(predictions)
    threshold = calibration.corrected(logit, correction["intercept"], correction["slope"])
    return {"threshold": threshold, "logit": logit, "runs": predictions["seed"].nunique()}


def correction_row(predictions, loss):
    """The correction of a model's logits: temperature_alone (no intercept is fitted), intercept, slope, prevalence.

    Class weights shift the logits, which a temperature alone cannot undo. Corrected probabilities hold for the
    prevalence of covid among the images of the fit, those of val.
    """
    temperature = loss != "weighted_cross_entropy"
    labels, logits = labels_and_logits(predictions)
    intercept, slope = calibration.fit(labels, logits, temperature)
    return {"temperature_alone": temperature, "intercept": intercept, "slope": slope, "prevalence": labels.mean()}


if __name__ == "__main__":
    run(evaluate_thresholds)
