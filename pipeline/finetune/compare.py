"""finetune: the two models side by side: how fast they learn, how large they are, what they cost.

A module of its own, so that no edit here trains anything again.

Reads   the summaries of the final runs, the histories of the train-only ones; the tables of seconds that the stages
        have written, each row with model and part.
Returns a table of sizes, of epochs to given val AUCs, and of seconds.
"""

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.vocabulary import MODELS

LEVELS = (0.9, 0.95, 0.98, 0.99)  # of val AUC


def compare(summaries: list[pd.DataFrame], train_only: list[pd.DataFrame], costs: list[pd.DataFrame]):
    """Compare the models by the runs that each stage has made.

    Seconds are summed by model and part of the work.

    Args:
        summaries, train_only: a table a model, in the order of the vocabulary.
    """
    sizes, reached = [], []
    for model, summary, histories in zip(MODELS, summaries, train_only, strict=True):
        sizes.append(size_row(model, summary.iloc[0]))
        reached += level_rows(model, histories)
    seconds = pd.concat(costs).groupby(["model", "part"], sort=False)["seconds"].sum()
    return {"table": pd.DataFrame(sizes), "epochs": pd.DataFrame(reached), "cost": seconds.reset_index()}


def size_row(model, summary):
    """Parameters, bytes of the weights in single precision, and epochs of the final run."""
    parameters = summary["trainable_parameters"] + summary["frozen_parameters"]
    return {
        "model": model,
        "parameters": parameters,
        "trainable_parameters": summary["trainable_parameters"],
        "frozen_parameters": summary["frozen_parameters"],
        "bytes": 4 * parameters,
        "epochs": summary["epochs"],
    }


def level_rows(model, histories):
    """One row a level: in how many of the train-only runs val AUC reached it, and after how many epochs.

    Returns:
        list of dict: model, level, runs, reached, epochs (median over all runs of the first epoch at whose end val AUC
        is at least the level; NaN where half of the runs or more never reach it).
    """
    runs = [history for _, history in histories.groupby("seed")]
    rows = []
    for level in LEVELS:
        first = [history.loc[history["val_auc"] >= level, "epoch"].min() for history in runs]
        median = np.median(np.nan_to_num(first, nan=np.inf))
        rows.append({"model": model, "level": level, "runs": len(runs), "reached": int(np.isfinite(first).sum())})
        rows[-1]["epochs"] = median if np.isfinite(median) else np.nan
    return rows


if __name__ == "__main__":
    run(compare)
