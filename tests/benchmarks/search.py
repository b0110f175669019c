"""The search of Task 3 for the transfer model: python -m tests.benchmarks.search BUILD

  this project   features of train and val by the frozen backbone, once, and the default number of trials of a head on
                 them, each as pipeline.tune.trials fits it
  KerasTuner     as many trials of the whole network, its backbone frozen: each epoch passes every image, augmented by
                 Keras' layers, through the backbone

By KerasTuner this takes hours. So what is measured, in each turn, is the features of a few images, one trial of a head
on all features of a finished build, and one epoch of the whole network on the same few images, with val in proportion.
Features and epoch are multiplied by the number of images: of the features their start too, which flatters KerasTuner,
of whose trial the second epoch is taken. Both searches get the epochs after which early stopping ended the trial of the
head.

Goal: at least 20 times.
"""

import importlib
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

from pipeline import features
from pipeline.images.examples import Examples
from pipeline.models import fitting, pretrained, runtime, transfer
from tests.benchmarks import common, guides

common.require("keras_tuner")
keras_tuner = importlib.import_module("keras_tuner")

IMAGES, TURNS = 256, 3


def main():
    build = common.parser(__doc__).parse_args().build
    settings = common.settings() | {"compute": {"threads": os.cpu_count(), "mixed_precision": True}}
    runtime.start(settings["compute"])
    backbone = build / "results/features/backbone.keras"
    images, heads = (examples_of(build, stage) for stage in ("data", "features"))
    every = {split: len(images[split]) for split in images}
    # As many of val as its share.
    few = {"train": IMAGES, "val": round(IMAGES * every["val"] / every["train"])}
    some = {split: images[split].stratified(few[split], seed=0) for split in few}
    epochs = []

    def trial():
        hyperparameters, patience = settings["transfer"]["hyperparameters"], settings["training"]["patience"]
        options = {"epochs": settings["tune"]["epochs"], "patience": patience, "val": heads["val"]}
        _, history = fitting.run(transfer, hyperparameters, heads["train"], settings, seed=1, **options)
        epochs.append(len(history))

    with tempfile.TemporaryDirectory() as folder:
        alternatives = {
            "features": lambda: features_of(some["train"], backbone, settings, Path(folder)),
            "trial of a head": lambda: common.seconds(trial),
            "epoch of KerasTuner": lambda: keras_tuner_epoch(some, backbone, settings, folder),
        }
        measured = common.in_turns(alternatives, TURNS)
    for name, values in measured.items():
        print(f"{name:24}{common.spread(values)} s")
    trials = settings["tune"]["rounds"] * settings["tune"]["trials"]
    of_features, of_trial = sum(every.values()) / len(some["train"]), every["train"] / len(some["train"])
    print(f"this project = {of_features:.3g} x features + {trials} x trial of a head, {epochs[0]} epochs each")
    print(f"KerasTuner = {trials} x {epochs[0]} x {of_trial:.3g} x epoch of KerasTuner")
    turns = zip(*measured.values(), strict=True)
    searches = [
        (of_features * features + trials * trial, trials * epochs[0] * of_trial * epoch)
        for features, trial, epoch in turns
    ]
    ours, theirs = zip(*searches, strict=True)
    common.print_table({"this project": ours, "KerasTuner, full network": theirs}, "seconds of a search")


def examples_of(build, stage):
    """{split: Examples} of train and val: images (data) or their features (features)."""
    return {
        split: Examples.read(build / f"results/{stage}/{split}.npy", build / f"tables/data/index_{split}.csv")
        for split in ("train", "val")
    }


def features_of(examples, backbone, settings, folder):
    """Seconds that the stage takes for the features of some images."""
    images = folder / "images.npy"
    np.save(images, examples.values)
    written = {"out": folder / "features.npy", "cost": folder / "cost.csv"}
    return common.seconds(
        lambda: features.features(backbone=backbone, images=images, split="train", settings=settings, **written)
    )


class WholeNetwork(keras_tuner.HyperModel):
    """Augmentation, the frozen backbone and a head, as the guides of Keras and of KerasTuner put them together."""

    def __init__(self, backbone, settings):
        super().__init__()
        self.backbone, self.settings, self.clock = backbone, settings, guides.Clock()

    def build(self, hp):
        space, fixed = self.settings["tune"]["space"]["transfer"], self.settings["transfer"]["hyperparameters"]
        backbone = pretrained.pooled(keras.models.load_model(self.backbone))
        backbone.trainable = False
        images = keras.Input(backbone.input_shape[1:])
        x = backbone(guides.augmentation(self.settings["augmentation"])(images), training=False)
        x = layers.Dense(fixed["dense_units"], activation="relu")(x)
        x = layers.Dropout(hp.Float("dropout", *space["dropout"]["range"]))(x)
        network = keras.Model(images, layers.Dense(1)(x))
        learning_rate = hp.Float("learning_rate", *space["learning_rate"]["range"], sampling="log")
        network.compile(keras.optimizers.Adam(learning_rate), keras.losses.BinaryCrossentropy(from_logits=True))
        return network

    def fit(self, hp, model, *args, callbacks, **kwargs):
        batch_size = hp.Choice("batch_size", self.settings["tune"]["space"]["transfer"]["batch_size"]["range"])
        return model.fit(*args, batch_size=batch_size, callbacks=[*callbacks, self.clock], **kwargs)


def keras_tuner_epoch(examples, backbone, settings, folder):
    """Seconds of the second epoch of a trial, with val; the first one traces."""
    network = WholeNetwork(backbone, settings)
    tuner = keras_tuner.RandomSearch(network, "val_loss", max_trials=1, seed=0, directory=folder, overwrite=True)
    train, val = ((part.values[..., None], part.labels) for part in (examples["train"], examples["val"]))
    tuner.search(*train, validation_data=val, epochs=2, verbose=0)
    return network.clock.whole[-1]


if __name__ == "__main__":
    main()
