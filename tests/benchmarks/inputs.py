"""Decoding and augmentation alone, one epoch: python -m tests.benchmarks.inputs BUILD

All of train of a finished build, as PNG files of the size of its cache; batches of 32 are drawn and thrown away.

  this project             pipeline.images.inputs from the cache. All files are decoded once a build, on one core here;
                           of that, an epoch bears one part in training.epochs.
  without augmentation     the same
  Keras layers             image_dataset_from_directory and Keras' augmentation layers, a batch at a time
  ImageDataGenerator       flow_from_directory; rotation, shift, zoom and brightness: it has no contrast

Goal: at least 2.5 times the fastest of the last two.
"""

import os
import tempfile
from pathlib import Path

import tensorflow as tf

from pipeline.images import augment, inputs
from pipeline.images.decode import decode
from pipeline.images.examples import Examples
from pipeline.models import runtime
from tests.benchmarks import common, guides

BATCH, TURNS = 32, 5


def main():
    build = common.parser(__doc__).parse_args().build
    settings = common.settings()
    bounds = settings["augmentation"]
    runtime.start({"threads": os.cpu_count()})
    train = Examples.read(build / "results/data/train.npy", build / "tables/data/index_train.csv")
    size, steps = train.values.shape[1], inputs.steps(len(train), BATCH)
    with tempfile.TemporaryDirectory() as folder:
        guides.write_files(train, Path(folder))
        decoding = common.seconds(lambda: [decode(file.read_bytes()) for file in Path(folder).rglob("*.png")])
        share = decoding / settings["training"]["epochs"]
        augmented = epochs_of(train, augment.transform(settings))
        plain = epochs_of(train, lambda images, seed: tf.cast(images[..., None], tf.float32))
        layers = guides.batches(folder, size, BATCH, bounds)
        generated = generator(bounds).flow_from_directory(
            folder, target_size=(size, size), color_mode="grayscale", class_mode="binary", batch_size=BATCH
        )
        alternatives = {
            "this project": lambda: share + common.seconds(lambda: draw(augmented, steps)),
            "without augmentation": lambda: share + common.seconds(lambda: draw(plain, steps)),
            "Keras layers": lambda: common.seconds(lambda: draw(iter(layers), steps)),
            "ImageDataGenerator": lambda: common.seconds(lambda: draw(iter(generated), steps)),
        }
        measured = common.in_turns(alternatives, TURNS)
        print(f"{len(train)} images of {size}x{size}; {share:.2g} s of an epoch for decoding, {decoding:.2g} s once")
        common.print_table(measured, "seconds an epoch")


def epochs_of(train, transform):
    """An iterator over the batches of all turns."""
    training = inputs.Training(transform, seed=1, epochs=1 + TURNS)
    return iter(inputs.batches(train.values, train.labels, batch_size=BATCH, training=training))


def draw(batches, steps):
    for _ in range(steps):
        next(batches)


def generator(bounds):
    return tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=bounds["rotation"],
        width_shift_range=bounds["shift"],
        height_shift_range=bounds["shift"],
        zoom_range=bounds["zoom"],
        brightness_range=(1 - bounds["brightness"], 1 + bounds["brightness"]),
        fill_mode="nearest",
    )


if __name__ == "__main__":
    main()
