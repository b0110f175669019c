"""tune: the search for hyperparameters, written once for both models.

Reads   the starting hyperparameters and the space from the configuration; examples of train and val.
Writes  results/tune/MODEL_proposals.csv, results/tune/MODEL_JOB.csv, tables/tune/MODEL.csv (all trials),
        tables/tune/MODEL_best.csv (the selected configuration).
"""

import math
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import InputError, log, run


def propose(model: str, settings: dict, proposals: Path):
    """Write down every trial before any of them runs: points of a scrambled Sobol sequence over the space.

    The sequence is prefix-stable for a seed: trial i is a function of the seed, i and the space, however many follow.
    """
    space = settings["tune"]["space"][model]
    points = sobol(settings["tune"]["trials"], len(space), settings["seed"])
    trials = pd.DataFrame(settings[model]["hyperparameters"], index=range(len(points)))
    for place, (name, dimension) in enumerate(space.items()):
        trials[name] = [value_at(dimension, point) for point in points[:, place]]
    trials.insert(0, "trial", range(1, len(trials) + 1))
    trials.insert(1, "seed", settings["seed"] + trials["trial"])
    proposals.parent.mkdir(parents=True, exist_ok=True)
    trials.to_csv(proposals, index=False)


def sobol(count, dimensions, seed):
    """`count` points of a scrambled Sobol sequence in the unit cube: float (count, dimensions)."""
    from scipy.stats import qmc

    # Drawn to the next power of 2, at which the sequence is balanced; the rest is cut off.
    return qmc.Sobol(dimensions, seed=seed).random_base2(math.ceil(math.log2(max(count, 2))))[:count]


def value_at(dimension, point):
    """The value of a hyperparameter at `point` of [0, 1): on its linear or log scale, or from its ordered list."""
    values = dimension["range"]
    if dimension["scale"] == "list":
        return values[int(point * len(values))]
    low, high = values
    if dimension["scale"] == "log":
        # Rounded to 4 digits, so that what a table shows is what was tried.
        return float(f"{low * (high / low) ** point:.4g}")
    return float(f"{low + (high - low) * point:.4g}")


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
    results: Path,
    cost: Path,
):
    """Run the proposed trials `first` to `last`: train on train with early stopping on val loss, score on val."""
    # TensorFlow takes ten seconds to import; proposing and selecting need none.
    from pipeline.images import inputs
    from pipeline.models import fitting, runtime

    runtime.start(settings["compute"])
    module = fitting.module_of(model)
    train_examples, val_examples = inputs.read(train, train_index), inputs.read(val, val_index)
    rows, seconds = [], []
    for trial in pd.read_csv(proposals).query("@first <= trial <= @last").to_dict("records"):
        log.info("trial %s", ", ".join(f"{name} {value}" for name, value in trial.items()))
        start = time.perf_counter()
        _, history = fitting.run(
            module,
            trial,
            train_examples,
            settings,
            seed=trial["seed"],
            epochs=settings["training"]["epochs"],
            val=val_examples,
            patience=settings["training"]["patience"],
        )
        rows.append(trial | outcome(history))
        seconds.append({"trial": trial["trial"], "seconds": time.perf_counter() - start})
    pd.DataFrame(rows).to_csv(results, index=False)
    pd.DataFrame(seconds).to_csv(cost, index=False)


def outcome(history):
    """What a trial's row says: status, the best epoch (least val loss), the scores there."""
    columns = ["train_loss", "train_auc", "val_loss", "val_auc"]
    if not np.isfinite(history[["train_loss", "val_loss"]]).all(axis=None):
        return {"status": "diverged", "best_epoch": None} | dict.fromkeys(columns)
    best = history.loc[history["val_loss"].idxmin()]
    return {"status": "finished", "best_epoch": int(best["epoch"])} | {name: best[name] for name in columns}


def select(results: list[Path], costs: list[Path], settings: dict, model: str, table: Path, best: Path, cost: Path):
    """Gather the trials and take the one with the greatest val AUC.

    Raises:
        InputError: every trial diverged.
    """
    gathered = pd.concat(map(pd.read_csv, results)).sort_values("trial")
    for file, rows in ((table, gathered), (cost, pd.concat(map(pd.read_csv, costs)).sort_values("trial"))):
        file.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(file, index=False)
    finished = gathered[gathered["status"] == "finished"]
    if finished.empty:
        raise InputError(
            f"{model}: all {len(gathered)} trials diverged, none can be selected; "
            f"lower the range of tune.space.{model}.learning_rate"
        )
    winner = finished.sort_values(["val_auc", "trial"], ascending=[False, True]).head(1)
    winner[["trial", "val_auc", *settings[model]["hyperparameters"]]].to_csv(best, index=False)
    log.info("%s: %s", model, winner.to_dict("records")[0])


if __name__ == "__main__":
    run(propose, trials, select)
