"""Fitting a model, whichever it is: compilation, one run, what is recorded an epoch, predictions, the hash."""

import contextlib
import functools
import gc
import importlib
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.command import InputError, log
from pipeline.images import inputs
from pipeline.models import runtime
from pipeline.models.backup import Backup, key_of
from pipeline.statistics import metrics
from pipeline.storage import weights_sha256

try:
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm as redirected
except ImportError:  # The notebook runs with the libraries of the assignment alone, without a bar.
    tqdm = None

SCORED_AT_ONCE = 128  # examples
SHOWN = ("_loss", "_auc")


def module_of(model):
    """The module of `model`: pipeline.models.baseline or pipeline.models.transfer."""
    return importlib.import_module(f"pipeline.models.{model}")


def run(module, hyperparameters, train, settings, *, seed, epochs, statistics_from=None, **options):
    """Build the model from `seed` and fit it. More than six parameters: those of `fit` are its options as well.

    Args:
        statistics_from: Examples whose values give the normalisation; default: `train`.
        **options: of `fit`.

    Returns:
        the fitted network, and its history: DataFrame, one row an epoch.
    """
    keras.utils.set_random_seed(seed)
    network = module.build(hyperparameters, (statistics_from or train).values)
    return network, fit(network, hyperparameters, train, module, settings, seed=seed, epochs=epochs, **options)


def fit(
    network,
    hyperparameters,
    train,
    source,
    settings,
    *,
    seed,
    epochs,
    val=None,
    patience=None,
    stop=(),
    backup=None,
    decay=False,
    warm_up=0,
    train_curve=True,
    train_view=None,
    raw_curve=False,
    score=metrics.scores,
):
    """Compile a network and fit it in place.

    More than six parameters: stages, studies and tests combine the options of a run freely.

    Args:
        hyperparameters: learning_rate, optimizer, loss, batch_size.
        train: Examples that are fitted.
        source: module with `transform(settings)` and `unaugmented(values)`: what the network takes, augmented and not.
        val: Examples to monitor; needed for early stopping.
        patience: epochs without a lower val loss before training stops and the best epoch's weights return; None: no
            early stopping.
        stop: further callbacks that may stop the run by an epoch's scores.
        backup: file from which a killed run goes on, and one of a constant learning rate that is given more `epochs`;
            none of the rule's outputs, since Snakemake deletes those.
        decay: whether the learning rate falls to 0 along a cosine (Loshchilov & Hutter 2017). Else it is constant, and
            what is scored at an epoch's end, and kept in the end, are `Averages` over about the last epoch.
        warm_up: epochs at the start over which a learning rate that decays rises from 0 (Goyal et al. 2017).
        train_curve: whether train is scored after each epoch too, which takes time.
        train_view: (values) -> what of train is scored; default: what `source.unaugmented` gives.
        raw_curve: whether the weights themselves are scored too, under names that begin with raw_, where averages stand
            in their place.
        score: (labels, logits) -> dict of what is recorded of a set.

    Returns:
        history: DataFrame, one row an epoch. Keras' own training loss is a running mean under class weights, dropout
        and augmentation, which no val loss compares with; so train, where its curve is wanted, and val are scored alike
        at each epoch's end.
    """
    batch_size = int(hyperparameters["batch_size"])
    steps = inputs.steps(len(train), batch_size)
    # Of a run before this one, network and examples are in reference cycles: hundreds of MB in few objects, too few for
    # the collector to start by itself.
    gc.collect()
    compile_(network, hyperparameters, steps, decay_epochs=epochs if decay else None, warm_up=warm_up)
    sets = monitored(train, val, settings["seed"], source.unaugmented, train_view)
    scores = EpochScores({name: sets[name] for name in sets if name != "train" or train_curve}, epochs, score)
    averages = None if decay else Averages(sets["train"][0])
    raw = [RawScores(scores)] if raw_curve else []
    callbacks, stopping, start = [*raw, *filter(None, [averages]), scores, *stop], None, 0
    if patience:
        stopping = keras.callbacks.EarlyStopping("val_loss", mode="min", patience=patience, restore_best_weights=True)
        callbacks.append(stopping)
    if backup:
        # On a GPU the optimizer has more variables: a run does not go on elsewhere.
        parameters = [weights_sha256(network), hyperparameters, settings, seed, patience, train_curve, raw_curve]
        parameters += [epochs if decay else None, warm_up, runtime.has_gpu()]
        arrays = [array for part in (train, val) if part for array in (part.values, part.labels)]
        key = key_of(parameters, arrays)
        kept = Backup(backup, key, epochs=epochs, scores=scores, averages=averages, stopping=stopping)
        if kept.finished:
            kept.restore(network)
            return pd.DataFrame(scores.rows)
        callbacks.append(kept)
        start = kept.epoch
    training = inputs.Training(source.transform(settings), seed, epochs, start)
    with runtime.mixed_precision(settings["compute"]), progress(start, epochs, steps) as bar:
        network.fit(
            inputs.batches(train.values, train.labels, batch_size=batch_size, training=training),
            steps_per_epoch=steps,
            initial_epoch=start,
            epochs=epochs,
            class_weight=class_weights(train.labels) if hyperparameters["loss"] == "weighted_cross_entropy" else None,
            callbacks=callbacks + bar,
            shuffle=False,
            verbose=0,
        )
    return pd.DataFrame(scores.rows)


