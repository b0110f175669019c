"""The figure of the study `data` of the stage ablate."""

import pandas as pd
from matplotlib.ticker import NullLocator

from pipeline.command import run
from pipeline.plots.style import COLUMN, FROZEN, MODEL_COLOURS, figure


def draw(runs: pd.DataFrame, table: pd.DataFrame):
    """Draw val AUC of every run against the images that it was trained on, and the means of each model."""
    drawing, axis = figure(COLUMN, 1.9)
    for model, line in table.groupby("model"):
        colour = MODEL_COLOURS[model]
        axis.plot(line["images"], line["val_auc"], color=colour, label=FROZEN[model])
        of_model = runs[runs["model"] == model]
        axis.plot(of_model["images"], of_model["val_auc"], "o", ms=3, mec="black", mew=0.3, color=colour, alpha=0.8)
    images = table["images"].unique()
    axis.set_xscale("log")
    axis.set_xticks(images, [str(count) for count in images])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("images of train")
    axis.set_ylabel("val AUC")
    drawing.legend(loc="outside upper center", ncols=2)
    return {"figure": drawing}


if __name__ == "__main__":
    run(draw)
