"""The tables of evaluate on made-up logits."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest, norm, t
from sklearn import metrics as reference

from pipeline.evaluate.calibration import measure_calibration
from pipeline.evaluate.compare import compare, compare_rows, mean_auc, val_test_rows
from pipeline.evaluate.metrics import choose_samples, evaluate, metric_rows
from pipeline.evaluate.predict import record
from pipeline.evaluate.thresholds import set_thresholds, val_threshold
from pipeline.statistics import calibration, comparisons, intervals
from pipeline.vocabulary import LABELS, MODELS

# The covid logits of val lie above these, the normal ones below, one per seed and model.
BOUNDARIES = {"baseline": [0.4, 1.2, 2.0], "transfer": [-2.0, -1.0, 0.5]}


def separable(boundaries):
    """Val predictions of train-only models, each seed's classes parted at its boundary."""
    return pd.DataFrame(
        [
            {"seed": seed, "file": f"{side}.png", "label": LABELS[side > 0], "logit": boundary + side}
            for seed, boundary in enumerate(boundaries)
            for side in (-2, -0.25, 0.25, 3)
        ]
    )


def set_on_val(val, losses=("weighted_cross_entropy", "cross_entropy")):
    """Thresholds and corrections, from the val predictions of each model."""
    for model, predictions in val.items():
        predictions.attrs["table"] = f"final/{model}_val_predictions"
    return set_thresholds([val[model] for model in MODELS], [pd.DataFrame({"loss": [loss]}) for loss in losses])


def made_up(folder, *, seed=0, boundaries=BOUNDARIES, n=(40, 25)):
    """Evaluate random test logits of overlapping classes; what was given and what was returned."""
    rng = np.random.default_rng(seed)
    index = pd.DataFrame({"label": rng.permutation(np.repeat(LABELS, n))})
    index.insert(0, "file", [f"test/{number:03d}.png" for number in range(sum(n))])
    images = np.arange(sum(n), dtype=np.uint8)[:, None, None].repeat(4, axis=1).repeat(4, axis=2)
    logits = []
    for model in MODELS:
        logits.append(index.assign(model=model, logit=rng.normal(2.5 * (index["label"] == "covid") - 1, 1.5)))
        record(folder / "ledger.csv", model, f"weights of {model}", "data")
    before = set_on_val({model: separable(boundaries[model]) for model in MODELS})
    settings = {"seed": 1}
    tables = evaluate(logits, **before, test=images, test_index=index, ledger=folder / "ledger.csv", settings=settings)
    return SimpleNamespace(index=index, **before, **tables)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    return made_up(tmp_path_factory.mktemp("evaluate"))


def of_model(evaluated, model):
    """(is covid, logits, predicted covid) of one model, the predictions made here."""
    rows = evaluated.predictions[evaluated.predictions["model"] == model]
    logits = rows["logit"].to_numpy()
    return (rows["label"] == "covid").to_numpy(), logits, logits >= np.mean(BOUNDARIES[model])


# Thresholds


def test_thresholds_are_the_mean_over_the_seeds(evaluated):
    assert evaluated.thresholds["model"].tolist() == list(MODELS)
    expected = np.array([np.mean(BOUNDARIES[model]) for model in MODELS])
    assert evaluated.thresholds["logit"].to_numpy() == pytest.approx(expected)
    fits = evaluated.corrections
    corrected = expit(fits["intercept"] + fits["slope"] * expected)
    assert evaluated.thresholds["threshold"].to_numpy() == pytest.approx(corrected)
    assert not np.allclose(corrected, expit(expected)) and (fits["prevalence"] == 0.5).all()
    assert evaluated.thresholds["source"].tolist() == [f"tables/final/{model}_val_predictions.csv" for model in MODELS]


def test_thresholds_come_from_val_alone(evaluated, tmp_path):
    other = made_up(tmp_path / "other test", seed=1)
    assert not np.allclose(other.predictions["logit"], evaluated.predictions["logit"])
    assert other.thresholds["threshold"].tolist() == evaluated.thresholds["threshold"].tolist()
    moved = made_up(tmp_path / "other val", boundaries=BOUNDARIES | {"transfer": [3.0]})
    assert moved.thresholds["logit"][1] == pytest.approx(3.0)
    assert moved.thresholds["logit"][0] == evaluated.thresholds["logit"][0]


