"""How to fine-tune, on train and val: python -m tests.benchmarks.finetuning BUILD FILE VARIANT SEED [VARIANT SEED ...]

A head with the starting hyperparameters is fitted on cached features of train, and the network under it is unfrozen and
trained end to end in float32, once for each variant (`VARIANTS`) and seed. FILE is a CSV to which a row for each epoch
is added, from 0, before fine-tuning: what the stage records, on val and on training images under their own
augmentation. A run that is in FILE already is not made again. BUILD needs the caches of data and features of train and
val, and results/features/backbone.keras.
"""

import argparse
import functools
import tempfile
import time
from pathlib import Path

import keras
import pandas as pd

from pipeline.finetune import runs
from pipeline.images.examples import Examples
from pipeline.models import fitting, runtime, transfer
from tests.benchmarks import common

HEAD_EPOCHS = 15
BASE = {"rate": 3e-4, "epochs": 4, "warm_up": 1, "first": "all", "clip": None, "decay": None, "average": None, "low": 1}
VARIANTS = {
    **{f"{rate:g}": {"rate": rate} for rate in (1e-3, 3e-4, 1e-4, 3e-5, 1e-5)},
    "8 epochs": {"epochs": 8},
    "no warm-up": {"warm_up": 0},
    "clipped": {"clip": 1.0},  # norm of the whole gradient
    "decoupled weight decay": {"decay": 0.01},
    "averaged": {"average": 0.98},  # momentum of an exponential average of the weights
    "from conv3": {"first": "conv3_block1_preact_bn"},
    "lower layers slower": {"low": 0.1},  # times the learning rate, up to conv3
}


def main():
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("build", type=Path, metavar="BUILD")
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--images", type=int, default=10**6, help="of train, class ratio kept; default: all")
    command.add_argument("runs", nargs="+", metavar="VARIANT SEED", help=f"of {', '.join(VARIANTS)}")
    given = command.parse_args()
    settings = common.settings()
    runtime.start(settings["compute"])
    images, features = (
        {split: examples(given.build, stage, split) for split in ("train", "val")} for stage in ("data", "features")
    )
    part = given.images, settings["seed"]
    images["train"], features["train"] = images["train"].stratified(*part), features["train"].stratified(*part)
    for variant, seed in zip(given.runs[::2], map(int, given.runs[1::2]), strict=True):
        if given.file.exists() and len(pd.read_csv(given.file).query("variant == @variant and seed == @seed")):
            continue
        with tempfile.TemporaryDirectory() as folder:
            model = assembled(features, given.build, settings, seed, Path(folder) / "model.keras")
            network = runs.load(model, seed)
        start = time.perf_counter()
        history = fine_tuned(network, images, settings, BASE | VARIANTS[variant], seed)
        history = history.assign(variant=variant, seed=seed, seconds=time.perf_counter() - start)
        history.to_csv(given.file, mode="a", header=not given.file.exists(), index=False)
        shown = ["epoch", "train_refitted_loss", "val_auc", "val_loss", "val_mean_logit"]
        print(f"{variant}, seed {seed}\n{history[shown].round(4).to_string(index=False)}", flush=True)


def examples(build, stage, split):
    return Examples.read(build / f"results/{stage}/{split}.npy", build / f"tables/data/index_{split}.csv")


def assembled(features, build, settings, seed, file):
    """The file of a head fitted on features, on the build's backbone."""
    hyperparameters = settings["transfer"]["hyperparameters"]
    options = {"seed": seed, "epochs": HEAD_EPOCHS, "decay": True, "train_curve": False}
    head, _ = fitting.run(transfer, hyperparameters, features["train"], settings, **options)
    transfer.assemble(head, [build / "results/features/backbone.keras"]).save(file)
    return file


def fine_tuned(network, images, settings, variant, seed):
    """The history of a run by the stage's own code, but for the optimizer."""
    settings["finetune"] |= {"warm_up": variant["warm_up"], "unfreeze_from": variant["first"]}
    hyperparameters = settings["transfer"]["hyperparameters"] | {"learning_rate": variant["rate"]}
    options = {"seed": seed, "epochs": variant["epochs"], "val": images["val"]}
    as_stage = fitting.compile_
    fitting.compile_ = functools.partial(compile_, as_stage, variant)
    try:
        _, history = runs.fine_tune(network, images["train"], settings, hyperparameters, **options)
    finally:
        fitting.compile_ = as_stage  # for the next head
    return history


def compile_(as_stage, variant, network, *arguments, **options):
    """As the stage compiles a network, with Adam as the variant has it."""
    as_stage(network, *arguments, **options)
    chosen = {"global_clipnorm": variant["clip"], "weight_decay": variant["decay"]}
    if variant["average"]:
        # The averages take the place of the weights at each epoch's end, and are trained on from there.
        chosen |= {"use_ema": True, "ema_momentum": variant["average"], "ema_overwrite_frequency": arguments[1]}
    slow = {id(weight) for layer in network.layers if layer.name < "conv4" for weight in layer.trainable_weights}

    class Layerwise(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            factor = variant["low"] if id(variable) in slow else 1.0
            super().update_step(gradient, variable, learning_rate * factor)

    optimizer = Layerwise(network.optimizer._learning_rate, **chosen)
    network.compile(optimizer=optimizer, loss=network.loss, jit_compile=False)


if __name__ == "__main__":
    main()
