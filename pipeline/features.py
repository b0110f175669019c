"""features: the frozen backbone, made once, and its outputs for augmented views of train and val.

The backbone need see each view only once: a head is then trained on cached features, hundreds of times faster.

Reads   the weights (ImageNet's, a file, or none for the demo); the images of train and val.
Returns the backbone; the features of a split, float32 (images, 1 + views, channels): pooled, of the plain image first,
        then of the augmented views; seconds.
"""

import importlib
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline import storage
from pipeline.command import InputError, Scratch, log, run

BATCH = 64


def architecture(settings):
    """The module of the backbone that transfer.backbone names."""
    return importlib.import_module(f"pipeline.models.backbones.{settings['transfer']['backbone']}")


def fetch(settings: dict, download: Scratch):
    """Download ImageNet weights of the backbone (no top), as Keras publishes them; Keras checks their hash."""
    network = architecture(settings)
    os.environ["KERAS_HOME"] = str(download.absolute())
    try:
        network.download()
    except Exception as error:
        raise InputError(
            f"transfer.weights: imagenet could not be downloaded ({error}); on a machine without internet take a file: "
            f"transfer.weights: path/to/{network.PUBLISHED}, or WEIGHTS=path for make"
        ) from None
    (weights,) = download.glob("models/*.h5")
    return {"weights": weights}


def backbone(weights: list[Path], settings: dict):
    """The frozen backbone, cut at transfer.output_layer, with its weights; none given: random ones from the seed."""
    import keras

    from pipeline.models import pretrained, runtime

    runtime.start(settings["compute"])
    keras.utils.set_random_seed(settings["seed"])
    module = architecture(settings)
    network = pretrained.build(module, settings["dataset"]["image_size"], settings["transfer"]["output_layer"])
    for file in weights:
        pretrained.load_weights(network, module, file)
    log.info("backbone: %s parameters, output %s", f"{network.count_params():,}", network.output_shape[1:])
    return {"model": network}


def features(backbone: Path, images: np.ndarray, split: str, settings: dict):
    """The backbone's pooled features of one split: of the plain images and of `views` augmented ones of each.

    Args:
        images: uint8 (images, height, width).
    """
    import keras
    import tensorflow as tf

    from pipeline.images.augment import augment
    from pipeline.models import pretrained, runtime

    runtime.start(settings["compute"])
    network = pretrained.pooled(keras.models.load_model(backbone))
    seed = settings["seed"] + ("train", "val").index(split)
    views = settings["transfer"]["views"]
    filled = storage.scratch((len(images), 1 + views, network.output_shape[-1]), np.float32)

    @tf.function(input_signature=[tf.TensorSpec(network.inputs[0].shape)])
    def forward(batch):
        return network(batch, training=False)

    @tf.function(input_signature=[tf.TensorSpec(network.inputs[0].shape), tf.TensorSpec((2,), tf.int32)])
    def forward_augmented(batch, key):
        return network(augment(batch, key, settings["augmentation"]), training=False)

    def fill(view, compute):
        for start in range(0, len(images), BATCH):
            batch = tf.constant(images[start : start + BATCH, ..., None], tf.float32)
            filled[start : start + BATCH, view] = compute(batch, start)
            progress.update(len(batch))

    start = time.perf_counter()
    with tqdm(total=len(images) * (1 + views), unit="image", disable=None) as progress:
        # The plain images are what val is scored on: float32. The views are for training alone.
        fill(0, lambda batch, start: forward(batch))
        with runtime.mixed_precision(settings["compute"]):
            for view in range(1, 1 + views):
                fill(view, lambda batch, start, view=view: forward_augmented(batch, (seed, view * len(images) + start)))
    seconds = time.perf_counter() - start
    log.info("features of %s: %.0f images/s a view", split, len(images) * (1 + views) / seconds)
    cost = pd.DataFrame({"model": ["transfer"], "part": "features", "seconds": seconds})
    return {"features": filled, "cost": cost}


if __name__ == "__main__":
    run(fetch, backbone, features)
