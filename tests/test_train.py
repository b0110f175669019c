"""Building, fitting, scoring, saving: what both models share, on phantoms of 32 pixels."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.special import expit
from sklearn import metrics as reference
from sklearn.utils.class_weight import compute_class_weight

from pipeline import train as stage
from pipeline.images.inputs import Examples
from pipeline.models import fitting, runtime, transfer
from tests.phantoms import phantom

runtime.start({"threads": 2})

ROOT = Path(__file__).parent.parent
SETTINGS = yaml.safe_load((ROOT / "config/config.yaml").read_text())
MODELS = ("baseline", "transfer")
SMALL = {"batch_size": 16, "filters": 4, "dense_units": 8}
SIZE, CHANNELS, CUT = 32, 12, "conv2_block1_out"


def hyperparameters(model, **changed):
    settings = SETTINGS[model]["hyperparameters"]
    return settings | {name: value for name, value in SMALL.items() if name in settings} | changed


def examples(model, count, seed):
    """Phantoms, a third of them covid; for the transfer model made-up features of three views, which overlap."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 3 == 0).astype(np.float32)
    if model == "baseline":
        values = np.stack([phantom(rng, "covid" if label else "normal", SIZE) for label in labels])
    else:
        values = rng.normal(0.3 * labels[:, None, None], 1, (count, 3, CHANNELS)).astype(np.float32)
    return Examples(values, labels, np.array([f"{seed}/{number}.png" for number in range(count)]))


def fitted(model, seed=1, epochs=2, train=None, val=None, patience=None, **changed):
    train = train or examples(model, 40, seed=0)
    module, settings = fitting.module_of(model), hyperparameters(model, **changed)
    return fitting.run(module, settings, train, SETTINGS, seed=seed, epochs=epochs, val=val, patience=patience)


def inputs_of(model, data):
    return data.values[..., None].astype(np.float32) if model == "baseline" else data.values[:, 0]


def outputs(network, values):
    return network.predict(values, verbose=0)[:, 0].astype(np.float64)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """The file of a backbone whose every weight is random, the statistics of its normalisation included."""
    keras.utils.set_random_seed(0)
    network = transfer.build_backbone(SIZE, CUT)
    rng = np.random.default_rng(0)
    network.set_weights([weight * rng.uniform(0.5, 2, weight.shape) for weight in network.get_weights()])
    file = tmp_path_factory.mktemp("backbone") / "backbone.keras"
    network.save(file)
    return file


@pytest.fixture(scope="module")
def whole(backbone):
    """The whole transfer model, and the head that it was made of."""
    keras.utils.set_random_seed(3)
    values = np.zeros((1, 3, keras.models.load_model(backbone).output_shape[-1]), np.float32)
    head = transfer.build(hyperparameters("transfer"), values, SETTINGS)
    return transfer.whole(head, [backbone]), head


# Reproducibility


@pytest.mark.parametrize("model", MODELS)
def test_a_seed_gives_one_model(model):
    (first, history), (again, same_history), (other, _) = (fitted(model, seed) for seed in (1, 1, 2))
    assert fitting.weights_sha256(first) == fitting.weights_sha256(again) != fitting.weights_sha256(other)
    assert history.equals(same_history)


def test_another_process_gives_the_same_bits():
    script = "from tests.test_train import *; print(fingerprint())"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == fingerprint() + "\n"


def fingerprint():
    network, history = fitted("baseline", epochs=3)
    return fitting.weights_sha256(network) + history.to_csv(index=False)


# The networks


def test_baseline_takes_grey_values_and_gives_a_logit():
    films = examples("baseline", 12, seed=0).values
    network = fitting.module_of("baseline").build(hyperparameters("baseline"), films, SETTINGS)
    assert network.input_shape == (None, SIZE, SIZE, 1) and network.output_shape == (None, 1)
    inner = keras.Model(network.input, network.get_layer("normalisation").output).predict(films[..., None], verbose=0)
    assert inner.mean() == pytest.approx(0, abs=1e-4) and inner.std() == pytest.approx(1, abs=1e-4)
    network.get_layer("logit").bias.assign([-7.0])
    assert (fitting.logits(network, films) < 0).all(), "a probability is never negative"


def test_whole_transfer_is_head_of_pooled_backbone(backbone, whole):
    network, head = whole
    films = examples("baseline", 9, seed=0).values
    maps = keras.models.load_model(backbone).predict(films[..., None].astype(np.float32), verbose=0)
    kernel, bias, last_kernel, last_bias = (weight.astype(np.float64) for weight in head.get_weights())
    hidden = np.maximum(maps.mean(axis=(1, 2), dtype=np.float64) @ kernel + bias, 0)
    expected = (hidden @ last_kernel + last_bias)[:, 0]
    assert fitting.logits(network, films) == pytest.approx(expected, rel=1e-4, abs=1e-5 * np.abs(expected).max())
    assert np.ptp(expected) > 0
    assert network.input_shape == (None, SIZE, SIZE, 1) and network.output_shape == (None, 1)


