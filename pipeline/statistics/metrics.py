"""Metrics of a binary classifier from labels (1 = covid) and logits."""

import numpy as np
from scipy.special import expit
from scipy.stats import rankdata


def scores(labels, logits, threshold=0.5):
    """Cross-entropy, AUC and the shares of right verdicts at a threshold.

    Args:
        labels: (n,) of 0 and 1.
        logits: (n,).
        threshold: probability from which a verdict is covid.

    Returns:
        dict of float: loss (mean cross-entropy in nats, unweighted), auc, accuracy, sensitivity, specificity.
    """
    predicted = expit(logits) >= threshold
    positive = labels == 1
    return {
        "loss": cross_entropy(labels, logits),
        "auc": auc(labels, logits),
        "accuracy": float((predicted == positive).mean()),
        "sensitivity": float(predicted[positive].mean()),
        "specificity": float((~predicted[~positive]).mean()),
    }


def cross_entropy(labels, logits):
    """Mean negative log-likelihood in nats, computed from logits without overflow."""
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def auc(labels, scores):
    """Area under the ROC curve: the Mann-Whitney statistic, ties counted half; NaN for scores that are not finite."""
    if not np.all(np.isfinite(scores)):
        return float("nan")
    positive = labels == 1
    ranks = rankdata(scores)
    count = positive.sum()
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))


def operating_threshold(labels, logits):
    """The probability at which sensitivity + specificity is largest (Youden 1950), midway to the next lower score."""
    order = np.argsort(-logits)
    positive = (labels[order] == 1).astype(float)
    sensitivity = np.cumsum(positive) / positive.sum()
    false_alarms = np.cumsum(1 - positive) / (1 - positive).sum()
    # A threshold can lie only between different scores.
    last_of_ties = np.append(np.diff(logits[order]) != 0, True)
    best = np.argmax(np.where(last_of_ties, sensitivity - false_alarms, -np.inf))
    lower = logits[order][min(best + 1, len(logits) - 1)]
    return float(expit((logits[order][best] + lower) / 2))


def average_precision(labels, logits, threshold=None):
    """Sum of precisions at each positive weighted by the step in recall, ties taken together; no threshold enters."""
    order = np.argsort(-logits, kind="stable")
    hits = np.cumsum(labels[order])
    last_of_ties = np.append(np.diff(logits[order]) != 0, True)
    precision = (hits / np.arange(1, len(hits) + 1))[last_of_ties]
    recall = (hits / hits[-1])[last_of_ties]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def counts(labels, logits, threshold):
    """True positives, false positives, false negatives, true negatives at a probability threshold."""
    predicted, positive = expit(logits) >= threshold, labels == 1
    pairs = ((predicted, positive), (predicted, ~positive), (~predicted, positive), (~predicted, ~positive))
    return tuple(int((verdict & label).sum()) for verdict, label in pairs)


def balanced_accuracy(labels, logits, threshold):
    """Mean of sensitivity and specificity."""
    tp, fp, fn, tn = counts(labels, logits, threshold)
    return (tp / (tp + fn) + tn / (tn + fp)) / 2


def f1(labels, logits, threshold):
    """Harmonic mean of precision and sensitivity."""
    tp, fp, fn, _ = counts(labels, logits, threshold)
    return 2 * tp / (2 * tp + fp + fn)


def matthews(labels, logits, threshold):
    """Matthews correlation (Matthews 1975); 0 where all verdicts are the same."""
    tp, fp, fn, tn = counts(labels, logits, threshold)
    norm = np.sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return float((tp * tn - fp * fn) / norm) if norm else 0.0
