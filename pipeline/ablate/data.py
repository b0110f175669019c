"""ablate_data: how little data transfer needs. It belongs to the stage ablate.

The baseline, small and on small images as in the other studies, and the head of the transfer model, its backbone
frozen, are trained on growing shares of train. Each run draws its images anew, the ratio of the classes kept, and both
models see the same ones. Whatever the share, a model is trained for the same number of steps, so that less data does
not mean less training. The learning rate falls to 0 along a cosine.

Reads   results/ablate/SPLIT_SIZE.npy (pipeline.ablate.images), results/features/SPLIT.npy; the indexes of train and
        val.
Writes  tables/ablate/data_runs.csv (one row per run) and data_cost.csv; results/ablate/data_logits.npy, float64
        (runs, val images), which pipeline.ablate.compare reads.
"""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import log, run
from pipeline.images import cache, inputs
from pipeline.models import baseline, fitting, runtime, transfer


def ablate_data(
    train_images: Path,
    val_images: Path,
    train_features: Path,
    val_features: Path,
    train_index: Path,
    val_index: Path,
    settings: dict,
    runs: Path,
    logits: Path,
    cost: Path,
):
    """Train both models on every share of train with every seed."""
    runtime.start(settings["compute"])
    budget, shares = settings["ablate"], sorted(settings["ablate"]["shares"])
    models = {
        baseline: (baseline.narrow(settings), train_images, val_images),
        transfer: (settings["transfer"]["hyperparameters"], train_features, val_features),
    }
    rows, costs, outputs = [], [], []
    for module, (hyperparameters, train_file, val_file) in models.items():
        model = module.__name__.rpartition(".")[2]
        train, held_out = inputs.Examples.read(train_file, train_index), inputs.Examples.read(val_file, val_index)
        for share, seed in itertools.product(shares, budget["seeds"]):
            examples = drawn(train, share, seed)
            epochs, steps = duration(len(examples), len(train), hyperparameters["batch_size"], budget["data_epochs"])
            name = f"{model}: {len(examples)} images, seed {seed}"
            val_logits, scores, seconds = fitting.study_run(
                module, hyperparameters, examples, held_out, settings, seed=seed, epochs=epochs, name=name
            )
            rows.append({"model": model, "share": share, "images": len(examples), "seed": seed})
            rows[-1] |= {"epochs": epochs, "steps": steps, "val_auc": scores["val_auc"], "val_loss": scores["val_loss"]}
            outputs.append(val_logits)
            costs.append({"model": model, "share": share, "seed": seed, "seconds": seconds})
            log.info("%s: val AUC %.4f", name, scores["val_auc"])
    runs.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(runs, index=False)
    np.save(logits, outputs)
    cache.seal(logits)
    pd.DataFrame(costs).to_csv(cost, index=False)


def drawn(train, share, seed):
    """The images of one run: a share of each class."""
    return train.stratified(share * len(train), seed)


def duration(count, total, batch_size, epochs):
    """(epochs, steps) with `count` images that come nearest to the steps of `epochs` epochs with all `total` images."""
    a_epoch = inputs.steps(count, batch_size)
    needed = round(epochs * inputs.steps(total, batch_size) / a_epoch)
    return needed, needed * a_epoch


if __name__ == "__main__":
    run(ablate_data)
