"""tune: the training that the search asks for.

A module of its own, so that an edit of what is proposed or selected trains nothing again that it need not. TensorFlow
is imported by what trains, since most rounds of a search are not needed.

Reads   the proposals of a round, or the candidates; examples of train and val.
Returns a row a trial; or the networks of a candidate, and a row and a history a seed; the seconds that each run took.
"""

import numpy as np
import pandas as pd

from pipeline.command import Scratch, log, run
from pipeline.images.examples import Examples


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

    By successive halving (Jamieson & Talwalkar 2016): all are trained for the first number of epochs of `tune.rungs`,
    the better half of them by val AUC on to the second, and so on. Each goes on where it stood, as if it had never
    stopped. Of an odd number, the half is rounded up.

    Eight parameters: the inputs, wildcards and parameters of the rule.

    Returns:
        results: a row a trial and rung.
    """
    chosen = proposals.query("@first <= trial <= @last")
    if chosen.empty:  # A round that is not needed: it ends before TensorFlow is imported.
        nothing = pd.DataFrame(columns=["model", "part", "trial", "seconds"])
        return {"results": proposals.head(0), "cost": nothing}
    from pipeline.models import runtime
    from pipeline.models.backup import seconds_of

    runtime.start(settings["compute"])
    left, rows, backup_of = chosen.to_dict("records"), [], lambda trial: backups / f"trial{trial['trial']}.npz"
    for rung, epochs in enumerate(settings["tune"]["rungs"], start=1):
        reached = []
        for trial in left:
            log.info("rung %d: %s", rung, ", ".join(f"{name} {value}" for name, value in trial.items()))
            options = {"seed": trial["seed"], "epochs": epochs, "backup": backup_of(trial), "train_curve": False}
            # The network is not kept: the next run frees its memory.
            row = fit(model, trial, train, val, settings, **options)[1]
            reached.append(trial | {"rung": rung, "rung_epochs": epochs} | row)
        rows += reached
        left = better_half(reached, left)
    seconds = [
        {"model": model, "part": "search", "trial": trial["trial"], "seconds": seconds_of(backup_of(trial))}
        for trial in chosen.to_dict("records")
    ]
    return {"results": pd.DataFrame(rows), "cost": pd.DataFrame(seconds)}


def better_half(rows, trials):
    """The trials whose rows are among the better half of those that have not diverged, in their order.

    Args:
        rows: dicts with trial, status and val_auc, one of each of `trials`.
    """
    finished = [row for row in rows if row["status"] == "finished"]
    best = sorted(finished, key=lambda row: (-row["val_auc"], row["trial"]))[: -(-len(rows) // 2)]
    return [trial for trial in trials if trial["trial"] in {row["trial"] for row in best}]


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
    from pipeline.models import fitting, runtime
    from pipeline.models.backup import seconds_of

    runtime.start(settings["compute"])
    module = fitting.module_of(model)
    (hyperparameters,) = candidates.query("candidate == @candidate").to_dict("records")
    networks, rows, histories, logits, seconds = [], [], [], [], []
    for seed in settings["training"]["selection_seeds"]:
        which = {"candidate": candidate, "seed": seed}
        log.info("candidate %d, seed %d", candidate, seed)
        backup = backups / f"seed{seed}.npz"
        options = {"seed": seed, "epochs": settings["training"]["max_epochs"], "backup": backup}
        network, row, history = fit(model, hyperparameters, train, val, settings, **options)
        networks.append(network)
        rows.append(which | row)
        logits.append(fitting.logits(network, module.unaugmented(val.values)))
        histories.append(history.assign(**which)[[*which, *history]])
        seconds.append({"model": model, "part": "confirmation", **which, "seconds": seconds_of(backup)})
    return {
        "models": networks,
        "results": pd.DataFrame(rows),
        "history": pd.concat(histories),
        "logits": np.array(logits),
        "cost": pd.DataFrame(seconds),
    }


def fit(model, hyperparameters, train, val, settings, **options):
    """A network fitted on train with early stopping on val loss, what its row says, and its history.

    Args:
        **options: further ones of `fitting.run`.
    """
    from pipeline.models import fitting

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
