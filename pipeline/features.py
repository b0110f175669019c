"""features: the frozen backbone, made once, and its outputs for augmented views of train and val.

The backbone need see each view only once: a head is then trained on cached features, hundreds of times faster.

Reads   the weights (ImageNet's, a file, or none for the demo); the caches of train and val.
Writes  results/features/backbone.keras; results/features/{train,val}.npy, float32 (images, 1 + views, channels):
        pooled, the plain image first, then the augmented views; results/features/{train,val}_cost.csv.
"""

import importlib
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline.command import InputError, log, run
from pipeline.images import cache

BATCH = 64


def architecture(settings):
    """The module of the backbone that transfer.backbone names."""
    return importlib.import_module(f"pipeline.models.backbones.{settings['transfer']['backbone']}")


def fetch(settings: dict, weights: Path):
    """Download ImageNet weights of the backbone (no top), as Keras publishes them; Keras checks their hash."""
    network = architecture(settings)
    weights.parent.mkdir(parents=True, exist_ok=True)
    os.environ["KERAS_HOME"] = str(weights.parent.absolute() / "download")
    try:
        network.download()
    except Exception as error:
        raise InputError(
            f"transfer.weights: imagenet could not be downloaded ({error}); on a machine without internet take a file: "
            f"transfer.weights: path/to/{network.PUBLISHED}, or WEIGHTS=path for make"
        ) from None
    (downloaded,) = (weights.parent / "download/models").glob("*.h5")
    shutil.move(downloaded, weights)
    shutil.rmtree(weights.parent / "download")
    cache.seal(weights)


def backbone(weights: list[Path], settings: dict, model_file: Path):
    """The frozen backbone, cut at transfer.output_layer, with its weights; none given: random ones from the seed."""
    import keras

    from pipeline.models import fitting, pretrained, runtime

    runtime.start(settings["compute"])
    keras.utils.set_random_seed(settings["seed"])
    module = architecture(settings)
    network = pretrained.build(module, settings["dataset"]["image_size"], settings["transfer"]["output_layer"])
    for file in weights:
        pretrained.load_weights(network, module, file)
    model_file.parent.mkdir(parents=True, exist_ok=True)
    network.save(model_file)
    cache.write_digest(model_file, fitting.weights_sha256(network))
    log.info("backbone: %s parameters, output %s", f"{network.count_params():,}", network.output_shape[1:])


def features(backbone: Path, images: Path, split: str, settings: dict, out: Path, cost: Path):
    """The backbone's pooled features of one split: of the plain images and of `views` augmented ones of each."""
    import keras
    import tensorflow as tf

    from pipeline.images.augment import augment
    from pipeline.models import pretrained, runtime

    runtime.start(settings["compute"])
    network = pretrained.pooled(keras.models.load_model(backbone))
    plain = cache.read(images)
    seed = settings["seed"] + ("train", "val").index(split)
    views = settings["transfer"]["views"]
    filled = cache.create(out, (len(plain), 1 + views, network.output_shape[-1]), np.float32)

    @tf.function(input_signature=[tf.TensorSpec(network.inputs[0].shape)])
    def forward(batch):
        return network(batch, training=False)

    @tf.function(input_signature=[tf.TensorSpec(network.inputs[0].shape), tf.TensorSpec((2,), tf.int32)])
    def forward_augmented(batch, key):
        return network(augment(batch, key, settings["augmentation"]), training=False)

    def fill(view, compute):
        for start in range(0, len(plain), BATCH):
            batch = tf.constant(plain[start : start + BATCH, ..., None], tf.float32)
            filled[start : start + BATCH, view] = compute(batch, start)
            progress.update(len(batch))

    start = time.perf_counter()
    with tqdm(total=len(plain) * (1 + views), unit="image", disable=None) as progress:
        # The plain images are what val is scored on: float32. The views are for training alone.
        fill(0, lambda batch, start: forward(batch))
        with runtime.mixed_precision(settings["compute"]):
            for view in range(1, 1 + views):
                fill(view, lambda batch, start, view=view: forward_augmented(batch, (seed, view * len(plain) + start)))
    filled.flush()
    cache.seal(out)
    seconds = time.perf_counter() - start
    log.info("features of %s: %.0f images/s a view", split, len(plain) * (1 + views) / seconds)
    pd.DataFrame({"model": ["transfer"], "part": "features", "seconds": seconds}).to_csv(cost, index=False)


if __name__ == "__main__":
    run(fetch, backbone, features)
