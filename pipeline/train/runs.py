"""train: the initial run, the train-only models and the final run, written once for both models.

Reads   examples of train and val; the selected hyperparameters and the networks that confirmed them.
Returns of the initial run its history (thirty epochs, val held out);
        of the selected configuration on train alone, the source of honest val outputs: its networks, a row a run, the
        histories and the predictions of val;
        of the final run (train + val, epochs fixed): the network, its history, its summary and layers, the seconds.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from pipeline.command import InputError, Scratch, run
from pipeline.images.examples import Examples, join
from pipeline.models import fitting, runtime
from pipeline.models.backup import seconds_of
from pipeline.models.hyperparameters import starting


def initial(model: str, train: Examples, val: Examples, start: pd.DataFrame | None, settings: dict, backup: Scratch):
    """Train with the starting hyperparameters for all epochs, val held out, without early stopping.

    Args:
        start: selected hyperparameters of another model, which replace the configuration's where both models have them.
    """
    runtime.start(settings["compute"])
    options = {"seed": settings["seed"], "epochs": settings["training"]["epochs"], "val": val, "backup": backup}
    module, hyperparameters = fitting.module_of(model), starting(model, start, settings)
    _, history = fitting.run(module, hyperparameters, train, settings, raw_curve=True, **options)
    return {"history": history}


def train_only(
    model: str,
    val: Examples,
    best: pd.DataFrame,
    networks: list[Path],
    confirmed: list[pd.DataFrame],
    histories: list[pd.DataFrame],
    backbone: list[Path],
    settings: dict,
):
    """Predict on val with the selected configuration, trained on train alone, once a selection seed.

    They are the networks that confirmed it: `tune` has trained them with early stopping from these very seeds.

    Args, eight, the inputs, wildcards and parameters of the rule:
        networks, confirmed, histories: of every candidate: MODEL_candidateCANDIDATE_seedSEED.keras; a row a run; a row
            an epoch.
        backbone: empty for the baseline.
    """
    runtime.start(settings["compute"])
    module = fitting.module_of(model)
    candidate = best["candidate"].item()
    files = {file.name: file for file in networks}
    models, predictions = [], []
    for seed in settings["training"]["selection_seeds"]:
        network = keras.models.load_model(files[f"{model}_candidate{candidate}_seed{seed}.keras"])
        logits = fitting.logits(network, module.unaugmented(val.values))
        models.append(module.assemble(network, backbone))
        predictions.append(fitting.prediction_table(val, seed, logits))
    rows = {"runs": pd.concat(confirmed), "history": pd.concat(histories)}
    selected = {name: table[table["candidate"] == candidate].drop(columns="candidate") for name, table in rows.items()}
    return {"models": models, "predictions": pd.concat(predictions), **selected}


def final(
    model: str,
    train: Examples,
    val: Examples,
    best: pd.DataFrame,
    runs: pd.DataFrame,
    backbone: list[Path],
    settings: dict,
    backup: Scratch,
):
    """Train the selected configuration from scratch on train + val for the epochs found, without early stopping.

    The number of epochs is the median of the train-only runs' best epochs. Normalisation stays that of train.

    Args, eight, the inputs, wildcards and parameters of the rule:
        backbone: empty for the baseline.

    Raises:
        InputError: the run diverged; a model without finite weights must not look at test.
    """
    runtime.start(settings["compute"])
    module = fitting.module_of(model)
    (hyperparameters,) = best.to_dict("records")
    epochs = int(np.ceil(runs["best_epoch"].median()))
    options = {"seed": settings["seed"], "epochs": epochs, "statistics_from": train, "backup": backup}
    network, history = fitting.run(module, hyperparameters, join(train, val), settings, **options)
    if not np.isfinite(history["train_loss"].iloc[-1]):
        raise InputError(
            f"{model}: the final run diverged, at a learning rate of {hyperparameters['learning_rate']:g}; "
            f"expected a range without such rates (tune.space.{model}.learning_rate), or another seed"
        )
    seconds = {"final run": seconds_of(backup)}
    whole = module.assemble(network, backbone)
    seconds["prediction"] = fitting.seconds_to_predict(whole, 1000)
    return {
        "model": whole,
        "history": history,
        "summary": fitting.describe(whole, fitting.reload(whole), epochs),
        "layers": fitting.layer_table(whole),
        "cost": pd.DataFrame({"model": model, "part": seconds.keys(), "seconds": seconds.values()}),
    }


if __name__ == "__main__":
    run(initial, train_only, final)