def test_order_of_val_rows_does_not_matter():
    predictions = separable([0.4, -1.0])
    assert val_threshold(predictions.sample(frac=1, random_state=0)) == pytest.approx(val_threshold(predictions))


# Tables


@pytest.mark.parametrize("model", MODELS)
def test_predicted_follows_the_models_own_threshold(evaluated, model):
    rows = evaluated.predictions[evaluated.predictions["model"] == model]
    _, logits, predicted = of_model(evaluated, model)
    assert rows["file"].tolist() == evaluated.index["file"].tolist()
    # Probability and threshold are both corrected, and lead to the prediction that the logit leads to.
    fit, limit = (frame.set_index("model").loc[model] for frame in (evaluated.corrections, evaluated.thresholds))
    assert rows["probability"].to_numpy() == pytest.approx(expit(fit["intercept"] + fit["slope"] * logits))
    assert (rows["probability"] >= limit["threshold"]).tolist() == predicted.tolist()
    assert rows["predicted"].tolist() == np.where(predicted, "covid", "normal").tolist()
    # At 0.5 the predictions would be other ones, so that this test can tell.
    assert (predicted != (logits >= 0)).any()


@pytest.mark.parametrize("model", MODELS)
def test_confusion(evaluated, model):
    labels, _, predicted = of_model(evaluated, model)
    rows = evaluated.confusion[evaluated.confusion["model"] == model].set_index(["label", "predicted"])["images"]
    expected = reference.confusion_matrix(labels, predicted)
    assert [[rows[label, prediction] for prediction in LABELS] for label in LABELS] == expected.tolist()


def test_confusion_keeps_its_empty_cells(tmp_path):
    confusion = made_up(tmp_path, boundaries={"baseline": [30.0], "transfer": [-30.0]}).confusion
    assert confusion.groupby("model")["images"].apply(list).to_dict() == {
        "baseline": [40, 0, 25, 0],
        "transfer": [0, 40, 0, 25],
    }


@pytest.mark.parametrize("model", MODELS)
def test_metrics(evaluated, model):
    labels, logits, predicted = of_model(evaluated, model)
    rows = evaluated.metrics[evaluated.metrics["model"] == model].set_index("metric")
    expected = {
        "auc": reference.roc_auc_score(labels, logits),
        "accuracy": reference.accuracy_score(labels, predicted),
        "sensitivity": reference.recall_score(labels, predicted),
        "specificity": reference.recall_score(labels, predicted, pos_label=0),
        "average_precision": reference.average_precision_score(labels, logits),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
        "f1": reference.f1_score(labels, predicted),
        "mcc": reference.matthews_corrcoef(labels, predicted),
        "positive_predictive_value": reference.precision_score(labels, predicted),
        "negative_predictive_value": reference.precision_score(labels, predicted, pos_label=0),
        "prevalence": labels.mean(),
        "brier": reference.brier_score_loss(labels, expit(logits)),
    }
    expected["sensitivity_less_specificity"] = expected["sensitivity"] - expected["specificity"]
    assert rows["value"].to_dict() == pytest.approx(expected)
    assert (rows["ci_low"] < rows["value"]).all() and (rows["value"] < rows["ci_high"]).all()
    images = dict.fromkeys(expected, len(labels)) | {"sensitivity": labels.sum(), "specificity": (~labels).sum()}
    images |= {"positive_predictive_value": predicted.sum(), "negative_predictive_value": (~predicted).sum()}
    assert rows["n"].to_dict() == images
    for metric, right in {"sensitivity": predicted[labels], "specificity": ~predicted[~labels]}.items():
        interval = binomtest(int(right.sum()), len(right)).proportion_ci(0.95, method="wilson")
        assert (rows["ci_low"][metric], rows["ci_high"][metric]) == pytest.approx(tuple(interval))


