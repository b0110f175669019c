"""Figures of the stage ablate."""

import pandas as pd

from pipeline.ablate.runs import at_best_rates
from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, figure


def draw(runs: pd.DataFrame, table: pd.DataFrame):
    """Draw val AUC of every run that is compared, and the mean, a row a variant."""
    runs = at_best_rates(runs)
    drawing, axis = figure(COLUMN, 0.55 + 0.22 * len(table))
    for place, variant in enumerate(table["variant"]):
        values = runs.loc[runs["variant"] == variant, "val_auc"]
        axis.plot(values, [place] * len(values), "o", ms=3, color=COLOURS["val"], alpha=0.6, label="run")
    axis.plot(table["val_auc"], range(len(table)), "|", ms=10, mew=1.5, color="black", label="mean")
    axis.set_yticks(range(len(table)), table["variant"])
    for label, is_reference in zip(axis.get_yticklabels(), table["reference"], strict=True):
        label.set_fontweight("bold" if is_reference else "normal")
    axis.set_ylim(len(table) - 0.5, -0.5)
    axis.set_xlabel("val AUC")
    axis.xaxis.get_major_locator().set_params(nbins=6)
    handles, labels = axis.get_legend_handles_labels()
    drawing.legend(handles[-2:], labels[-2:], loc="outside upper right", ncols=2)
    return {"figure": drawing}


if __name__ == "__main__":
    run(draw)
