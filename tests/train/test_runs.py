"""Building, fitting, scoring, saving: what both models share, on phantoms of 32 pixels."""

import gc
import os
import pty
import re
import subprocess
import sys
import termios
import warnings
import weakref
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml
from scipy.special import expit
from sklearn import metrics as reference
from sklearn.utils.class_weight import compute_class_weight

from pipeline.command import InputError
from pipeline.images.examples import Examples
from pipeline.models import baseline, fitting, pretrained, runtime, transfer
from pipeline.models.backbones import resnet50v2
from pipeline.train import runs as stage
from tests.phantoms import phantom

ROOT = Path(__file__).parents[2]
COMPUTE = {"threads": 2, "mixed_precision": True}  # the number of threads is the process's, so all test files have one
SETTINGS = yaml.safe_load((ROOT / "config/config.yaml").read_text()) | {"compute": COMPUTE}
runtime.start(COMPUTE)

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


def fitted(model, seed=1, epochs=2, train=None, options=None, **changed):
    """A network and its history; `options` are those of fitting.fit, `changed` are hyperparameters."""
    train = train or examples(model, 40, seed=0)
    module, settings = fitting.module_of(model), hyperparameters(model, **changed)
    return fitting.run(module, settings, train, SETTINGS, seed=seed, epochs=epochs, **(options or {}))


def inputs_of(model, data):
    return data.values[..., None].astype(np.float32) if model == "baseline" else data.values[:, 0]


def outputs(network, values):
    return network.predict(values, verbose=0)[:, 0].astype(np.float64)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """The file of a backbone whose every weight is random, the statistics of its normalisation included."""
    keras.utils.set_random_seed(0)
    network = pretrained.build(resnet50v2, SIZE, CUT)
    rng = np.random.default_rng(0)
    network.set_weights([weight * rng.uniform(0.5, 2, weight.shape) for weight in network.get_weights()])
    file = tmp_path_factory.mktemp("backbone") / "backbone.keras"
    network.save(file)
    return file


@pytest.fixture(scope="module")
def whole(backbone):
    """The whole transfer model, and the head that it was made of."""
    keras.utils.set_random_seed(3)
    channels = keras.models.load_model(backbone).output_shape[-1]
    values = np.random.default_rng(3).normal(5, 3, (20, 3, channels)).astype(np.float32)
    head = transfer.build(hyperparameters("transfer"), values)
    return transfer.assemble(head, [backbone]), head, values[:, 0].astype(np.float64)


# Reproducibility


@pytest.mark.parametrize("model", MODELS)
def test_a_seed_gives_one_model(model):
    (first, history), (again, same_history), (other, _) = (fitted(model, seed) for seed in (1, 1, 2))
    assert fitting.weights_sha256(first) == fitting.weights_sha256(again) != fitting.weights_sha256(other)
    assert history.equals(same_history)