def test_a_share_of_no_images_is_left_empty(tmp_path):
    """No image is predicted as covid."""
    rows = made_up(tmp_path, boundaries=BOUNDARIES | {"baseline": [30.0]}).metrics.set_index(["model", "metric"])
    (value, low, high, n) = rows.loc[("baseline", "positive_predictive_value"), ["value", "ci_low", "ci_high", "n"]]
    assert np.isnan([value, low, high]).all() and n == 0
    assert rows.loc[("baseline", "negative_predictive_value"), "n"] == 65


@pytest.mark.parametrize("model", MODELS)
def test_curves_pass_through_the_operating_point(evaluated, model):
    rows, table = (frame[frame["model"] == model] for frame in (evaluated.metrics, evaluated.curves))
    values = rows.set_index("metric")["value"]
    roc = table[table["curve"] == "roc"]
    false_alarms = 1 - values["specificity"]
    assert roc.loc[roc["x"] < false_alarms, "y"].max() <= values["sensitivity"]
    assert roc.loc[roc["x"] >= false_alarms, "y"].min() >= values["sensitivity"]


def test_samples_show_the_images_of_their_rows(evaluated):
    rows = evaluated.samples
    assert rows["model"].eq("transfer").all() and rows["file"].is_unique
    assert rows["file"].tolist() == choose_samples(evaluated.predictions)
    # Each made-up image is filled with its place in the index.
    assert evaluated.sample_images["images"][:, 0, 0].tolist() == [int(file[5:8]) for file in rows["file"]]


def test_samples_are_right_ones_and_errors_of_both_models():
    predicted = {  # label; prediction of baseline and transfer
        "a.png": ("normal", "covid", "normal"),
        "b.png": ("normal", "covid", "covid"),
        "c.png": ("normal", "normal", "normal"),
        "d.png": ("covid", "covid", "covid"),
        "e.png": ("covid", "covid", "normal"),
        "f.png": ("covid", "covid", "covid"),
    }
    predictions = pd.DataFrame(
        [
            {"model": model, "file": file, "label": label, "predicted": prediction}
            for file, (label, *of_models) in predicted.items()
            for model, prediction in zip(MODELS, of_models, strict=True)
        ]
    )
    assert choose_samples(predictions) == ["c.png", "d.png", "a.png", "b.png", "e.png"]


# Calibration


def calibrated(evaluated, losses=("weighted_cross_entropy", "cross_entropy")):
    """The tables of calibration for made-up val predictions of train-only models, shifted and sharpened."""
    rng, val = np.random.default_rng(4), {}
    for model in MODELS:
        labels = rng.random(400) < 0.4
        val[model] = pd.DataFrame({"seed": 1, "label": np.where(labels, "covid", "normal")})
        val[model]["logit"] = 3 * rng.normal(2.0 * labels - 1, 1.5) + 4
    corrections = set_on_val(val, losses)["corrections"]
    return val, measure_calibration(evaluated.predictions, corrections, {"seed": 1})


