"""The baseline: a small CNN trained from scratch."""

import keras
from keras import layers

from pipeline.images.augment import transform, unaugmented
from pipeline.images.normalise import normalisation

__all__ = ["assemble", "build", "transform", "unaugmented"]  # what both models offer

BLOCKS = 4


def build(hyperparameters, values):
    """A functional CNN: raw grey values (height, width, 1) in, one logit out.

    Four blocks of convolution, max pooling, batch normalisation and ReLU with `filters`, doubled from block to block,
    then global average pooling, a dense layer, dropout, and the logit. The first convolution has stride 2 and is pooled
    too, the last one is not pooled: so most of the work is done on small maps, at more than twice the speed and the
    same val AUC. Normalising after pooling costs a quarter of doing it before.

    Args:
        hyperparameters: normalisation, filters, dense_units, dropout, l2.
        values: uint8 (images, height, width) of train, for the normalisation.
    """
    decay = keras.regularizers.L2(hyperparameters["l2"])
    inputs = keras.Input((*values.shape[1:], 1), name="grey_values")
    x = normalisation(hyperparameters["normalisation"], values)(inputs)
    for block in range(BLOCKS):
        x = layers.Conv2D(
            hyperparameters["filters"] * 2**block,
            3,
            strides=1 if block else 2,
            padding="same",
            use_bias=False,
            kernel_regularizer=decay,
            name=f"conv{block + 1}",
        )(x)
        if block < BLOCKS - 1:
            x = layers.MaxPooling2D(name=f"pool{block + 1}")(x)
        # For runs whose weights are not averaged: Keras' default of 0.99 reaches back too many of their few steps.
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{block + 1}")(x)
        x = layers.ReLU(name=f"relu{block + 1}")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(hyperparameters["dense_units"], activation="relu", kernel_regularizer=decay, name="dense")(x)
    x = layers.Dropout(hyperparameters["dropout"], name="dropout")(x)
    return keras.Model(inputs, layers.Dense(1, name="logit")(x), name="baseline")


def small(settings):
    """The starting hyperparameters, but for those of the studies' short runs: fewer filters, Adam, its learning rate.

    Args:
        settings: baseline.hyperparameters; ablate with filters and learning_rates.
    """
    budget = settings["ablate"]
    rates = budget["learning_rates"]["adam"]
    changed = {"filters": budget["filters"], "learning_rate": rates[len(rates) // 2], "optimizer": "adam"}
    return settings["baseline"]["hyperparameters"] | changed


def assemble(network, backbone_files):
    """The network itself."""
    return network
