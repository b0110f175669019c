"""Coverage of the 95 % intervals of test metrics near perfection: python -m tests.benchmarks.coverage

How often an interval holds the true value, for the percentile bootstrap within the classes and for what the stage
evaluate computes. Balanced accuracy, F-score and Matthews correlation: at given true rates, over all counts with their
binomial probabilities; only the bootstrap draws. Average precision and Brier score: over simulated samples of normal
scores, calibrated; in "mixed", one normal image in a hundred scores as COVID-19 does. No build is needed.
"""

import functools
import itertools

import numpy as np
import pandas as pd
from scipy.stats import binom, norm

from pipeline.statistics import calibration, classification, curves, intervals

SIZES = [(5, 15), (36, 108), (144, 432)]  # images with COVID-19, normal ones
RATES = [(0.9, 0.9), (0.95, 0.95), (0.95, 0.99), (0.98, 0.98), (0.99, 0.99), (1.0, 0.99), (0.99, 1.0), (1.0, 1.0)]
METRICS = {
    "balanced accuracy": classification.balanced_accuracy,
    "F-score": classification.f1,
    "Matthews": classification.matthews,
}
AUCS = [0.95, 0.99, 0.999]
SAMPLES = 200
RESAMPLES = 200
EMPTY = {"bootstrap": 0.0, "evaluate": 0.0, "bootstrap_width": 0.0, "evaluate_width": 0.0}
LIKELY = 1e-5  # probability of a count, below which it is left out


def main():
    rows = [
        {"covid": positives, "normal": negatives, "sensitivity": rates[0], "specificity": rates[1]}
        | of_metric(metric, positives, negatives, *rates)
        for (positives, negatives), rates, metric in itertools.product(SIZES, RATES, METRICS)
    ]
    table = pd.DataFrame(rows).set_index(["covid", "normal", "sensitivity", "specificity", "metric"]).unstack()
    print(table.swaplevel(axis=1).sort_index(axis=1, level=0, sort_remaining=False).round(3).to_string(), "\n")
    rows = [
        {"covid": positives, "normal": negatives, "scores": "mixed" if mixed else "normal", "auc": auc} | row
        for (positives, negatives), mixed, auc in itertools.product(SIZES, (False, True), AUCS)
        for row in of_scores(positives, negatives, auc, mixed)
    ]
    table = pd.DataFrame(rows).set_index(["covid", "normal", "scores", "auc", "metric"]).unstack()
    print(table.swaplevel(axis=1).sort_index(axis=1, level=0, sort_remaining=False).round(3).to_string())


def of_metric(name, positives, negatives, sensitivity, specificity):
    """Coverage and mean width of both intervals of one metric, over all likely counts."""
    metric, generator = METRICS[name], np.random.default_rng(0)

    @functools.cache
    def of_right(tp, tn):
        return metric(tp, negatives - tn, positives - tp, tn)

    truth = of_right(positives * sensitivity, negatives * specificity)
    shares = [binom.pmf(np.arange(n + 1), n, rate) for n, rate in ((positives, sensitivity), (negatives, specificity))]
    weights = np.outer(*shares)
    row = {"metric": name} | EMPTY
    for tp, tn in np.argwhere(weights > LIKELY).tolist():
        # To resample images within their class is to draw the numbers of right ones.
        drawn = [
            generator.binomial(n, right / n, RESAMPLES).tolist() for n, right in ((positives, tp), (negatives, tn))
        ]
        values = list(map(of_right, *drawn))
        found = {
            "bootstrap": intervals.percentiles(values),
            "evaluate": classification.interval(metric, tp, negatives - tn, positives - tp, tn),
        }
        add(row, found, truth, weights[tp, tn])
    return row


def of_scores(positives, negatives, auc, mixed):
    """The same of average precision and Brier score, over simulated samples."""
    generator = np.random.default_rng(0)
    many = scores(generator, 50_000, 50_000 * negatives // positives, auc, mixed)
    rows = []
    for name, metric, interval in (
        ("average precision", curves.average_precision, average_precision_interval),
        ("Brier score", calibration.brier, calibration.brier_interval),
    ):
        row, truth = {"metric": name} | EMPTY, metric(*many)
        for seed in range(SAMPLES):
            labels, logits = scores(generator, positives, negatives, auc, mixed)
            found = {
                "bootstrap": intervals.bootstrap(labels, logits, metric, seed, resamples=RESAMPLES),
                "evaluate": interval(labels, logits),
            }
            add(row, found, truth, 1 / SAMPLES)
        rows.append(row)
    return rows


def average_precision_interval(labels, logits):
    return curves.average_precision_interval(labels, logits, seed=0, resamples=RESAMPLES)


def scores(generator, positives, negatives, auc, mixed):
    """(labels, logits) of normal scores with this AUC, logits calibrated but for the mixture."""
    distance = norm.ppf(auc) * np.sqrt(2)
    labels = np.repeat([1.0, 0.0], [positives, negatives])
    high = (labels == 1) | (mixed & (generator.random(len(labels)) < 0.01))
    drawn = generator.normal(distance * high, 1)
    return labels, distance * drawn - distance**2 / 2 + np.log(positives / negatives)


def add(row, found, truth, weight):
    for name, (low, high) in found.items():
        row[name] += weight * (low - 1e-9 <= truth <= high + 1e-9)
        row[f"{name}_width"] += weight * (high - low)


if __name__ == "__main__":
    main()
