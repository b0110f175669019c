"""Classification: the operating threshold; counts and rates of labels (1 = covid) and predictions (True = covid).

All is done on logits: float64 knows no probability between 1 - 1e-16 and 1, where large logits still differ.
"""

import numpy as np

from pipeline.statistics import intervals


def operating_threshold(labels, logits):
    """The logit at which sensitivity + specificity is largest (Youden 1950), midway to the next lower one."""
    order = np.argsort(-logits)
    positive = (labels[order] == 1).astype(float)
    sensitivity = np.cumsum(positive) / positive.sum()
    false_alarms = np.cumsum(1 - positive) / (1 - positive).sum()
    # A threshold can lie only between different logits.
    last_of_ties = np.append(np.diff(logits[order]) != 0, True)
    best = np.argmax(np.where(last_of_ties, sensitivity - false_alarms, -np.inf))
    lower = logits[order][min(best + 1, len(logits) - 1)]
    return float((logits[order][best] + lower) / 2)


def counts(labels, predicted):
    """True positives, false positives, false negatives, true negatives."""
    positive = labels == 1
    pairs = ((predicted, positive), (predicted, ~positive), (~predicted, positive), (~predicted, ~positive))
    return tuple(int((prediction & label).sum()) for prediction, label in pairs)


def balanced_accuracy(tp, fp, fn, tn):
    """Mean of sensitivity and specificity."""
    return (tp / (tp + fn) + tn / (tn + fp)) / 2


def f1(tp, fp, fn, tn):
    """Harmonic mean of precision and sensitivity."""
    return 2 * tp / (2 * tp + fp + fn)


def matthews(tp, fp, fn, tn):
    """Matthews correlation (Matthews 1975); 0 where all predictions are the same."""
    norm = np.sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return float((tp * tn - fp * fn) / norm) if norm else 0.0


def interval(metric, tp, fp, fn, tn, level=intervals.LEVEL):
    """Interval of a metric of these counts, (low, high), from Wilson's of sensitivity and specificity by MOVER.

    The numbers of images of each class are fixed by the split, so that the metric is a function of both rates.

    Args:
        metric: balanced_accuracy, f1 or matthews, each of which grows with either rate.
    """
    positives, negatives = tp + fn, tn + fp

    def of_rates(sensitivity, specificity):
        true, false = positives * sensitivity, negatives * (1 - specificity)
        return metric(true, false, positives - true, negatives - false)

    rates = [(right / n, intervals.wilson(right, n, level)) for right, n in ((tp, positives), (tn, negatives))]
    low, high = intervals.mover(of_rates, *rates)
    return max(low, of_rates(0, 0)), min(high, of_rates(1, 1))
