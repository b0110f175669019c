"""evaluate_thresholds: operating thresholds and corrections of probabilities, set before test is looked at. It belongs
to the stage evaluate.

Both come from outputs for val of held-out models, fitted on train alone; the prediction of test waits for them.

Reads   val predictions of held-out models; tables/tune/MODEL_best.csv.
Writes  tables/evaluate/thresholds.csv and corrections.csv (one row a model).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from pipeline.command import run
from pipeline.statistics import calibration, verdicts
from pipeline.vocabulary import MODELS


def evaluate_thresholds(val_predictions: list[Path], best: list[Path], thresholds: Path, corrections: Path):
    """Set both for each model.

    Args:
        val_predictions, best: a file a model, in the order of the vocabulary.
    """
    of_model = {model: pd.read_csv(file) for model, file in zip(MODELS, val_predictions, strict=True)}
    thresholds.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"model": model, **threshold_row(table), "source": str(file)}
        for (model, table), file in zip(of_model.items(), val_predictions, strict=True)
    ]
    pd.DataFrame(rows).to_csv(thresholds, index=False)
    rows = [
        {"model": model, **correction_row(table, pd.read_csv(file)["loss"].item())}
        for (model, table), file in zip(of_model.items(), best, strict=True)
    ]
    pd.DataFrame(rows).to_csv(corrections, index=False)


def labels_and_logits(predictions):
    """Float arrays (n,) of a table of predictions: 1 = covid, and the logits."""
    return (predictions["label"] == "covid").to_numpy(float), predictions["logit"].to_numpy()


def val_threshold(predictions):
    """The operating threshold, a logit: the mean over seeds of each held-out model's best threshold on val."""
    runs = [labels_and_logits(run) for _, run in predictions.groupby("seed")]
    return float(np.mean([verdicts.operating_threshold(*run) for run in runs]))


def threshold_row(predictions):
    """A model's threshold, as a probability and a logit, and the number of held-out models that it is the mean of."""
    logit = val_threshold(predictions)
    return {"threshold": expit(logit), "logit": logit, "runs": predictions["seed"].nunique()}


def correction_row(predictions, loss):
    """Intercept and slope of a model's logits; class weights shift these, which a temperature alone cannot mend."""
    temperature = loss != "weighted_cross_entropy"
    intercept, slope = calibration.fit(*labels_and_logits(predictions), temperature)
    return {"temperature_alone": temperature, "intercept": intercept, "slope": slope}


if __name__ == "__main__":
    run(evaluate_thresholds)
