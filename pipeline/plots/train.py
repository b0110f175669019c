"""Figures of the stage train, and of histories of other stages."""

from pathlib import Path

import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, figure, save


def train(history: Path, out: Path):
    """Draw cross-entropy and AUC at the end of each epoch."""
    draw_history(pd.read_csv(history), out)


def draw_history(table, file):
    """Two panels: unweighted cross-entropy and AUC against the epoch, for train and, where it is held out, val."""
    drawing, axes = figure(COLUMN, 1.7, 1, 2)
    for axis, metric, label in zip(axes, ("loss", "auc"), ("cross-entropy (nats)", "AUC"), strict=True):
        for name in ("train", "val"):
            if f"{name}_{metric}" in table:
                marker = "o" if len(table) < 10 else None
                axis.plot(
                    table["epoch"], table[f"{name}_{metric}"], color=COLOURS[name], marker=marker, ms=2, label=name
                )
        axis.set_xlabel("epoch")
        axis.set_ylabel(label)
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylim(0)
    axes[1].legend()
    save(drawing, file)


if __name__ == "__main__":
    run(train)
