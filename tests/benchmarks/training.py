"""One epoch of the baseline, augmentation included: python -m tests.benchmarks.training BUILD

All of train of a finished build, with the default hyperparameters, by all cores; the seconds of the training steps
alone, without what is scored after them.

  this project       pipeline.models.fitting as the stages call it: a uint8 cache, one affine map a batch, bfloat16
                     where the CPU has it. Decoding, done once for all epochs, is left out.
  Keras' guides      image_dataset_from_directory on PNG files, Keras' augmentation layers in the dataset, float32, and
                     the guides' network: as many filters in blocks of Conv2D (stride 1), BatchNormalization, ReLU,
                     MaxPooling2D. Like this project by oneDNN's convolutions, on a CPU with AVX2 alone too, where
                     TensorFlow by itself would not take them
  same network       the guides' input and precision with this project's network, which does less work a block
  PyTorch            tests.benchmarks.pytorch, in a process of its own: this project's layers, channels_last, bfloat16
                     where the CPU has it

Goal: at least 4 times Keras' guides, and not slower than PyTorch.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
from keras import layers

from pipeline.images.examples import Examples
from pipeline.models import baseline, fitting, runtime
from tests.benchmarks import common, guides

TURNS = 5


def main():
    build = common.parser(__doc__).parse_args().build
    common.require("torch")
    settings = common.settings() | {"compute": {"threads": os.cpu_count(), "mixed_precision": True}}
    hyperparameters, bounds = settings["baseline"]["hyperparameters"], settings["augmentation"]
    runtime.start(settings["compute"])
    train = Examples.read(build / "results/data/train.npy", build / "tables/data/index_train.csv")
    size, same = train.values.shape[1], baseline.build(hyperparameters, train.values)
    with tempfile.TemporaryDirectory() as folder:
        guides.write_files(train, Path(folder))
        files = guides.batches(folder, size, hyperparameters["batch_size"], bounds)
        alternatives = {
            "this project": lambda: this_project(hyperparameters, train, settings),
            "Keras' guides": keras_epoch(guides_network(hyperparameters, size), hyperparameters, files),
            "same network": keras_epoch(same, hyperparameters, files),
            "PyTorch": lambda: pytorch(build),
        }
        print(f"{len(train)} images of {size}x{size}")
        common.print_table(common.in_turns(alternatives, TURNS), "seconds an epoch")


def this_project(hyperparameters, train, settings):
    """Seconds of the second epoch: the first one traces."""
    clock = guides.Clock()
    fitting.run(baseline, hyperparameters, train, settings, seed=1, epochs=2, stop=[clock])
    return clock.training[-1]


def pytorch(build):
    """Seconds of the second epoch, in a process of its own: TensorFlow and PyTorch in one may crash."""
    command = [sys.executable, "-m", "tests.benchmarks.pytorch", build]
    return float(subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout)


def guides_network(hyperparameters, size):
    """The guides' blocks, with as many filters and the same end as the baseline."""
    stack = [keras.Input((size, size, 1)), layers.Rescaling(1 / 255)]
    for block in range(baseline.BLOCKS):
        stack += [
            layers.Conv2D(hyperparameters["filters"] * 2**block, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
        ]
    stack += [
        layers.GlobalAveragePooling2D(),
        layers.Dense(hyperparameters["dense_units"], activation="relu"),
        layers.Dropout(hyperparameters["dropout"]),
        layers.Dense(1),
    ]
    return keras.Sequential(stack)


def keras_epoch(network, hyperparameters, files):
    """A function that trains for one epoch by Keras' own defaults and gives its seconds."""
    optimizer = keras.optimizers.Adam(hyperparameters["learning_rate"])
    network.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))

    def epoch():
        clock = guides.Clock()
        network.fit(files, shuffle=False, verbose=0, callbacks=[clock])
        return clock.training[0]

    return epoch


if __name__ == "__main__":
    main()
