"""train: the initial run, the held-out runs and the final run, written once for both models.

Reads   examples of train and val; the selected hyperparameters.
Writes  tables/train/MODEL_initial.csv (history of thirty epochs, val held out);
        results/train/MODEL_heldout_SEED.keras, tables/train/MODEL_heldout.csv and MODEL_val_predictions.csv (the
        selected configuration on train alone: the source of honest val outputs);
        results/train/MODEL.keras, tables/train/MODEL_final.csv and MODEL_model.csv (train + val, epochs fixed).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.images import inputs
from pipeline.models import fitting, runtime


def initial(model: str, train: Path, val: Path, train_index: Path, val_index: Path, settings: dict, history: Path):
    """Train with the starting hyperparameters for all epochs, val held out, without early stopping."""
    runtime.start(settings["compute"])
    _, rows = fitting.run(
        fitting.module_of(model),
        settings[model]["hyperparameters"],
        inputs.read(train, train_index),
        settings,
        seed=settings["seed"],
        epochs=settings["training"]["epochs"],
        val=inputs.read(val, val_index),
    )
    rows.to_csv(history, index=False)


def heldout(
    model: str,
    train: Path,
    val: Path,
    train_index: Path,
    val_index: Path,
    best: Path,
    backbone: list[Path],
    settings: dict,
    models: list[Path],
    runs: Path,
    predictions: Path,
):
    """Train the selected configuration on train alone, with early stopping, once a seed, and predict on val."""
    runtime.start(settings["compute"])
    module = fitting.module_of(model)
    train_examples, val_examples = inputs.read(train, train_index), inputs.read(val, val_index)
    rows, outputs = [], []
    for seed, model_file in zip(settings["training"]["heldout_seeds"], models, strict=True):
        network, history = fitting.run(
            module,
            fitting.read_best(best),
            train_examples,
            settings,
            seed=seed,
            epochs=settings["training"]["epochs"],
            val=val_examples,
            patience=settings["training"]["patience"],
        )
        logits = fitting.logits(network, np.asarray(module.plain(val_examples.values)))
        fitting.save(module.whole(network, backbone), model_file)
        best_epoch = history.loc[history["val_loss"].idxmin()]
        rows.append(
            {"seed": seed, "best_epoch": int(best_epoch["epoch"]), "epochs": len(history)}
            | {name: best_epoch[name] for name in ("val_loss", "val_auc")}
        )
        outputs.append(fitting.prediction_table(val_examples, seed, logits))
    pd.DataFrame(rows).to_csv(runs, index=False)
    pd.concat(outputs).to_csv(predictions, index=False)


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
    model_file: Path,
    history: Path,
    summary: Path,
):
    """Train the selected configuration anew on train + val for the epochs found, without early stopping.

    The number of epochs is the median of the held-out runs' best epochs. Normalisation stays that of train.
    """
    runtime.start(settings["compute"])
    module = fitting.module_of(model)
    train_examples = inputs.read(train, train_index)
    epochs = int(np.ceil(pd.read_csv(runs)["best_epoch"].median()))
    network, rows = fitting.run(
        module,
        fitting.read_best(best),
        inputs.join(train_examples, inputs.read(val, val_index)),
        settings,
        seed=settings["seed"],
        epochs=epochs,
        statistics_from=train_examples,
    )
    whole = module.whole(network, backbone)
    reloaded = fitting.save(whole, model_file)
    rows.to_csv(history, index=False)
    fitting.describe(whole, reloaded, epochs).to_csv(summary, index=False)


if __name__ == "__main__":
    run(initial, heldout, final)
