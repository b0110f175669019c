"""ROC and precision-recall curves with pointwise bands, and the average precision."""

import numpy as np
import pandas as pd

from pipeline.statistics import intervals
from pipeline.statistics.intervals import LEVEL, RESAMPLES, percentiles

GRID = np.linspace(0, 1, 101)


def roc(labels, logits, grid=GRID):
    """The greatest sensitivity at which the share of false alarms is at most that of `grid`: float (grid,)."""
    false_alarms, sensitivity, _ = _steps(labels, logits)
    return sensitivity[np.searchsorted(false_alarms, grid, side="right") - 1]


def precision_recall(labels, logits, grid=GRID):
    """The greatest precision at which the sensitivity is at least that of `grid`: float (grid,)."""
    _, sensitivity, precision = _steps(labels, logits)
    greatest = np.maximum.accumulate(precision[::-1])[::-1]
    # Sensitivities are shares of whole numbers, which rounding must not pass over.
    return greatest[np.searchsorted(sensitivity, grid - 1e-9)]


def _steps(labels, logits):
    """Shares of false alarms, sensitivities and precisions, from no image called covid to all of them."""
    order = np.argsort(-logits, kind="stable")
    last_of_ties = np.append(np.diff(logits[order]) != 0, True)
    true, false = (np.append(0, np.cumsum(labels[order] == label)[last_of_ties]) for label in (1, 0))
    precision = true / np.maximum(true + false, 1)
    precision[0] = precision[1]  # of no image: as with the first ones
    return false / false[-1], true / true[-1], precision


def average_precision(labels, logits):
    """Sum of precisions at each positive weighted by the step in recall, ties taken together; no threshold enters."""
    _, recall, precision = _steps(labels, logits)
    return float(np.sum(np.diff(recall) * precision[1:]))


def average_precision_interval(labels, logits, seed, level=LEVEL, resamples=RESAMPLES):
    """Interval of an average precision, (low, high): that of the bootstrap, widened to Wilson's of a share of as many
    images as there are positives.

    An average precision is the mean over the positives of the precision at their rank. The interval of a share (Boyd et
    al. 2013) ignores the sampling of negatives; the bootstrap ignores errors that this sample happens not to have.
    """
    drawn = intervals.bootstrap(labels, logits, average_precision, seed, level, resamples)
    positives = labels.sum()
    low, high = intervals.hull(drawn, intervals.wilson(average_precision(labels, logits) * positives, positives, level))
    return float(low), float(high)


def bands(labels, logits, seed, level=LEVEL, resamples=RESAMPLES):
    """Both curves with an interval at each x: the percentiles of a bootstrap that resamples within the classes, widened
    to Wilson's interval of y as a share, without which it would be a point where the sample has no errors.

    Returns:
        one row a point: curve (roc: x = share of false alarms, y = sensitivity; precision_recall: x = sensitivity,
        y = precision), x, y, ci_low, ci_high.
    """
    generator = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == label) for label in (0, 1)]
    drawn = [np.concatenate([generator.choice(places, len(places)) for places in classes]) for _ in range(resamples)]
    tables = []
    for curve in (roc, precision_recall):
        values = [curve(labels[places], logits[places]) for places in drawn]
        y = curve(labels, logits)
        # Of which images y is a share: all positives; those that are called so to reach a sensitivity, at least one.
        n = np.full(len(GRID), labels.sum()) if curve is roc else np.maximum(GRID * labels.sum(), 1) / y
        low, high = intervals.hull(percentiles(values, level), intervals.wilson(y * n, n, level))
        points = {"curve": curve.__name__, "x": GRID, "y": y, "ci_low": low, "ci_high": high}
        tables.append(pd.DataFrame(points))
    return pd.concat(tables)
