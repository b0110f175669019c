"""explore: Task 1, what is in the data: sizes, classes, grey values, samples; the same for each split.

Reads   tables/data/index.csv and the caches of all three splits. Nothing but the report reads what this stage writes.
Writes  tables/explore/*.csv and results/explore/samples.npz, from which pipeline.plots.explore draws.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.images import cache

SPLITS = ("train", "val", "test")
LABELS = ("normal", "covid")
SAMPLES = 4


def explore(
    index: Path, caches: list[Path], sizes: Path, classes: Path, pixels: Path, intensities: Path, samples: Path
):
    """Describe each split by tables, and pick the samples to be shown."""
    table = pd.read_csv(index)
    images = {split: cache.read(file) for split, file in zip(SPLITS, caches, strict=True)}
    labels = {split: table.loc[table["split"] == split, "label"].to_numpy() for split in SPLITS}
    histograms = {
        (split, label): np.bincount(images[split][labels[split] == label].ravel(), minlength=256)
        for split in SPLITS
        for label in LABELS
    }
    for file in (sizes, samples):
        file.parent.mkdir(parents=True, exist_ok=True)
    size_table(table).to_csv(sizes, index=False)
    class_table(table).to_csv(classes, index=False)
    pixel_table(histograms).to_csv(pixels, index=False)
    intensity_table(histograms).to_csv(intensities, index=False)
    shown = {label: np.flatnonzero(labels["train"] == label)[:SAMPLES] for label in LABELS}
    np.savez_compressed(samples, **{label: images["train"][places] for label, places in shown.items()})


def size_table(index):
    """One row a split: number of images, least and greatest width and height as stored, whether all are alike."""
    groups = index.groupby("split")[["width", "height"]].agg(["min", "max"]).loc[list(SPLITS)]
    table = pd.DataFrame({"split": SPLITS, "images": index["split"].value_counts().loc[list(SPLITS)].to_numpy()})
    for side in ("width", "height"):
        for end in ("min", "max"):
            table[f"{end}_{side}"] = groups[side, end].to_numpy()
    table["same_size"] = (table["min_width"] == table["max_width"]) & (table["min_height"] == table["max_height"])
    return table


def class_table(index):
    """One row a split and class: number of images and share of the split."""
    counts = index.groupby(["split", "label"]).size().reindex(pd.MultiIndex.from_product([SPLITS, LABELS]))
    table = counts.rename_axis(["split", "label"]).reset_index(name="images")
    table["share"] = table["images"] / table.groupby("split")["images"].transform("sum")
    return table


def pixel_table(histograms):
    """One row a split and class (and both: all): mean, standard deviation, 5th, 50th, 95th percentile of grey values.

    Args:
        histograms: {(split, label): counts of the grey values 0..255 over all pixels of the cached images}.
    """
    rows = []
    for split in SPLITS:
        parts = {label: histograms[split, label] for label in LABELS}
        for label, counts in (parts | {"all": sum(parts.values())}).items():
            rows.append({"split": split, "label": label, **grey_statistics(counts)})
    return pd.DataFrame(rows)


def grey_statistics(counts):
    """Mean, standard deviation (population) and percentiles (smallest value reaching the share) of a histogram."""
    grey, share = np.arange(256), counts / counts.sum()
    mean = (grey * share).sum()
    sd = np.sqrt((share * (grey - mean) ** 2).sum())
    percentiles = {f"p{p}": int(np.searchsorted(np.cumsum(share), p / 100)) for p in (5, 50, 95)}
    return {"mean": float(mean), "sd": float(sd), **percentiles}


def intensity_table(histograms):
    """One row a split, class and grey value: its share of the pixels."""
    parts = [
        pd.DataFrame({"split": split, "label": label, "grey": np.arange(256), "share": counts / counts.sum()})
        for (split, label), counts in histograms.items()
    ]
    return pd.concat(parts)


if __name__ == "__main__":
    run(explore)
