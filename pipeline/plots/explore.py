"""Figures of the stage explore."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, PAGE, figure, save, show_image

SPLITS = ("train", "val", "test")
LABELS = ("normal", "covid")


def explore(classes: Path, intensities: Path, samples: Path, classes_figure: Path, intensities_figure: Path,
            samples_figure: Path):  # fmt: skip
    """Draw classes, grey-value histograms and samples."""
    draw_classes(pd.read_csv(classes), classes_figure)
    draw_intensities(pd.read_csv(intensities), intensities_figure)
    draw_samples(np.load(samples), samples_figure)


def draw_classes(table, file):
    """Images of each class in each split, as grouped bars with their counts and shares."""
    drawing, axis = figure(COLUMN, 1.9)
    for place, label in enumerate(LABELS):
        rows = table[table["label"] == label].set_index("split").loc[list(SPLITS)]
        bars = axis.bar(np.arange(3) + (place - 0.5) * 0.4, rows["images"], 0.38, color=COLOURS[label], label=label)
        axis.bar_label(bars, [f"{n}\n{s:.0%}" for n, s in zip(rows["images"], rows["share"], strict=True)], fontsize=6)
    axis.set_xticks(range(3), SPLITS)
    axis.set_ylabel("images")
    axis.margins(y=0.25)
    axis.legend(loc="upper right")
    save(drawing, file)


def draw_intensities(table, file):
    """Share of the pixels with each grey value, a panel a class, a line a split."""
    drawing, axes = figure(COLUMN, 1.7, 1, 2, sharey=True)
    for axis, label in zip(axes, LABELS, strict=True):
        for split in SPLITS:
            rows = table[(table["label"] == label) & (table["split"] == split) & (table["grey"].between(1, 254))]
            axis.plot(rows["grey"], rows["share"] * 100, color=COLOURS[split], label=split, linewidth=0.8)
        axis.set_title(label)
        axis.set_xlabel("grey value")
        axis.set_xlim(0, 255)
        axis.set_ylim(0)
    axes[0].set_ylabel("pixels (%)")
    axes[1].legend(loc="upper left")
    save(drawing, file)


def draw_samples(samples, file):
    """A few training images of each class with their label."""
    columns = max(len(samples[label]) for label in LABELS)
    drawing, axes = figure(PAGE, PAGE / (2 * columns) + 0.2, 1, 2 * columns)
    for axis in axes:
        axis.set_axis_off()
    for place, label in enumerate(LABELS):
        for axis, image in zip(axes[place * columns :], samples[label], strict=False):
            show_image(axis, image, f"label: {label}", COLOURS[label])
    save(drawing, file)


if __name__ == "__main__":
    run(explore)
