"""Images, and a network of a few weights."""

import keras
import numpy as np
from keras import layers

SIZE, CHANNELS = 8, 5
IMAGES = np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE), np.uint8)
COVID, NORMAL = 1, -1
# A last bias that decides for one class, whatever the image.
BIAS = {COVID: 50.0, NORMAL: -50.0}


def network(bias=0.0, strides=1, weights=(1, -1, 0.5, -2, 0.8)):
    """Convolution, ReLU, global average pooling, one logit: where Grad-CAM is CAM (Zhou et al. 2016)."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(CHANNELS, 3, strides=strides, padding="same", activation="relu", name="map")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(1, name="logit")(x))
    model.get_layer("map").kernel.assign(np.random.default_rng(3).normal(size=(3, 3, 1, CHANNELS)))
    model.get_layer("logit").set_weights([np.reshape(weights, (CHANNELS, 1)), np.array([bias])])
    return model


def activations(model):
    """(n, h, w, channels), and the logits (n,)."""
    tapped = keras.Model(model.input, [model.get_layer("map").output, model.output])
    maps, logits = tapped.predict(IMAGES[..., None].astype(np.float32), verbose=0)
    return maps.astype(np.float64), logits[:, 0].astype(np.float64)
