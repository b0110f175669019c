"""Metrics and intervals against scikit-learn, scipy and calculations that go another way."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit
from scipy.stats import binom, binomtest, entropy, norm
from sklearn import metrics as reference

from pipeline.statistics import classification, curves, intervals, metrics, tests


def sample(seed, ties, n=80):
    """(labels, logits) of overlapping classes; with `ties` the logits are whole numbers, many of them shared."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.3).astype(float)
    logits = rng.normal(labels, 1.5)
    return labels, np.round(logits) if ties else logits


SAMPLES = pytest.mark.parametrize(
    ("labels", "logits"), [sample(seed, ties) for seed in range(4) for ties in (False, True)]
)


# Metrics


@SAMPLES
def test_ranking_metrics(labels, logits):
    assert metrics.auc(labels, logits) == pytest.approx(reference.roc_auc_score(labels, logits))
    expected = reference.average_precision_score(labels, logits)
    assert curves.average_precision(labels, logits) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_auc_of_scores_that_are_not_finite(bad):
    assert np.isnan(metrics.auc(np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, bad])))


@SAMPLES
@pytest.mark.parametrize("threshold", [-1.4, 0.0, 2.2])
def test_prediction_metrics(labels, logits, threshold):
    predicted = logits >= threshold
    ours = metrics.scores(labels, logits, threshold)
    assert ours["accuracy"] == pytest.approx(reference.accuracy_score(labels, predicted))
    assert ours["sensitivity"] == pytest.approx(reference.recall_score(labels, predicted))
    assert ours["specificity"] == pytest.approx(reference.recall_score(labels, predicted, pos_label=0))
    counts = classification.counts(labels, predicted)
    assert counts == tuple(reference.confusion_matrix(labels, predicted).ravel()[[3, 1, 2, 0]])
    balanced = reference.balanced_accuracy_score(labels, predicted)
    assert classification.balanced_accuracy(*counts) == pytest.approx(balanced)
    assert classification.f1(*counts) == pytest.approx(reference.f1_score(labels, predicted))
    assert classification.matthews(*counts) == pytest.approx(reference.matthews_corrcoef(labels, predicted))


@pytest.mark.parametrize("counts", [(0, 0, 24, 56), (24, 56, 0, 0)])
def test_matthews_where_all_predictions_are_the_same(counts):
    assert classification.matthews(*counts) == 0


def test_matthews_of_many_images():
    """The product under the root passes 2**63 from some 70,000 images on."""
    assert classification.matthews(100_000, 0, 0, 100_000) == pytest.approx(1)


@SAMPLES
def test_cross_entropy(labels, logits):
    assert metrics.cross_entropy(labels, logits) == pytest.approx(reference.log_loss(labels, expit(logits)))


@pytest.mark.parametrize(("label", "logit", "loss"), [(1, -800, 800), (0, 800, 800), (1, 800, 0), (0, -800, 0)])
def test_cross_entropy_of_extreme_logits(label, logit, loss):
    assert metrics.cross_entropy(np.array([float(label)]), np.array([float(logit)])) == pytest.approx(loss)


@pytest.mark.parametrize("shift", [-400, 0, 3.7])
@pytest.mark.parametrize("scale", [0.1, 1, 50])
def test_refitted_loss_is_the_least_over_all_intercepts(shift, scale):
    generator = np.random.default_rng(0)
    labels = (generator.random(80) < 0.3).astype(float)
    logits = scale * generator.normal(2 * labels)
    found = metrics.refitted_loss(labels, logits + shift)
    least = minimize_scalar(lambda intercept: reference.log_loss(labels, expit(logits + intercept)))
    # scikit-learn clips probabilities, which counts among logits this large.
    assert found == pytest.approx(least.fun, rel=1e-4) if scale < 50 else found <= least.fun + 1e-6
    assert found == pytest.approx(metrics.refitted_loss(labels, logits), rel=1e-9)


