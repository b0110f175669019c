"""Fine-tuning end to end: what is unfrozen, and what is kept or dropped, on a backbone cut early."""

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score

from pipeline.command import InputError
from pipeline.finetune import gain
from pipeline.finetune import runs as finetune
from pipeline.images import augment
from pipeline.images.examples import Examples, join
from pipeline.models import fitting, pretrained, runtime, transfer
from pipeline.models.backbones import resnet50v2
from tests.phantoms import phantom

runtime.start({"threads": 2})

SIZE, CUT, EPOCHS = 32, "conv2_block1_out", 2
COUNTS = {"train": 40, "val": 16}
SETTINGS = {
    "seed": 7,
    "compute": {"threads": 2, "mixed_precision": False},
    "augmentation": {"rotation": 7, "shift": 0.05, "zoom": 0.05, "contrast": 0.1, "brightness": 0.05},
    "training": {"selection_seeds": [3]},
}
ABSURD = 1e3


@pytest.fixture(scope="module")
def data():
    """What the stage reads, by its parameters, but for the model: phantoms, the tables of tune and train."""
    best = {"batch_size": 8, "learning_rate": 0.5, "optimizer": "adam", "loss": "weighted_cross_entropy"}
    data = {"best": pd.DataFrame([best]), "summary": pd.DataFrame({"epochs": [EPOCHS]})}
    for seed, (split, count) in enumerate(COUNTS.items()):
        covid = np.arange(count) % 3 == 0
        rng = np.random.default_rng(seed)
        images = np.stack([phantom(rng, "covid" if each else "normal", SIZE) for each in covid])
        files = np.array([f"{split}/{place}.png" for place in range(count)])
        data[split] = Examples(images, covid.astype(np.float32), files)
    return data


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    """File of a transfer model with a random backbone."""
    folder = tmp_path_factory.mktemp("finetune")
    keras.utils.set_random_seed(1)
    backbone = pretrained.build(resnet50v2, SIZE, CUT)
    backbone.save(folder / "backbone.keras")
    features = pretrained.pooled(backbone).predict(data["train"].values[..., None], verbose=0)
    head = transfer.build({"dense_layers": 1, "dense_units": 8, "dropout": 0.2, "l2": 0}, features[:, None])
    transfer.assemble(head, [folder / "backbone.keras"]).save(folder / "model.keras")
    return folder / "model.keras"


@pytest.fixture
def network(model):
    return keras.models.load_model(model)


def weights_of(network):
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def normalises(network, name):
    return isinstance(network.get_layer(name), keras.layers.BatchNormalization)


# What is unfrozen


@pytest.mark.parametrize("first", ["all", "conv2_block1_1_conv", "conv2_block1_3_conv", "dense1"])
def test_a_step_moves_the_layers_from_the_first_on_but_no_batch_normalisation(data, network, first):
    """Neither scale and shift nor the moving statistics, which `training=False` would not keep."""
    before = weights_of(network)
    finetune.unfreeze(network, first)
    fitting.compile_(network, {"learning_rate": 0.01, "optimizer": "adam", "loss": "cross_entropy"}, steps=1)
    images = data["train"].values[:8, ..., None].astype(np.float32)
    network.fit(images, np.arange(8) % 2, batch_size=8, epochs=1, verbose=0)
    moved = {
        name: [not np.array_equal(*pair) for pair in zip(before[name], weights, strict=True)]
        for name, weights in weights_of(network).items()
    }
    start = 0 if first == "all" else list(moved).index(first)
    assert sum(normalises(network, name) for name in moved) == 3
    for place, (name, changed) in enumerate(moved.items()):
        expected = place >= start and not normalises(network, name)
        assert changed == [expected] * len(changed), name


def test_an_unknown_layer_is_refused_with_near_names(network):
    with pytest.raises(InputError) as caught:
        finetune.unfreeze(network, "conv2_block1_1_con")
    for said in ("finetune.unfreeze_from", "'conv2_block1_1_con'", "conv2_block1_1_conv"):
        assert said in str(caught.value)


# The stage