def test_whole_transfer_is_flat_and_frozen_but_for_the_head(whole, tmp_path):
    network, head = whole
    reloaded = fitting.save(network, tmp_path / "transfer.keras")
    film = examples("baseline", 1, seed=0).values[..., None]
    for model in (network, reloaded):
        assert not any(isinstance(layer, keras.Model) for layer in model.layers)
        tapped = keras.Model(model.input, [model.get_layer(CUT).output, model.output])
        activations, logit = tapped.predict(film, verbose=0)
        assert activations.shape == (1, 8, 8, 256) and logit.shape == (1, 1)
        assert len(model.trainable_weights) == len(head.weights) == 4


@pytest.mark.parametrize("model", MODELS)
def test_logits_are_the_outputs_of_any_number_of_examples(model):
    """More than one chunk, the last one not full; images come without their channel axis."""
    data = examples(model, 131, seed=5)
    network = fitting.module_of(model).build(hyperparameters(model), data.values, SETTINGS)
    logits = fitting.logits(network, data.values if model == "baseline" else data.values[:, 0])
    assert logits.shape == (131,) and logits.dtype == np.float64
    assert logits == pytest.approx(outputs(network, inputs_of(model, data)), abs=1e-5)


# Class weights, scores of an epoch, early stopping


@pytest.mark.parametrize("positives", [1, 5, 10, 17])
def test_class_weights(positives):
    labels = np.array([1.0] * positives + [0.0] * (20 - positives), np.float32)
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
    weights = fitting.class_weights(labels)
    assert [weights[0], weights[1]] == pytest.approx(expected, rel=1e-6)


def scores_by_sklearn(labels, logits):
    probabilities = expit(logits)
    return {
        "loss": reference.log_loss(labels, probabilities),
        "auc": reference.roc_auc_score(labels, logits),
        "accuracy": reference.accuracy_score(labels, probabilities >= 0.5),
        "sensitivity": reference.recall_score(labels, probabilities >= 0.5),
        "specificity": reference.recall_score(labels, probabilities >= 0.5, pos_label=0),
    }


@pytest.mark.parametrize("model", MODELS)
def test_rows_are_the_scores_at_the_end_of_each_epoch(model):
    """Of the weights as they then are, in float32, without dropout, augmentation and class weights."""
    train, val = examples(model, 30, seed=0), examples(model, 30, seed=1)
    kept = []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append(self.model.get_weights())

    keras.utils.set_random_seed(1)
    module = fitting.module_of(model)
    network = module.build(hyperparameters(model, dropout=0.5), train.values, SETTINGS)
    fitting.compile_(network, 0.01)
    dataset, steps = fitting.inputs.batches(train, batch_size=8, epochs=3, seed=1, transform=module.transform(SETTINGS))
    history = fitting.fit(
        network,
        dataset,
        steps=steps,
        epochs=3,
        monitored=fitting.monitored(train, val, 1, module.plain),
        class_weight={0: 0.2, 1: 5.0},
        compute=SETTINGS["compute"],
        callbacks=[Keep()],
    )
    assert history["epoch"].tolist() == [1, 2, 3] and np.allclose(history["learning_rate"], 0.01)
    assert not np.array_equal(kept[0][-2], kept[2][-2])
    for row, weights in zip(history.to_dict("records"), kept, strict=True):
        network.set_weights(weights)
        for name, data in {"train": train, "val": val}.items():
            expected = scores_by_sklearn(data.labels, outputs(network, inputs_of(model, data)))
            for metric, value in expected.items():
                assert row[f"{name}_{metric}"] == pytest.approx(value, rel=1e-4), (name, metric)


def test_without_val_a_fifth_of_train_is_scored():
    train = examples("baseline", 30, seed=0)
    scored = fitting.monitored(train, None, 1, lambda values: values)
    assert list(scored) == ["train"] and len(scored["train"][1]) == 6


def test_early_stopping_restores_the_best_weights():
    """On labels without any pattern a large head soon gets worse."""
    train, val = (
        Examples(data.values, np.random.default_rng(9).permutation(data.labels), data.files)
        for data in (examples("transfer", 40, seed=0), examples("transfer", 40, seed=1))
    )
    changed = {"learning_rate": 0.003, "dense_units": 64, "dropout": 0.0}
    network, history = fitted("transfer", epochs=60, train=train, val=val, patience=3, **changed)
    best = int(history["val_loss"].argmin())
    assert 0 < best < len(history) - 1 and len(history) == best + 1 + 3 < 60
    loss = reference.log_loss(val.labels, expit(outputs(network, val.values[:, 0])))
    assert loss == pytest.approx(history["val_loss"][best], rel=1e-5)
    assert loss < history["val_loss"].iloc[-1] - 1e-3


