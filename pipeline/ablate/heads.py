"""ablate: the studies of the transfer model that need no image, only features.

`head` varies the dense layers between the features and the logit, `cut` the layer where the backbone is cut. Every
variant is run with the same seeds on all of train, so that differences from the study's reference are paired. The
learning rate falls to 0 along a cosine, as in the other studies.

Reads   head: the features of train and val; cut: those at every cut (pipeline.ablate.features), and the backbone.
Returns runs (one row per run) and cost; logits, float64 (runs, val images), which pipeline.ablate.compare reads.
"""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from pipeline.ablate.runs import collect
from pipeline.command import log, run
from pipeline.images.examples import Examples
from pipeline.models import fitting, runtime, transfer


def train_heads(study: str, train: Examples, val: Examples, backbone: Path, settings: dict):
    """Train a head for every variant of one study with every seed."""
    runtime.start(settings["compute"])
    if study == "head":
        variants = heads(train, val, settings)
    else:
        variants = cuts(train, val, keras.models.load_model(backbone), settings)
    return collect(train_variants(study, variants, settings))


def train_variants(study, variants, settings):
    """The runs of a study, as `collect` takes them."""
    budget = settings["ablate"]
    for variant, reference, train, val, hyperparameters, sizes in variants:
        for seed in budget["seeds"]:
            logits, scores, seconds = fitting.study_run(
                transfer,
                hyperparameters,
                train,
                val,
                settings,
                seed=seed,
                epochs=budget["head_epochs"],
                name=f"{study}: {variant}, seed {seed}",
            )
            log.info("%s: %s, seed %d: val AUC %.4f", study, variant, seed, scores["val_auc"])
            row = {"variant": variant, "reference": reference, "seed": seed, **scores, **sizes}
            row |= {"images": len(train), "epochs": budget["head_epochs"]}
            yield row, logits, {"variant": variant, "seed": seed, "seconds_per_epoch": seconds / budget["head_epochs"]}


def heads(train, val, settings):
    """(name, whether it is the reference, train, val, hyperparameters, {}) of each architecture of the head.

    The reference is the architecture of transfer.hyperparameters, or the first where that is none of them.
    """
    own = settings["transfer"]["hyperparameters"]
    # By name: without dense layers, their units make no other head.
    variants = {head_name(own | head): own | head for head in settings["ablate"]["variants"]["head"]}
    reference = head_name(own) if head_name(own) in variants else next(iter(variants))
    return [(name, name == reference, train, val, head, {}) for name, head in variants.items()]


def head_name(hyperparameters):
    """The units of the dense layers of the head that these hyperparameters give: "256 and 128"."""
    head = transfer.build(hyperparameters, np.zeros((1, 1, 1)))
    units = [str(layer.units) for layer in head.layers if isinstance(layer, keras.layers.Dense)][:-1]  # the logit's
    if not units:
        return "no dense layer"
    return " and ".join([", ".join(units[:-1]), units[-1]] if units[1:] else units)


def cuts(train, val, backbone, settings):
    """(name, whether it is the reference, train, val, hyperparameters, parameters of the backbone) of each cut.

    Args:
        train, val: Examples whose values are {cut: float32 (images, channels)}. The reference is the last cut, the
            backbone's own output.
    """
    names = list(train.values)
    for name in names:
        parameters = keras.Model(backbone.input, backbone.get_layer(name).output).count_params()
        yield (
            name,
            name == names[-1],
            *[replace(examples, values=plain_as_view(examples.values[name])) for examples in (train, val)],
            settings["transfer"]["hyperparameters"],
            {"backbone_parameters": parameters},
        )


def plain_as_view(features):
    """(images, channels) -> (images, 2, channels)."""
    # A head is trained on the views behind the plain features: here, where only those are known, on them.
    return np.stack([features, features], axis=1)


if __name__ == "__main__":
    run(train_heads)
