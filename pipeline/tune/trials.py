"""tune_trials: the training that the search asks for. It belongs to the stage tune.

A module of its own, so that an edit of what is proposed or selected trains nothing again that it need not.

Reads   tables/tune/MODEL_roundROUND.csv or results/tune/MODEL_candidates.csv; examples of train and val.
Writes  results/tune/MODEL_ROUND_FIRST-LAST.csv (a row a trial), MODEL_candidateCANDIDATE.csv (a row a seed), its
        history and its networks, MODEL_candidateCANDIDATE_seedSEED.keras; seconds in tables with `cost` in their names.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import log, run
from pipeline.images import inputs
from pipeline.models import fitting, runtime
from pipeline.models.backup import seconds_of


def trials(
    model: str,
    proposals: Path,
    first: int,
    last: int,
    train: Path,
    val: Path,
    train_index: Path,
    val_index: Path,
    settings: dict,
    backups: Path,
    results: Path,
    cost: Path,
):
    """Run the proposed trials `first` to `last`: train on train with early stopping on val loss, score on val."""
    runtime.start(settings["compute"])
    examples = inputs.Examples.read(train, train_index), inputs.Examples.read(val, val_index)
    epochs = settings["tune"]["epochs"]
    rows, seconds, kept = [], [], []
    for trial in pd.read_csv(proposals).query("@first <= trial <= @last").to_dict("records"):
        log.info(", ".join(f"{name} {value}" for name, value in trial.items()))
        kept.append(backups / f"{model}_trial{trial['trial']}.npz")
        # The network is not kept: the next run frees its memory.
        row = fit(model, trial, *examples, settings, trial["seed"], epochs, kept[-1], train_curve=False)[1]
        rows.append(trial | row)
        took = {"model": model, "part": "search", "trial": trial["trial"]}
        seconds.append(took | {"seconds": seconds_of(kept[-1])})
    pd.DataFrame(rows).to_csv(results, index=False)
    pd.DataFrame(seconds).to_csv(cost, index=False)
    for file in kept:
        file.unlink()


def confirm(
    model: str,
    candidates: Path,
    candidate: int,
    train: Path,
    val: Path,
    train_index: Path,
    val_index: Path,
    settings: dict,
    backups: Path,
    models: list[Path],
    results: Path,
    history: Path,
    cost: Path,
):
    """Train the configuration of a candidate on train anew, once with each selection seed."""
    runtime.start(settings["compute"])
    examples = inputs.Examples.read(train, train_index), inputs.Examples.read(val, val_index)
    (chosen,) = pd.read_csv(candidates).query("candidate == @candidate").to_dict("records")
    epochs = settings["training"]["epochs"]
    rows, histories, seconds, kept = [], [], [], []
    for seed, file in zip(settings["training"]["selection_seeds"], models, strict=True):
        which = {"candidate": candidate, "seed": seed}
        log.info("candidate %d, seed %d", candidate, seed)
        kept.append(backups / f"{model}_candidate{candidate}_seed{seed}.npz")
        network, row, curve = fit(model, chosen, *examples, settings, seed, epochs, kept[-1])
        fitting.save(network, file)
        rows.append(which | row)
        histories.append(curve.assign(**which)[[*which, *curve]])
        took = {"model": model, "part": "confirmation", **which}
        seconds.append(took | {"seconds": seconds_of(kept[-1])})
    pd.DataFrame(rows).to_csv(results, index=False)
    pd.concat(histories).to_csv(history, index=False)
    pd.DataFrame(seconds).to_csv(cost, index=False)
    for file in kept:
        file.unlink()


def fit(model, hyperparameters, train, val, settings, seed, epochs, backup, train_curve=True):
    """A network fitted on train with early stopping on val loss, what its row says, and its history."""
    module = fitting.module_of(model)
    network, history = fitting.run(
        module,
        hyperparameters,
        train,
        settings,
        seed=seed,
        epochs=epochs,
        val=val,
        patience=settings["training"]["patience"],
        backup=backup,
        train_curve=train_curve,
    )
    scores = fitting.scores(network, train, val, module, settings)
    return network, {"parameters": network.count_params()} | outcome(history, scores), history


def outcome(history, scores):
    """What a run's row says: epochs, status, the best one (least val loss), `scores` of its weights."""
    row = {"epochs": len(history), "status": "finished", "best_epoch": None}
    if not np.isfinite([*history["val_loss"], scores["train_loss"], scores["val_loss"]]).all():
        return row | {"status": "diverged"} | dict.fromkeys(scores)
    return row | {"best_epoch": int(history["epoch"][history["val_loss"].idxmin()])} | scores


if __name__ == "__main__":
    run(trials, confirm)
