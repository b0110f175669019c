"""tune: the training that the search asks for.

A module of its own, so that an edit of what is proposed or selected trains nothing again that it need not.

Reads   the proposals of a round, or the candidates; examples of train and val.
Returns a row a trial; or the networks of a candidate, and a row and a history a seed; the seconds that each run took.
"""

import numpy as np
import pandas as pd

from pipeline.command import Scratch, log, run
from pipeline.images.inputs import Examples
from pipeline.models import fitting, runtime
from pipeline.models.backup import seconds_of


def trials(
    model: str,
    proposals: pd.DataFrame,
    first: int,
    last: int,
    train: Examples,
    val: Examples,
    settings: dict,
    backups: Scratch,
):
    """Run the proposed trials `first` to `last`: train on train with early stopping on val loss, score on val.

    Eight parameters: the inputs, wildcards and parameters of the rule.
    """
    runtime.start(settings["compute"])
    rows, seconds = [], []
    for trial in proposals.query("@first <= trial <= @last").to_dict("records"):
        log.info(", ".join(f"{name} {value}" for name, value in trial.items()))
        backup = backups / f"trial{trial['trial']}.npz"
        options = {"seed": trial["seed"], "epochs": settings["tune"]["epochs"], "backup": backup, "train_curve": False}
        # The network is not kept: the next run frees its memory.
        row = fit(model, trial, train, val, settings, **options)[1]
        rows.append(trial | row)
        seconds.append({"model": model, "part": "search", "trial": trial["trial"], "seconds": seconds_of(backup)})
    return {"results": pd.DataFrame(rows), "cost": pd.DataFrame(seconds)}


def confirm(
    model: str,
    candidates: pd.DataFrame,
    candidate: int,
    train: Examples,
    val: Examples,
    settings: dict,
    backups: Scratch,
):
    """Train the configuration of a candidate on train again, once with each selection seed.

    Seven parameters: the inputs, wildcards and parameters of the rule.
    """
    runtime.start(settings["compute"])
    (hyperparameters,) = candidates.query("candidate == @candidate").to_dict("records")
    networks, rows, histories, seconds = [], [], [], []
    for seed in settings["training"]["selection_seeds"]:
        which = {"candidate": candidate, "seed": seed}
        log.info("candidate %d, seed %d", candidate, seed)
        backup = backups / f"seed{seed}.npz"
        options = {"seed": seed, "epochs": settings["training"]["epochs"], "backup": backup}
        network, row, history = fit(model, hyperparameters, train, val, settings, **options)
        networks.append(network)
        rows.append(which | row)
        histories.append(history.assign(**which)[[*which, *history]])
        seconds.append({"model": model, "part": "confirmation", **which, "seconds": seconds_of(backup)})
    return {
        "models": networks,
        "results": pd.DataFrame(rows),
        "history": pd.concat(histories),
        "cost": pd.DataFrame(seconds),
    }


def fit(model, hyperparameters, train, val, settings, **options):
    """A network fitted on train with early stopping on val loss, what its row says, and its history.

    Args:
        **options: further ones of `fitting.run`.
    """
    module = fitting.module_of(model)
    options |= {"val": val, "patience": settings["training"]["patience"]}
    network, history = fitting.run(module, hyperparameters, train, settings, **options)
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
