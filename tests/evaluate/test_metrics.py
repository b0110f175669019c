"""The tables of evaluate on made-up logits, and the ledger of looks at the test split."""

import fcntl
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest, norm
from sklearn import metrics as reference

from pipeline.evaluate.calibration import evaluate_calibration
from pipeline.evaluate.compare import compare_rows, mean_auc, val_test_rows
from pipeline.evaluate.metrics import choose_samples, evaluate, metric_rows
from pipeline.evaluate.predict import predict_test, record
from pipeline.evaluate.thresholds import evaluate_thresholds, val_threshold
from pipeline.images import cache
from pipeline.models import runtime
from pipeline.models.fitting import weights_sha256
from pipeline.statistics import calibration, comparisons, intervals
from pipeline.vocabulary import LABELS, MODELS

runtime.start({"threads": 2})

FILES = ["predictions", "test_metrics", "confusion", "curve_table", "looks", "samples"]
# The covid logits of val lie above these, the normal ones below, one a seed and model.
BOUNDARIES = {"baseline": [0.4, 1.2, 2.0], "transfer": [-2.0, -1.0, 0.5]}


def separable(boundaries):
    """Held-out val predictions of one model, each seed's classes parted at its boundary."""
    return pd.DataFrame(
        [
            {"seed": seed, "file": f"{side}.png", "label": LABELS[side > 0], "logit": boundary + side}
            for seed, boundary in enumerate(boundaries)
            for side in (-2, -0.25, 0.25, 3)
        ]
    )


def set_on_val(folder, losses=("weighted_cross_entropy", "cross_entropy")):
    """What is set before test is looked at, from MODEL_val.csv in `folder`."""
    for model, loss in zip(MODELS, losses, strict=True):
        pd.DataFrame({"loss": [loss]}).to_csv(folder / f"{model}_best.csv", index=False)
    evaluate_thresholds(
        val_predictions=[folder / f"{model}_val.csv" for model in MODELS],
        best=[folder / f"{model}_best.csv" for model in MODELS],
        thresholds=folder / "tables/thresholds.csv",
        corrections=folder / "tables/corrections.csv",
    )


