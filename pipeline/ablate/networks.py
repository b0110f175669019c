"""ablate: short training runs of equal budget on train, scored on val, that give questions their evidence.

Each study varies one thing of a small baseline: the resolution (question 4), the normalisation (5), the augmentation
(6), the optimizer or the loss (11). Every variant is run with the same seeds, so that differences from the study's
reference are paired. The learning rate falls to 0 along a cosine: that makes a short run end well, and alike from seed
to seed.

Reads   the images of train and val at the sizes that the study needs (pipeline.ablate.images).
Returns runs (one row per run) and cost; logits, float64 (runs, val images), which pipeline.ablate.compare reads.
"""

import numpy as np
import pandas as pd

from pipeline.ablate.runs import collect
from pipeline.command import log, run
from pipeline.images.augment import KINDS, NONE
from pipeline.images.examples import Examples
from pipeline.models import baseline, fitting, runtime


def train_networks(
    study: str,
    train: list[np.ndarray],
    val: list[np.ndarray],
    train_index: pd.DataFrame,
    val_index: pd.DataFrame,
    settings: dict,
):
    """Train a network for every variant of one study with every seed.

    Args:
        train, val: uint8 (images, size, size) of each size that the study needs, in rising order.
    """
    runtime.start(settings["compute"])
    train = [Examples.of(images, train_index) for images in train]
    val = [Examples.of(images, val_index) for images in val]
    return collect(train_variants(study, train, val, settings))


def train_variants(study, train, val, settings):
    """The runs of a study, as `collect` takes them.

    Args:
        train, val: Examples of each size.
    """
    budget = settings["ablate"]
    for variant, reference, place, changed in variants(study, settings):
        examples = train[place].stratified(budget["images"], settings["seed"])
        size = int(examples.values.shape[1])
        for seed in budget["seeds"]:
            logits, scores, seconds = fitting.study_run(
                baseline,
                baseline.small(settings) | changed.get("hyperparameters", {}),
                examples,
                val[place],
                settings | {"augmentation": changed.get("augmentation", settings["augmentation"])},
                seed=seed,
                epochs=budget["epochs"],
                name=f"{study}: {variant}, seed {seed}",
                may_diverge=study == "optimizer",  # at the largest of its rates
            )
            log.info("%s: %s, seed %d: val AUC %.4f", study, variant, seed, scores["val_auc"])
            row = {"variant": variant, "reference": reference, "image_size": size, "seed": seed, **scores}
            if study == "optimizer":
                row["learning_rate"] = changed["hyperparameters"]["learning_rate"]
            # Bytes of one float32 image.
            row |= {"bytes": 4 * size**2, "images": len(examples), "epochs": budget["epochs"]}
            yield row, logits, {"variant": variant, "seed": seed, "seconds_per_epoch": seconds / budget["epochs"]}


REFERENCES = {
    "normalisation": "training_global",
    "augmentation": "none",
    "optimizer": "adam",
    "loss": "weighted_cross_entropy",
}


def variants(study, settings):
    """(name, whether it is the reference, place of its cache, what it overrides) of each variant of a study."""
    values = settings["ablate"]["variants"][study]
    if study == "resolution":
        sizes = sorted(values)
        return [(f"{size} pixels", size == sizes[-1], place, {}) for place, size in enumerate(sizes)]
    return [
        (value.replace("_", " "), value == REFERENCES[study], 0, changed)
        for value in values
        for changed in overrides(study, value, settings)
    ]


def overrides(study, value, settings):
    """The settings in which a variant differs from the study's other ones, a dict for each way to train it."""
    if study == "augmentation":
        bounds = settings["augmentation"]
        kinds = {kind.replace(" ", "_"): names for kind, names in KINDS.items()} | {"none": (), "all": tuple(NONE)}
        return [{"augmentation": NONE | {name: bounds[name] for name in kinds[value]}}]
    if study == "optimizer":
        # Each at learning rates of its own: what one optimizer takes makes another stand still or diverge.
        rates = settings["ablate"]["learning_rates"][value]
        return [{"hyperparameters": {"optimizer": value, "learning_rate": rate}} for rate in rates]
    return [{"hyperparameters": {study: value}}]


if __name__ == "__main__":
    run(train_networks)