def test_calibration_is_fitted_on_val_and_measured_on_test(evaluated):
    val, tables = calibrated(evaluated)
    table, bins = tables["table"], tables["bins"]
    for model, temperature in zip(MODELS, (False, True), strict=True):
        rows = table[table["model"] == model].set_index("corrected")
        labels = (val[model]["label"] == "covid").to_numpy(float)
        intercept, slope = calibration.fit(labels, val[model]["logit"].to_numpy(), temperature)
        assert rows["temperature_alone"].eq(temperature).all()
        assert rows["prevalence"].to_numpy() == pytest.approx(labels.mean())
        fits = rows[["correction_intercept", "correction_slope"]].to_numpy().tolist()
        assert fits == [[0, 1], pytest.approx([intercept, slope])]
        is_covid, logits, _ = of_model(evaluated, model)
        for corrected, outputs in {False: logits, True: intercept + slope * logits}.items():
            expected = reference.brier_score_loss(is_covid, expit(outputs))
            assert rows.loc[corrected, "brier"] == pytest.approx(expected)
            of_bins = bins[(bins["model"] == model) & (bins["corrected"] == corrected)]
            shares, n = of_bins["observed"], of_bins["images"]
            square = np.average((shares - of_bins["predicted"]) ** 2 - shares * (1 - shares) / (n - 1), weights=n)
            assert rows.loc[corrected, "error"] == pytest.approx(np.sqrt(max(square, 0)))
        for name in ("intercept", "slope", "brier"):
            assert ((rows[f"{name}_ci_low"] < rows[name]) & (rows[name] < rows[f"{name}_ci_high"])).all()
        assert (rows["perfect_mean"] < rows["perfect_p95"]).all()
        # The correction is the best for val: on test it changes slope and Brier score by what it is.
        assert rows.loc[True, "slope"] == pytest.approx(rows.loc[False, "slope"] / slope, rel=1e-4)
        assert rows.loc[True, "brier_change"] == pytest.approx(rows.loc[True, "brier"] - rows.loc[False, "brier"])
        assert rows.loc[True, "brier_change_ci_low"] < rows.loc[True, "brier_change"]
        assert np.isnan(rows.loc[False, "brier_change"])


def test_class_weights_decide_whether_a_temperature_is_enough(evaluated):
    _, tables = calibrated(evaluated, losses=("focal", "weighted_cross_entropy"))
    corrected = tables["table"][tables["table"]["corrected"]]
    assert corrected["temperature_alone"].tolist() == [True, False]
    assert (corrected["correction_intercept"] == 0).tolist() == [True, False]


# Comparisons


def test_val_against_test_of_one_seed():
    """One train-only model: two plain AUCs and two shares at the threshold, independent of each other."""
    rng = np.random.default_rng(6)
    tables = []
    for n, seed in ((300, 1), (250, 1)):
        labels = rng.random(n) < 0.3
        tables.append(pd.DataFrame({"label": np.where(labels, "covid", "normal"), "seed": seed}))
        tables[-1]["logit"] = rng.normal(1.5 * labels, 1)
    rows = pd.DataFrame(val_test_rows(*tables, threshold=0.4)).set_index("metric")
    for table, name in zip(tables, ("val", "test"), strict=True):
        labels, logits = (table["label"] == "covid").to_numpy(float), table["logit"].to_numpy()
        expected = {"auc": (reference.roc_auc_score(labels, logits), intervals.auc_interval(labels, logits))}
        for label, metric in enumerate(("specificity", "sensitivity")):
            right = int(((logits >= 0.4) == label)[labels == label].sum())
            share = binomtest(right, int((labels == label).sum()))
            ends = share.proportion_ci(method="wilson")
            expected[metric] = share.statistic, (ends.low, ends.high)
        for metric, (value, interval) in expected.items():
            row = rows.loc[metric]
            assert row[name] == pytest.approx(value)
            assert (row[f"{name}_ci_low"], row[f"{name}_ci_high"]) == pytest.approx(interval)
    assert rows["difference"].to_numpy() == pytest.approx((rows["test"] - rows["val"]).to_numpy())
    assert ((rows["ci_low"] < rows["difference"]) & (rows["difference"] < rows["ci_high"])).all()
    assert ((rows["p"] < 0.05) == ((rows["ci_low"] > 0) | (rows["ci_high"] < 0))).all()


def test_sensitivity_and_specificity_on_val_are_means_over_train_only_models(evaluated):
    for model, threshold in zip(MODELS, evaluated.thresholds["logit"], strict=True):
        val, test = separable(BOUNDARIES[model]), evaluated.predictions[evaluated.predictions["model"] == model]
        rows = pd.DataFrame(val_test_rows(val, test, threshold)).set_index("metric")
        for metric, label in {"sensitivity": "covid", "specificity": "normal"}.items():
            runs = val.assign(predicted=np.where(val["logit"] >= threshold, "covid", "normal")).groupby("seed")
            shares = [reference.recall_score(run["label"], run["predicted"], pos_label=label) for _, run in runs]
            assert np.mean(shares) < 1, "the seeds' boundaries differ"
            assert rows.loc[metric, "val"] == pytest.approx(np.mean(shares))


