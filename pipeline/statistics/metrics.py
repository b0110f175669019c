"""What a model is trained and chosen by, from labels (1 = covid) and logits: every stage that fits stands on this
module, so what is of evaluation alone has modules of its own."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import rankdata


def scores(labels, logits, threshold=0.0):
    """Cross-entropy, AUC and the shares of right predictions at a threshold.

    Args:
        labels: (n,) of 0 and 1.
        logits: (n,).
        threshold: logit from which covid is predicted; 0 is a probability of one half.

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


def refitted_loss(labels, logits):
    """The least `cross_entropy` over all constants added to the logits: what a shift of the intercept does not move.

    Under class weights the intercept of the logits swings by several tenths and more from epoch to epoch, and
    `cross_entropy` with it, while the images keep their order. NaN for logits that are not finite.

    Args:
        labels: (n,) of 0 and 1, both among them.
    """
    if not np.all(np.isfinite(logits)):
        return float("nan")
    return cross_entropy(labels, logits + fitted_intercept(labels, logits))


def fitted_intercept(labels, logits):
    """The constant that, added to the logits, makes `cross_entropy` least (mean probability = share of positives).

    Args:
        labels: (n,) of 0 and 1, both among them.
        logits: (n,), finite.
    """
    share = np.mean(labels)
    # With the greatest (least) logit at the share, no mean probability is above (below) it.
    low, high = logit(share) - np.max(logits) - 1, logit(share) - np.min(logits) + 1
    return brentq(lambda constant: np.mean(expit(logits + constant)) - share, low, high)


def auc(labels, scores):
    """Area under the ROC curve: the Mann-Whitney statistic, ties counted half; NaN for scores that are not finite."""
    if not np.all(np.isfinite(scores)):
        return float("nan")
    positive = labels == 1
    ranks = rankdata(scores)
    count = positive.sum()
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))
