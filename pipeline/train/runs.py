"""train: the initial run, the held-out models and the final run, written once for both models.

Reads   examples of train and val; the selected hyperparameters and the networks that confirmed them.
Writes  tables/train/MODEL_initial.csv (history of thirty epochs, val held out);
        results/train/MODEL_heldout_SEED.keras, tables/train/MODEL_heldout.csv, MODEL_heldout_history.csv and
        MODEL_val_predictions.csv (the selected configuration on train alone: the source of honest val outputs);
        results/train/MODEL.keras, tables/train/MODEL_final.csv, MODEL_model.csv and MODEL_layers.csv (train + val,
        epochs fixed); results/train/MODEL_cost.csv.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from pipeline.command import InputError, run
from pipeline.images import inputs
from pipeline.models import fitting, runtime
from pipeline.models.backup import seconds_of


def initial(
    model: str,
    train: Path,
    val: Path,
    train_index: Path,
    val_index: Path,
    start: list[Path],
    settings: dict,
    backup: Path,
    history: Path,
):
    """Train with the starting hyperparameters for all epochs, val held out, without early stopping.

    Args:
        start: selected hyperparameters of another model, which replace the configuration's where both models have them.
    """
    runtime.start(settings["compute"])
    hyperparameters = settings[model]["hyperparameters"]
    for best in map(fitting.read_best, start):
        hyperparameters |= {name: best[name] for name in hyperparameters if name in best}
    _, rows = fitting.run(
        fitting.module_of(model),
        hyperparameters,
        inputs.Examples.read(train, train_index),
        settings,
        seed=settings["seed"],
        epochs=settings["training"]["epochs"],
        val=inputs.Examples.read(val, val_index),
        backup=backup,
    )
    rows.to_csv(history, index=False)
    backup.unlink()


def heldout(
    model: str,
    val: Path,
    val_index: Path,
    best: Path,
    networks: list[Path],
    confirmed: list[Path],
    histories: list[Path],
    backbone: list[Path],
    settings: dict,
    models: list[Path],
    runs: Path,
    history: Path,
    predictions: Path,
):
    """Predict on val with the selected configuration, trained on train alone, once a selection seed.

    They are the networks that confirmed it: `tune` has trained them with early stopping from these very seeds.

    Args:
        networks, confirmed, histories: of every candidate: MODEL_candidateCANDIDATE_seedSEED.keras; a row a run; a row
            an epoch.
    """
    runtime.start(settings["compute"])
    module = fitting.module_of(model)
    examples = inputs.Examples.read(val, val_index)
    candidate = fitting.read_best(best)["candidate"]
    files = {file.name: file for file in networks}
    outputs = []
    for seed, model_file in zip(settings["training"]["selection_seeds"], models, strict=True):
        network = keras.models.load_model(files[f"{model}_candidate{candidate}_seed{seed}.keras"])
        fitting.save(module.whole(network, backbone), model_file)
        logits = fitting.logits(network, module.plain(examples.values))
        outputs.append(fitting.prediction_table(examples, seed, logits))
    pd.concat(outputs).to_csv(predictions, index=False)
    for sources, table in ((confirmed, runs), (histories, history)):
        rows = pd.concat(map(pd.read_csv, sources))
        rows[rows["candidate"] == candidate].drop(columns="candidate").to_csv(table, index=False)


def final(
    model: str,
    train: Path,
    val: Path,
    train_index: Path,
    val_index: Path,
    best: Path,
    runs: Path,
    backbone: list[Path],
    settings: dict,
    backup: Path,
    model_file: Path,
    history: Path,
    summary: Path,
    layers: Path,
    cost: Path,
):
    """Train the selected configuration anew on train + val for the epochs found, without early stopping.

    The number of epochs is the median of the held-out runs' best epochs. Normalisation stays that of train.

    Raises:
        InputError: the run diverged; a model without finite weights must not look at test.
    """
    runtime.start(settings["compute"])
    module = fitting.module_of(model)
    train_examples = inputs.Examples.read(train, train_index)
    epochs = int(np.ceil(pd.read_csv(runs)["best_epoch"].median()))
    network, rows = fitting.run(
        module,
        fitting.read_best(best),
        inputs.join(train_examples, inputs.Examples.read(val, val_index)),
        settings,
        seed=settings["seed"],
        epochs=epochs,
        statistics_from=train_examples,
        backup=backup,
    )
    if not np.isfinite(rows["train_loss"].iloc[-1]):
        raise InputError(
            f"{model}: the final run diverged, at a learning rate of {fitting.read_best(best)['learning_rate']:g}; "
            f"expected a range without such rates (tune.space.{model}.learning_rate), or another seed"
        )
    seconds = {"final run": seconds_of(backup)}
    whole = module.whole(network, backbone)
    seconds["prediction"] = fitting.seconds_to_predict(whole, 1000)
    reloaded = fitting.save(whole, model_file)
    rows.to_csv(history, index=False)
    fitting.describe(whole, reloaded, epochs).to_csv(summary, index=False)
    fitting.layer_table(whole).to_csv(layers, index=False)
    pd.DataFrame({"model": model, "part": seconds.keys(), "seconds": seconds.values()}).to_csv(cost, index=False)
    backup.unlink()


if __name__ == "__main__":
    run(initial, heldout, final)