def test_which_class_is_misjudged_more_often_is_told_by_the_difference():
    """Two intervals that overlap decide nothing."""
    logits = np.repeat([1.0, -1, 1, -1], [136, 8, 6, 426])
    predictions = pd.DataFrame({"label": np.repeat(["covid", "normal"], [144, 432]), "logit": logits})
    rows = {row["metric"]: row for row in metric_rows(predictions, threshold=0.0, seed=1)}
    sensitivity, specificity = rows["sensitivity"], rows["specificity"]
    assert sensitivity["ci_high"] > specificity["ci_low"]
    row = rows["sensitivity_less_specificity"]
    assert row["value"] == pytest.approx(136 / 144 - 426 / 432)
    (a, b), (c, d) = (binomtest(*counts).proportion_ci(method="wilson") for counts in ((136, 144), (426, 432)))
    # Newcombe (1998), method 10.
    first, second = 136 / 144, 426 / 432
    low = row["value"] - np.hypot(first - a, d - second)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, row["value"] + np.hypot(b - first, second - c)))
    assert row["ci_high"] < 0


def test_train_only_models_that_err_alike_are_no_more_certain_than_one():
    labels = np.repeat([0.0, 1.0], 60)
    rng = np.random.default_rng(0)
    logits = rng.normal(1.5 * labels, 1)
    alike, one = mean_auc([(labels, logits)] * 3), mean_auc([(labels, logits)])
    assert alike[0] == pytest.approx(one[0]) and alike[1] == pytest.approx(one[1])
    apart = mean_auc([(labels, rng.normal(1.5 * labels, 1)) for _ in range(3)])
    assert deviation(*apart) < 0.8 * deviation(*one)
    # The variance of the mean of three AUCs, found by drawing the images again.
    scores = rng.normal(1.5 * labels + rng.normal(size=120), 1, (3, 120))
    drawn = []
    for _ in range(2000):
        places = np.concatenate([rng.choice(np.flatnonzero(labels == label), 60) for label in (0, 1)])
        drawn.append(np.mean([reference.roc_auc_score(labels[places], row[places]) for row in scores]))
    assert deviation(*mean_auc([(labels, row) for row in scores])) == pytest.approx(np.std(drawn), rel=0.08)


def deviation(area, ends):
    """The standard deviation of an AUC, from its interval on the logit scale."""
    return np.diff(logit(ends)).item() / 2 / norm.ppf(0.975) * area * (1 - area)


@pytest.mark.parametrize("difference", [-0.03, 0.0, 0.004, 0.02, 1.0])
def test_p_is_that_of_the_test_which_the_interval_inverts(difference):
    def interval(level):
        half = norm.ppf((1 + level) / 2) * 0.01
        return difference - half, difference + half

    assert comparisons.inverted(interval) == pytest.approx(2 * norm.sf(abs(difference) / 0.01), abs=1e-8)


def test_models_are_compared_on_the_same_images(evaluated):
    tables = [evaluated.predictions[evaluated.predictions["model"] == model] for model in MODELS]
    rows = pd.DataFrame(compare_rows(*tables)).set_index("metric")
    values = evaluated.metrics.pivot(index="metric", columns="model", values="value")
    for metric in ("auc", "accuracy", "sensitivity", "specificity"):
        assert rows.loc[metric, list(MODELS)].tolist() == pytest.approx(values.loc[metric, list(MODELS)].tolist())
    assert rows["difference"].to_numpy() == pytest.approx((rows["transfer"] - rows["baseline"]).to_numpy())
    right = [(table["predicted"] == table["label"]).to_numpy() for table in tables]
    covid = (tables[0]["label"] == "covid").to_numpy()
    for metric, of in {"sensitivity": covid, "specificity": ~covid}.items():
        alone = (right[0] & ~right[1])[of].sum(), (right[1] & ~right[0])[of].sum()
        assert (rows["baseline_alone"][metric], rows["transfer_alone"][metric]) == alone
        assert rows["p"][metric] == pytest.approx(binomtest(alone[0], sum(alone)).pvalue)
        assert rows["n"][metric] == of.sum()


