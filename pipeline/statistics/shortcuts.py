"""How much of a score is reached without what it should come from; its bootstrap over images and runs."""

import numpy as np

from pipeline.statistics import metrics
from pipeline.statistics.intervals import RESAMPLES


def ratio(control, whole):
    """Shortcut ratio of two AUCs: the part of what the whole image gives above chance that the control gives too."""
    return (control - 0.5) / (whole - 0.5)


def mean_auc(labels, scores):
    """Mean over the runs of their AUCs; scores: float (runs, images)."""
    return float(np.mean([metrics.auc(labels, run) for run in scores]))


def resamples(labels, groups, generator, count=RESAMPLES):
    """How often each image is in each resample: int (resamples, images).

    Groups of near-duplicates are drawn whole, within their class: copies are no independent images.

    Args:
        labels, groups: (images,).
    """
    drawn = np.empty((count, len(labels)), int)
    for label in (0, 1):
        of_class = labels == label
        names, group = np.unique(groups[of_class], return_inverse=True)
        drawn[:, of_class] = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), count)[:, group]
    return drawn


def bootstrap(labels, groups, scores, seed, count=RESAMPLES):
    """Mean AUC of several controls in the same resamples of images and of runs: {name: float (resamples,)}.

    Args:
        scores: {name: float (runs, images)}, as many runs of each.
    """
    generator = np.random.default_rng(seed)
    images = resamples(labels, groups, generator, count)
    runs = len(next(iter(scores.values())))
    share = generator.multinomial(runs, np.full(runs, 1 / runs), count) / runs
    return {
        name: sum(share[:, run] * weighted_aucs(labels, of_run, images) for run, of_run in enumerate(values))
        for name, values in scores.items()
    }


def weighted_aucs(labels, scores, weights):
    """AUC of each of several weightings of the images, int (weightings, images): float (weightings,)."""
    positive, negative = labels == 1, labels == 0
    apart = scores[positive][:, None] - scores[negative]
    pairs = weights[:, positive] @ ((apart > 0) + 0.5 * (apart == 0))
    total = weights[:, positive].sum(axis=1) * weights[:, negative].sum(axis=1)
    return (pairs * weights[:, negative]).sum(axis=1) / total
