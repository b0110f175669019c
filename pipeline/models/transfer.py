"""The transfer model: a new head on the pre-trained backbone (pipeline.models.pretrained)."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from pipeline.models.pretrained import pooled

CONSTANT = 1e-4  # of the mean variance of the features


def unaugmented(values):
    """Features of the images as they are: (images, 1 + views, channels) -> (images, channels)."""
    return values[:, 0]


def transform(settings):
    """Features of one augmented view of each image, drawn again each time: (batch, 1 + views, channels) -> 2-d."""

    def pick(features, seed):
        shape = tf.shape(features)
        view = tf.random.stateless_uniform((shape[0],), seed, 1, shape[1], tf.int32)
        return tf.gather(features, view, batch_dims=1)

    return pick


def build(hyperparameters, values):
    """The head: pooled features (channels,) in, one logit out; standardisation, dense layers, dropout, the logit.

    Features of a network cut inside differ in scale by orders of magnitude: standardised by their mean and deviation on
    train, a head needs a third of the epochs and orders val better.

    Args:
        hyperparameters: dense_layers, dense_units (of the first; each further one has half of them), dropout, l2.
        values: float32 (images, 1 + views, channels) of train, whose plain images give the standardisation.
    """
    decay = keras.regularizers.L2(hyperparameters["l2"])
    inputs = keras.Input(values.shape[2:], name="features")
    features = np.asarray(unaugmented(values), np.float64)
    variance = features.var(axis=0)
    # A feature that is (almost) constant on train would turn the least deviation into a huge number.
    variance = np.maximum(variance, CONSTANT * variance.mean() or 1.0)
    x = layers.Normalization(mean=features.mean(axis=0).tolist(), variance=variance.tolist(), name="standard")(inputs)
    for place in range(hyperparameters["dense_layers"]):
        units = max(1, hyperparameters["dense_units"] // 2**place)
        x = layers.Dense(units, activation="relu", kernel_regularizer=decay, name=f"dense{place + 1}")(x)
    x = layers.Dropout(hyperparameters["dropout"], name="dropout")(x)
    return keras.Model(inputs, layers.Dense(1, name="logit")(x), name="head")


def assemble(network, backbone_files):
    """The head on its frozen backbone: raw grey values (height, width, 1) in, one logit out."""
    (backbone_file,) = backbone_files
    backbone = keras.models.load_model(backbone_file)
    x = pooled(backbone).output
    for layer in network.layers[1:]:
        x = layer(x)
    return keras.Model(backbone.input, x, name="transfer")
