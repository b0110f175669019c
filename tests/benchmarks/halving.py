"""How long a trial must be, and what successive halving saves: python -m tests.benchmarks.halving BUILD FILE

Configurations of the search (its starting values, then a Sobol sequence of its ranges) are trained on train for
`EPOCHS` epochs without early stopping, and scored on val after each: FILE, a CSV to which rows are added, so that a run
that was ended goes on. BUILD needs the caches of train and val only. From the histories:

- at full length a configuration scores the val AUC of the epoch with the least val loss before early stopping;
- the rank correlation (Spearman) of that with the score after fewer epochs: how far trials of that length can be
  trusted;
- searches simulated on `DRAWS` random rounds of `ROUND` configurations: what is lost at full length against the best
  configuration of the round, and the epochs spent, for trials of one length and for successive halving.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from pipeline.images.examples import Examples
from pipeline.models import fitting, runtime
from pipeline.tune import search
from tests.benchmarks import common

EPOCHS = {"baseline": 60, "transfer": 100}
ROUND, DRAWS, PATIENCE = 8, 2000, 5
LENGTHS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 30, 40)
HALVINGS = ((3, 6, 12), (5, 10, 20), (8, 16, 32), (10, 20, 40), (12, 24, 48), (16, 40))


def main():
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("build", type=Path, metavar="BUILD")
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--model", default="transfer", choices=EPOCHS)
    command.add_argument("--configurations", type=int, default=24)
    given = command.parse_args()
    record(given.build, given.file, given.model, given.configurations)
    histories = dict(list(pd.read_csv(given.file).groupby("trial")))
    scores = {trial: scores_of(history) for trial, history in histories.items()}
    full = pd.Series({trial: score[-1] for trial, score in scores.items()})
    ends = pd.Series({trial: stopped(history) for trial, history in histories.items()})
    print(pd.DataFrame({"val AUC at full length": full, "epochs": ends}).describe().round(4).to_string())
    print(correlations(scores, full).round(3).to_string(index=False))
    print(simulated(scores, full).round(5).to_string(index=False))


def record(build, file, model, count):
    """Add to the file the histories of the configurations that it does not have."""
    settings = common.settings()
    runtime.start(settings["compute"])
    stage = {"baseline": "data", "transfer": "features"}[model]
    train, val = (
        Examples.read(build / f"results/{stage}/{split}.npy", build / f"tables/data/index_{split}.csv")
        for split in ("train", "val")
    )
    settings["tune"]["trials"] = count
    trials = pd.concat([search.propose(model, number, [], None, settings)["proposals"] for number in (0, 1)])
    done = set(pd.read_csv(file)["trial"]) if file.exists() else set()
    for trial in trials[~trials["trial"].isin(done)].to_dict("records"):
        options = {"seed": trial["seed"], "epochs": EPOCHS[model], "val": val, "train_curve": False}
        _, history = fitting.run(fitting.module_of(model), trial, train, settings, **options)
        rows = history[["epoch", "val_loss", "val_auc"]].assign(
            trial=trial["trial"], **{name: trial[name] for name in settings["tune"]["space"][model]}
        )
        rows.to_csv(file, mode="a", header=not file.exists(), index=False)


def stopped(history):
    """The epoch after which early stopping ends a run."""
    best, wait = np.inf, 0
    for epoch, loss in zip(history["epoch"], history["val_loss"], strict=True):
        best, wait = (loss, 0) if loss < best else (best, wait + 1)
        if wait == PATIENCE:
            return epoch
    return len(history)


def scores_of(history):
    """The score of a run of 1, 2, ... epochs with early stopping."""
    least = history["val_loss"].to_numpy()[: stopped(history)]
    best = [int(np.argmin(least[:epoch])) for epoch in range(1, len(least) + 1)]
    best += best[-1:] * (len(history) - len(best))
    return history["val_auc"].to_numpy()[best]


def correlations(scores, full):
    """A row for each length: the rank correlation of the scores then with those at full length."""
    rows = []
    for length in LENGTHS:
        short = [scores[trial][length - 1] for trial in full.index]
        rows.append({"epochs": length, "correlation": spearmanr(short, full).statistic})
    return pd.DataFrame(rows)


def simulated(scores, full):
    """A row for each way to search: mean and 90th percentile of the loss of val AUC, mean epochs of a round."""
    random, trials = np.random.default_rng(0), full.index.to_numpy()
    rounds = [random.choice(trials, min(ROUND, len(trials)), replace=False) for _ in range(DRAWS)]
    rows = []
    for rungs in [(length,) for length in LENGTHS] + list(HALVINGS):
        lost, spent = zip(*(searched(scores, full, drawn, rungs) for drawn in rounds), strict=True)
        row = {"rungs": "-".join(map(str, rungs)), "lost": np.mean(lost), "lost_p90": np.percentile(lost, 90)}
        rows.append(row | {"epochs": np.mean(spent)})
    return pd.DataFrame(rows)


def searched(scores, full, drawn, rungs):
    """What a round of the trials `drawn` loses at full length against the best of them, and the epochs it takes."""
    left, spent, before = list(drawn), 0, 0
    for length in rungs:
        spent += len(left) * (length - before)
        before = length
        left = sorted(left, key=lambda trial: -scores[trial][length - 1])
        if length < rungs[-1]:
            left = left[: -(-len(left) // 2)]
    return full[list(drawn)].max() - full[left[0]], spent


if __name__ == "__main__":
    main()
