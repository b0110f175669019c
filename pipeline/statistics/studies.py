"""What the runs of a study say: means over seeds, and differences of val AUCs with simultaneous intervals."""

import numpy as np
import pandas as pd

from pipeline.statistics import comparisons, intervals
from pipeline.statistics.intervals import LEVEL

DRAWS = 20_000


def summary(runs, scores, labels, groups, seed):
    """One row per variant: mean and standard deviation of val AUC over seeds; difference from the reference.

    Args:
        runs: one row per run: variant, reference (true for one variant), seed, train_auc, val_auc, val_loss; other
            columns have one value per variant and are kept.
        scores: float (runs, images), val logits in the order of `runs`.
        labels, groups: (images,) of val.
        seed: of the simulated deviations.
    """
    scores = by_seed(runs, scores, ["variant"])
    reference = runs.loc[runs["reference"], "variant"].iloc[0]
    others = [variant for variant in scores if variant != reference]
    found = differences(labels, groups, scores, {reference: others}, seed)
    rows = []
    for variant, group in runs.groupby("variant", sort=False):
        kept = group.iloc[0].drop(["variant", "reference", "seed", "train_auc", "val_auc", "val_loss"])
        row = {"variant": variant, "reference": variant == reference, **means(group)}
        row["train_auc"] = group["train_auc"].mean()
        rows.append(row | found.get(variant, {"difference": 0.0, "ci_low": 0.0, "ci_high": 0.0}) | kept.to_dict())
    return pd.DataFrame(rows)


def means(group):
    """Seeds, mean and standard deviation of the val AUC of the runs of one variant."""
    values = group["val_auc"]
    return {"seeds": len(group), "val_auc": values.mean(), "val_auc_sd": values.std()}


def by_seed(runs, scores, columns):
    """{variant: float (seeds, images)}, seeds in rising order; a variant is the value (or tuple) of `columns`."""
    order = runs.reset_index(drop=True).sort_values("seed", kind="stable").groupby(columns, sort=False)
    return {key if columns[1:] else key[0]: np.asarray(scores[group.index]) for key, group in order}


def differences(labels, groups, scores, against, seed):
    """Differences of mean AUCs, with simultaneous intervals over the sampling of images and of runs.

    Runs are to images what readers are to cases in multi-reader multi-case studies. The variance of a difference is the
    covariance, over images, of the differences of two seeds, plus the variance of runs around the mean of their variant
    and of their seed, divided by the number of seeds (Obuchowski & Rockette 1995). The first is DeLong's, groups of
    near-duplicates counted as one image (Obuchowski 1997). The second is pooled over a reference and all that is
    compared with it, and still has few degrees of freedom: the deviations that are simulated for it are scaled by
    sqrt(df / chi-square), as in a generalised confidence interval (Weerahandi 1993). All intervals have the level at
    which 95 % of the simulated studies have all deviations inside (balanced: Beran 1988), as with Dunnett's (1955)
    test. tests/benchmarks/studies.py simulates how often true differences lie outside.

    Args:
        labels, groups: (images,).
        scores: {name: float (seeds, images)}, as many seeds (at least 2) of each, paired.
        against: {reference: [names that are compared with it]}; one family over all references.
        seed: of the simulated deviations.

    Returns:
        {name: {difference, ci_low, ci_high}}.
    """
    names, generator = list(scores), np.random.default_rng(seed)
    pairs = [(reference, name) for reference, others in against.items() for name in others]
    if not pairs:
        return {}
    areas, covariance = auc_covariance(labels, groups, np.stack([scores[name] for name in names]))
    # One row per pair: 1 for its second, -1 for its first.
    contrasts = np.array([[(name == second) - (name == first) for name in names] for first, second in pairs], float)
    found = contrasts @ areas.mean(axis=1)
    sampling = contrasts @ of_different_seeds(covariance) @ contrasts.T
    # As an estimate, it may have negative eigenvalues.
    eigenvalues, vectors = np.linalg.eigh(sampling)
    root = vectors * np.sqrt(np.maximum(eigenvalues, 0))
    deviations = generator.normal(size=(DRAWS, len(pairs))) @ root.T
    for reference, others in against.items():
        places = [place for place, (first, _) in enumerate(pairs) if first == reference]
        variance, freedom = run_variance(areas[[names.index(name) for name in (reference, *others)]])
        drawn = generator.normal(size=(DRAWS, 1 + len(others))) * np.sqrt(variance)
        scale = np.sqrt(freedom / generator.chisquare(freedom, (DRAWS, 1)))
        deviations[:, places] += scale * (drawn[:, 1:] - drawn[:, :1])
    deviations = np.abs(deviations)
    ranks = deviations.argsort(axis=0).argsort(axis=0)
    half = np.sort(deviations, axis=0)[int(np.quantile(ranks.max(axis=1), LEVEL))]
    rows = {}
    for (first, second), difference, width in zip(pairs, found, half, strict=True):
        low, high = difference - width, difference + width
        if width == 0:  # as with AUCs of 1 in all runs: the runs of any seed say the same
            _, (low, high), _ = comparisons.paired_aucs(labels, scores[first][0], scores[second][0])
        low, high = max(-1.0, float(low)), min(1.0, float(high))
        rows[second] = {"difference": float(difference), "ci_low": low, "ci_high": high}
    return rows


def auc_covariance(labels, groups, scores):
    """AUCs of runs, and their covariance over the sampling of images, groups drawn whole and within their class.

    Args:
        scores: float (variants, seeds, images).

    Returns:
        float (variants, seeds) and (variants, seeds, variants, seeds).
    """
    shape = scores.shape[:2]
    placements = [intervals.placements(labels, run) for run in scores.reshape(-1, scores.shape[-1])]
    covariance = np.zeros((len(placements), len(placements)))
    for label, side in ((1, 0), (0, 1)):
        placed = np.array([of_run[side] for of_run in placements])
        names, member = np.unique(groups[labels == label], return_inverse=True)
        count = len(names)
        sums = (placed - placed.mean(axis=1, keepdims=True)) @ np.eye(count)[member]
        covariance = covariance + count / (count - 1) * (sums @ sums.T) / placed.shape[1] ** 2
    areas = np.array([positives.mean() for positives, _ in placements])
    return areas.reshape(shape), covariance.reshape(shape * 2)


def of_different_seeds(covariance):
    """Mean covariance of the runs of two variants over pairs of different seeds: (variants, variants)."""
    seeds = covariance.shape[1]
    same = np.einsum("vsws->vw", covariance)
    return (covariance.sum(axis=(1, 3)) - same) / (seeds * (seeds - 1))


def run_variance(areas):
    """Variance of a mean AUC by its runs, without what their seeds share, and its degrees of freedom.

    Args:
        areas: float (variants, seeds).
    """
    variants, seeds = areas.shape
    residuals = areas - areas.mean(axis=0) - areas.mean(axis=1, keepdims=True) + areas.mean()
    freedom = (variants - 1) * (seeds - 1)
    return (residuals**2).sum() / freedom / seeds, freedom