def run(model, data, learning_rate, attempts=3, drop=0.1):
    """What the final run returns."""
    with tempfile.TemporaryDirectory() as folder:
        made = finetune.final(
            model, **data, settings=settings(learning_rate, attempts, drop), backups=Path(folder) / "backups"
        )
    return SimpleNamespace(**made)


def settings(learning_rate=ABSURD, attempts=3, drop=0.1, epochs=None):
    chosen = {"unfreeze_from": "all", "learning_rate": learning_rate, "attempts": attempts, "divide_by": 5}
    chosen |= {"epochs": epochs, "warm_up": 1, "tolerance": 0.05}
    # As a rule passes them.
    return json.loads(json.dumps(SETTINGS | {"finetune": chosen | {"drop": drop}}))


def train_scores(data, network):
    """Cross-entropy and AUC on the fixed fifth of train + val under its augmentation, by scikit-learn."""
    examples = join(data["train"], data["val"])
    fixed = examples.stratified(sum(COUNTS.values()) // 5, SETTINGS["seed"])
    images = augment.augment(
        fixed.values[..., None].astype(np.float32), [SETTINGS["seed"], -1], SETTINGS["augmentation"]
    )
    logits = network.predict(images, verbose=0)[:, 0].astype(np.float64)
    return log_loss(fixed.labels, expit(logits)), roc_auc_score(fixed.labels, logits)


COLUMNS = ["attempt", "learning_rate", "planned_epochs", "epochs", "refitted_loss_before", "refitted_loss_after"]
COLUMNS += ["loss_before", "loss_after", "auc_before", "auc_after", "limit", "end_limit", "decision"]


@pytest.fixture(scope="module")
def dropped(model, data):
    with np.errstate(invalid="ignore"):
        return run(model, data, ABSURD, attempts=2)


def test_an_absurd_learning_rate_is_dropped_and_divided(data, network, dropped):
    rows = dropped.attempts
    assert list(rows.columns) == COLUMNS
    assert rows["attempt"].tolist() == [1, 2] and rows["learning_rate"].tolist() == [ABSURD, ABSURD / 5]
    assert (rows["decision"] == "dropped").all()
    loss, auc = train_scores(data, network)
    assert rows["loss_before"].to_numpy() == pytest.approx(loss, rel=1e-4)
    assert rows["auc_before"].to_numpy() == pytest.approx(auc)
    assert not (rows["refitted_loss_after"] <= rows["limit"]).any()
    share = np.mean([*data["train"].labels, *data["val"].labels])
    constant = -share * np.log(share) - (1 - share) * np.log(1 - share)
    before = rows["refitted_loss_before"]
    assert rows["limit"].to_numpy() == pytest.approx(before + 0.1 * np.maximum(0, constant - before))
    # Stopped at the drop, after the first epoch.
    assert rows["epochs"].tolist() == [1, 1] and dropped.history["attempt"].tolist() == [1, 1, 2, 2]
    before = dropped.history[dropped.history["epoch"] == 0]
    assert before["train_loss"].to_numpy() == pytest.approx(loss, rel=1e-4)


def test_a_rejected_model_is_the_one_that_came_in(network, dropped):
    assert all(map(np.array_equal, dropped.model.get_weights(), network.get_weights()))
    row = dropped.summary.iloc[0]
    assert row["reloaded_identical"] and row["weights_sha256"] == fitting.weights_sha256(network)


def test_a_gain_is_kept(model, data, network):
    kept = run(model, data, 0.00003)
    (row,) = kept.attempts.to_dict("records")
    assert row["decision"] == "kept" and row["epochs"] == EPOCHS == len(kept.history) - 1
    assert row["refitted_loss_after"] < row["refitted_loss_before"]
    assert train_scores(data, kept.model) == pytest.approx((row["loss_after"], row["auc_after"]), rel=1e-4)
    assert kept.summary["weights_sha256"].item() == fitting.weights_sha256(kept.model)
    for name, weights in weights_of(kept.model).items():
        same = all(map(np.array_equal, weights, network.get_layer(name).get_weights()))
        assert same == normalises(network, name), name


@pytest.mark.parametrize(
    ("shift", "order", "expected"), [(-3, 1, "kept"), (0, -1, "dropped"), (np.nan, 1, "dropped"), (9, 0.5, "worse")]
)
def test_an_attempt_is_judged_by_what_a_shift_of_the_intercept_does_not_move(shift, order, expected):
    """A run whose images keep their order is no drop, however far its logits have moved; one that loses it is."""
    labels = np.repeat([0.0, 1.0], [150, 50])
    before = np.random.default_rng(0).normal(4 * labels - 2)
    sharper = np.where(labels == 1, 0.5, -0.5)
    after = order * (before + sharper) + shift
    scores = [finetune.score(labels, logits) for logits in (before, after)]
    before, after = (score["refitted_loss"] for score in scores)
    assert finetune.judge(after, limit=before + 0.1, end_limit=before + 0.001) == expected
    if expected == "kept":
        assert scores[1]["loss"] > scores[0]["loss"] + 0.1


def test_the_epochs_are_those_of_the_configuration_or_of_the_head(model, data):
    with tempfile.TemporaryDirectory() as folder:
        given = {"settings": settings(0.0003, attempts=1, epochs=1), "backups": Path(folder) / "backups"}
        made = finetune.final(model, **data, **given)
    assert made["attempts"]["planned_epochs"].tolist() == [1] and EPOCHS > 1


def test_the_learning_rate_rises_then_falls_to_0(network):
    finetune.unfreeze(network, "all")
    chosen = {"learning_rate": 0.01, "optimizer": "adam", "loss": "cross_entropy"}
    fitting.compile_(network, chosen, steps=10, decay_epochs=4, warm_up=1)
    rates = [float(network.optimizer._learning_rate(step)) for step in range(41)]
    assert rates[:11] == pytest.approx(np.linspace(0, 0.01, 11).tolist(), abs=1e-6)
    falling = [0.005 * (1 + np.cos(np.pi * step / 30)) for step in range(31)]
    assert rates[10:] == pytest.approx(falling, abs=1e-6)


def train_only(model, data, attempts, seed=3):
    """What the train-only run after these attempts returns."""
    sources = {name: value for name, value in data.items() if name != "summary"}
    with tempfile.TemporaryDirectory() as folder:
        made = finetune.train_only(
            model,
            seed,
            **sources,
            attempts=attempts.assign(attempt=range(1, len(attempts) + 1)),
            settings=settings(),
            backup=Path(folder) / "backups" / "train_only.npz",
        )
    return SimpleNamespace(**made)


@pytest.mark.parametrize("decision", ["dropped", "kept"])
def test_the_train_only_model_follows_the_last_attempt(model, data, network, decision):
    attempts = pd.DataFrame(
        {"learning_rate": [ABSURD, 0.0003], "planned_epochs": [1, 1], "decision": ["dropped", decision]}
    )
    tuned = train_only(model, data, attempts)
    same = fitting.weights_sha256(tuned.model) == fitting.weights_sha256(network)
    assert same == (decision == "dropped")

    rows, predictions, val = tuned.history, tuned.predictions, data["val"]
    assert rows["epoch"].tolist() == ([0, 1] if decision == "kept" else [0])
    assert (predictions["seed"] == 3).all() and (rows["seed"] == 3).all()
    assert predictions["file"].tolist() == val.files.tolist()
    assert ((predictions["label"] == "covid") == val.labels).all()
    images = val.values[..., None].astype(np.float32)
    for scored, row in [(network, rows.iloc[0]), (tuned.model, rows.iloc[-1])]:
        logits = scored.predict(images, verbose=0)[:, 0].astype(np.float64)
        assert row["val_loss"] == pytest.approx(log_loss(val.labels, expit(logits)), rel=1e-4)
        assert row["val_auc"] == pytest.approx(roc_auc_score(val.labels, logits))
    assert predictions["logit"].to_numpy() == pytest.approx(logits, rel=1e-4, abs=1e-4)


def test_the_train_only_model_follows_the_schedule_to_its_end(model, data):
    """Even if its loss rises by more than an attempt's may."""
    schedule = pd.DataFrame({"learning_rate": [10.0], "planned_epochs": [2], "decision": ["kept"]})
    rows = train_only(model, data, schedule).history
    assert rows["epoch"].tolist() == [0, 1, 2]
    assert rows["train_refitted_loss"][1] > rows["train_refitted_loss"][0]


def test_runs_with_other_seeds_differ(model, data):
    schedule = pd.DataFrame({"learning_rate": [0.0003], "planned_epochs": [1], "decision": ["kept"]})
    first, second = (train_only(model, data, schedule, seed=seed).predictions for seed in (3, 4))
    assert not np.array_equal(first["logit"], second["logit"])


# What it is worth


def predictions_of(logits, seed=3):
    """Of a table of val predictions: the first half are normal."""
    labels = np.repeat(["normal", "covid"], len(logits) // 2)
    files = [f"val/{place}.png" for place in range(len(logits))]
    return pd.DataFrame({"file": files, "label": labels, "seed": seed, "logit": logits})


def gain_of(head, *finetuned):
    """The row of the table."""
    attempts = pd.DataFrame({"decision": ["dropped", "kept"]})
    index = finetuned[0][["file", "label"]].assign(group=range(len(finetuned[0])))
    return gain.measure(head, pd.concat(finetuned), attempts, index, {"seed": 1})["table"].iloc[0]


def test_the_gain_is_that_of_the_same_head_on_the_same_images():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 100)
    weak, strong = rng.normal(truth, 1), rng.normal(3 * truth, 1)
    head = pd.concat([predictions_of(weak), predictions_of(strong, seed=4)])  # another seed's, which is left out
    row = gain_of(head.sample(frac=1, random_state=0), predictions_of(strong))
    assert row["decision"] == "kept" and row["runs"] == 1 and np.isnan(row["val_auc_sd"])
    aucs = [roc_auc_score(truth, logits) for logits in (weak, strong)]
    assert [row["val_auc_head"], row["val_auc_finetuned"]] == pytest.approx(aucs)
    assert row["val_loss_head"] == pytest.approx(log_loss(truth, expit(weak)))
    assert row["val_loss_finetuned"] == pytest.approx(log_loss(truth, expit(strong)))
    assert row["difference"] == pytest.approx(aucs[1] - aucs[0])
    # Against a bootstrap of its own, by the definition of the AUC.
    interval = bootstrap_interval(weak, strong)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval, abs=0.01)
    assert 0 < row["ci_low"] < row["difference"] < row["ci_high"]


