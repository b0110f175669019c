"""ablate: short training runs of equal budget on train, scored on val, that give questions their evidence.

Each study varies one thing of a small baseline: the resolution (question 4), the normalisation (5), the augmentation
(6), the optimizer or the loss (11). Every variant is run with the same seeds, so that differences from the study's
reference are paired. The learning rate falls to 0 along a cosine: that makes a short run end well, and alike from seed
to seed.

Reads   results/ablate/SPLIT_SIZE.npy (pipeline.ablate.images); the indexes of train and val.
Writes  tables/ablate/STUDY_runs.csv (one row per run) and STUDY_cost.csv; results/ablate/STUDY_logits.npy, float64
        (runs, val images), which pipeline.ablate.compare reads.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import log, run
from pipeline.images import cache, inputs
from pipeline.images.augment import KINDS, NONE
from pipeline.models import baseline, fitting, runtime


def ablate(
    study: str,
    train: list[Path],
    val: list[Path],
    train_index: Path,
    val_index: Path,
    settings: dict,
    runs: Path,
    logits: Path,
    cost: Path,
):
    """Run every variant of one study with every seed.

    Args:
        train, val: the caches at the sizes that the study needs, in rising order.
    """
    runtime.start(settings["compute"])
    budget = settings["ablate"]
    rows, costs, outputs = [], [], []
    for variant, reference, place, changed in variants(study, settings):
        examples = inputs.Examples.read(train[place], train_index).stratified(budget["images"], settings["seed"])
        held_out = inputs.Examples.read(val[place], val_index)
        hyperparameters = baseline.narrow(settings) | changed.get("hyperparameters", {})
        augmentation = changed.get("augmentation", settings["augmentation"])
        for seed in budget["seeds"]:
            val_logits, scores, seconds = fitting.study_run(
                baseline,
                hyperparameters,
                examples,
                held_out,
                settings | {"augmentation": augmentation},
                seed=seed,
                epochs=budget["epochs"],
                name=f"{study}: {variant}, seed {seed}",
            )
            size = int(examples.values.shape[1])
            rows.append({"variant": variant, "reference": reference, "image_size": size, "seed": seed})
            # Bytes of one float32 image.
            rows[-1] |= scores | {"bytes": 4 * size**2, "images": len(examples), "epochs": budget["epochs"]}
            outputs.append(val_logits)
            costs.append({"variant": variant, "seed": seed, "seconds_per_epoch": seconds / budget["epochs"]})
            log.info("%s: %s, seed %d: val AUC %.4f", study, variant, seed, scores["val_auc"])
    runs.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(runs, index=False)
    np.save(logits, outputs)
    cache.seal(logits)
    pd.DataFrame(costs).to_csv(cost, index=False)


REFERENCES = {
    "normalisation": "training_global",
    "augmentation": "none",
    "optimizer": "adam",
    "loss": "weighted_cross_entropy",
}


def variants(study, settings):
    """(name, whether it is the reference, place of its cache, what it overrides) of each variant of a study."""
    chosen = settings["ablate"]["variants"][study]
    if study == "resolution":
        sizes = sorted(chosen)
        return [(f"{size} pixels", size == sizes[-1], place, {}) for place, size in enumerate(sizes)]
    return [
        (value.replace("_", " "), value == REFERENCES[study], 0, overrides(study, value, settings)) for value in chosen
    ]


def overrides(study, value, settings):
    """The settings in which a variant differs from the study's other ones."""
    if study == "augmentation":
        bounds = settings["augmentation"]
        kinds = {kind.replace(" ", "_"): names for kind, names in KINDS.items()} | {"none": (), "all": tuple(NONE)}
        return {"augmentation": NONE | {name: bounds[name] for name in kinds[value]}}
    if study == "optimizer":
        # Each at a learning rate of its own: what one optimizer takes makes another stand still or diverge.
        return {"hyperparameters": {"optimizer": value, "learning_rate": settings["ablate"]["learning_rates"][value]}}
    return {"hyperparameters": {study: value}}


if __name__ == "__main__":
    run(ablate)
