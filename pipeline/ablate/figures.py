"""Figures of the stage ablate."""

from pathlib import Path

import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, figure, save


def ablate(runs: Path, table: Path, out: Path):
    """Draw val AUC of every run, and the mean, a row a variant."""
    points, means = pd.read_csv(runs), pd.read_csv(table)
    drawing, axis = figure(COLUMN, 0.55 + 0.22 * len(means))
    for place, variant in enumerate(means["variant"]):
        values = points.loc[points["variant"] == variant, "val_auc"]
        axis.plot(values, [place] * len(values), "o", ms=3, color=COLOURS["val"], alpha=0.6, label="run")
    axis.plot(means["val_auc"], range(len(means)), "|", ms=10, mew=1.5, color="black", label="mean")
    axis.set_yticks(range(len(means)), means["variant"])
    for label, is_reference in zip(axis.get_yticklabels(), means["reference"], strict=True):
        label.set_fontweight("bold" if is_reference else "normal")
    axis.set_ylim(len(means) - 0.5, -0.5)
    axis.set_xlabel("val AUC")
    axis.xaxis.get_major_locator().set_params(nbins=6)
    handles, labels = axis.get_legend_handles_labels()
    drawing.legend(handles[-2:], labels[-2:], loc="outside upper right", ncols=2)
    save(drawing, out)


if __name__ == "__main__":
    run(ablate)
