"""Figures of the stage train, and of histories of other stages."""

import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, figure

LABELS = {"loss": "cross-entropy (nats)", "auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity"}


def draw(history: pd.DataFrame):
    """Draw the scores at the end of each epoch."""
    return {"figure": draw_history(history)}


def draw_history(table):
    """Unweighted cross-entropy and AUC against the epoch; where val is held out, its curves beside those of train,
    sensitivity and specificity at probability 0.5, and the epoch of the lowest val cross-entropy. Thin lines: the
    weights that are trained, where they were scored beside their averages."""
    held_out = "val_loss" in table
    splits = {"train": "train", "val": "val"} if held_out else {"train": "train and val"}
    drawing, axes = figure(COLUMN, 2.5 if held_out else 1.6, 2 if held_out else 1, 2, sharex=True, squeeze=False)
    marker = "o" if len(table) < 10 else None
    for axis, (metric, label) in zip(axes.flat, LABELS.items(), strict=False):
        for name, split in splits.items():
            scores = table[f"{name}_{metric}"]
            axis.plot(table["epoch"], scores, color=COLOURS[name], marker=marker, ms=2, label=split)
            if f"raw_{name}_{metric}" in table:
                raw = table[f"raw_{name}_{metric}"]
                axis.plot(
                    table["epoch"], raw, color=COLOURS[name], linewidth=0.5, alpha=0.7, label=f"{split}, not averaged"
                )
        if held_out and table["val_loss"].notna().any():
            best = table.loc[table["val_loss"].idxmin(), "epoch"]
            axis.axvline(best, color="0.5", linewidth=0.8, linestyle=":", zorder=0, label="lowest val")
        axis.set_ylabel(label)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylim(0)
    # One legend for all panels, above them: no curve lies under it.
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper right", ncols=min(3, len(labels)))
    return drawing


if __name__ == "__main__":
    run(draw)
