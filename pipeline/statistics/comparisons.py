"""Differences between two results: on the same images, or on different ones."""

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, norm, t

from pipeline.statistics import intervals, metrics
from pipeline.statistics.intervals import LEVEL


def mcnemar(first, second):
    """McNemar's test, exact: p of the null that both are right as often (McNemar 1947).

    Args:
        first, second: bool (n,), whether each is right about each image.
    """
    discordant = int((first != second).sum())
    return float(binomtest(int((first & ~second).sum()), discordant).pvalue) if discordant else 1.0


def paired_shares(first, second):
    """Difference of two shares of the same images, second less first, with Tango's (1998) score interval.

    Args:
        first, second: bool (n,).

    Returns:
        difference, (low, high), in [-1, 1].
    """
    n, gained, lost = len(first), int((second & ~first).sum()), int((first & ~second).sum())
    z = norm.ppf((1 + LEVEL) / 2)

    def score(difference):
        # The likelihood is greatest, given the difference, with this probability of "lost" (Tango, equation 3).
        b = (2 * n - gained + lost) * difference - gained - lost
        c = -lost * difference * (1 - difference)
        probability = (np.sqrt(max(b**2 - 8 * n * c, 0.0)) - b) / (4 * n)
        gap = gained - lost - n * difference
        return gap and gap / np.sqrt(n * (2 * probability + difference * (1 - difference)))

    observed = (gained - lost) / n
    near = 1 - 1e-9
    # At -1 and 1 the variance is 0; an end beyond them is theirs.
    low = brentq(lambda d: score(d) - z, -near, observed) if -near < observed and score(-near) > z else -1.0
    high = brentq(lambda d: score(d) + z, observed, near) if observed < near and score(near) < -z else 1.0
    return observed, (float(low), float(high))


def paired_aucs(labels, first, second):
    """Difference of two AUCs on the same images, second less first (DeLong et al. 1988).

    Where the variance is 0, as with two AUCs of 1, the interval is that of `independent`, which then is too wide.

    Returns:
        difference, (low, high), p.
    """
    parts = [
        b - a for a, b in zip(intervals.placements(labels, first), intervals.placements(labels, second), strict=True)
    ]
    difference = metrics.auc(labels, second) - metrics.auc(labels, first)
    error = np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))
    if error == 0:
        areas = [(metrics.auc(labels, scores), intervals.auc_interval(labels, scores)) for scores in (first, second)]
        return *independent(*areas), 1.0 if difference == 0 else 0.0
    half = norm.ppf((1 + LEVEL) / 2) * error
    low, high = max(-1.0, difference - half), min(1.0, difference + half)
    return difference, (float(low), float(high)), float(2 * norm.sf(abs(difference) / error))


def independent(first, second):
    """Difference of two independent estimates, second less first, with an interval from the intervals of both.

    Newcombe's (1998) square-and-add, for any estimates (MOVER, Zou & Donner 2008): it keeps their bounds.

    Args:
        first, second: (value, (low, high)).

    Returns:
        difference, (low, high).
    """
    (a, (a_low, a_high)), (b, _) = first, second
    return b - a, intervals.mover(lambda a, b: b - a, (a, (a_high, a_low)), second)


def over_runs(value, interval, aucs):
    """An interval over the sampling of images, widened by what training with another seed changes.

    The variance of runs is pooled over the models; each model of the estimate is one run. Both parts are added as
    independent ones, square-and-add (MOVER, Zou & Donner 2008), the second with a quantile of Student's t, since it is
    estimated from few runs.

    Args:
        value: of a model or a difference of two models.
        interval: (low, high), over images.
        aucs: of each model of the estimate, the AUCs of several runs of its configuration on other images.

    Returns:
        (low, high), and the standard deviation of a run; NaN where no model has several runs.
    """
    freedom = sum(len(runs) - 1 for runs in aucs)
    if not freedom:
        return (np.nan, np.nan), np.nan
    deviation = np.sqrt(sum(np.var(runs) * len(runs) for runs in aucs) / freedom)
    half = t.ppf((1 + LEVEL) / 2, freedom) * deviation * np.sqrt(len(aucs))
    low, high = (value + side * np.hypot(value - end, half) for side, end in zip((-1, 1), interval, strict=True))
    return (float(low), float(high)), float(deviation)


def inverted(interval):
    """p of the two-sided test of no difference that an interval inverts: 1 less the level at which it reaches 0.

    Args:
        interval: a function of the level that gives (low, high), wider with it.
    """

    def beyond(level):
        low, high = interval(level)
        return min(-low, high)

    least, greatest = 1e-9, 1 - 1e-9
    if beyond(least) >= 0:
        return 1.0
    return 1 - float(brentq(beyond, least, greatest)) if beyond(greatest) > 0 else 0.0
