"""Calibration: do probabilities mean what they say? From labels (1 = covid) and logits."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from pipeline.statistics import intervals, metrics

BINS = 10


def brier(labels, logits):
    """Mean squared difference of probability and label (Brier 1950), 0 to 1."""
    return float(np.mean((expit(logits) - labels) ** 2))


def brier_interval(labels, logits):
    """Interval of a Brier score, (low, high): MOVER from those of the means of both classes, whose sizes are fixed."""
    squares, covid = (expit(logits) - labels) ** 2, labels == 1
    means = [(part.mean(), intervals.wilson(part.sum(), len(part))) for part in (squares[covid], squares[~covid])]
    share = covid.mean()
    return intervals.mover(lambda covid, normal: share * covid + (1 - share) * normal, *means)


def reliability(labels, logits, bins=BINS):
    """Images in order of their logits, in `bins` bins of equal number (Nguyen & O'Connor 2015).

    Returns:
        one row a bin: images, predicted (mean probability), observed (share of covid), Wilson's interval of that.
    """
    rows = []
    for places in np.array_split(np.argsort(logits, kind="stable"), min(bins, len(labels))):
        covid, n = int(labels[places].sum()), len(places)
        low, high = intervals.wilson(covid, n)
        rows.append({"images": n, "predicted": expit(logits[places]).mean(), "observed": covid / n})
        rows[-1] |= {"ci_low": low, "ci_high": high}
    return pd.DataFrame(rows)


def expected_calibration_error(labels, logits, bins=BINS):
    """Mean over images of |observed share - mean probability| of their bin, 0 to 1 (Naeini et al. 2015)."""
    order = np.argsort(logits, kind="stable")
    differences = np.array_split((labels - expit(logits))[order], min(bins, len(labels)))
    return float(sum(abs(part.sum()) for part in differences) / len(labels))


def fit(labels, logits, temperature):
    """(intercept a, slope b) such that expit(a + b logit) fits the labels best.

    Platt (1999): maximum likelihood with targets (positives + 1) / (positives + 2) and 1 / (negatives + 2) in place of
    1 and 0, so that there is one where the classes are parted.

    Args:
        temperature: fit the slope alone, the inverse of a temperature (Guo et al. 2017).
    """
    positives = labels.sum()
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2))

    def loss(parameters):
        slope, intercept = parameters[0], 0.0 if temperature else parameters[1]
        return metrics.cross_entropy(targets, intercept + slope * logits)

    best = minimize(loss, [1.0] if temperature else [1.0, 0.0]).x
    return (0.0 if temperature else float(best[1])), float(best[0])
