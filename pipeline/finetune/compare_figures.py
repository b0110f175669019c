"""Figures of both models side by side."""

import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLUMN, FROZEN, MODEL_COLOURS, figure
from pipeline.vocabulary import MODELS

SHADES = ("0.85", "0.65", "0.45", "0.25", "0")
METRICS = {"loss": "cross-\nentropy (nats)", "auc": "AUC"}


def draw(finals: list[pd.DataFrame], train_only: list[pd.DataFrame], cost: pd.DataFrame):
    """Draw the training curves of both models on one scale, and their seconds by part.

    Args:
        finals, train_only: a history a model, in the order of the vocabulary.
    """
    histories = [dict(zip(MODELS, tables, strict=True)) for tables in (finals, train_only)]
    return {"curves": draw_curves(*histories), "cost": draw_cost(cost)}


def draw_curves(finals, train_only):
    """Upper panels: what is fitted, in the final runs; lower ones: val, in the train-only runs, a line a seed."""
    drawing, axes = figure(COLUMN, 2.7, 2, 2, sharex=True)
    for model in MODELS:
        style = {"color": MODEL_COLOURS[model], "label": FROZEN[model]}
        for column, (metric, label) in enumerate(METRICS.items()):
            axes[0, column].plot(finals[model]["epoch"], finals[model][f"train_{metric}"], **style)
            for _, run_ in train_only[model].groupby("seed"):
                axes[1, column].plot(run_["epoch"], run_[f"val_{metric}"], linewidth=0.8, **style)
            axes[0, column].set_ylabel(f"train {label}")
            axes[1, column].set_ylabel(f"val {label}")
            axes[1, column].set_xlabel("epoch")
            axes[1, column].xaxis.get_major_locator().set_params(integer=True)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper right", ncols=2)
    return drawing


def draw_cost(table):
    """One bar a model, of parts one after the other; prediction is left out, being of another kind."""
    drawing, axis = figure(COLUMN, 1.4)
    parts = [part for part in table["part"].unique() if part != "prediction"]
    for height, model in enumerate(MODELS):
        start = 0.0
        for place, part in enumerate(parts):
            minutes = table.loc[(table["model"] == model) & (table["part"] == part), "seconds"].sum() / 60
            axis.barh(height, minutes, left=start, color=SHADES[place], label=part if height == 0 else None)
            start += minutes
    axis.set_yticks(range(len(MODELS)), [FROZEN[model].split(",")[0] for model in MODELS])
    axis.invert_yaxis()
    axis.set_xlabel("training time (minutes)")
    drawing.legend(loc="outside upper right", ncols=len(parts), columnspacing=0.8, handlelength=1, handletextpad=0.3)
    return drawing


if __name__ == "__main__":
    run(draw)
