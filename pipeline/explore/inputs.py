"""explore_inputs: what pre-processing and augmentation do to an image. It belongs to the stage explore.

A module of its own, since it alone of that stage needs TensorFlow.

Reads   the caches of train and val.
Writes  tables/explore/normalisation.csv; results/explore/normalisation.npz and augmentation.npz, from which
        pipeline.explore.input_figures draws.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.command import run
from pipeline.images import cache
from pipeline.images.augment import KINDS, NONE, augment
from pipeline.images.normalise import STRATEGIES, normalisation
from pipeline.models import runtime

DRAWS = 2


def explore_inputs(train: Path, val: Path, settings: dict, table: Path, normalised: Path, augmented: Path):
    """Each normalisation strategy on a val sample, and each augmentation, several draws, on a train sample."""
    runtime.start(settings["compute"])
    train_images, val_images = cache.read(train), cache.read(val)
    table.parent.mkdir(parents=True, exist_ok=True)
    normalised.parent.mkdir(parents=True, exist_ok=True)

    sample = val_images[:1]
    outputs = {strategy: normalise(strategy, train_images, sample)[0] for strategy in STRATEGIES}
    np.savez_compressed(normalised, raw=sample[0], **outputs)
    pd.DataFrame(
        [
            row("raw", sample[0], np.asarray(val_images, np.float32)),
            *(
                row(strategy, outputs[strategy], normalise(strategy, train_images, val_images))
                for strategy in STRATEGIES
            ),
        ]
    ).to_csv(table, index=False)

    bounds = settings["augmentation"]
    kinds = {kind: NONE | {name: bounds[name] for name in names} for kind, names in KINDS.items()} | {"all": bounds}
    repeated = tf.constant(np.repeat(train_images[:1, ..., None], DRAWS, axis=0), tf.float32)
    draws = {kind: augment(repeated, (settings["seed"], 0), chosen).numpy() for kind, chosen in kinds.items()}
    np.savez_compressed(
        augmented,
        original=train_images[0],
        **{kind: np.round(drawn[..., 0]).astype(np.uint8) for kind, drawn in draws.items()},
    )


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
    run(explore_inputs)
