"""evaluate: operating thresholds and corrections of probabilities, set before test is evaluated.

Both come from val predictions of train-only models; the prediction of test waits for them.

Reads   val predictions of train-only models, and the best configurations.
Returns the tables of thresholds and corrections, one row per model.
"""

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.statistics import calibration, classification
from pipeline.vocabulary import MODELS


def set_thresholds(val_predictions: list[pd.DataFrame], best: list[pd.DataFrame]):
    """Set threshold and correction of each model; both lists are in the order of the vocabulary.

    Columns of the thresholds: model, those of `threshold_row`, source (the file of the val predictions).
    """
    thresholds, corrections = [], []
    for model, predictions, configuration in zip(MODELS, val_predictions, best, strict=True):
        correction = correction_row(predictions, configuration["loss"].item())
        source = f"tables/{predictions.attrs['table']}.csv"
        thresholds.append({"model": model, **threshold_row(predictions, correction), "source": source})
        corrections.append({"model": model, **correction})
    return {"thresholds": pd.DataFrame(thresholds), "corrections": pd.DataFrame(corrections)}


def labels_and_logits(predictions):
    """Float arrays (n,) of a table of predictions: 1 = covid, and the logits."""
    return (predictions["label"] == "covid").to_numpy(float), predictions["logit"].to_numpy()


def val_threshold(predictions):
    """The operating threshold, a logit: the mean over seeds of each train-only model's best threshold on val."""
    runs = [labels_and_logits(run) for _, run in predictions.groupby("seed")]
    return float(np.mean([classification.operating_threshold(*run) for run in runs]))


def threshold_row(predictions, correction):
    """A model's threshold: threshold (the corrected probability), logit (as the model gives it; predictions are decided
    by it), runs (the number of train-only models that it is the mean of)."""
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
    run(set_thresholds)
