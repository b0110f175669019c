"""Fitting a model, whichever it is: compilation, one run, what is recorded an epoch, predictions, the hash."""

import hashlib
import importlib

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.command import log
from pipeline.images import cache, inputs
from pipeline.models import runtime
from pipeline.statistics import metrics


def module_of(model):
    """The module of `model`: pipeline.models.baseline or pipeline.models.transfer."""
    return importlib.import_module(f"pipeline.models.{model}")


def run(module, hyperparameters, train, settings, *, seed, epochs, val=None, patience=None, statistics_from=None):
    """Build the model anew from `seed` and fit it.

    Args:
        train: Examples that are fitted.
        val: Examples to monitor; needed for early stopping.
        patience: epochs without a lower val loss before training stops and the best weights return; None: no early
            stopping.
        statistics_from: Examples whose values give the normalisation; default: `train`.

    Returns:
        the fitted network, and its history: DataFrame, one row an epoch.
    """
    keras.utils.set_random_seed(seed)
    network = module.build(hyperparameters, (statistics_from or train).values, settings)
    compile_(network, hyperparameters["learning_rate"])
    dataset, steps = inputs.batches(
        train,
        batch_size=hyperparameters["batch_size"],
        epochs=epochs,
        seed=seed,
        transform=module.transform(settings),
    )
    history = fit(
        network,
        dataset,
        steps=steps,
        epochs=epochs,
        monitored=monitored(train, val, settings["seed"], module.plain),
        class_weight=class_weights(train.labels),
        compute=settings["compute"],
        patience=patience,
    )
    return network, history


def compile_(network, learning_rate):
    """Adam on the cross-entropy of the logit: a sigmoid inside the network would saturate, its gradients vanish."""
    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate), loss=keras.losses.BinaryCrossentropy(from_logits=True)
    )


def class_weights(labels):
    """Weights inversely proportional to the classes' counts, of mean 1 over the examples."""
    positive = labels.mean()
    return {0: float(0.5 / (1 - positive)), 1: float(0.5 / positive)}


def monitored(train, val, seed, plain):
    """{name: (inputs, labels)} that the history is computed on: val, and as many fixed, un-augmented train examples.

    Where val is trained on too, a fifth of all.
    """
    size = len(val) if val else len(train) // 5
    sets = {"train": train.subset(size, seed)}
    if val:
        sets["val"] = val
    return {name: (np.asarray(plain(examples.values)), examples.labels) for name, examples in sets.items()}


def fit(network, dataset, *, steps, epochs, monitored, class_weight, compute, patience=None, callbacks=()):
    """Fit a compiled network on `dataset`, which holds the batches of all epochs.

    Returns:
        history: DataFrame, one row an epoch. Keras' own training loss is a running mean under class weights, dropout
        and augmentation, which no val loss compares with; so both train and val are scored alike at each epoch's end.
    """
    recorder = EpochScores(monitored, epochs)
    stopping = []
    if patience:
        stopping = [keras.callbacks.EarlyStopping("val_loss", mode="min", patience=patience, restore_best_weights=True)]
    with runtime.bfloat16(compute):
        network.fit(
            dataset,
            steps_per_epoch=steps,
            epochs=epochs,
            class_weight=class_weight,
            callbacks=[recorder, *stopping, *callbacks],
            shuffle=False,
            verbose=0,
        )
    return pd.DataFrame(recorder.rows)


class EpochScores(keras.callbacks.Callback):
    """Scores each monitored set in inference mode at the end of every epoch, and stops a run that has diverged.

    rows: one dict an epoch: epoch (from 1), learning_rate, then loss (unweighted cross-entropy), auc, accuracy,
    sensitivity, specificity at probability 0.5, each with the set's name before it.
    """

    def __init__(self, monitored, epochs):
        super().__init__()
        self.monitored, self.epochs, self.rows = monitored, epochs, []

    def on_train_begin(self, logs=None):
        self.forward = _forward(self.model)

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, "learning_rate": float(self.model.optimizer.learning_rate.numpy())}
        for name, (values, labels) in self.monitored.items():
            logits = _in_chunks(self.forward, values)
            row |= {f"{name}_{metric}": value for metric, value in metrics.scores(labels, logits).items()}
        self.rows.append(row)
        # EarlyStopping reads val_loss from here.
        logs.update({name: value for name, value in row.items() if name.endswith("_loss")})
        log.info("epoch %d/%d  %s", epoch + 1, self.epochs, _shown(row))
        if not all(np.isfinite(value) for name, value in row.items() if name.endswith("_loss")):
            self.model.stop_training = True


def _shown(row):
    return "  ".join(f"{name} {row[name]:.4f}" for name in row if name.endswith(("_loss", "_auc")))


def logits(network, values):
    """The network's outputs in float32: (examples, ...) -> float64 (examples,)."""
    return _in_chunks(_forward(network), values)


def _forward(network):
    signature = tf.TensorSpec(network.inputs[0].shape, tf.float32)
    return tf.function(lambda values: network(values, training=False), input_signature=[signature])


def _in_chunks(forward, values, size=128):
    chunks = [values[start : start + size] for start in range(0, len(values), size)]
    # Images are cached without their channel axis; a conversion a chunk keeps memory small.
    chunks = [chunk[..., None] if chunk.ndim == 3 else chunk for chunk in chunks]
    with runtime.float32():
        outputs = [forward(tf.constant(chunk, tf.float32)) for chunk in chunks]
    return np.concatenate(outputs)[:, 0].astype(np.float64)


def prediction_table(examples, seed, logits):
    """One row an example: file, label, the seed of the model that predicted, logit."""
    labels = np.where(examples.labels == 1, "covid", "normal")
    return pd.DataFrame({"file": examples.files, "label": labels, "seed": seed, "logit": logits})


def weights_sha256(network):
    """SHA-256 of the weights' bytes in order; two .keras files with identical weights differ in their bytes."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def read_best(file):
    """The selected hyperparameters: the one row of tables/tune/MODEL_best.csv."""
    (row,) = pd.read_csv(file).to_dict("records")
    return row


def save(network, file):
    """Save with a digest of the weights, and load back."""
    file.parent.mkdir(parents=True, exist_ok=True)
    network.save(file)
    cache.write_digest(file, weights_sha256(network))
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