def test_another_process_gives_the_same_bits_and_shows_on_a_terminal_how_far_it_is():
    script = """if True:
        from pipeline.command import run
        from tests.train.test_runs import fingerprint
        run(fingerprint, arguments=[])
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as process:
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:
            pass  # So Linux tells that the other end was closed.
        printed = process.stdout.read()
    os.close(ours)
    shown = shown.decode()
    assert process.returncode == 0, shown
    assert all(re.search(rf"epoch {epoch}/3: +\d+%\|", shown) for epoch in (1, 2, 3)), "the bar, with the epoch"
    assert re.search(r"100%\|.* 9/9 ", shown), "three epochs of three steps"
    assert all(shown.count(f"epoch {epoch}/3  train_loss") == 1 for epoch in (1, 2, 3)), "the log's lines, once"
    assert printed == fingerprint_of(*fitted("baseline", epochs=3)) + "\n"


def fingerprint():
    """Train, and print what must not differ between two processes."""
    print(fingerprint_of(*fitted("baseline", epochs=3)))


def fingerprint_of(network, history):
    return fitting.weights_sha256(network) + history.to_csv(index=False)


# The networks


def test_baseline_takes_grey_values_and_gives_a_logit():
    films = examples("baseline", 12, seed=0).values
    network = fitting.module_of("baseline").build(hyperparameters("baseline"), films)
    assert network.input_shape == (None, SIZE, SIZE, 1) and network.output_shape == (None, 1)
    inner = keras.Model(network.input, network.get_layer("normalisation").output).predict(films[..., None], verbose=0)
    assert inner.mean() == pytest.approx(0, abs=1e-4) and inner.std() == pytest.approx(1, abs=1e-4)
    network.get_layer("logit").bias.assign([-7.0])
    assert (fitting.logits(network, films) < 0).all(), "a probability is never negative"


def test_whole_transfer_is_head_of_pooled_backbone(backbone, whole):
    network, head, plain = whole
    films = examples("baseline", 9, seed=0).values
    maps = keras.models.load_model(backbone).predict(films[..., None].astype(np.float32), verbose=0)
    kernel, bias, last_kernel, last_bias = (weight.astype(np.float64) for weight in head.get_weights())
    standard = (maps.mean(axis=(1, 2), dtype=np.float64) - plain.mean(axis=0)) / plain.std(axis=0)
    hidden = np.maximum(standard @ kernel + bias, 0)
    expected = (hidden @ last_kernel + last_bias)[:, 0]
    assert fitting.logits(network, films) == pytest.approx(expected, rel=1e-4, abs=1e-5 * np.abs(expected).max())
    assert np.ptp(expected) > 0
    assert network.input_shape == (None, SIZE, SIZE, 1) and network.output_shape == (None, 1)


def test_whole_transfer_is_flat_and_frozen_but_for_the_head(whole):
    network, head, _ = whole
    reloaded = fitting.reload(network)
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
    network = fitting.module_of(model).build(hyperparameters(model), data.values)
    logits = fitting.logits(network, data.values if model == "baseline" else data.values[:, 0])
    assert logits.shape == (131,) and logits.dtype == np.float64
    assert logits == pytest.approx(outputs(network, inputs_of(model, data)), abs=1e-5)


# The loss and the steps down it


def losses(labels, logits):
    """{name: loss of each example}, by the formulas; of the focal loss, Lin et al. 2017, equation 4 with gamma = 2."""
    wrong = np.where(labels == 1, 1 - expit(logits), expit(logits))
    cross_entropy = -np.log(1 - wrong)
    weights = np.where(labels == 1, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
    return {
        "cross_entropy": cross_entropy,
        "weighted_cross_entropy": weights * cross_entropy,
        "focal": wrong**2 * cross_entropy,
    }


def adam(gradients, m=0.0, v=0.0):
    for step, gradient in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        yield (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-7)


def sgd(gradients, velocity=0.0):
    for gradient in gradients:
        velocity = 0.9 * velocity + gradient
        yield velocity


def rmsprop(gradients, v=0.0):
    for gradient in gradients:
        v = 0.9 * v + 0.1 * gradient**2
        yield gradient / np.sqrt(v + 1e-7)


@pytest.mark.parametrize("loss", ["cross_entropy", "weighted_cross_entropy", "focal"])
@pytest.mark.parametrize("optimizer", [adam, sgd, rmsprop])
def test_fit_descends_the_loss_as_the_optimizer_does(optimizer, loss):
    """A single weight, from which three steps over all examples are computed by hand; one in six is covid."""
    labels = (np.arange(12) % 6 == 0).astype(np.float32)
    features = np.linspace(-2, 3, 12) + labels
    train = Examples(np.repeat(features[:, None, None], 2, axis=1).astype(np.float32), labels, labels.astype(str))
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    settings = SETTINGS | {"compute": {"mixed_precision": False}}
    chosen = {"learning_rate": 0.05, "batch_size": 12, "optimizer": optimizer.__name__, "loss": loss}
    history = fitting.fit(network, chosen, train, transfer, settings, seed=1, epochs=3, val=train)

    def slope(weight, step=1e-5):
        up, down = (losses(labels, (weight + sign * step) * features)[loss].mean() for sign in (1, -1))
        return (up - down) / (2 * step)

    weight, slopes = 1.0, []
    for _ in range(3):
        slopes.append(slope(weight))
        *_, move = optimizer(slopes)
        weight -= 0.05 * move
    assert network.get_weights()[0].item() == pytest.approx(weight, rel=1e-4) != 1, "averaged over one step an epoch"
    compiled = np.mean(network.loss(labels[:, None], features[:, None]))
    unweighted = loss.removeprefix("weighted_")
    assert compiled == pytest.approx(losses(labels, features)[unweighted].mean(), rel=1e-5)
    shown = reference.log_loss(labels, expit(weight * features))
    assert history["train_loss"].iloc[-1] == pytest.approx(shown, rel=1e-4), "unweighted cross-entropy"


def test_the_learning_rate_falls_along_a_cosine_if_it_shall():
    """40 examples of 16 make three steps; the rate is that after an epoch's last step."""
    _, history = fitted("transfer", epochs=8, options={"decay": True}, learning_rate=0.01)
    expected = 0.01 * (1 + np.cos(np.pi * np.arange(1, 9) / 8)) / 2
    assert history["learning_rate"].to_numpy() == pytest.approx(expected, abs=1e-8)
    assert history["learning_rate"].iloc[-1] < 1e-6


