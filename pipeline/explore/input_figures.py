"""Figures of explore_inputs: an image before and after normalisation, and under each augmentation."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLUMN, PAGE, figure, save, show_image

COLUMNS = 3  # of the figure of augmentation


def explore_inputs(
    normalised: Path,
    augmented: Path,
    train_index: Path,
    val_index: Path,
    normalisation_figure: Path,
    augmentation_figure: Path,
):
    """Draw the first val image normalised by each strategy, and the first of train under each type of augmentation."""
    train_label, val_label = (pd.read_csv(index)["label"].iloc[0] for index in (train_index, val_index))
    draw_normalisation(np.load(normalised), val_label, normalisation_figure)
    draw_augmentation(np.load(augmented), train_label, augmentation_figure)


def draw_normalisation(arrays, label, file):
    """The sample, raw and normalised, each scaled to its own range, with the histogram of its values below."""
    drawing, axes = figure(PAGE, 2.3, 2, len(arrays.files), height_ratios=[3, 1])
    for (image_axis, histogram), name in zip(axes.T, arrays.files, strict=True):
        values = arrays[name]
        title = f"resized, {label}" if name == "raw" else name.replace("_", " ")
        image_axis.imshow(values, interpolation="nearest")
        image_axis.set_title(f"{title}\nmean {values.mean().round(2) + 0:.2f}, sd {values.std():.2f}", fontsize=7)
        image_axis.set_axis_off()
        histogram.hist(values.ravel(), bins=64, color="0.4")
        histogram.set_yticks([])
        histogram.spines["left"].set_visible(False)
        histogram.set_xlabel("value")
    save(drawing, file)


def draw_augmentation(arrays, label, file):
    """The sample, then the draws of each type of augmentation, three images a row."""
    shown = [(f"original, {label}", arrays["original"])]
    shown += [(kind, image) for kind in arrays.files if kind != "original" for image in arrays[kind]]
    rows = -(-len(shown) // COLUMNS)
    drawing, axes = figure(COLUMN, rows * (COLUMN / COLUMNS + 0.17), rows, COLUMNS)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, image) in zip(axes.flat, shown, strict=False):
        show_image(axis, image, title)
    save(drawing, file)


if __name__ == "__main__":
    run(explore_inputs)
