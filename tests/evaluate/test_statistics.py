"""Calibration, curves and comparisons against scikit-learn, worked examples, and calculations that go another way."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn import metrics as reference
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from pipeline.statistics import calibration, comparisons, curves, intervals, metrics


def sample(seed, ties=False, n=120):
    """(labels, logits) of overlapping classes; with `ties` many logits are shared."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.3).astype(float)
    logits = rng.normal(2 * labels - 1, 1.5)
    return labels, np.round(logits) if ties else logits


# Calibration


@pytest.mark.parametrize("seed", range(3))
def test_brier(seed):
    labels, logits = sample(seed)
    assert calibration.brier(labels, logits) == pytest.approx(reference.brier_score_loss(labels, expit(logits)))


@pytest.mark.parametrize("seed", range(3))
def test_reliability(seed):
    labels, logits = sample(seed)
    observed, predicted = calibration_curve(labels, expit(logits), n_bins=10, strategy="quantile")
    bins = calibration.reliability(labels, logits)
    assert bins["images"].tolist() == [12] * 10
    assert bins["observed"].to_numpy() == pytest.approx(observed)
    assert bins["predicted"].to_numpy() == pytest.approx(predicted)
    assert (bins["ci_low"][3], bins["ci_high"][3]) == intervals.wilson(round(12 * observed[3]), 12)
    debiased = np.mean((observed - predicted) ** 2 - observed * (1 - observed) / 11)
    assert debiased > 0 and calibration.calibration_error(labels, logits) == pytest.approx(np.sqrt(debiased))


def test_brier_interval_adds_the_classes():
    """Each class's mean with Wilson's interval, as many images as it has; no errors leave it no point."""
    labels, logits = sample(1)
    squares, value = (expit(logits) - labels) ** 2, calibration.brier(labels, logits)
    gaps = [
        len(part) / len(labels) * (np.array(intervals.wilson(part.sum(), len(part))) - part.mean())
        for part in (squares[labels == 0], squares[labels == 1])
    ]
    expected = value + np.array([-1, 1]) * np.sqrt(np.sum(np.square(gaps), axis=0))
    assert calibration.brier_interval(labels, logits) == pytest.approx(tuple(expected))
    low, high = calibration.brier_interval(labels, 200 * labels - 100)
    assert low == pytest.approx(0) and high > 0.01


def test_calibration_error_worked_by_hand():
    """Two bins of three: shares 1/3 and 1 against 0.7 and 0.4; of the first, 2/9 / 2 is the sampling error."""
    probabilities, labels = np.array([0.4, 0.4, 0.4, 0.7, 0.7, 0.7]), np.array([1.0, 1, 1, 1, 0, 0])
    error = calibration.calibration_error(labels, logit(probabilities), bins=2)
    assert error == pytest.approx(np.sqrt((0.6**2 + (0.7 - 1 / 3) ** 2 - 1 / 9) / 2))


def test_calibration_error_of_perfect_models_is_within_its_level():
    """Its square is 0 on average, and one in twenty exceeds the percentile."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 300)
    _, limit = calibration.perfect_error(logits, seed=1, simulations=400)
    drawn = (rng.random((400, 300)) < expit(logits)).astype(float)
    errors = np.array([calibration.calibration_error(labels, logits) for labels in drawn])
    assert 0.02 < np.mean(errors > limit) < 0.09
    assert calibration.calibration_error((rng.random(300) < expit(logits / 3)).astype(float), logits) > limit


@pytest.mark.parametrize("seed", range(3))
def test_recalibration_is_logistic_regression(seed):
    """The slope by scikit-learn; both intervals by the deviance, which chi-square with one degree inverts."""
    labels, logits = sample(seed)
    found = calibration.recalibration(labels, logits)
    model = LogisticRegression(C=np.inf, tol=1e-8).fit(logits[:, None], labels)
    slope, (low, high) = found["slope"]
    assert slope == pytest.approx(model.coef_[0, 0], rel=1e-4) and low < slope < high
    best = reference.log_loss(labels, model.predict_proba(logits[:, None]), normalize=False)
    for end in (low, high):
        loss = minimize_scalar(
            lambda a, end=end: np.sum(np.logaddexp(0, a + end * logits) - labels * (a + end * logits))
        )
        assert 2 * (loss.fun - best) == pytest.approx(norm.ppf(0.975) ** 2, rel=1e-3)
    intercept, (low, high) = found["intercept"]
    assert expit(intercept + logits).mean() == pytest.approx(labels.mean()) and low < intercept < high


def test_recalibration_of_separated_classes_has_no_slope():
    labels, logits = np.repeat([0.0, 1.0], 20), np.concatenate([np.linspace(-5, -1, 20), np.linspace(1, 5, 20)])
    for scores in (logits, -logits, np.zeros(40)):
        found = calibration.recalibration(labels, scores)
        assert np.isnan([found["slope"][0], *found["slope"][1]]).all()
        assert np.isfinite([found["intercept"][0], *found["intercept"][1]]).all()


def test_bins_are_no_more_than_images():
    assert len(calibration.reliability(np.array([0.0, 1, 1]), np.array([-1.0, 0, 2]))) == 3


class Scores(ClassifierMixin, BaseEstimator):
    """What scikit-learn calibrates: a classifier whose decision function is its only feature."""

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X):
        return X[:, 0]

    def predict(self, X):
        return (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("seed", range(3))
def test_fit_is_platts(seed):
    labels, logits = sample(seed)
    scores = Scores().fit(logits[:, None], labels)
    theirs = CalibratedClassifierCV(FrozenEstimator(scores), method="sigmoid").fit(logits[:, None], labels.astype(int))
    intercept, slope = calibration.fit(labels, logits, temperature=False)
    assert expit(intercept + slope * logits) == pytest.approx(theirs.predict_proba(logits[:, None])[:, 1], abs=1e-4)


@pytest.mark.parametrize("temperature", [False, True])
def test_fit_of_many_images_is_logistic_regression(temperature):
    """Platt's targets become 0 and 1 as the classes grow."""
    labels, logits = sample(5, n=20_000)
    model = LogisticRegression(penalty=None, fit_intercept=not temperature, tol=1e-10).fit(logits[:, None], labels)
    intercept, slope = calibration.fit(labels, logits, temperature)
    assert slope == pytest.approx(model.coef_[0, 0], rel=1e-2)
    assert intercept == pytest.approx(np.ravel(model.intercept_)[0] if not temperature else 0, abs=1e-2)


