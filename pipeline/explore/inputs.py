"""explore: what pre-processing and augmentation do to an image.

A module of its own, since only it of this stage needs TensorFlow.

Reads   the images of train and val.
Returns the table of normalised grey values, and the images that the figures show.
"""

import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.command import run
from pipeline.images.augment import KINDS, NONE, augment
from pipeline.images.normalise import STRATEGIES, normalisation
from pipeline.models import runtime

DRAWS = 2


def preprocess(train: np.ndarray, val: np.ndarray, settings: dict):
    """Each normalisation strategy on a val sample, and each augmentation, several draws, on a train sample.

    Args:
        train, val: uint8 (images, height, width).
    """
    runtime.start(settings["compute"])
    sample = val[:1]
    outputs = {strategy: normalise(strategy, train, sample)[0] for strategy in STRATEGIES}
    rows = [
        row("raw", sample[0], np.asarray(val, np.float32)),
        *(row(strategy, outputs[strategy], normalise(strategy, train, val)) for strategy in STRATEGIES),
    ]

    bounds = settings["augmentation"]
    kinds = {kind: NONE | {name: bounds[name] for name in names} for kind, names in KINDS.items()} | {"all": bounds}
    repeated = tf.constant(np.repeat(train[:1, ..., None], DRAWS, axis=0), tf.float32)
    draws = {kind: augment(repeated, (settings["seed"], 0), chosen).numpy() for kind, chosen in kinds.items()}
    return {
        "table": pd.DataFrame(rows),
        "normalised": {"raw": sample[0], **outputs},
        "augmented": {
            "original": train[0],
            **{kind: np.round(drawn[..., 0]).astype(np.uint8) for kind, drawn in draws.items()},
        },
    }


def normalise(strategy, train_images, images):
    """`images` normalised by a strategy fitted on train: float32 (images, height, width)."""
    layer = normalisation(strategy, train_images)
    return layer(tf.constant(images[..., None], tf.float32)).numpy()[..., 0]


def row(strategy, sample, images):
    """Mean, standard deviation, least and greatest value of the sample, and of all val images together."""
    return {
        "strategy": strategy,
        **{f"sample_{name}": float(function(sample)) for name, function in SUMMARIES.items()},
        **{f"val_{name}": float(function(images)) for name, function in SUMMARIES.items()},
    }


SUMMARIES = {"mean": np.mean, "sd": np.std, "min": np.min, "max": np.max}

if __name__ == "__main__":
    run(preprocess)
