"""finetune_compare: the two models side by side: how fast they learn, how large they are, what they cost.

It belongs to the stage finetune, the last whose seconds it needs; a module of its own, so that no edit here trains
anything again.

Reads   tables/train/MODEL_model.csv and MODEL_heldout_history.csv; the tables of seconds that the stages have written,
        each row with model and part.
Writes  tables/finetune/compare.csv (size), compare_epochs.csv (epochs to given val AUCs), compare_cost.csv (seconds).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.vocabulary import MODELS

LEVELS = (0.9, 0.95, 0.98, 0.99)  # of val AUC


def finetune_compare(
    summaries: list[Path],
    heldout: list[Path],
    costs: list[Path],
    table: Path,
    epochs: Path,
    cost: Path,
):
    """Compare the models by the runs that each stage has made.

    Seconds are summed by model and part of the work.

    Args:
        summaries, heldout: a file a model, in the order of the vocabulary.
    """
    sizes, reached = [], []
    for model, summary, histories in zip(MODELS, summaries, heldout, strict=True):
        sizes.append(size_row(model, pd.read_csv(summary).iloc[0]))
        reached += level_rows(model, pd.read_csv(histories))
    table.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(sizes).to_csv(table, index=False)
    pd.DataFrame(reached).to_csv(epochs, index=False)
    seconds = pd.concat(map(pd.read_csv, costs)).groupby(["model", "part"], sort=False)["seconds"].sum()
    seconds.reset_index().to_csv(cost, index=False)


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
    """One row a level: in how many of the held-out runs val AUC reached it, and after how many epochs.

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
    run(finetune_compare)
