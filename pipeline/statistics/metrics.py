"""What a model is trained and chosen by, from labels (1 = covid) and logits: every stage that fits stands on this
module, so what is of evaluation alone has modules of its own."""

import numpy as np
from scipy.stats import rankdata


def scores(labels, logits, threshold=0.0):
    """Cross-entropy, AUC and the shares of right verdicts at a threshold.

    Args:
        labels: (n,) of 0 and 1.
        logits: (n,).
        threshold: logit from which a verdict is covid; 0 is a probability of one half.

    Returns:
        dict of float: loss (mean cross-entropy in nats, unweighted), auc, accuracy, sensitivity, specificity.
    """
    predicted = logits >= threshold
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