def test_refitted_loss_of_logits_that_tell_nothing():
    """The entropy of the classes; where they are not finite, nothing."""
    labels = np.repeat([0.0, 1.0], [30, 10])
    assert metrics.refitted_loss(labels, np.full(40, 7.0)) == pytest.approx(entropy([0.75, 0.25]))
    assert np.isnan(metrics.refitted_loss(labels, np.append(np.zeros(39), np.inf)))


# The operating threshold


def youden(labels, logits, threshold):
    predicted = logits >= threshold
    return predicted[labels == 1].mean() + (~predicted)[labels == 0].mean() - 1


@SAMPLES
def test_operating_threshold_is_the_best_of_all(labels, logits):
    every = np.concatenate([logits, [-np.inf, np.inf]])
    best = max(youden(labels, logits, threshold) for threshold in every)
    assert youden(labels, logits, classification.operating_threshold(labels, logits)) == pytest.approx(best)


def test_operating_threshold_lies_midway():
    labels, logits = np.array([1.0, 0, 1, 0]), np.array([3.0, -2, 1, -1])
    assert classification.operating_threshold(labels, logits) == 0


def test_operating_threshold_tells_large_logits_apart():
    """Where the probabilities of all of them are 1."""
    labels, logits = np.array([0.0, 0, 1, 1]), np.array([50.0, 60, 80, 90])
    assert classification.operating_threshold(labels, logits) == 70


@pytest.mark.parametrize("logits", [[0.7, 0.7, 0.7, 0.7], [-3, -3, 5, 5]], ids=["all alike", "worse than chance"])
def test_operating_threshold_without_a_good_one(logits):
    labels, logits = np.array([1.0, 1, 0, 0]), np.array(logits, float)
    threshold = classification.operating_threshold(labels, logits)
    assert np.isfinite(threshold) and youden(labels, logits, threshold) == 0


# Intervals


@pytest.mark.parametrize("level", [0.95, 0.8])
@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (1, 1), (7, 23), (995, 1000)])
def test_wilson(successes, n, level):
    expected = binomtest(successes, n).proportion_ci(level, method="wilson")
    low, high = intervals.wilson(successes, n, level)
    assert (low, high) == pytest.approx(tuple(expected), abs=1e-12) and 0 <= low < high <= 1


METRICS = [classification.balanced_accuracy, classification.f1, classification.matthews]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("positives, negatives", [(5, 15), (36, 108)])
def test_intervals_of_metrics_cover_near_perfection(metric, positives, negatives):
    """By enumeration of all counts: a bootstrap covers 0.14 to 0.34 of the time at 5 and 15 images here."""
    for sensitivity, specificity in ((0.98, 0.98), (0.95, 0.99), (0.99, 0.99)):
        truth = metric(
            positives * sensitivity,
            negatives * (1 - specificity),
            positives * (1 - sensitivity),
            negatives * specificity,
        )
        covered = 0
        for tp in range(positives - 8 if positives > 8 else 0, positives + 1):
            for tn in range(negatives - 12, negatives + 1):
                low, high = classification.interval(metric, tp, negatives - tn, positives - tp, tn)
                weight = binom.pmf(tp, positives, sensitivity) * binom.pmf(tn, negatives, specificity)
                covered += weight * (low <= truth <= high)
        assert covered > 0.925


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("counts", [(20, 0, 0, 60), (0, 0, 20, 60), (20, 60, 0, 0), (0, 60, 20, 0), (13, 4, 7, 56)])
def test_intervals_of_metrics_keep_to_their_range(metric, counts):
    low, high = classification.interval(metric, *counts)
    assert (-1 if metric is classification.matthews else 0) <= low < high <= 1
    assert low <= metric(*counts) <= high


def test_interval_of_the_balanced_accuracy_is_newcombes():
    """Half of the sum of two shares: square-and-add of the distances of Wilson's bounds."""
    low, high = classification.interval(classification.balanced_accuracy, 45, 12, 5, 88)
    share, other = 45 / 50, 88 / 100
    (a, b), (c, d) = (binomtest(*part).proportion_ci(0.95, method="wilson") for part in ((45, 50), (88, 100)))
    value = (share + other) / 2
    assert low == pytest.approx(value - np.hypot(share - a, other - c) / 2)
    assert high == pytest.approx(value + np.hypot(b - share, d - other) / 2)