class StopAfter(keras.callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 == self.epochs


@pytest.mark.parametrize(
    "optimizer, end, epochs",
    [("adam", {}, 4), ("sgd", {"patience": 2}, 4), ("rmsprop", {"stop": [StopAfter(2)]}, 2)],
    ids=["last epoch", "best epoch", "stopped"],
)
def test_what_is_scored_and_kept_are_averages_over_an_epoch(optimizer, end, epochs):
    """Of the weights after each of its four steps, from the first one on, by a calculation of our own."""
    averages = []

    class Average(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weights = [weight.numpy().astype(np.float64) for weight in self.model.trainable_weights]
            if self.model.optimizer.iterations.numpy() == 1:
                self.average = weights
            self.average = [0.75 * old + 0.25 * new for old, new in zip(self.average, weights, strict=True)]

        def on_epoch_end(self, epoch, logs=None):
            averages.append(self.average)

    train, val = examples("baseline", 32, seed=0), examples("baseline", 20, seed=1)
    options = {"val": val} | end | {"stop": [Average(), *end.get("stop", [])]}
    changed = {"batch_size": 8, "learning_rate": 0.01, "optimizer": optimizer}
    network, history = fitted("baseline", epochs=4, train=train, options=options, **changed)
    assert len(history) <= epochs
    kept = history["val_loss"].argmin() if "patience" in end else len(history) - 1
    for weight, expected in zip(network.trainable_weights, averages[kept], strict=True):
        assert weight.numpy() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    loss = reference.log_loss(val.labels, expit(outputs(network, val.values)))
    assert loss == pytest.approx(history["val_loss"][kept], rel=1e-4)


@pytest.mark.parametrize("decay", [False, True])
def test_statistics_of_batch_normalisation_are_those_of_the_averages(decay):
    """Of what reaches a layer, over all images of the part of train that is scored, in batches of unequal size.

    What reaches the later layers was normalised batch by batch, so their statistics depend on the batches a little.
    """
    train, val = examples("baseline", 160, seed=0), examples("baseline", 150, seed=1)
    changed = {"batch_size": 64, "learning_rate": 0.01}
    network, _ = fitted("baseline", epochs=2, train=train, options={"decay": decay, "val": val}, **changed)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    scored = fitting.monitored(train, val, SETTINGS["seed"], baseline.unaugmented)["train"][0]
    found = [[norm.moving_mean.numpy(), norm.moving_variance.numpy()] for norm in norms]
    reaching = keras.Model(network.input, [norm.input for norm in norms])
    expected = [
        [maps.numpy().mean(axis=(0, 1, 2)), maps.numpy().var(axis=(0, 1, 2))]
        for maps in reaching(scored[..., None].astype(np.float32), training=True)
    ]
    assert np.allclose(found[0], expected[0], rtol=1e-3) == (not decay)
    assert all(np.allclose(*pair, rtol=0.1, atol=0.02) for pair in zip(found, expected, strict=True)) == (not decay)


def test_statistics_of_frozen_batch_normalisation_stay():
    train = examples("baseline", 32, seed=0)
    network = baseline.build(hyperparameters("baseline"), train.values)
    norm = network.get_layer("norm2")
    norm.trainable = False
    fitting.fit(network, hyperparameters("baseline"), train, baseline, SETTINGS, seed=1, epochs=1)
    assert np.all(norm.moving_mean == 0) and np.all(norm.moving_variance == 1)


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

    changed = {"dropout": 0.5, "batch_size": 8, "learning_rate": 0.01}
    network, history = fitted(model, epochs=3, train=train, options={"val": val, "stop": [Keep()]}, **changed)
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
    network, history = fitted("transfer", epochs=60, train=train, options={"val": val, "patience": 3}, **changed)
    best = int(history["val_loss"].argmin())
    assert 0 < best < len(history) - 1 and len(history) == best + 1 + 3 < 60
    loss = reference.log_loss(val.labels, expit(outputs(network, val.values[:, 0])))
    assert loss == pytest.approx(history["val_loss"][best], rel=1e-5)
    assert loss < history["val_loss"].iloc[-1] - 1e-3


@pytest.mark.parametrize("model", ["baseline", "transfer"])
def test_without_a_curve_of_train_a_run_is_the_same(model):
    """As a trial of the search is: the best weights' scores are computed at the end, from the network as it is."""
    train, val = examples(model, 40, seed=0), examples(model, 20, seed=1)
    monitoring = {"val": val, "patience": 2}
    curved, with_train = fitted(model, epochs=6, train=train, options=monitoring)
    network, history = fitted(model, epochs=6, train=train, options=monitoring | {"train_curve": False})
    assert fitting.weights_sha256(network) == fitting.weights_sha256(curved)
    pd.testing.assert_frame_equal(history, with_train.drop(columns=with_train.filter(like="train_")))
    best = with_train.loc[with_train["val_loss"].idxmin()].drop(["epoch", "learning_rate"])
    assert fitting.scores(network, train, val, fitting.module_of(model), SETTINGS) == best.to_dict()


@pytest.mark.parametrize("train_curve", [True, False])
def test_a_diverged_run_stops(train_curve):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        network, history = fitted("transfer", epochs=9, learning_rate=1e30, options={"train_curve": train_curve})
    assert len(history) < 9 and not np.isfinite(outputs(network, examples("transfer", 4, seed=1).values[:, 0])).all()


def test_a_run_frees_what_the_one_before_it_left():
    """As of trials in one process: networks are in reference cycles, which the collector by itself finds late."""
    network, _ = fitted("transfer", epochs=1)
    left = weakref.ref(network)
    del network
    gc.disable()
    try:
        fitted("transfer", epochs=1)
    finally:
        gc.enable()
    assert left() is None


def study_run(learning_rate):
    train, val = examples("transfer", 40, seed=0), examples("transfer", 20, seed=1)
    chosen = hyperparameters("transfer", learning_rate=learning_rate)
    return fitting.study_run(transfer, chosen, train, val, SETTINGS, seed=1, epochs=3, name="cut, seed 1")


def test_a_run_of_a_study_is_scored_at_its_end():
    logits, scores, _ = study_run(0.001)
    train, val = examples("transfer", 40, seed=0), examples("transfer", 20, seed=1)
    chosen = hyperparameters("transfer", learning_rate=0.001)
    network, _ = fitting.run(transfer, chosen, train, SETTINGS, seed=1, epochs=3, decay=True)
    assert logits == pytest.approx(outputs(network, val.values[:, 0]), rel=1e-4)
    expected = {"parameters": network.count_params()}
    for name, data in {"train": train.stratified(20, SETTINGS["seed"]), "val": val}.items():
        by_sklearn = scores_by_sklearn(data.labels, outputs(network, data.values[:, 0]))
        expected |= {f"{name}_{metric}": value for metric, value in by_sklearn.items()}
    assert scores == pytest.approx({name: expected[name] for name in scores}, rel=1e-4)


def test_a_run_of_a_study_that_diverged_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(InputError, match=r"cut, seed 1: the run diverged .* 1e\+30; expected a smaller one"):
            study_run(1e30)


# Saving


def test_saved_and_reloaded_is_the_same_model(whole):
    network, head, _ = whole
    reloaded = fitting.reload(network)
    row = fitting.describe(network, reloaded, epochs=7).iloc[0]
    assert row["reloaded_identical"] and row["epochs"] == 7
    counts = [sum(weight.size for weight in weights) for weights in (network.get_weights(), head.get_weights())]
    assert (row["trainable_parameters"], row["frozen_parameters"]) == (counts[1], counts[0] - counts[1])

    assert {fitting.weights_sha256(model) for model in (network, reloaded)} == {row["weights_sha256"]}

    reloaded.get_layer("logit").bias.assign_add([1e-3])
    assert fitting.weights_sha256(reloaded) != row["weights_sha256"]
    assert not fitting.describe(network, reloaded, epochs=7)["reloaded_identical"].item()


@pytest.mark.parametrize("model", MODELS)
def test_layer_table_is_that_of_the_summary(model, whole):
    if model == "transfer":
        network = whole[0]
    else:
        films = examples("baseline", 4, seed=0).values
        network = fitting.module_of("baseline").build(hyperparameters("baseline"), films)
    table, lines = fitting.layer_table(network), []
    network.summary(print_fn=lines.append)
    totals = dict(re.findall(r"(Total|Trainable) params: ([\d,]+)", "\n".join(lines)))
    assert table["parameters"].sum() == int(totals["Total"].replace(",", ""))
    assert table["trainable_parameters"].sum() == int(totals["Trainable"].replace(",", ""))
    # In the reloaded network every layer has one output; the head's layers had been called before.
    reloaded = fitting.reload(network)
    outputs = keras.Model(reloaded.input, [layer.output for layer in reloaded.layers])(np.zeros((1, SIZE, SIZE, 1)))
    for row, layer, output in zip(table.to_dict("records"), reloaded.layers, outputs, strict=True):
        assert (row["layer"], row["type"]) == (layer.name, type(layer).__name__)
        assert row["output_shape"] == " x ".join(map(str, output.shape[1:]))
        assert row["parameters"] == sum(weight.size for weight in layer.get_weights())


# The stage


def settings_of(model, **training):
    return SETTINGS | {"training": training, model: {"hyperparameters": hyperparameters(model)}}


@pytest.mark.parametrize("model", MODELS)
def test_the_initial_run_takes_all_epochs(model, tmp_path):
    data = {"train": examples(model, 30, seed=0), "val": examples(model, 12, seed=1)}
    given = {"start": None, "settings": settings_of(model, epochs=3, patience=1), "backup": tmp_path / "initial.npz"}
    history = stage.initial(model=model, **data, **given)["history"]
    assert history["epoch"].tolist() == [1, 2, 3] and {"train_loss", "val_loss"} <= set(history)
    # The weights as they are trained, beside their averages.
    raw = history[[f"raw_{name}" for name in ("train_loss", "val_loss")]]
    assert raw.notna().all(axis=None) and (raw["raw_val_loss"] != history["val_loss"]).all()


def test_the_transfer_model_starts_from_what_the_search_found_for_the_baseline(tmp_path):
    """Where both have the hyperparameter: its history is that of a run with these values."""
    data = {"train": examples("transfer", 30, seed=0), "val": examples("transfer", 12, seed=1)}
    found = {"learning_rate": 0.02, "dropout": 0.1, "batch_size": 10, "dense_units": 6, "optimizer": "sgd"}
    start = pd.DataFrame([hyperparameters("baseline") | found | {"candidate": 1}])
    given = {"start": start, "settings": settings_of("transfer", epochs=2, patience=1), "backup": tmp_path / "run.npz"}
    history = stage.initial(model="transfer", **data, **given)["history"]
    seed, val = SETTINGS["seed"], {"val": data["val"]}
    _, expected = fitted("transfer", seed, train=data["train"], options=val, **found)
    assert history[expected.columns].to_numpy() == pytest.approx(expected.to_numpy())
    _, otherwise = fitted("transfer", seed, train=data["train"], options=val)
    assert expected["val_loss"].to_numpy() != pytest.approx(otherwise["val_loss"].to_numpy())


@pytest.mark.parametrize("model", MODELS)
def test_train_only_models_are_those_that_confirmed_the_selected_candidate(model, backbone, tmp_path):
    """They give the table's val logits on the images."""
    films = examples("baseline", 12, seed=1)
    module, val, backbones = fitting.module_of(model), films, []
    if model == "transfer":
        backbones = [backbone]
        features = pretrained.pooled(keras.models.load_model(backbone)).predict(films.values[..., None], verbose=0)
        val = Examples(features[:, None], films.labels, films.files)
    runs = pd.DataFrame([(1, 5), (1, 6), (2, 5), (2, 6)], columns=["candidate", "seed"])
    networks = {
        which: tmp_path / "{}_candidate{}_seed{}.keras".format(model, *which) for which in runs.itertuples(index=False)
    }
    for place, file in enumerate(networks.values()):
        keras.utils.set_random_seed(place)
        module.build(hyperparameters(model), val.values).save(file)
    confirmed = [rows.assign(val_auc=candidate / 10) for candidate, rows in runs.groupby("candidate")]
    made = stage.train_only(
        model=model,
        val=val,
        best=pd.DataFrame([hyperparameters(model) | {"candidate": 2}]),
        networks=list(networks.values()),
        confirmed=confirmed,
        histories=[pd.concat([rows.assign(epoch=1), rows.assign(epoch=2)]) for rows in confirmed],
        backbone=backbones,
        settings=settings_of(model, selection_seeds=[5, 6]),
    )
    assert made["runs"]["seed"].tolist() == [5, 6] and (made["runs"]["val_auc"] == 0.2).all()
    assert made["history"]["seed"].tolist() == [5, 6, 5, 6] and made["history"]["epoch"].tolist() == [1, 1, 2, 2]
    assert "candidate" not in {*made["runs"], *made["history"]}
    predictions = made["predictions"]
    assert predictions["seed"].tolist() == [5] * 12 + [6] * 12
    for train_only, (seed, rows) in zip(made["models"], predictions.groupby("seed"), strict=True):
        assert rows["file"].tolist() == films.files.tolist()
        assert np.array_equal(rows["label"] == "covid", films.labels == 1)
        confirming = keras.models.load_model(networks[2, seed])
        weights = train_only.get_weights()[-len(confirming.get_weights()) :]
        assert all(map(np.array_equal, weights, confirming.get_weights()))
        logits = outputs(train_only, inputs_of("baseline", films))
        assert rows["logit"].to_numpy() == pytest.approx(logits, rel=1e-4, abs=1e-5)


def final(model, data, best_epochs, backup, **changed):
    """What the final run returns."""
    return stage.final(
        model=model,
        **data,
        best=pd.DataFrame([hyperparameters(model, **changed) | {"candidate": 2}]),
        runs=pd.DataFrame({"best_epoch": best_epochs}),
        backbone=[],
        settings=SETTINGS,
        backup=backup,
    )


def test_the_final_run_takes_the_epochs_of_the_train_only_runs(tmp_path):
    """The median of their best epochs, rounded up; and the normalisation of train alone, though val is fitted too."""
    data = {"train": examples("baseline", 30, seed=0), "val": examples("baseline", 12, seed=1)}
    data["val"] = Examples(data["val"].values // 4, data["val"].labels, data["val"].files)
    made = final("baseline", data, [9, 1, 3, 2], tmp_path / "final.npz")
    network, history, summary, cost = (made[name] for name in ("model", "history", "summary", "cost"))
    assert cost["part"].tolist() == ["final run", "prediction"] and (cost["seconds"] > 0).all()
    assert len(history) == 3 == summary["epochs"].item() and not any(name.startswith("val") for name in history)
    assert summary["weights_sha256"].item() == fitting.weights_sha256(network) and summary["reloaded_identical"].item()
    assert made["layers"]["trainable_parameters"].sum() == summary["trainable_parameters"].item()
    layer = network.get_layer("normalisation")
    assert layer(data["train"].values.astype(np.float32)).numpy().mean() == pytest.approx(0, abs=1e-4)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_final_run_that_diverged_is_refused(tmp_path):
    """What it would give must not look at test."""
    data = {"train": examples("transfer", 30, seed=0), "val": examples("transfer", 12, seed=1)}
    with pytest.raises(InputError, match=r"transfer: the final run diverged.*1e\+30.*tune.space.transfer.learn"):
        final("transfer", data, [3], tmp_path / "final.npz", learning_rate=1e30)


def test_a_cpu_without_bfloat16_computes_in_float32_and_says_so_once(tmp_path, monkeypatch, caplog):
    def options():
        with runtime.mixed_precision({"mixed_precision": True}):
            return tf.config.optimizer.get_experimental_options()

    caplog.set_level("INFO", "pipeline")
    for flags, expected in {"sse2 avx512_bf16": True, "sse2 avx2": False}.items():
        cpu = tmp_path / flags
        cpu.write_text(f"flags : {flags}\n")
        monkeypatch.setattr(runtime, "CPU", cpu)
        assert options()[runtime.BFLOAT16] is expected
        options()
        assert caplog.text.count("no bfloat16 instructions") == (not expected)
