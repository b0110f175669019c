"""Tests of whether samples differ, thin over scipy: chi-square, Kolmogorov-Smirnov, classifier two-sample; Holm."""

import numpy as np
from scipy.stats import chi2_contingency, ks_2samp, norm
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.statistics import metrics
from pipeline.statistics.intervals import LEVEL

FOLDS = 5
PERMUTATIONS = 999
PENALTY = 1000.0


def chi_square(counts):
    """Pearson's test of independence, without continuity correction: (statistic, p, effect).

    Args:
        counts: int (rows, columns), no row or column all zero.

    Returns:
        chi-square, its p, and Cramér's V (Cramér 1946): sqrt(chi-square / (n (min(rows, columns) - 1))), 0 to 1.
    """
    counts = np.asarray(counts)
    statistic, p, _, _ = chi2_contingency(counts, correction=False)
    return float(statistic), float(p), float(np.sqrt(statistic / (counts.sum() * (min(counts.shape) - 1))))


def kolmogorov_smirnov(first, second):
    """Two-sample test: (D, p, exact for samples that are not large). D, the largest distance of the distribution
    functions, is an effect size."""
    result = ks_2samp(first, second, method="auto")
    return float(result.statistic), float(result.pvalue)


def holm(p):
    """Holm's (1979) step-down adjustment of p-values, (n,) in any order: each adjusted, for the error of the family."""
    p = np.asarray(p, float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def classifier_two_sample(first, second, groups, seed, permutations=PERMUTATIONS):
    """Can a classifier tell from which of two samples a row is (Lopez-Paz & Oquab 2017)? (AUC, (low, high), p).

    Ridge regression of the membership on standardised features, 5-fold cross-validated. It is linear in the
    memberships, so that one fit serves the true ones and all permuted ones; p is the share of them, the true one
    included, with at least its AUC. The interval takes its standard error from the permutations: that of DeLong knows
    nothing of the fit and is too narrow here; far from 0.5 this one is too wide.

    Args:
        first, second: float (rows, features), at least 5 rows each.
        groups: (rows of both,), alike for near-duplicates: a fold has all or none of them, since a copy in the other
            folds would give its membership away.
        seed: of the folds and permutations.
    """
    features = np.concatenate([first, second])
    member = np.repeat([0.0, 1.0], [len(first), len(second)])
    folds = list(StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(features, member, groups))
    # Permuted within the folds, so that each stays stratified: unequal folds would bias the pooled AUC downwards.
    generator = np.random.default_rng(seed)
    members = np.tile(member[:, None], 1 + permutations)
    for _, fold in folds:
        members[fold, 1:] = generator.permuted(members[fold, 1:], axis=0)
    classifier = make_pipeline(StandardScaler(), Ridge(PENALTY, solver="cholesky"))
    scores = cross_val_predict(classifier, features, members, cv=folds)
    area, *null = [metrics.auc(labels, column) for labels, column in zip(members.T, scores.T, strict=True)]
    half = norm.ppf((1 + LEVEL) / 2) * np.std(null)
    p = (1 + np.sum(np.array(null) >= area)) / (1 + permutations)
    return area, (float(max(0.0, area - half)), float(min(1.0, area + half))), float(p)