def test_both_comparisons_are_of_each_models_own_predictions(evaluated):
    val = [separable(BOUNDARIES[model]) for model in MODELS]
    tables = compare(evaluated.predictions, evaluated.thresholds, val)
    of_model = {model: evaluated.predictions[evaluated.predictions["model"] == model] for model in MODELS}
    expected = pd.DataFrame(val_test_rows(val[1], of_model["transfer"], evaluated.thresholds["logit"][1]))
    rows = tables["val_test"][tables["val_test"]["model"] == "transfer"].drop(columns="model")
    pd.testing.assert_frame_equal(rows.reset_index(drop=True), expected)
    pd.testing.assert_frame_equal(tables["compare"], pd.DataFrame(compare_rows(*of_model.values())))


def test_the_uncertainty_is_that_of_images_and_of_runs(evaluated):
    """Of two runs of each model on val, and of one, which shows no spread."""
    random = np.random.default_rng(0)
    logits = {(model, seed): random.normal(np.repeat([0.0, 2.0], 20)) for model in MODELS for seed in (1, 2)}
    labels = np.repeat(["normal", "covid"], 20)
    runs = [
        pd.concat([pd.DataFrame({"seed": seed, "label": labels, "logit": logits[model, seed]}) for seed in (1, 2)])
        for model in MODELS
    ]
    tables = compare(evaluated.predictions, evaluated.thresholds, runs)
    rows = tables["uncertainty"].set_index("estimate")
    assert rows.index.tolist() == ["baseline", "transfer", "difference"] and rows["runs"].tolist() == [2, 2, 4]
    auc = tables["compare"].set_index("metric").loc["auc"]
    assert (
        rows.loc["difference", ["value", "ci_low", "ci_high"]].tolist()
        == auc[["difference", "ci_low", "ci_high"]].tolist()
    )
    assert (rows["total_low"] <= rows["ci_low"]).all() and (rows["total_high"] >= rows["ci_high"]).all()
    one = compare(evaluated.predictions, evaluated.thresholds, [run[run["seed"] == 1] for run in runs])["uncertainty"]
    assert one[["run_sd", "total_low", "total_high"]].isna().all(axis=None)


def test_the_spread_of_runs_is_added_as_an_independent_part():
    (low, high), deviation = comparisons.over_runs(0.02, (0.01, 0.04), [[0.95, 0.97], [0.98, 0.99, 0.97]])
    pooled = (2 * 0.01**2 + 2 * 0.01**2) / 3  # sums of squares 0.0002 and 0.0002, one and two degrees of freedom
    assert deviation == pytest.approx(pooled**0.5)
    half = t.ppf(0.975, 3) * (2 * pooled) ** 0.5
    assert (low, high) == pytest.approx((0.02 - (0.01**2 + half**2) ** 0.5, 0.02 + (0.02**2 + half**2) ** 0.5))


def test_the_same_predictions_give_the_same_tables(tmp_path):
    first, again = (vars(made_up(tmp_path / name)) for name in ("first", "again"))
    for name in ("predictions", "metrics", "confusion", "curves", "looks", "samples"):
        pd.testing.assert_frame_equal(first[name], again[name], check_exact=True)


def test_ledger_counts_distinct_pairs(tmp_path):
    """The same weights on the same data again, at another time, are no new look; other weights or data are."""
    ledger = tmp_path / "ledger.csv"
    pairs = [("w1", "data"), ("w2", "data"), ("w1", "other"), ("w1", "data")]
    lines = [f"2025-01-0{day},baseline,{weights},{data}\n" for day, (weights, data) in enumerate(pairs, 1)]
    ledger.write_text("time,model,weights_sha256,data_sha256\n" + "".join(lines))
    looks = made_up(tmp_path).looks
    assert "time" not in looks
    own = [[model, f"weights of {model}", "data"] for model in MODELS]
    assert looks.to_numpy().tolist() == sorted([["baseline", *pair] for pair in set(pairs)] + own)
    assert len(pd.read_csv(ledger)) == 6
