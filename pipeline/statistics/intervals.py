"""Confidence intervals: DeLong for an AUC, Wilson for a proportion, MOVER for a function of two estimates, and the
bootstrap for the rest."""

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from pipeline.statistics import metrics

LEVEL = 0.95
RESAMPLES = 2000


def wilson(successes, n, level=LEVEL):
    """Score interval of a proportion (Wilson 1927): (low, high) in [0, 1]; stays sensible at 0 and at n successes.

    It also serves for the mean of n values in [0, 1], whose sum is `successes`: their variance is at most that of a
    proportion with the same mean, so that the interval is conservative.

    Args:
        successes, n: numbers, or arrays of one shape.
    """
    z = norm.ppf((1 + level) / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)


def mover(statistic, first, second):
    """Interval of a statistic of two independent estimates from their intervals (MOVER: Zou & Donner 2008).

    Each bound is as far from the value as the root of the sum of squares of the distances to which the bounds of one
    estimate at a time bring it. It does not shrink to a point where the sample has no errors, as a bootstrap does.

    Args:
        statistic: a function of both estimates that grows with each.
        first, second: (value, (low, high)); low is the bound at which the statistic is less.

    Returns:
        (low, high); a statistic that is not linear may need to be cut to its range.
    """
    (a, (a_low, a_high)), (b, (b_low, b_high)) = first, second
    value = statistic(a, b)
    below = np.hypot(value - statistic(a_low, b), value - statistic(a, b_low))
    above = np.hypot(statistic(a_high, b) - value, statistic(a, b_high) - value)
    return float(value - below), float(value + above)


def hull(first, second):
    """The narrowest interval, (low, high), that holds two of them; of numbers or arrays."""
    return np.minimum(first[0], second[0]), np.maximum(first[1], second[1])


def auc_interval(labels, scores, level=LEVEL):
    """Interval of an AUC: DeLong's variance on the logit scale, where it cannot pass 1.

    At an AUC of 1 (or 0) that variance is 0: then a one-sided exact bound (Clopper-Pearson with the smaller class's
    size: the AUC at which so many pairs of independent images would all be in order with probability 1 - level). Where
    it is 0 at another AUC, as with equal scores for all images, they tell nothing, and the interval is all of [0, 1].
    """
    area = metrics.auc(labels, scores)
    smaller = int(min(labels.sum(), (1 - labels).sum()))
    bound = (1 - level) ** (1 / smaller)
    if area == 1:
        return bound, 1.0
    if area == 0:
        return 0.0, 1 - bound
    variance = auc_variance(labels, scores)
    if variance == 0:
        return 0.0, 1.0
    error = np.sqrt(variance) / (area * (1 - area))
    z = norm.ppf((1 + level) / 2)
    return float(expit(logit(area) - z * error)), float(expit(logit(area) + z * error))


def auc_variance(labels, scores):
    """Variance of an AUC (DeLong et al. 1988)."""
    of_positive, of_negative = placements(labels, scores)
    return float(of_positive.var(ddof=1) / len(of_positive) + of_negative.var(ddof=1) / len(of_negative))


def placements(labels, scores):
    """Of each image, the share of the other class that it is on the right side of, ties counted half.

    Their mean is the AUC. By midranks (Sun & Xu 2014, algorithm 2): float (positives,) and (negatives,).
    """
    positive, negative = scores[labels == 1], scores[labels == 0]
    ranks = rankdata(np.concatenate([positive, negative]))
    m, n = len(positive), len(negative)
    return (ranks[:m] - rankdata(positive)) / n, 1 - (ranks[m:] - rankdata(negative)) / m


def bootstrap(labels, scores, statistic, seed, level=LEVEL, resamples=RESAMPLES):
    """Percentile interval of `statistic(labels, scores)`, images resampled within their class."""
    generator = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == label) for label in (0, 1)]
    values = []
    for _ in range(resamples):
        places = np.concatenate([generator.choice(places, len(places)) for places in classes])
        values.append(statistic(labels[places], scores[places]))
    return tuple(percentiles(values, level).tolist())


def bootstrap_mean(values, seed, level=LEVEL, resamples=RESAMPLES):
    """Percentile interval of the mean of values (n,); NaN for fewer than two."""
    if len(values) < 2:
        return np.nan, np.nan
    places = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    return tuple(percentiles(values[places].mean(axis=1), level).tolist())


def percentiles(draws, level=LEVEL):
    """Percentile interval of a bootstrap's draws (resamples, ...): low and high, each of the shape of one draw."""
    return np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