def study_run(module, hyperparameters, train, val, settings, *, seed, epochs, name, may_diverge=False):
    """A short run of a study: its learning rate falls to 0, and nothing is scored before its end.

    More than six parameters: those of `run`, and the run's name.

    Args:
        name: of the run, for messages: "optimizer: sgd, seed 1".
        may_diverge: whether the scores of a run that diverged are NaN in place of an error.

    Returns:
        logits of val, float64 (images,); dict of train_auc, val_auc, val_loss and parameters; seconds of the training.

    Raises:
        InputError: the run diverged; a mean over seeds would leave it out without a word.
    """
    start = time.perf_counter()
    network, _ = run(module, hyperparameters, train, settings, seed=seed, epochs=epochs, decay=True, train_curve=False)
    seconds = time.perf_counter() - start
    found = scores(network, train, val, module, settings)
    row = {name: found[name] for name in ("train_auc", "val_auc", "val_loss")} | {"parameters": network.count_params()}
    if not np.isfinite(row["val_loss"]):
        if may_diverge:
            row |= dict.fromkeys(("train_auc", "val_auc", "val_loss"), np.nan)
            return logits(network, module.unaugmented(val.values)), row, seconds
        raise InputError(
            f"{name}: the run diverged at a learning rate of {hyperparameters['learning_rate']:g}; expected a smaller "
            "one (baseline: ablate.learning_rates, head: transfer.hyperparameters.learning_rate)"
        )
    return logits(network, module.unaugmented(val.values)), row, seconds


OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "sgd": functools.partial(keras.optimizers.SGD, momentum=0.9),
    "rmsprop": keras.optimizers.RMSprop,
}


def compile_(network, hyperparameters, steps, decay_epochs=None, warm_up=0):
    """The optimizer, and the loss of the logit: a sigmoid inside the network would saturate, its gradients vanish.

    Args:
        steps: of an epoch.
        decay_epochs: epochs over which the learning rate falls to 0; None: it is constant, the weights are averaged.
        warm_up: of these epochs, those in which it first rises from 0.
    """
    learning_rate, losses = hyperparameters["learning_rate"], keras.losses
    if decay_epochs:
        schedule, rising = keras.optimizers.schedules.CosineDecay, min(warm_up, decay_epochs - 1) * steps
        rise = {"initial_learning_rate": 0.0, "warmup_target": learning_rate, "warmup_steps": rising}
        start = rise if rising else {"initial_learning_rate": learning_rate}
        learning_rate = schedule(decay_steps=decay_epochs * steps - rising, **start)
    averaging = {"use_ema": not decay_epochs, "ema_momentum": 1 - 1 / steps}
    optimizer = OPTIMIZERS[hyperparameters["optimizer"]](learning_rate, **averaging)
    if runtime.has_gpu():
        # The range of float16, to which `mixed_precision` goes there, is too small for gradients as they are.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    loss = losses.BinaryFocalCrossentropy if hyperparameters["loss"] == "focal" else losses.BinaryCrossentropy
    # Compiled by XLA, which Keras would do on a GPU, the network would be out of reach of `mixed_precision`.
    network.compile(optimizer=optimizer, loss=loss(from_logits=True), jit_compile=False)


