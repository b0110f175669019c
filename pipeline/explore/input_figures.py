"""Figures of pre-processing: an image before and after normalisation, and under each augmentation."""

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLUMN, PAGE, figure, show_image

COLUMNS = 3  # of the figure of augmentation


def draw(
    normalised: dict[str, np.ndarray],
    augmented: dict[str, np.ndarray],
    train_index: pd.DataFrame,
    val_index: pd.DataFrame,
):
    """Draw the first val image normalised by each strategy, and the first of train under each type of augmentation."""
    return {
        "normalisation": draw_normalisation(normalised, val_index["label"].iloc[0]),
        "augmentation": draw_augmentation(augmented, train_index["label"].iloc[0]),
    }


def draw_normalisation(arrays, label):
    """The sample, raw and normalised, each scaled to its own range, with the histogram of its values below."""
    drawing, axes = figure(PAGE, 2.3, 2, len(arrays), height_ratios=[3, 1])
    for (image_axis, histogram), name in zip(axes.T, arrays, strict=True):
        values = arrays[name]
        title = f"resized, {label}" if name == "raw" else name.replace("_", " ")
        image_axis.imshow(values, interpolation="nearest")
        image_axis.set_title(f"{title}\nmean {values.mean().round(2) + 0:.2f}, sd {values.std():.2f}", fontsize=7)
        image_axis.set_axis_off()
        histogram.hist(values.ravel(), bins=64, color="0.4")
        histogram.set_yticks([])
        histogram.spines["left"].set_visible(False)
        histogram.set_xlabel("value")
    return drawing


def draw_augmentation(arrays, label):
    """The sample, then the draws of each type of augmentation, three images a row."""
    shown = [(f"original, {label}", arrays["original"])]
    shown += [(kind, image) for kind in arrays if kind != "original" for image in arrays[kind]]
    rows = -(-len(shown) // COLUMNS)
    drawing, axes = figure(COLUMN, rows * (COLUMN / COLUMNS + 0.17), rows, COLUMNS)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, image) in zip(axes.flat, shown, strict=False):
        show_image(axis, image, title)
    return drawing


if __name__ == "__main__":
    run(draw)
