"""How to fine-tune, on train and val: python -m tests.benchmarks.finetuning BUILD FILE [--images N] [VARIANT SEED ...]

A train-only head with the starting hyperparameters is fitted on cached features; the network under it is unfrozen and
trained end to end, in float32, on a part of train, once for each variant and seed. FILE is a CSV to which a row an
epoch is added: cross-entropy, its value after the intercept is refitted, AUC and mean logit on val, the same loss on a
fixed part of train. A run that is in FILE already is not made again. BUILD needs the caches of train and val (data and
features) and results/features/backbone.keras.
"""

import argparse
import functools
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from pipeline.finetune import runs
from pipeline.images import augment
from pipeline.images.examples import Examples
from pipeline.models import fitting, runtime, transfer
from pipeline.statistics import metrics
from tests.benchmarks import common

EPOCHS, HEAD_EPOCHS = 4, 15
BASE = {
    "rate": 1e-4,
    "optimizer": "adam",
    "warm_up": 1,
    "clip": None,
    "decay": None,
    "average": None,
    "first": "all",
    "lower": 1.0,
    "epochs": EPOCHS,
}
VARIANTS = {
    **{f"rate {rate:g}": {"rate": rate} for rate in (1e-3, 3e-4, 1e-4, 3e-5, 1e-5)},
    **{f"{rate:g} clip": {"rate": rate, "clip": 1.0} for rate in (1e-3, 3e-4, 1e-4)},
    **{f"{rate:g} adamw": {"rate": rate, "optimizer": "adamw", "decay": 0.01} for rate in (3e-4, 1e-4)},
    **{f"{rate:g} adamw strong": {"rate": rate, "optimizer": "adamw", "decay": 0.1} for rate in (3e-4, 1e-4)},
    **{f"{rate:g} averaged": {"rate": rate, "average": 0.98} for rate in (3e-4, 1e-4)},
    **{f"{rate:g} no warm-up": {"rate": rate, "warm_up": 0} for rate in (3e-4, 1e-4)},
    **{f"{rate:g} lower 0.1": {"rate": rate, "lower": 0.1} for rate in (1e-3, 3e-4, 1e-4)},
    **{f"{rate:g} from conv3": {"rate": rate, "first": "conv3_block1_preact_bn"} for rate in (3e-4, 1e-4)},
    **{f"{rate:g} 8 epochs": {"rate": rate, "epochs": 8} for rate in (3e-4, 1e-4)},
    "sgd 0.01 clip": {"rate": 0.01, "optimizer": "sgd", "clip": 1.0},
    "sgd 0.001": {"rate": 0.001, "optimizer": "sgd"},
}


def main():
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("build", type=Path, metavar="BUILD")
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--images", type=int, default=1344)
    command.add_argument("runs", nargs="*", metavar="VARIANT SEED")
    given = command.parse_args()
    settings = common.settings()
    settings["compute"]["mixed_precision"] = False
    runtime.start(settings["compute"])
    images = {
        (stage, split): Examples.read(
            given.build / f"results/{stage}/{split}.npy", given.build / f"tables/data/index_{split}.csv"
        )
        for stage in ("data", "features")
        for split in ("train", "val")
    }
    train = {stage: images[stage, "train"].stratified(given.images, settings["seed"]) for stage in ("data", "features")}
    val = images["data", "val"]
    for variant, seed in zip(given.runs[::2], map(int, given.runs[1::2]), strict=True):
        done = (
            pd.read_csv(given.file)[["variant", "seed"]].drop_duplicates().values.tolist()
            if given.file.exists()
            else []
        )
        if [variant, seed] in done:
            continue
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "head.keras"
            head, _ = fitting.run(
                transfer,
                settings["transfer"]["hyperparameters"],
                train["features"],
                settings,
                seed=seed,
                epochs=HEAD_EPOCHS,
                decay=True,
                train_curve=False,
            )
            transfer.assemble(head, [given.build / "results/features/backbone.keras"]).save(model)
            network = runs.load(model, seed)
        start = time.perf_counter()
        history = fine_tune(network, train["data"], val, settings | {"seed": seed}, BASE | VARIANTS[variant])
        history = history.assign(variant=variant, seed=seed, seconds=time.perf_counter() - start)
        history.to_csv(given.file, mode="a", header=not given.file.exists(), index=False)
        print(history.iloc[[0, -1]].to_string(), flush=True)


def score(labels, logits):
    mean = {"mean_logit": float(np.mean(logits))}
    return metrics.scores(labels, logits) | {"refitted_loss": metrics.refitted_loss(labels, logits)} | mean


def fine_tune(network, train, val, settings, variant):
    runs.unfreeze(network, variant["first"])
    before = {"epoch": 0} | fitting.scores(network, train, val, augment, settings, score)
    hyperparameters = settings["transfer"]["hyperparameters"] | {"learning_rate": variant["rate"]}
    fitting.compile_ = functools.partial(compile_, variant)
    history = fitting.fit(
        network,
        hyperparameters,
        train,
        augment,
        settings,
        seed=settings["seed"],
        epochs=variant["epochs"],
        val=val,
        decay=True,
        score=score,
    )
    history = pd.concat([pd.DataFrame([before]), history], ignore_index=True)
    if variant["average"]:
        network.optimizer.finalize_variable_values(network.trainable_weights)
        after = {"epoch": -1} | fitting.scores(network, train, val, augment, settings, score)
        history = pd.concat([history, pd.DataFrame([after])], ignore_index=True)
    return history


def compile_(variant, network, hyperparameters, steps, decay_epochs=None):
    warm_up = variant["warm_up"] * steps
    rate = variant["rate"]
    if warm_up:
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, decay_epochs * steps - warm_up, warmup_target=rate, warmup_steps=warm_up
        )
    else:
        schedule = keras.optimizers.schedules.CosineDecay(rate, decay_epochs * steps)
    options = {"global_clipnorm": variant["clip"]}
    if variant["average"]:
        options |= {"use_ema": True, "ema_momentum": variant["average"]}
    if variant["decay"]:
        options["weight_decay"] = variant["decay"]
    kind = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": functools.partial(keras.optimizers.SGD, momentum=0.9),
    }[variant["optimizer"]]
    if variant["lower"] != 1:
        head = {
            id(weight)
            for layer in network.layers
            if not layer.name.startswith("conv")
            for weight in layer.trainable_weights
        }
        last = {
            id(weight)
            for layer in network.layers
            if layer.name.startswith("conv4")
            for weight in layer.trainable_weights
        }

        class Layerwise(kind):
            def update_step(self, gradient, variable, learning_rate):
                full = id(variable) in head or id(variable) in last
                super().update_step(gradient, variable, learning_rate * (1.0 if full else variant["lower"]))

        kind = Layerwise
    network.compile(
        optimizer=kind(schedule, **options), loss=keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False
    )


if __name__ == "__main__":
    main()