def made_up(folder, *, seed=0, boundaries=BOUNDARIES, n=(40, 25)):
    """Evaluate random test logits of overlapping classes; what was given and what was written."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    index = pd.DataFrame({"label": rng.permutation(np.repeat(LABELS, n))})
    index.insert(0, "file", [f"test/{number:03d}.png" for number in range(sum(n))])
    index.to_csv(folder / "index.csv", index=False)
    images = np.arange(sum(n), dtype=np.uint8)[:, None, None].repeat(4, axis=1).repeat(4, axis=2)
    np.save(folder / "test.npy", images)
    for model in MODELS:
        logits = rng.normal(2.5 * (index["label"] == "covid") - 1, 1.5)
        index.assign(model=model, logit=logits).to_csv(folder / f"{model}_logits.csv", index=False)
        separable(boundaries[model]).to_csv(folder / f"{model}_val.csv", index=False)
        record(folder / "ledger.csv", model, f"weights of {model}", "data")
    set_on_val(folder)
    outputs = {name: folder / "tables" / f"{name}.csv" for name in FILES}
    evaluate(
        logits=[folder / f"{model}_logits.csv" for model in MODELS],
        thresholds=folder / "tables/thresholds.csv",
        corrections=folder / "tables/corrections.csv",
        ledger=folder / "ledger.csv",
        test=folder / "test.npy",
        test_index=folder / "index.csv",
        settings={"seed": 1},
        **outputs,
        sample_images=folder / "results" / "samples.npz",
    )
    shown = np.load(folder / "results" / "samples.npz")["images"]
    outputs |= {name: folder / f"tables/{name}.csv" for name in ("thresholds", "corrections")}
    return SimpleNamespace(index=index, shown=shown, **{name: pd.read_csv(file) for name, file in outputs.items()})


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    return made_up(tmp_path_factory.mktemp("evaluate"))


def of_model(evaluated, model):
    """(is covid, logits, says covid) of one model, the verdicts made here."""
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
    assert all(model in source for model, source in zip(MODELS, evaluated.thresholds["source"], strict=True))


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
    _, logits, verdicts = of_model(evaluated, model)
    assert rows["file"].tolist() == evaluated.index["file"].tolist()
    # Probability and threshold are both corrected, and lead to the prediction that the logit leads to.
    fit, limit = (frame.set_index("model").loc[model] for frame in (evaluated.corrections, evaluated.thresholds))
    assert rows["probability"].to_numpy() == pytest.approx(expit(fit["intercept"] + fit["slope"] * logits))
    assert (rows["probability"] >= limit["threshold"]).tolist() == verdicts.tolist()
    assert rows["predicted"].tolist() == np.where(verdicts, "covid", "normal").tolist()
    # At 0.5 the verdicts would be other ones, so that this test can tell.
    assert (verdicts != (logits >= 0)).any()


@pytest.mark.parametrize("model", MODELS)
def test_confusion(evaluated, model):
    labels, _, verdicts = of_model(evaluated, model)
    rows = evaluated.confusion[evaluated.confusion["model"] == model].set_index(["label", "predicted"])["images"]
    expected = reference.confusion_matrix(labels, verdicts)
    assert [[rows[label, verdict] for verdict in LABELS] for label in LABELS] == expected.tolist()


def test_confusion_keeps_its_empty_cells(tmp_path):
    confusion = made_up(tmp_path, boundaries={"baseline": [30.0], "transfer": [-30.0]}).confusion
    assert confusion.groupby("model")["images"].apply(list).to_dict() == {
        "baseline": [40, 0, 25, 0],
        "transfer": [0, 40, 0, 25],
    }


@pytest.mark.parametrize("model", MODELS)
def test_metrics(evaluated, model):
    labels, logits, verdicts = of_model(evaluated, model)
    rows = evaluated.test_metrics[evaluated.test_metrics["model"] == model].set_index("metric")
    expected = {
        "auc": reference.roc_auc_score(labels, logits),
        "accuracy": reference.accuracy_score(labels, verdicts),
        "sensitivity": reference.recall_score(labels, verdicts),
        "specificity": reference.recall_score(labels, verdicts, pos_label=0),
        "average_precision": reference.average_precision_score(labels, logits),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, verdicts),
        "f1": reference.f1_score(labels, verdicts),
        "mcc": reference.matthews_corrcoef(labels, verdicts),
        "positive_predictive_value": reference.precision_score(labels, verdicts),
        "negative_predictive_value": reference.precision_score(labels, verdicts, pos_label=0),
        "prevalence": labels.mean(),
        "brier": reference.brier_score_loss(labels, expit(logits)),
    }
    expected["sensitivity_less_specificity"] = expected["sensitivity"] - expected["specificity"]
    assert rows["value"].to_dict() == pytest.approx(expected)
    assert (rows["ci_low"] < rows["value"]).all() and (rows["value"] < rows["ci_high"]).all()
    images = dict.fromkeys(expected, len(labels)) | {"sensitivity": labels.sum(), "specificity": (~labels).sum()}
    images |= {"positive_predictive_value": verdicts.sum(), "negative_predictive_value": (~verdicts).sum()}
    assert rows["n"].to_dict() == images
    for metric, right in {"sensitivity": verdicts[labels], "specificity": ~verdicts[~labels]}.items():
        interval = binomtest(int(right.sum()), len(right)).proportion_ci(0.95, method="wilson")
        assert (rows["ci_low"][metric], rows["ci_high"][metric]) == pytest.approx(tuple(interval))


def test_a_share_of_no_images_is_left_empty(tmp_path):
    """No image is called covid, so that none of those is."""
    rows = made_up(tmp_path, boundaries=BOUNDARIES | {"baseline": [30.0]}).test_metrics.set_index(["model", "metric"])
    (value, low, high, n) = rows.loc[("baseline", "positive_predictive_value"), ["value", "ci_low", "ci_high", "n"]]
    assert np.isnan([value, low, high]).all() and n == 0
    assert rows.loc[("baseline", "negative_predictive_value"), "n"] == 65


@pytest.mark.parametrize("model", MODELS)
def test_curves_pass_through_the_operating_point(evaluated, model):
    rows, table = (frame[frame["model"] == model] for frame in (evaluated.test_metrics, evaluated.curve_table))
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
    assert evaluated.shown[:, 0, 0].tolist() == [int(file[5:8]) for file in rows["file"]]


def test_samples_are_right_ones_and_errors_of_both_models():
    said = {  # by baseline and transfer
        "a.png": ("normal", "covid", "normal"),
        "b.png": ("normal", "covid", "covid"),
        "c.png": ("normal", "normal", "normal"),
        "d.png": ("covid", "covid", "covid"),
        "e.png": ("covid", "covid", "normal"),
        "f.png": ("covid", "covid", "covid"),
    }
    predictions = pd.DataFrame(
        [
            {"model": model, "file": file, "label": label, "predicted": predicted}
            for file, (label, *of_models) in said.items()
            for model, predicted in zip(MODELS, of_models, strict=True)
        ]
    )
    assert choose_samples(predictions) == ["c.png", "d.png", "a.png", "b.png", "e.png"]


# Calibration


def calibrated(evaluated, folder, losses=("weighted_cross_entropy", "cross_entropy")):
    """The tables of evaluate_calibration for made-up held-out outputs, shifted and sharpened."""
    evaluated.predictions.to_csv(folder / "predictions.csv", index=False)
    rng, val = np.random.default_rng(4), {}
    for model in MODELS:
        labels = rng.random(400) < 0.4
        val[model] = pd.DataFrame({"seed": 1, "label": np.where(labels, "covid", "normal")})
        val[model]["logit"] = 3 * rng.normal(2.0 * labels - 1, 1.5) + 4
        val[model].to_csv(folder / f"{model}_val.csv", index=False)
    set_on_val(folder, losses)
    evaluate_calibration(
        predictions=folder / "predictions.csv",
        corrections=folder / "tables/corrections.csv",
        settings={"seed": 1},
        table=folder / "table.csv",
        bins=folder / "bins.csv",
    )
    return val, pd.read_csv(folder / "table.csv"), pd.read_csv(folder / "bins.csv")


def test_calibration_is_learned_on_val_and_told_of_test(evaluated, tmp_path):
    val, table, bins = calibrated(evaluated, tmp_path)
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


def test_class_weights_decide_whether_a_temperature_is_enough(evaluated, tmp_path):
    _, table, _ = calibrated(evaluated, tmp_path, losses=("focal", "weighted_cross_entropy"))
    corrected = table[table["corrected"]]
    assert corrected["temperature_alone"].tolist() == [True, False]
    assert (corrected["correction_intercept"] == 0).tolist() == [True, False]


# Comparisons


def test_val_against_test_of_one_seed():
    """One held-out model: two plain AUCs and two shares at the threshold, independent of each other."""
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


def test_sensitivity_and_specificity_on_val_are_means_over_held_out_models(evaluated):
    for model, threshold in zip(MODELS, evaluated.thresholds["logit"], strict=True):
        val, test = separable(BOUNDARIES[model]), evaluated.predictions[evaluated.predictions["model"] == model]
        rows = pd.DataFrame(val_test_rows(val, test, threshold)).set_index("metric")
        for metric, label in {"sensitivity": "covid", "specificity": "normal"}.items():
            verdicts = np.where(val["logit"] >= threshold, "covid", "normal")
            runs = val.assign(verdict=verdicts).groupby("seed")
            shares = [reference.recall_score(run["label"], run["verdict"], pos_label=label) for _, run in runs]
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


def test_held_out_models_that_err_alike_are_no_more_certain_than_one():
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
    values = evaluated.test_metrics.pivot(index="metric", columns="model", values="value")
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


def test_the_same_predictions_give_the_same_bytes(tmp_path):
    for name in ("first", "again"):
        made_up(tmp_path / name)
    for name in FILES:
        first, again = ((tmp_path / run / "tables" / f"{name}.csv").read_bytes() for run in ("first", "again"))
        assert first == again, name


# The ledger


def test_record_appends_and_writes_the_header_once(tmp_path):
    ledger = tmp_path / "results" / "evaluate" / "ledger.csv"
    record(ledger, "baseline", "w1", "d1")
    before = ledger.read_text()
    record(ledger, "transfer", "w2", "d1")
    after = ledger.read_text()
    assert after.startswith(before) and len(after.splitlines()) == 3
    table = pd.read_csv(ledger)
    assert list(table) == ["time", "model", "weights_sha256", "data_sha256"]
    assert table.iloc[:, 1:].to_numpy().tolist() == [["baseline", "w1", "d1"], ["transfer", "w2", "d1"]]
    assert (pd.Timestamp.now("UTC") - pd.to_datetime(table["time"])).max() < pd.Timedelta(minutes=1)


def test_a_look_waits_for_one_that_is_being_recorded(tmp_path):
    """Both models may be evaluated at once, and both find the ledger empty: still one header, ahead of both lines."""
    ledger = tmp_path / "ledger.csv"
    with ThreadPoolExecutor(1) as pool, open(ledger, "a") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = pool.submit(record, ledger, "transfer", "w2", "data")
        with pytest.raises(TimeoutError):
            second.result(timeout=0.2)
        first.write("time,model,weights_sha256,data_sha256\n2025-01-01,baseline,w1,data\n")
    assert pd.read_csv(ledger)["weights_sha256"].tolist() == ["w1", "w2"]


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


def test_predict_test(tmp_path):
    """A network whose logit is known: the mean grey value less 100, in the order of the index."""
    grey_values = keras.Input((8, 8, 1))
    mean = keras.layers.GlobalAveragePooling2D()(grey_values)
    network = keras.Model(grey_values, keras.layers.Dense(1)(mean))
    network.set_weights([np.ones((1, 1)), np.array([-100.0])])
    network.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (150, 8, 8)).astype(np.uint8)
    cache.create(tmp_path / "test.npy", images.shape, np.uint8)[:] = images
    cache.seal(tmp_path / "test.npy")
    index = pd.DataFrame({"file": [f"{n}.png" for n in range(150)], "label": "covid", "width": 8})
    index.to_csv(tmp_path / "index.csv", index=False)
    predict_test(
        model="transfer",
        model_file=tmp_path / "model.keras",
        test=tmp_path / "test.npy",
        test_index=tmp_path / "index.csv",
        settings={"compute": {"threads": 2, "mixed_precision": True}},
        ledger=tmp_path / "ledger.csv",
        logits=tmp_path / "logits.csv",
    )
    table = pd.read_csv(tmp_path / "logits.csv")
    assert list(table) == ["file", "label", "model", "logit"] and table["file"].equals(index["file"])
    assert table["logit"].to_numpy() == pytest.approx(images.mean(axis=(1, 2)) - 100, abs=1e-3)
    (look,) = pd.read_csv(tmp_path / "ledger.csv").to_dict("records")
    assert look["weights_sha256"] == weights_sha256(network)
    assert look["data_sha256"] == (tmp_path / "test.npy.sha256").read_text().strip()