def class_weights(labels):
    """Weights inversely proportional to the classes' counts, of mean 1 over the examples."""
    positive = labels.mean()
    return {0: float(0.5 / (1 - positive)), 1: float(0.5 / positive)}


def monitored(train, val, seed, unaugmented, train_view=None):
    """{name: (what the network takes, labels)} that the history is computed on.

    These are val and as many fixed train examples, class ratio kept; where val is trained on too, a fifth of all. They
    are not augmented, but for those of train where there is a view of them.
    """
    part = train.stratified(len(val) if val else len(train) // 5, seed)
    sets = {"train": ((train_view or unaugmented)(part.values), part.labels)}
    if val:
        sets["val"] = unaugmented(val.values), val.labels
    return sets


@contextlib.contextmanager
def progress(start, epochs, steps):
    """On a terminal a bar with epoch, step, time left and the last scores; elsewhere nothing but the log's lines.

    Yields:
        list of the callback that moves it, if there is one.
    """
    if tqdm is None:
        yield []
        return
    with tqdm(initial=start * steps, total=epochs * steps, unit="step", disable=None) as bar, redirected():
        yield [] if bar.disable else [Progress(bar, epochs)]


class Progress(keras.callbacks.Callback):
    """Moves a tqdm bar by batches."""

    def __init__(self, bar, epochs):
        super().__init__()
        self.bar, self.epochs = bar, epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.bar.set_description(f"epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self.bar.set_postfix_str(_shown(logs))


class Averages(keras.callbacks.Callback):
    """Puts the optimizer's moving averages of the weights (Polyak & Juditsky 1992) in their place between epochs.

    The statistics of batch normalisation are computed again for them, from all `images`: what training leaves are those
    of its last steps, each of other weights, by which single epochs, and so the end of a run, would be left to chance
    (Wu & Johnson 2021, section 3).

    Args:
        images: what the network takes, un-augmented, of a part of what is fitted.
    """

    def __init__(self, images):
        super().__init__()
        self.images = inputs.batches(images, batch_size=SCORED_AT_ONCE)
        self.own = []

    def on_train_begin(self, logs=None):
        normalising = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        self.normalising = [layer for layer in normalising if layer.trainable]
        if self.normalising:
            reaching = keras.Model(self.model.inputs, [layer.input for layer in self.normalising])
            self.moments = tf.function(
                lambda values: [
                    tf.nn.moments(maps, [0, 1, 2]) for maps in keras.tree.flatten(reaching(values, training=True))
                ]
            )

    def on_epoch_begin(self, epoch, logs=None):
        if self.own:
            for weight, value in zip(self.model.trainable_weights, self.own, strict=True):
                weight.assign(value)

    def on_epoch_end(self, epoch, logs=None):
        self.own = [weight.numpy() for weight in self.model.trainable_weights]
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        if self.normalising:
            with runtime.float32():
                counts, batches = zip(*((len(values), self.moments(values)) for values in self.images), strict=True)
            for layer, moments in zip(self.normalising, zip(*batches, strict=True), strict=True):
                means, variances = np.transpose(moments, (1, 0, 2)).astype(np.float64)
                mean = np.average(means, axis=0, weights=counts)
                layer.moving_mean.assign(mean)
                layer.moving_variance.assign(np.average(variances + (means - mean) ** 2, axis=0, weights=counts))


class EpochScores(keras.callbacks.Callback):
    """Scores each monitored set in inference mode at the end of every epoch, and stops a run that has diverged.

    rows: one dict an epoch: epoch (from 1), learning_rate, then what `score` gives, by default loss (unweighted
    cross-entropy), auc, accuracy, sensitivity, specificity at probability 0.5, each with the set's name before it; then
    `raw`, the same of weights that `RawScores` has looked at.
    """

    def __init__(self, monitored, epochs, score=metrics.scores):
        super().__init__()
        self.epochs, self.score, self.rows, self.raw = epochs, score, [], {}
        self.monitored = {
            name: (inputs.batches(values, batch_size=SCORED_AT_ONCE), labels)
            for name, (values, labels) in monitored.items()
        }

    def on_train_begin(self, logs=None):
        self.forward = _forward(self.model)

    def current(self):
        """The scores of the weights as they are."""
        row = {}
        for name, (dataset, labels) in self.monitored.items():
            row |= _named(name, self.score(labels, _outputs(self.forward, dataset)))
        return row

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, "learning_rate": float(self.model.optimizer.learning_rate.numpy())}
        row |= self.current() | self.raw
        self.rows.append(row)
        # EarlyStopping reads val_loss from here, the progress bar what it shows.
        logs.update({name: value for name, value in row.items() if name.endswith(SHOWN)})
        log.info("epoch %d/%d  %s", epoch + 1, self.epochs, _shown(row) or f"loss {logs['loss']:.4f}")
        losses = [value for name, value in row.items() if name.endswith("_loss")] or [logs["loss"]]
        if not np.isfinite(losses).all():
            self.model.stop_training = True


class RawScores(keras.callbacks.Callback):
    """Has `scores` record the weights that are trained as well, before their averages stand in their place."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def on_epoch_end(self, epoch, logs=None):
        self.scores.raw = _named("raw", self.scores.current())


def scores(network, train, val, source, settings, *, train_view=None, score=metrics.scores):
    """Scores of a network as it is on the sets of a history, by the names that they have there."""
    forward, row = _forward(network), {}
    sets = monitored(train, val, settings["seed"], source.unaugmented, train_view)
    for name, (values, labels) in sets.items():
        outputs = _outputs(forward, inputs.batches(values, batch_size=SCORED_AT_ONCE))
        row |= _named(name, score(labels, outputs))
    return row


def _named(name, scores):
    return {f"{name}_{metric}": value for metric, value in scores.items()}


def _shown(row):
    return "  ".join(f"{name} {row[name]:.4f}" for name in row if name.endswith(SHOWN) and not name.startswith("raw"))


def logits(network, values):
    """The network's outputs in float32: (examples, ...) -> float64 (examples,)."""
    return _outputs(_forward(network), inputs.batches(values, batch_size=SCORED_AT_ONCE))


def seconds_to_predict(network, count):
    """Seconds that the outputs of `count` images take, by two batches of noise after one that warms up."""
    images = np.random.default_rng(0).integers(0, 256, (2 * SCORED_AT_ONCE, *network.input_shape[1:3]), np.uint8)
    forward = _forward(network)
    _outputs(forward, inputs.batches(images[:SCORED_AT_ONCE], batch_size=SCORED_AT_ONCE))
    start = time.perf_counter()
    _outputs(forward, inputs.batches(images, batch_size=SCORED_AT_ONCE))
    return (time.perf_counter() - start) / len(images) * count


def _forward(network):
    signature = tf.TensorSpec(network.inputs[0].shape, tf.float32)
    return tf.function(lambda values: network(values, training=False), input_signature=[signature])


def _outputs(forward, dataset):
    with runtime.float32():
        outputs = [forward(values) for values in dataset]
    return np.concatenate(outputs)[:, 0].astype(np.float64)


def prediction_table(examples, seed, logits):
    """One row an example: file, label, the seed of the model that predicted, logit."""
    labels = np.where(examples.labels == 1, "covid", "normal")
    return pd.DataFrame({"file": examples.files, "label": labels, "seed": seed, "logit": logits})


def reload(network):
    """The network after saving and loading back."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"
        network.save(file)
        return keras.models.load_model(file)


def describe(network, reloaded, epochs):
    """One row: epochs, parameters, the weights' hash, and whether the reloaded model gives identical outputs."""
    probe = np.random.default_rng(0).integers(0, 256, (8, *network.input_shape[1:3])).astype(np.uint8)
    trainable = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    return pd.DataFrame(
        {
            "epochs": [epochs],
            "trainable_parameters": trainable,
            "frozen_parameters": network.count_params() - trainable,
            "weights_sha256": weights_sha256(network),
            "reloaded_identical": np.array_equal(logits(network, probe), logits(reloaded, probe)),
        }
    )


def layer_table(network):
    """One row a layer, as `network.summary()` prints it: layer, type, output shape, parameters, trainable ones."""

    def row(layer):
        shape = " x ".join(map(str, layer.output.shape[1:]))
        trainable = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
        return [layer.name, type(layer).__name__, shape, layer.count_params(), trainable]

    columns = ["layer", "type", "output_shape", "parameters", "trainable_parameters"]
    return pd.DataFrame([row(layer) for layer in network.layers], columns=columns)