def test_fit_undoes_a_shift_and_a_scale():
    labels, logits = sample(1, n=5000)
    intercept, slope = calibration.fit(labels, logits, temperature=False)
    shifted = calibration.fit(labels, (logits + 2) / 3, temperature=False)
    assert shifted == pytest.approx((intercept - 2 * slope, 3 * slope), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("temperature", [False, True])
def test_fit_of_parted_classes_is_finite(temperature):
    labels, logits = np.repeat([0.0, 1.0], 20), np.concatenate([np.linspace(-5, -1, 20), np.linspace(1, 5, 20)])
    intercept, slope = calibration.fit(labels, logits, temperature)
    assert np.isfinite([intercept, slope]).all() and 0 < slope < 20


@pytest.mark.parametrize("temperature, probability", [(False, 0.25), (True, 0.5)])
def test_fit_of_a_model_worse_than_chance_gives_one_probability(temperature, probability):
    labels, logits = np.repeat([1.0, 0.0], (500, 1500)), np.repeat([-1.0, 1.0], (500, 1500))
    shown = calibration.corrected(logits, *calibration.fit(labels, logits, temperature))
    assert shown == pytest.approx(np.full(2000, probability), abs=1e-3)


def test_equal_logits_of_ordered_classes_are_no_error():
    labels = np.repeat([1.0, 0.0], (100, 300))
    assert calibration.calibration_error(labels, np.full(400, -np.log(3))) < 0.06


# Curves


@pytest.mark.parametrize("ties", [False, True])
def test_curves_are_those_of_all_thresholds(ties):
    """The best point at or beyond each x, among the points of scikit-learn."""
    labels, logits = sample(2, ties)
    false_alarms, sensitivity, _ = reference.roc_curve(labels, logits, drop_intermediate=False)
    precision, recall, _ = reference.precision_recall_curve(labels, logits)
    grid = np.array([0, 0.013, 0.2, 0.5, 0.77, 1])
    assert curves.roc(labels, logits, grid) == pytest.approx([sensitivity[false_alarms <= x].max() for x in grid])
    expected = [precision[:-1][recall[:-1] >= x - 1e-9].max() for x in grid]
    assert curves.precision_recall(labels, logits, grid) == pytest.approx(expected)


def test_bands_hold_the_curves():
    labels, logits = sample(3)
    table = curves.bands(labels, logits, seed=1, resamples=200)
    assert table.groupby("curve", sort=False).size().to_dict() == {"roc": 101, "precision_recall": 101}
    roc = table[table["curve"] == "roc"]
    assert (roc["ci_low"] <= roc["y"]).all() and (roc["y"] <= roc["ci_high"]).all()
    assert ((table["ci_high"] - table["ci_low"]) > 0.05).any()
    assert table.equals(curves.bands(labels, logits, seed=1, resamples=200))


def test_bands_and_average_precision_without_errors_are_no_points():
    labels = np.repeat([0.0, 1.0], (60, 20))
    table = curves.bands(labels, labels, seed=1, resamples=20)
    assert (table["y"] == 1).all() and (table["ci_high"] == 1).all() and (table["ci_low"] < 0.85).all()
    low, high = curves.average_precision_interval(labels, labels, seed=1, resamples=20)
    assert (low, high) == pytest.approx(intervals.wilson(20, 20)) and high == 1


def test_interval_of_the_average_precision_holds_the_bootstraps():
    labels, logits = sample(3)
    drawn = intervals.bootstrap(labels, logits, curves.average_precision, seed=1, resamples=100)
    low, high = curves.average_precision_interval(labels, logits, seed=1, resamples=100)
    assert low <= drawn[0] < drawn[1] <= high and high - low < 0.5


# Comparisons


def pair(seed, n=60, same=0.7):
    """Whether two models are right about each of n images."""
    rng = np.random.default_rng(seed)
    first = rng.random(n) < 0.8
    return first, np.where(rng.random(n) < same, first, rng.random(n) < 0.7)


@pytest.mark.parametrize("seed", range(4))
def test_mcnemar_is_the_sum_of_the_binomial_tail(seed):
    first, second = pair(seed)
    lost, gained = int((first & ~second).sum()), int((second & ~first).sum())
    n = lost + gained
    tail = sum(math.comb(n, k) for k in range(min(lost, gained) + 1)) / 2**n
    assert comparisons.mcnemar(first, second) == pytest.approx(min(1, 2 * tail))
    assert comparisons.mcnemar(first, first) == 1


@pytest.mark.parametrize("seed", range(4))
def test_paired_shares_by_the_likelihood_of_all_four_cells(seed):
    """Tango's interval holds the differences whose score test passes; here the constrained estimate is searched."""
    first, second = pair(seed)
    n, gained, lost = len(first), int((second & ~first).sum()), int((first & ~second).sum())

    def z(difference):
        least = max(0.0, -difference)

        def loss(probability):  # of "lost"; that of "gained" is this + the difference
            rest = 1 - 2 * probability - difference
            return -(
                gained * np.log(probability + difference)
                + lost * np.log(probability)
                + (n - gained - lost) * np.log(rest)
            )

        span = (least + 1e-12, (1 - difference) / 2 - 1e-12)
        probability = minimize_scalar(loss, bounds=span, method="bounded", options={"xatol": 1e-12}).x
        return (gained - lost - n * difference) / np.sqrt(n * (2 * probability + difference - difference**2))

    observed, (low, high) = comparisons.paired_shares(first, second)
    assert observed == pytest.approx(second.mean() - first.mean())
    assert z(low) == pytest.approx(norm.ppf(0.975), abs=1e-3) and z(high) == pytest.approx(norm.ppf(0.025), abs=1e-3)


@pytest.mark.parametrize(
    ("first", "second", "observed"),
    [([True] * 9, [True] * 9, 0), ([False] * 9, [True] * 9, 1), ([True] * 9, [False] * 9, -1)],
)
def test_paired_shares_at_the_ends(first, second, observed):
    difference, (low, high) = comparisons.paired_shares(np.array(first), np.array(second))
    assert difference == observed and -1 <= low <= observed <= high <= 1 and low < high
    if observed == 0:
        # As many that differ as could be overlooked: z squared of n + z squared.
        assert high == pytest.approx(-low) and high == pytest.approx(1.96**2 / (9 + 1.96**2), abs=1e-3)


@pytest.mark.parametrize("ties", [False, True])
def test_paired_aucs_by_delongs_covariance(ties):
    labels, first = sample(7, ties)
    second = first + np.random.default_rng(8).normal(0, 1, len(first))
    matrices = []
    for scores in (first, second):
        positive, negative = scores[labels == 1][:, None], scores[labels == 0][None, :]
        matrices.append((positive > negative) + 0.5 * (positive == negative))
    m, n = matrices[0].shape
    covariance = np.cov([pairs.mean(axis=1) for pairs in matrices]) / m
    covariance += np.cov([pairs.mean(axis=0) for pairs in matrices]) / n
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    expected = reference.roc_auc_score(labels, second) - reference.roc_auc_score(labels, first)
    difference, (low, high), p = comparisons.paired_aucs(labels, first, second)
    assert difference == pytest.approx(expected)
    assert (low, high) == pytest.approx((expected - 1.959964 * error, expected + 1.959964 * error))
    assert p == pytest.approx(2 * norm.sf(abs(expected) / error))


def test_paired_aucs_of_two_perfect_models():
    labels, scores = np.repeat([0.0, 1.0], 10), np.arange(20.0)
    difference, (low, high), p = comparisons.paired_aucs(labels, scores, 2 * scores)
    bound, _ = intervals.auc_interval(labels, scores)
    assert (difference, p) == (0, 1) and (low, high) == pytest.approx((bound - 1, 1 - bound))


@pytest.mark.parametrize(
    ("first", "second", "interval"),
    [
        ((48, 80), (56, 70), (0.0524, 0.3339)),
        ((3, 10), (9, 10), (0.1705, 0.8090)),
        ((0, 20), (0, 10), (-0.1611, 0.2775)),
    ],
)
def test_independent_shares_as_newcombe_worked_them(first, second, interval):
    """Newcombe 1998, Statistics in Medicine 17:873, table II, method 10."""
    shares = [(successes / n, intervals.wilson(successes, n)) for successes, n in (first, second)]
    difference, found = comparisons.independent(*shares)
    assert difference == pytest.approx(second[0] / second[1] - first[0] / first[1])
    assert found == pytest.approx(interval, abs=1e-4)


def test_placements_are_shares_whose_mean_is_the_auc():
    labels, logits = sample(9)
    of_positive, of_negative = intervals.placements(labels, logits)
    assert of_positive.mean() == pytest.approx(metrics.auc(labels, logits)) == pytest.approx(of_negative.mean())