def test_a_diverged_run_stops():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        _, history = fitted("transfer", epochs=9, learning_rate=1e30)
    assert len(history) < 9 and not np.isfinite(history["train_loss"].iloc[-1])


# Saving


def test_saved_and_reloaded_is_the_same_model(whole, tmp_path):
    network, head = whole
    files = [tmp_path / "folder" / "first.keras", tmp_path / "second.keras"]
    reloaded = [fitting.save(network, file) for file in files]
    row = fitting.describe(network, reloaded[0], epochs=7).iloc[0]
    assert row["reloaded_identical"] and row["epochs"] == 7
    counts = [sum(weight.size for weight in weights) for weights in (network.get_weights(), head.get_weights())]
    assert (row["trainable_parameters"], row["frozen_parameters"]) == (counts[1], counts[0] - counts[1])

    hashes = {fitting.weights_sha256(model) for model in [network, *reloaded]}
    assert hashes == {row["weights_sha256"]} == {Path(f"{file}.sha256").read_text().strip() for file in files}

    logit = reloaded[1].get_layer("logit")
    logit.bias.assign_add([1e-3])
    assert fitting.weights_sha256(reloaded[1]) not in hashes
    assert not fitting.describe(network, reloaded[1], epochs=7)["reloaded_identical"].item()


# The stage


def test_heldout_runs_then_the_final_one(tmp_path):
    """The saved models give the table's val logits; the final run takes its epochs, and train's normalisation alone."""
    data = {"train": examples("baseline", 30, seed=0), "val": examples("baseline", 12, seed=1)}
    data["val"] = Examples(data["val"].values // 4, data["val"].labels, data["val"].files)
    for split, part in data.items():
        np.save(tmp_path / f"{split}.npy", part.values)
        labels = np.where(part.labels == 1, "covid", "normal")
        pd.DataFrame({"file": part.files, "label": labels}).to_csv(tmp_path / f"{split}.csv", index=False)
    pd.DataFrame([hyperparameters("baseline")]).to_csv(tmp_path / "best.csv", index=False)
    sources = {"train": "train.npy", "val": "val.npy", "train_index": "train.csv", "val_index": "val.csv"}
    given = {name: tmp_path / file for name, file in (sources | {"best": "best.csv"}).items()}
    given |= {"model": "baseline", "backbone": []}
    given["settings"] = SETTINGS | {"training": {"heldout_seeds": [5, 6], "epochs": 2, "patience": 2}}

    models = [tmp_path / f"{seed}.keras" for seed in (5, 6)]
    stage.heldout(**given, models=models, runs=tmp_path / "runs.csv", predictions=tmp_path / "predictions.csv")
    runs, predictions = pd.read_csv(tmp_path / "runs.csv"), pd.read_csv(tmp_path / "predictions.csv")
    assert runs["seed"].tolist() == [5, 6] and predictions["seed"].tolist() == [5] * 12 + [6] * 12
    assert not np.allclose(*(rows["logit"] for _, rows in predictions.groupby("seed"))), "each seed, a model of its own"
    for file, (_, run), (_, rows) in zip(models, runs.iterrows(), predictions.groupby("seed"), strict=True):
        assert rows["file"].tolist() == data["val"].files.tolist()
        assert np.array_equal(rows["label"] == "covid", data["val"].labels == 1)
        logits = outputs(keras.models.load_model(file), inputs_of("baseline", data["val"]))
        assert rows["logit"].to_numpy() == pytest.approx(logits, abs=1e-5)
        assert run["val_loss"] == pytest.approx(reference.log_loss(data["val"].labels, expit(logits)), rel=1e-4)

    pd.DataFrame({"best_epoch": [9, 1, 3, 2]}).to_csv(tmp_path / "runs.csv", index=False)
    tables = {"history": tmp_path / "history.csv", "summary": tmp_path / "summary.csv"}
    stage.final(**given, runs=tmp_path / "runs.csv", model_file=tmp_path / "final.keras", **tables)
    history, summary = map(pd.read_csv, tables.values())
    assert len(history) == 3 == summary["epochs"].item() and not any(name.startswith("val") for name in history)
    final = keras.models.load_model(tmp_path / "final.keras")
    assert summary["weights_sha256"].item() == fitting.weights_sha256(final) and summary["reloaded_identical"].item()
    layer = final.get_layer("normalisation")
    assert layer(data["train"].values.astype(np.float32)).numpy().mean() == pytest.approx(0, abs=1e-4)
