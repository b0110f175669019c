"""evaluate_calibration: do the probabilities on test mean what they say? It belongs to the stage evaluate.

Class weights shift the logits of a model; what that does to its probabilities, and what a correction learned on
held-out val outputs mends, is told here. No verdict depends on it.

Reads   tables/evaluate/test_predictions.csv and corrections.csv.
Writes  tables/evaluate/calibration.csv (one row a model, without and with the correction), reliability.csv (one row a
        bin).
"""

from pathlib import Path

import pandas as pd

from pipeline.command import run
from pipeline.evaluate_thresholds import labels_and_logits
from pipeline.statistics import calibration, intervals


def evaluate_calibration(predictions: Path, corrections: Path, settings: dict, table: Path, bins: Path):
    """Reliability and calibration error of each model's test probabilities, as they are and corrected."""
    test = pd.read_csv(predictions)
    rows, reliabilities = [], []
    for model, temperature, intercept, slope in pd.read_csv(corrections).itertuples(index=False):
        labels, logits = labels_and_logits(test[test["model"] == model])
        for corrected, outputs in {False: logits, True: intercept + slope * logits}.items():
            row = {"model": model, "corrected": corrected, "temperature_alone": temperature}
            row |= {"intercept": intercept, "slope": slope} if corrected else {"intercept": 0.0, "slope": 1.0}
            for name, metric in {"ece": calibration.expected_calibration_error, "brier": calibration.brier}.items():
                low, high = intervals.bootstrap(labels, outputs, metric, settings["seed"])
                row |= {name: metric(labels, outputs), f"{name}_ci_low": low, f"{name}_ci_high": high}
            rows.append(row)
            of_bins = calibration.reliability(labels, outputs)
            reliabilities.append(of_bins.assign(model=model, corrected=corrected, bin=range(1, len(of_bins) + 1)))
    pd.DataFrame(rows).to_csv(table, index=False)
    pd.concat(reliabilities).to_csv(bins, index=False)


if __name__ == "__main__":
    run(evaluate_calibration)
