"""ablate: how little data transfer needs.

The baseline, small and on small images as in the other studies, and the head of the transfer model, its backbone
frozen, are trained on growing shares of train. Each run draws its own images, the ratio of the classes kept, and both
models see the same ones. Whatever the share, a model is trained for the same number of steps, so that less data does
not mean less training. The learning rate falls to 0 along a cosine.

Reads   the images of train and val at ablate.image_size (pipeline.ablate.images), and their features.
Returns runs (one row per run) and cost; logits, float64 (runs, val images), which pipeline.ablate.compare reads.
"""

import itertools

from pipeline.ablate.runs import collect
from pipeline.command import log, run
from pipeline.images import inputs
from pipeline.images.examples import Examples
from pipeline.models import baseline, fitting, runtime, transfer


def train_on_shares(
    train_images: Examples, val_images: Examples, train_features: Examples, val_features: Examples, settings: dict
):
    """Train both models on every share of train with every seed."""
    runtime.start(settings["compute"])
    return collect(
        [
            *train_model(baseline, baseline.small(settings), train_images, val_images, settings),
            *train_model(transfer, settings["transfer"]["hyperparameters"], train_features, val_features, settings),
        ]
    )


def train_model(module, hyperparameters, train, val, settings):
    """The runs of one model, as `collect` takes them."""
    budget, model = settings["ablate"], module.__name__.rpartition(".")[2]
    for share, seed in itertools.product(sorted(budget["shares"]), budget["seeds"]):
        examples = draw_share(train, share, seed)
        epochs, steps = duration(len(examples), len(train), hyperparameters["batch_size"], budget["data_epochs"])
        name = f"{model}: {len(examples)} images, seed {seed}"
        logits, scores, seconds = fitting.study_run(
            module, hyperparameters, examples, val, settings, seed=seed, epochs=epochs, name=name
        )
        log.info("%s: val AUC %.4f", name, scores["val_auc"])
        row = {"model": model, "share": share, "images": len(examples), "seed": seed, "epochs": epochs, "steps": steps}
        row |= {"val_auc": scores["val_auc"], "val_loss": scores["val_loss"]}
        yield row, logits, {"model": model, "share": share, "seed": seed, "seconds": seconds}


def draw_share(train, share, seed):
    """The images of one run: a share of each class."""
    return train.stratified(share * len(train), seed)


def duration(count, total, batch_size, epochs):
    """(epochs, steps) with `count` images that come nearest to the steps of `epochs` epochs with all `total` images."""
    a_epoch = inputs.steps(count, batch_size)
    needed = round(epochs * inputs.steps(total, batch_size) / a_epoch)
    return needed, needed * a_epoch


if __name__ == "__main__":
    run(train_on_shares)
