"""Normalisation as a layer of the model, so that a saved model takes raw grey values."""

import keras
import numpy as np


def normalisation(images):
    """A layer that maps grey values to mean 0 and standard deviation 1 by global statistics of `images`.

    Args:
        images: uint8 (images, height, width) of the train split alone.
    """
    values = np.bincount(np.asarray(images).ravel(), minlength=256)
    grey = np.arange(256)
    mean = (values * grey).sum() / values.sum()
    variance = (values * (grey - mean) ** 2).sum() / values.sum()
    return keras.layers.Normalization(axis=None, mean=float(mean), variance=float(variance), name="normalisation")