def bootstrap_interval(weak, strong):
    """Percentiles of the difference of AUCs, pairs of logits resampled within normal and covid alike."""

    def gain(weak_normal, strong_normal, weak_covid, strong_covid):
        return auc(strong_normal, strong_covid) - auc(weak_normal, weak_covid)

    def auc(normal, covid):
        return np.mean(covid[:, None] > normal[None])

    rng, gains = np.random.default_rng(5), []
    for _ in range(2000):
        normal, covid = rng.integers(0, 100, 100), rng.integers(100, 200, 100)
        gains.append(gain(weak[normal], strong[normal], weak[covid], strong[covid]))
    return np.percentile(gains, [2.5, 97.5])


def test_an_unchanged_model_gains_nothing():
    logits = np.random.default_rng(0).normal(np.repeat([0, 1], 20), 1)
    row = gain_of(predictions_of(logits), predictions_of(logits))
    assert (row["difference"], row["ci_low"], row["ci_high"]) == (0, 0, 0)


def test_the_gain_of_several_seeds_is_that_of_their_means():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 100)
    heads = {seed: rng.normal(truth, 1) for seed in (3, 4)}
    tuned = {seed: rng.normal(3 * truth, 1) for seed in (3, 4)}
    head = pd.concat([predictions_of(logits, seed) for seed, logits in heads.items()])
    row = gain_of(head, *(predictions_of(logits, seed) for seed, logits in tuned.items()))
    before, after = ([roc_auc_score(truth, logits) for logits in runs.values()] for runs in (heads, tuned))
    assert row["runs"] == 2 and row["val_auc_sd"] == pytest.approx(np.std(after, ddof=1))
    assert (row["val_auc_head"], row["val_auc_finetuned"]) == pytest.approx((np.mean(before), np.mean(after)))
    assert row["difference"] == pytest.approx(np.mean(after) - np.mean(before))
    assert row["ci_low"] < row["difference"] < row["ci_high"]