def placements(labels, scores):
    """Whether each pair of a covid and a normal image is in order: 1, 0, or 0.5 for a tie; (m, n)."""
    positive, negative = scores[labels == 1][:, None], scores[labels == 0][None, :]
    return (positive > negative) + 0.5 * (positive == negative)


@SAMPLES
def test_auc_variance_from_all_pairs(labels, logits):
    """DeLong's structural components, each a mean over the images of the other class."""
    pairs = placements(labels, logits)
    m, n = pairs.shape
    expected = np.var(pairs.mean(axis=1), ddof=1) / m + np.var(pairs.mean(axis=0), ddof=1) / n
    assert intervals.auc_variance(labels, logits) == pytest.approx(expected)


@SAMPLES
def test_auc_interval_is_symmetric_on_the_logit_scale(labels, logits):
    low, high = intervals.auc_interval(labels, logits)
    area = placements(labels, logits).mean()
    half = norm.ppf(0.975) * np.sqrt(intervals.auc_variance(labels, logits)) / (area * (1 - area))
    odds = [value / (1 - value) for value in (low, area, high)]
    assert np.diff(np.log(odds)) == pytest.approx([half, half])


@pytest.mark.parametrize("flip", [1, -1], ids=["near 1", "near 0"])
def test_auc_interval_near_perfection_stays_inside(flip):
    labels = np.repeat([0.0, 1.0], 100)
    scores = np.arange(200.0)
    scores[99], scores[100] = scores[100], scores[99]
    area = metrics.auc(labels, flip * scores)
    low, high = intervals.auc_interval(labels, flip * scores)
    assert area == pytest.approx(0.9999 if flip == 1 else 0.0001)
    assert 0 < low < area < high < 1


@pytest.mark.parametrize("counts", [(50, 20), (20, 50)])
def test_auc_interval_at_perfection_is_an_exact_bound(counts):
    labels = np.repeat([0.0, 1.0], counts)
    exact = binomtest(20, 20, alternative="greater").proportion_ci(0.95, method="exact").low
    assert intervals.auc_interval(labels, labels) == pytest.approx((exact, 1))
    assert intervals.auc_interval(labels, -labels) == pytest.approx((0, 1 - exact))


def test_scores_that_are_all_the_same_say_nothing_of_an_auc():
    assert intervals.auc_interval(np.repeat([0.0, 1.0], (50, 20)), np.zeros(70)) == (0, 1)


def test_bootstrap_is_seeded():
    labels, logits = sample(1, ties=False)
    first, again, other = (intervals.bootstrap(labels, logits, metrics.auc, seed, resamples=50) for seed in (3, 3, 4))
    assert first == again != other


def test_bootstrap_resamples_within_classes():
    labels, logits = sample(1, ties=False)
    drawn = []

    def statistic(labels, logits):
        drawn.append((labels.sum(), len(labels), tuple(np.sort(logits))))
        assert set(zip(labels, logits, strict=True)) <= pairs
        return 0.0

    pairs = set(zip(labels, logits, strict=True))
    intervals.bootstrap(labels, logits, statistic, seed=0, resamples=20)
    assert {part[:2] for part in drawn} == {(labels.sum(), len(labels))}
    assert len({part[2] for part in drawn}) == 20


def test_bootstrap_of_a_mean_agrees_with_theory():
    labels, logits = sample(2, ties=False, n=400)
    low, high = intervals.bootstrap(labels, logits, lambda y, z: z[y == 1].mean(), seed=0)
    covid = logits[labels == 1]
    half = norm.ppf(0.975) * covid.std() / np.sqrt(len(covid))
    assert (low, high) == pytest.approx((covid.mean() - half, covid.mean() + half), abs=0.1 * half)


