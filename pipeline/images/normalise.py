"""Normalisation strategies as layers of the model: a saved model takes raw grey values.

The strategies differ in where their numbers come from (fixed, the sample, the training set) and in whether the
positions of an image are treated alike.
"""

import keras
import numpy as np

STRATEGIES = ("fixed", "sample", "training_global", "training_pixel")
CHUNK = 1024


def normalisation(strategy, images):
    """A layer that maps grey values (batch, height, width, 1) to small numbers.

    fixed            [0, 255] to [-1, 1], whatever the data
    sample           each image to mean 0 and standard deviation 1
    training_global  by one mean and one standard deviation, over all pixels of `images`
    training_pixel   by a mean and a standard deviation of each position

    Args:
        strategy: one of STRATEGIES.
        images: uint8 (images, height, width) of the train split alone.
    """
    name = "normalisation"
    if strategy == "fixed":
        return keras.layers.Rescaling(1 / 127.5, offset=-1, name=name)
    if strategy == "sample":
        return keras.layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False, name=name)
    mean, variance = _moments(images)
    if strategy == "training_global":
        # The variance of all pixels: within the positions and between their means.
        total = float(variance.mean() + mean.var())
        return keras.layers.Normalization(axis=None, mean=float(mean.mean()), variance=total, name=name)
    # A position that is (almost) constant on train would turn the least deviation into a huge number.
    variance = np.maximum(variance, 1.0)
    return keras.layers.Normalization(
        axis=(1, 2, 3), mean=mean[..., None].tolist(), variance=variance[..., None].tolist(), name=name
    )


def _moments(images):
    """Mean and variance of each position: float64 (height, width); exact sums of integers, a chunk at a time."""
    total, squares = np.zeros(images.shape[1:], np.int64), np.zeros(images.shape[1:], np.int64)
    for start in range(0, len(images), CHUNK):
        chunk = np.asarray(images[start : start + CHUNK], np.int64)
        total += chunk.sum(axis=0)
        squares += (chunk**2).sum(axis=0)
    mean = total / len(images)
    return mean, squares / len(images) - mean**2
