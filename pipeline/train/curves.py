"""train: what the histories say.

A module of its own, with little behind it, so that no edit here trains anything again.

Reads   the histories of the initial run and of the train-only runs.
Returns whether the initial run's losses fall smoothly, and the gap between train and val of all runs.
"""

import numpy as np
import pandas as pd

from pipeline.command import run

# A run is smooth if the loss rose in at most this share of its epochs, and never by more than this part of its fall.
RISES = 0.2
LARGEST_RISE = 0.1


def measure(initial: pd.DataFrame, train_only: pd.DataFrame):
    """Judge the initial run's curves, and measure the gap between train and val over all runs.

    Whether a loss falls smoothly is asked of the weights that are trained; the averages of them, which all else is
    measured with, hide what single steps do.
    """
    runs = [("initial", None, initial), *(("selected", seed, rows) for seed, rows in train_only.groupby("seed"))]
    return {
        "smoothness": pd.DataFrame([smoothness_row(initial, split) for split in ("train", "val")]),
        "gap": pd.DataFrame([gap_row(run, seed, history) for run, seed, history in runs]),
    }


def smoothness_row(history, split):
    """How the cross-entropy of `split`, by the weights that are trained, went from epoch to epoch.

    Returns:
        rises, the share of epochs in which it rose; largest_rise (nats), and as relative_rise part of its fall from
        the first epoch to the lowest (above 1: it rose by more than it ever fell); the limits; result: smooth, uneven.
    """
    losses = history[f"raw_{split}_loss"].to_numpy()
    steps = np.diff(losses)
    largest = max(0.0, steps.max(initial=0.0))
    fall = losses[0] - losses.min()
    relative = largest / fall if fall > 0 else np.inf
    rises = float(np.mean(steps > 0)) if len(steps) else 0.0
    return {
        "split": split,
        "epochs": len(losses),
        "rises": rises,
        "largest_rise": largest,
        "relative_rise": relative,
        "rises_limit": RISES,
        "relative_rise_limit": LARGEST_RISE,
        "result": "smooth" if rises <= RISES and relative <= LARGEST_RISE else "uneven",
    }


def gap_row(run, seed, history):
    """Cross-entropy on val less that on train, at the best epoch (the lowest val loss) and at the last."""
    gap = history["val_loss"] - history["train_loss"]
    best = history["val_loss"].fillna(np.inf).idxmin()
    return {
        "run": run,
        "seed": seed,
        "epochs": len(history),
        "best_epoch": history.loc[best, "epoch"],
        "val_loss_at_best": history.loc[best, "val_loss"],
        "gap_at_best": gap.loc[best],
        "val_loss_at_end": history["val_loss"].iloc[-1],
        "gap_at_end": gap.iloc[-1],
    }


if __name__ == "__main__":
    run(measure)