# Tests


def test_chi_square_of_a_table_counted_by_hand():
    """Expected 15, 15, 15, 15: chi-square 4 * 25 / 15, by which V is sqrt(chi-square / 60)."""
    statistic, p, effect = tests.chi_square([[20, 10], [10, 20]])
    assert (statistic, effect) == pytest.approx((100 / 15, 1 / 3))
    assert p == pytest.approx(2 * norm.sf(np.sqrt(100 / 15)))
    assert tests.chi_square([[30, 10], [60, 20]]) == pytest.approx((0, 1, 0))


THREE_OF_SEVEN = list(itertools.combinations(range(7), 3))


def test_kolmogorov_smirnov():
    first, second = np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.5, 5.0, 6.0])
    distance, p = tests.kolmogorov_smirnov(first, second)
    assert distance == pytest.approx(3 / 4)
    assert tests.kolmogorov_smirnov(first, first) == (0, 1)
    # Exact: over all ways to give 3 of the 7 places in order to the second sample.
    steps = [np.cumsum([-1 / 3 if place in second else 1 / 4 for place in range(7)]) for second in THREE_OF_SEVEN]
    assert p == pytest.approx(np.mean([np.abs(walk).max() >= 3 / 4 - 1e-9 for walk in steps]))


@pytest.mark.parametrize("seed", range(5))
def test_holm_by_its_definition(seed):
    """Rejected at a level: those whose p, and all smaller ones', is at most level / (how many are left)."""
    p = np.random.default_rng(seed).beta(0.3, 2, 9)
    adjusted = tests.holm(p)
    for level in np.linspace(0.001, 0.999, 97):
        rejected = np.zeros(9, bool)
        for step, place in enumerate(np.argsort(p)):
            if p[place] > level / (9 - step):
                break
            rejected[place] = True
        assert np.array_equal(adjusted <= level, rejected)
    assert tests.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert tests.holm([0.6, 0.7]) == pytest.approx([1, 1])


def test_a_classifier_tells_different_samples_apart_and_no_others():
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, (150, 8)), rng.normal(0, 1, (60, 8))
    area, (low, high), p = two_sample(first, second, seed=2, permutations=199)
    assert low < 0.5 < high and p > 0.05
    assert two_sample(first, second, seed=2, permutations=199) == (area, (low, high), p)
    area, (low, high), p = two_sample(first, second + 1, seed=2, permutations=199)
    assert 0.5 < low < area <= high <= 1 and p == 1 / 200


def test_the_classifier_finds_a_difference_by_chance_as_often_as_the_level_says():
    rng = np.random.default_rng(4)
    found = sum(
        two_sample(rng.normal(0, 1, (30, 3)), rng.normal(0, 1, (15, 3)), seed, permutations=19)[2] <= 0.05
        for seed in range(100)
    )
    assert binomtest(found, 100, 0.05).pvalue > 0.01


def test_the_classifier_is_scored_on_rows_it_was_not_fitted_on():
    """With as many features as rows, a fit on all would tell noise apart perfectly."""
    rng = np.random.default_rng(3)
    area, _, _ = two_sample(*rng.normal(0, 1, (2, 40, 400)), seed=0, permutations=9)
    assert area < 0.75


def test_the_classifier_is_not_helped_by_copies():
    """Each row of the first sample is there twice: alone in another fold, the copy would give it away."""
    rng = np.random.default_rng(3)
    first, second = np.repeat(rng.normal(0, 1, (40, 400)), 2, axis=0), rng.normal(0, 1, (80, 400))
    groups = np.concatenate([np.repeat(np.arange(40), 2), np.arange(40, 120)])
    assert two_sample(first, second, seed=0, permutations=9)[0] > 0.75
    assert tests.classifier_two_sample(first, second, groups, seed=0, permutations=9)[0] < 0.65


def two_sample(first, second, seed, permutations):
    """Without near-duplicates."""
    return tests.classifier_two_sample(first, second, np.arange(len(first) + len(second)), seed, permutations)
