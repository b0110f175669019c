"""Figures of the stage audit."""

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, PAGE, figure, show_image
from pipeline.vocabulary import LABELS

FLAGGED = COLOURS["covid"]


def draw(
    runs: pd.DataFrame,
    table: pd.DataFrame,
    samples: pd.DataFrame,
    sample_images: dict[str, np.ndarray],
    marker_images: dict[str, np.ndarray],
):
    """Draw the controls' val AUC, examples of edited images, and images on which markers were found."""
    return {
        "controls": draw_controls(runs, table),
        "counterfactuals": draw_samples(samples, sample_images),
        "markers": draw_markers(marker_images),
    }


def draw_controls(runs, table):
    """Val AUC of every run and the mean with its interval, a row a control; its ratio, and the limit of the flag."""
    table = table.dropna(subset="value")
    drawing, axis = figure(COLUMN, 0.75 + 0.22 * len(table))
    for place, row in enumerate(table.itertuples()):
        values = runs.loc[runs["control"] == row.control, "val_auc"]
        colour = FLAGGED if row.flagged else "black"
        axis.plot(values, [place] * len(values), "o", ms=2.5, color="0.6", label="run")
        axis.plot([row.ci_low, row.ci_high], [place, place], color=colour, linewidth=0.9)
        axis.plot(row.value, place, "|", ms=9, mew=1.5, color=colour)
        if row.status == "defined":
            axis.text(1.02, place, f"{row.ratio:.2f}", transform=axis.get_yaxis_transform(), va="center", fontsize=7)
    axis.plot([], [], "|", ms=9, mew=1.5, color="black", label="mean")
    if table["flagged"].any():
        axis.plot([], [], "|", ms=9, mew=1.5, color=FLAGGED, label="flagged")
    axis.axvline(0.5, color="0.6", linewidth=0.6, linestyle="--", label="chance")
    if (table["status"] == "defined").any():
        axis.text(1.02, -0.7, "$S$", transform=axis.get_yaxis_transform(), fontsize=7)
        limit = 0.5 + table["flag"].iloc[0] * (table["value"].iloc[0] - 0.5)
        axis.axvline(limit, color=FLAGGED, linewidth=0.6, linestyle=":", label="limit")
    axis.set_yticks(range(len(table)), table["name"])
    axis.set_ylim(len(table) - 0.5, -0.5)
    axis.set_xlabel("val AUC")
    handles, labels = axis.get_legend_handles_labels()
    legend = dict(zip(labels, handles, strict=True))
    drawing.legend(legend.values(), legend.keys(), loc="outside upper right", ncols=5, columnspacing=1, handlelength=1)
    return drawing


def draw_samples(table, arrays):
    """Each example as it is, its markers outlined, and after each edit, with the probabilities of both models."""
    columns = table["edit"].nunique()
    rows = len(table) // columns
    drawing, axes = figure(PAGE, rows * (PAGE / columns + 0.25), rows, columns, squeeze=False)
    for axis, image, row in zip(axes.flat, arrays["images"], table.itertuples(), strict=True):
        title = f"label: {row.label}" if row.edit == "original" else row.name
        title += f"\nP(covid) {row.baseline:.2f} baseline, {row.transfer:.2f} transfer"
        show_image(axis, image, title, COLOURS[row.label] if row.edit == "original" else "black")
    for axis, found in zip(axes[:, 0], arrays["found"], strict=True):
        outline(axis, found)
    return drawing


def draw_markers(arrays):
    """Images of each class on which text or markers were found, outlined; a class without says so in its place."""
    columns = max(1, *(len(arrays[label]) for label in LABELS))
    drawing, axes = figure(COLUMN, 2 * (COLUMN / max(columns, 3) + 0.12), 2, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for row, label in zip(axes, LABELS, strict=True):
        for axis, image, found in zip(row, arrays[label], arrays[f"{label}_found"], strict=False):
            show_image(axis, image, f"label: {label}", COLOURS[label])
            outline(axis, found)
        if not len(arrays[label]):
            # Out of the layout: the line is wider than its column.
            row[0].text(0, 0.5, f"{label}: nothing found on val", in_layout=False)
    return drawing


def outline(axis, found):
    if found.any():
        axis.contour(found, [0.5], colors="#E69F00", linewidths=0.5)


if __name__ == "__main__":
    run(draw)
