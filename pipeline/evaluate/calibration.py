"""evaluate: are the probabilities on test calibrated?

Class weights shift the logits of a model; this measures what that does to its probabilities, and whether a correction
fitted to val logits of train-only models undoes it. No prediction depends on it.

Reads   the test predictions and the corrections.
Returns the tables of calibration (one row per model, without and with the correction) and reliability (one row per
        bin).
"""

import pandas as pd
from scipy.special import expit

from pipeline.command import run
from pipeline.evaluate.thresholds import labels_and_logits
from pipeline.statistics import calibration, intervals


def measure_calibration(predictions: pd.DataFrame, corrections: pd.DataFrame, settings: dict):
    """Calibration of each model's test probabilities, uncorrected and corrected.

    Columns of the table: model, corrected, temperature_alone, prevalence (that corrected probabilities hold for),
    correction_intercept and correction_slope (0 and 1 where uncorrected); on test intercept and slope (calibration
    intercept and slope, 0 and 1 if perfect), brier, each with its interval; error (debiased calibration error),
    perfect_mean and perfect_p95 (mean and 95th percentile of that error of a perfectly calibrated model with these
    probabilities); brier_change with its interval (Brier score corrected less uncorrected, a bootstrap of the images;
    empty where uncorrected).
    """
    rows, reliabilities = [], []
    for model, temperature, intercept, slope, prevalence in corrections.itertuples(index=False):
        labels, logits = labels_and_logits(predictions[predictions["model"] == model])
        for corrected, (a, b) in {False: (0.0, 1.0), True: (intercept, slope)}.items():
            outputs = a + b * logits
            row = {"model": model, "corrected": corrected, "temperature_alone": temperature, "prevalence": prevalence}
            row |= {"correction_intercept": a, "correction_slope": b}
            rows.append(row | columns_on_test(labels, outputs, settings["seed"]))
            if corrected:
                rows[-1] |= columns_of_change(labels, logits, outputs, settings["seed"])
            of_bins = calibration.reliability(labels, outputs)
            reliabilities.append(of_bins.assign(model=model, corrected=corrected, bin=range(1, len(of_bins) + 1)))
    return {"table": pd.DataFrame(rows), "bins": pd.concat(reliabilities)}


def columns_on_test(labels, logits, seed):
    """What the labels say of the probabilities of these logits, as columns of the table."""
    estimates = calibration.recalibration(labels, logits)
    estimates["brier"] = calibration.brier(labels, logits), calibration.brier_interval(labels, logits)
    columns = {}
    for name, (value, (low, high)) in estimates.items():
        columns |= {name: value, f"{name}_ci_low": low, f"{name}_ci_high": high}
    columns["error"] = calibration.calibration_error(labels, logits)
    columns["perfect_mean"], columns["perfect_p95"] = calibration.perfect_error(logits, seed)
    return columns


def columns_of_change(labels, logits, corrected, seed):
    """By how much the correction changes the Brier score, as columns of the table; the images are the same."""
    change = (expit(corrected) - labels) ** 2 - (expit(logits) - labels) ** 2
    low, high = intervals.bootstrap(labels, change, lambda _, values: values.mean(), seed)
    return {"brier_change": change.mean(), "brier_change_ci_low": low, "brier_change_ci_high": high}


if __name__ == "__main__":
    run(measure_calibration)
