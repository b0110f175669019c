"""Figures of the stage tune."""

import math

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullLocator

from pipeline.command import run
from pipeline.plots.style import COLUMN, MODEL_COLOURS, figure

MARKERS = "o^sDvP"  # of the rounds, in turn
DIVERGED = 0.04  # height of the crosses in an axis, where no val AUC is to be shown
ADDED = {"facecolor": "0.93", "edgecolor": "none"}  # what the search added to a range


def draw(model: str, table: pd.DataFrame, best: pd.DataFrame, ranges: pd.DataFrame, importance: pd.DataFrame):
    """Draw val AUC, on the last rung that a trial reached, against each hyperparameter that was searched and against
    the trial; and the importance of each hyperparameter."""
    trials = table.sort_values(["trial", "rung"]).drop_duplicates("trial", keep="last").reset_index(drop=True)
    trials["stopped"] = trials["rung"] < trials["rung"].max()
    selected = trials[trials["trial"] == best["trial"].item()]
    return {
        "axes": draw_axes(trials, selected, ranges.to_dict("records"), model),
        "progress": draw_progress(trials, selected, model),
        "importance": draw_importance(importance, model),
    }


def draw_axes(trials, selected, ranges, model):
    """One panel a dimension of the search: val AUC of every trial, and how far the range was extended."""
    rows = -(-len(ranges) // 2)
    drawing, axes = figure(COLUMN, 0.35 + 1.35 * rows, rows, 2, sharey=True, squeeze=False)
    for axis in axes.flat[len(ranges) :]:
        axis.set_axis_off()
    for axis, dimension in zip(axes.flat, ranges, strict=False):
        name = dimension["name"]
        places = places_of(axis, dimension, trials)
        scatter(axis, trials, places(trials[name]), model)
        mark(axis, places(selected[name]), selected)
        axis.set_xlabel(name.replace("_", " "))
    for axis in axes[:, 0]:
        axis.set_ylabel("val AUC")
    extended = any(dimension["extended_low"] > 0 or dimension["extended_high"] > 0 for dimension in ranges)
    legend(drawing, axes.flat[0], [Patch(**ADDED, label="added to the range")] if extended else [])
    return drawing


def places_of(axis, dimension, trials):
    """Scale, limits and ticks of an axis, shaded where the range was extended; a function from values to places."""
    scale, ends = dimension["scale"], [float(dimension[end]) for end in ("final_low", "low", "high", "final_high")]
    if scale in ("linear", "log"):
        axis.set_xscale(scale)
        axis.update_datalim([(ends[0], 0), (ends[3], 0)], updatey=False)  # all of the range is shown
        if scale == "log":
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 3) if math.log10(ends[3] / ends[0]) < 2 else (1,)))
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.xaxis.set_minor_locator(NullLocator())
        shade(axis, *ends)
        return lambda values: values
    tried = set(trials[dimension["name"]])
    if scale == "list":
        values = sorted(tried | set(ends))
        axis.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        first, low, high, last = map(values.index, ends)
        shade(axis, first - 0.5, low - 0.5, high + 0.5, last + 0.5)
    else:
        values = sorted(tried)
        axis.set_xticks(range(len(values)), [value.replace("_", "\n") for value in values])
    axis.set_xlim(-0.5, len(values) - 0.5)
    # The rounds side by side.
    aside = 0.4 * (trials["round"] / max(trials["round"].max(), 1) - 0.5)
    return lambda given: given.map(values.index) + aside[given.index]


def shade(axis, first, low, high, last):
    """Mark the parts of the axis by which the range from `low` to `high` grew to that from `first` to `last`."""
    for start, end in ((first, low), (high, last)):
        if start < end:
            axis.axvspan(start, end, **ADDED, zorder=0)


def scatter(axis, trials, places, model):
    """The trials at their places: a marker and a shade for each round, small where a trial was stopped before the last
    rung; crosses at the bottom for diverged ones."""
    rounds = int(trials["round"].max())
    shades = LinearSegmentedColormap.from_list(model, ["white", MODEL_COLOURS[model], "black"])
    for number in range(rounds + 1):
        shown = (trials["round"] == number) & (trials["status"] == "finished")
        axis.scatter(
            places[shown],
            trials["val_auc"][shown],
            s=trials["stopped"][shown].map({True: 5, False: 16}),
            marker=MARKERS[number % len(MARKERS)],
            color=shades(0.2 + 0.5 * number / max(rounds, 1)),
            edgecolors="black",
            linewidths=0.3,
            label=f"round {number}" if number else "start",
        )
    axis.margins(y=0.15)  # room for the ring, and for the crosses below the other trials
    diverged = trials["status"] == "diverged"
    if diverged.any():
        height = np.full(diverged.sum(), DIVERGED)
        across = axis.get_xaxis_transform()
        axis.scatter(
            places[diverged],
            height,
            s=14,
            marker="x",
            color="black",
            linewidths=0.9,
            transform=across,
            label="diverged",
        )


def mark(axis, places, selected):
    """A ring around the trial whose configuration was selected."""
    axis.scatter(places, selected["val_auc"], s=48, facecolors="none", edgecolors="black", label="selected")


def legend(drawing, axis, further=()):
    """What `axis` and its like show, above all axes."""
    handles = [*axis.get_legend_handles_labels()[0], *further]
    columns = len(handles) if len(handles) < 4 else -(-len(handles) // 2)
    drawing.legend(handles=handles, loc="outside upper center", ncols=columns, columnspacing=1.2, handletextpad=0.3)


def draw_progress(trials, selected, model):
    """Val AUC of each trial and the best so far on the last rung; lines where a round ends."""
    drawing, axis = figure(COLUMN, 1.75)
    compared = trials[(trials["status"] == "finished") & ~trials["stopped"]]
    so_far = compared.set_index("trial")["val_auc"].cummax().reindex(trials["trial"]).ffill()
    axis.step(so_far.index, so_far, where="post", color="black", linewidth=0.9, label="best so far")
    scatter(axis, trials, trials["trial"], model)
    mark(axis, selected["trial"], selected)
    for last in trials.groupby("round")["trial"].max().iloc[:-1]:
        axis.axvline(last + 0.5, color="0.7", linewidth=0.6, linestyle="--", zorder=0)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlabel("trial")
    axis.set_ylabel("val AUC")
    legend(drawing, axis)
    return drawing


def draw_importance(table, model):
    """The importance of each hyperparameter, mean and middle 90 % of resamples, the most important on top."""
    drawing, axis = figure(COLUMN, 0.6 + 0.2 * len(table))
    table = table.sort_values("importance")
    heights = range(len(table))
    axis.hlines(heights, table["p5"], table["p95"], color="0.4", linewidth=1)
    axis.scatter(table["importance"], heights, s=18, color=MODEL_COLOURS[model], edgecolors="black", linewidths=0.4)
    axis.set_yticks(heights, [name.replace("_", " ") for name in table["hyperparameter"]])
    axis.set_ylim(-0.6, len(table) - 0.4)
    axis.axvline(0, color="0.7", linewidth=0.6, zorder=0)
    axis.set_xlabel("importance (drop of $R^2$ when permuted)")
    if table["importance"].isna().all():
        axis.set_title("not estimated: too few finished trials")
    else:
        axis.set_title(f"out-of-bag $R^2$ of the forest: {table['oob_r2'].iloc[0]:.2f}")
    return drawing


if __name__ == "__main__":
    run(draw)
