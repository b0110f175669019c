"""Figures of the stage explore."""

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, PAGE, figure, show_image
from pipeline.vocabulary import LABELS, SPLITS


def draw(
    classes: pd.DataFrame,
    intensities: pd.DataFrame,
    images: pd.DataFrame,
    shortcuts: pd.DataFrame,
    samples: dict[str, np.ndarray],
    pixel_images: dict[str, np.ndarray],
):
    """Draw classes, grey values of all pixels, of each image and of each place, non-anatomical cues, samples."""
    of_split = [draw_samples({label: samples[f"{split}_{label}"] for label in LABELS}) for split in SPLITS]
    return {
        "classes": draw_classes(classes),
        "intensities": draw_intensities(intensities),
        "images": draw_images(images),
        "shortcuts": draw_shortcuts(shortcuts),
        "samples": of_split[0],
        "samples_val": of_split[1],
        "samples_test": of_split[2],
        "pixels": draw_pixels(pixel_images),
    }


def draw_classes(table):
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
    return drawing


def draw_intensities(table):
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
    return drawing


def draw_images(table):
    """Distribution of the images' mean and standard deviation, a panel a class, a line a split."""
    drawing, axes = figure(COLUMN, 2.6, 2, 2, sharex="row", sharey="row")
    for row, (column, name) in zip(axes, {"mean": "mean of an image", "sd": "s.d. of an image"}.items(), strict=True):
        edges = np.linspace(table[column].min(), table[column].max(), 25)
        for axis, label in zip(row, LABELS, strict=True):
            for split in SPLITS:
                values = table.loc[(table["label"] == label) & (table["split"] == split), column]
                share = np.histogram(values, edges)[0] / len(values)
                axis.stairs(share * 100, edges, color=COLOURS[split], label=split, linewidth=0.8)
            axis.set_xlabel(f"{name} (grey values)")
        row[0].set_ylabel("images (%)")
    for axis, label in zip(axes[0], LABELS, strict=True):
        axis.set_title(label)
    axes[0, 0].legend(loc="upper left", handlelength=1)
    return drawing


def draw_pixels(images):
    """Mean and standard deviation of each pixel over the training images of each class, and covid less normal."""
    drawing, axes = figure(COLUMN, 2.2, 2, 3)
    for row, (moment, name) in zip(axes, {"mean": "mean", "sd": "s.d."}.items(), strict=True):
        normal, covid = (images[f"{label}_{moment}"] for label in LABELS)
        top = max(normal.max(), covid.max())
        for axis, image, label in zip(row, (normal, covid), LABELS, strict=False):
            shown = axis.imshow(image, vmin=0, vmax=top)
            axis.set_title(f"{name}, {label}", color=COLOURS[label], pad=2)
        drawing.colorbar(shown, ax=row[:2], fraction=0.05, pad=0.02, shrink=0.9)
        bound = np.abs(covid - normal).max()
        difference = row[2].imshow(covid - normal, cmap="RdBu_r", vmin=-bound, vmax=bound)
        row[2].set_title("difference", pad=2)
        drawing.colorbar(difference, ax=row[2], fraction=0.05, pad=0.02)
    for axis in axes.flat:
        axis.set_axis_off()
    return drawing


def draw_shortcuts(table):
    """AUC on val of each non-anatomical cue, with its interval; all together in another colour."""
    drawing, axis = figure(COLUMN, 1.8)
    places = np.arange(len(table))[::-1]
    for place, row in zip(places, table.itertuples(), strict=True):
        colour = COLOURS["covid"] if row.cue == "all together" else "black"
        axis.plot([row.ci_low, row.ci_high], [place, place], color=colour, linewidth=0.9)
        axis.plot(row.value, place, "o", color=colour, markersize=3)
    axis.axvline(0.5, color="0.6", linewidth=0.6, linestyle="--")
    axis.set_yticks(places, table["cue"])
    axis.set_ylim(-0.6, len(table) - 0.4)
    axis.set_xlim(min(0.4, table["ci_low"].min()), 1)
    axis.set_xlabel("AUC on val")
    return drawing


def draw_samples(samples):
    """A few images of each class with their label: {label: uint8 (images, height, width)}."""
    columns = max(len(samples[label]) for label in LABELS)
    drawing, axes = figure(PAGE, PAGE / (2 * columns) + 0.2, 1, 2 * columns)
    for axis in axes:
        axis.set_axis_off()
    for place, label in enumerate(LABELS):
        for axis, image in zip(axes[place * columns :], samples[label], strict=False):
            show_image(axis, image, f"label: {label}", COLOURS[label])
    return drawing


if __name__ == "__main__":
    run(draw)
