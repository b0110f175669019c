"""Calibration: do probabilities mean what they say? From labels (1 = covid) and logits."""

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import expit, logit
from scipy.stats import chi2

from pipeline.statistics import intervals, metrics

BINS = 10
SIMULATIONS = 1000


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
    for places in _bins(logits, min(bins, len(labels))):
        covid, n = int(labels[places].sum()), len(places)
        low, high = intervals.wilson(covid, n)
        rows.append({"images": n, "predicted": expit(logits[places]).mean(), "observed": covid / n})
        rows[-1] |= {"ci_low": low, "ci_high": high}
    return pd.DataFrame(rows)


def calibration_error(labels, logits, bins=BINS):
    """Root mean square over images of (observed share - mean probability) of their bin, debiased, 0 to 1.

    From each bin's square its sampling variance is subtracted, s (1 - s) / (n - 1) of a share s of n images (Kumar et
    al. 2019): without it the error of a perfectly calibrated model would be far from 0, the more so the fewer images
    there are. 0 where the sum of squares is not positive.

    Args:
        bins: of equal number, of two images at least; there must be two images.
    """
    square = 0.0
    for places in _bins(logits, min(bins, len(labels) // 2)):
        observed, n = labels[places].mean(), len(places)
        gap = observed - expit(logits[places]).mean()
        square += n * (gap**2 - observed * (1 - observed) / (n - 1))
    return float(np.sqrt(max(square, 0.0) / len(labels)))


def _bins(logits, count):
    """Places of the images in order of their logits, in bins of equal number; equal logits in a random, fixed order, as
    the order of the images is that of their classes."""
    shuffled = np.random.default_rng(0).permutation(len(logits))
    return np.array_split(shuffled[np.argsort(logits[shuffled], kind="stable")], count)


def perfect_error(logits, seed, simulations=SIMULATIONS):
    """Mean and 95th percentile of the calibration error of a model whose probabilities are right.

    The labels are drawn from the probabilities of the logits; an error above the percentile is seen in one of twenty
    perfectly calibrated models.
    """
    drawn = np.random.default_rng(seed).random((simulations, len(logits))) < expit(logits)
    errors = [calibration_error(labels, logits) for labels in drawn.astype(float)]
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


def recalibration(labels, logits, level=intervals.LEVEL):
    """Calibration intercept and slope of logits (Cox 1958; Van Calster et al. 2019) with profile-likelihood intervals.

    Both are of a logistic regression of the labels on the logits by maximum likelihood: the intercept beside a slope of
    1, the slope beside an intercept that is free. Perfect calibration gives 0 and 1. An intercept above 0 says that the
    probabilities are too low on average, a slope below 1 that they are too extreme. Where the logits separate the
    classes no slope is the likeliest, and it is NaN, as its interval.

    Args:
        labels: float (n,), of both classes.

    Returns:
        {"intercept" and "slope": (value, (low, high))}.
    """

    def loss(intercept, slope=1.0):
        return len(labels) * metrics.cross_entropy(labels, intercept + slope * logits)

    def of_slope(slope):
        return loss(metrics.fitted_intercept(labels, slope * logits), slope)

    intercept = metrics.fitted_intercept(labels, logits)
    found = {"intercept": (intercept, _likelihood_interval(loss, intercept, level))}
    covid, normal = logits[labels == 1], logits[labels == 0]
    if covid.min() >= normal.max() or covid.max() <= normal.min():
        return found | {"slope": (np.nan, (np.nan, np.nan))}
    slope = float(minimize_scalar(of_slope).x)
    return found | {"slope": (slope, _likelihood_interval(of_slope, slope, level))}


def _likelihood_interval(loss, best, level):
    """(low, high): where a convex negative log-likelihood is half of the chi-square quantile above that at its best."""
    limit, ends = loss(best) + chi2.ppf(level, 1) / 2, []
    for step in (-0.1, 0.1):
        while loss(best + step) < limit:
            step *= 2
        ends.append(float(brentq(lambda value: loss(value) - limit, best, best + step)))
    return tuple(ends)


def corrected(logits, intercept, slope):
    """Probabilities of logits after a correction that `fit` gave; numbers or arrays of one shape."""
    return expit(intercept + slope * logits)


def fit(labels, logits, temperature):
    """(intercept a, slope b) such that expit(a + b logit) fits the labels best.

    Platt (1999): maximum likelihood with targets (positives + 1) / (positives + 2) and 1 / (negatives + 2) in place of
    1 and 0, so that there is one where the classes are parted. The slope is not negative: a model that ranks images
    worse than chance is corrected to one probability for all, not to the order opposite to that of its predictions.

    Args:
        temperature: fit the slope alone, the inverse of a temperature (Guo et al. 2017).
    """
    positives = labels.sum()
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2))

    def loss(parameters):
        slope, intercept = parameters[0], 0.0 if temperature else parameters[1]
        return metrics.cross_entropy(targets, intercept + slope * logits)

    best = minimize(loss, [1.0] if temperature else [1.0, 0.0]).x
    if best[0] < 0:
        return (0.0 if temperature else float(logit(targets.mean()))), 0.0
    return (0.0 if temperature else float(best[1])), float(best[0])
