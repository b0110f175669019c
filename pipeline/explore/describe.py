"""explore: Task 1, what is in the data: sizes, classes, grey values, quality, samples; the same for each split.

Reads   tables/data/index.csv and the caches of all three splits.
        Only findings and the report read what this stage writes.
Returns the stage's tables, and the images that its figures show.

All grey values are those of the cached images, resized to the size that the networks take.
"""

import hashlib
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.ndimage import laplace
from scipy.stats import norm
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from pipeline.command import run
from pipeline.images.regions import border_share
from pipeline.statistics import metrics, tests
from pipeline.statistics.intervals import auc_interval
from pipeline.vocabulary import LABELS, SPLITS

PAIRS = tuple(combinations(SPLITS, 2))
SAMPLES = 3  # of each class in each split
GREY = np.arange(256)
WHITE = 250  # least grey value of a saturated pixel: resizing mixes pure white with its neighbours
THUMBNAIL = 16
# Column of images.csv: the cue that it is.
CUES = {
    "mean": "brightness",
    "sd": "contrast",
    "sharpness": "sharpness",
    "black_border": "black border",
    "saturated": "saturation",
    "bytes": "file size",
}
SIGNIFICANT = 0.05
# The effect of two normal distributions a fifth of their standard deviation apart, a small one in the sense of Cohen
# (1988), in each test's own measure; below it a difference is called negligible.
SMALL = {"chi-square": 0.1, "Kolmogorov-Smirnov": 2 * norm.cdf(0.1) - 1, "classifier": norm.cdf(0.2 / np.sqrt(2))}


# Another number of threads would add up in another order, and give (slightly) other results.
@threadpool_limits.wrap(limits=1)
def describe(index: pd.DataFrame, train: np.ndarray, val: np.ndarray, test: np.ndarray, settings: dict):
    """Describe each split by tables, compare splits and classes, and pick the samples to be shown.

    Args:
        train, val, test: uint8 (images, height, width), in the rows' order of the index.
    """
    arrays = dict(zip(SPLITS, (train, val, test), strict=True))
    rows = {split: index[index["split"] == split] for split in SPLITS}
    labels = {split: rows[split]["label"].to_numpy() for split in SPLITS}
    groups = [(split, label) for split in SPLITS for label in LABELS]
    counts = {split: grey_counts(arrays[split]) for split in SPLITS}
    histograms = {(split, label): counts[split][labels[split] == label].sum(axis=0) for split, label in groups}
    moments = {(split, label): pixel_moments(arrays[split][labels[split] == label]) for split, label in groups}
    images = pd.concat([image_table(rows[split], arrays[split], counts[split]) for split in SPLITS])
    thumbnails = {split: thumbnail_table(arrays[split]) for split in SPLITS}
    return {
        "sizes": size_table(index),
        "classes": class_table(index),
        "pixels": pixel_table(histograms),
        "intensities": intensity_table(histograms),
        "images": images,
        "mean_images": mean_image_table(moments),
        "uniformity": uniformity_table(images, thumbnails, settings["seed"]),
        "shortcuts": shortcut_table(images, settings["seed"]),
        "samples": {f"{split}_{label}": arrays[split][labels[split] == label][:SAMPLES] for split, label in groups},
        "pixel_images": {
            f"{label}_{name}": moments["train", label][name].astype(np.float32) for label in LABELS for name in MOMENTS
        },
    }


def size_table(index):
    """One row a split: number of images, and of those with a copy in the same split; least and greatest width and
    height as stored, whether all are alike; a hash of the hashes of its files."""
    groups = index.groupby("split")[["width", "height"]].agg(["min", "max"]).loc[list(SPLITS)]
    table = pd.DataFrame({"split": SPLITS, "images": index["split"].value_counts().loc[list(SPLITS)].to_numpy()})
    copies = index.duplicated(["split", "group"], keep=False).groupby(index["split"]).sum()
    table["copies"] = copies[list(SPLITS)].to_numpy()
    for side in ("width", "height"):
        for end in ("min", "max"):
            table[f"{end}_{side}"] = groups[side, end].to_numpy()
    table["same_size"] = (table["min_width"] == table["max_width"]) & (table["min_height"] == table["max_height"])
    hashes = index.groupby("split")["sha256"].agg("".join).loc[list(SPLITS)]
    table["sha256"] = [hashlib.sha256(joined.encode()).hexdigest() for joined in hashes]
    return table


def class_table(index):
    """One row a split and class: number of images and share of the split."""
    counts = index.groupby(["split", "label"]).size().reindex(pd.MultiIndex.from_product([SPLITS, LABELS]))
    table = counts.rename_axis(["split", "label"]).reset_index(name="images")
    table["share"] = table["images"] / table.groupby("split")["images"].transform("sum")
    return table


def grey_counts(images):
    """int64 (n, 256): how many pixels of each image, uint8 (n, height, width), have each grey value."""
    return np.stack([np.bincount(image.ravel(), minlength=256) for image in images])


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
    share = counts / counts.sum()
    mean = (GREY * share).sum()
    sd = np.sqrt((share * (GREY - mean) ** 2).sum())
    percentiles = {f"p{p}": int(np.searchsorted(100 * np.cumsum(counts), p * counts.sum())) for p in (5, 50, 95)}
    return {"mean": float(mean), "sd": float(sd), **percentiles}


def intensity_table(histograms):
    """One row a split, class and grey value: its share of the pixels."""
    parts = [
        pd.DataFrame({"split": split, "label": label, "grey": GREY, "share": counts / counts.sum()})
        for (split, label), counts in histograms.items()
    ]
    return pd.concat(parts)


def image_table(index, images, counts):
    """One row an image: what describes its quality.

    Args:
        index: the images' rows of the index, in the cache's order.
        images: uint8 (n, height, width).
        counts: int (n, 256), their grey values counted.

    Returns:
        file, split, label, group (of near-duplicates); mean (grey values, 0..255) and sd (population) over the pixels:
        brightness and contrast; sharpness: `sharpness`; black_border: `border_share`; saturated: share of the pixels of
        at least 250; bytes: size of the file as stored.
    """
    n, total, squares = images[0].size, counts @ GREY, counts @ GREY**2
    return pd.DataFrame(
        {
            **{column: index[column].to_numpy() for column in ("file", "split", "label", "group")},
            "mean": total / n,
            "sd": np.sqrt(n * squares - total**2) / n,
            "sharpness": [sharpness(image) for image in images],
            "black_border": [border_share(image) for image in images],
            "saturated": counts[:, WHITE:].sum(axis=1) / n,
            "bytes": index["bytes"].to_numpy(),
        }
    )


def sharpness(image):
    """Variance of the Laplacian (Pech-Pacheco et al. 2000): four neighbours less four times the pixel, edges mirrored.

    Contrast and noise raise it as fine detail does. Grey values squared.
    """
    return float(laplace(image.astype(np.float64)).var())


MOMENTS = ("mean", "sd")


def pixel_moments(images):
    """Mean and standard deviation (population) of each pixel over the images, summed as whole numbers.

    Args:
        images: uint8 (n, height, width).

    Returns:
        {"n": n, "mean": float64 (height, width), "sd": the same}.
    """
    n, total, squares = len(images), 0, 0
    for image in images:
        wide = image.astype(np.int64)
        total, squares = total + wide, squares + wide**2
    return {"n": n, "mean": total / n, "sd": np.sqrt(n * squares - total**2) / n}


def mean_image_table(moments):
    """One row a class and pair of splits: how far their per-pixel mean images lie apart, in grey values.

    difference is the mean over the pixels of the absolute difference, largest its maximum; expected is what a random
    division gives for the mean: sqrt(2 / pi) times the standard error of the difference, averaged over the pixels;
    ratio is difference / expected, at most 2.5 in 19 of 20 random divisions even if all pixels vary together.
    """
    rows = []
    for label in LABELS:
        for first, second in PAIRS:
            a, b = moments[first, label], moments[second, label]
            apart = np.abs(a["mean"] - b["mean"])
            error = np.sqrt(a["sd"] ** 2 / a["n"] + b["sd"] ** 2 / b["n"])
            expected = np.sqrt(2 / np.pi) * error.mean()
            rows.append(
                {"label": label, "first": first, "second": second, "difference": apart.mean(), "largest": apart.max(),
                 "expected": expected, "ratio": apart.mean() / expected}
            )  # fmt: skip
    return pd.DataFrame(rows)


def thumbnail_table(images):
    """float64 (n, 256): each image averaged over 16 x 16 fields, as equal as its side allows."""
    field = np.arange(images.shape[1]) * THUMBNAIL // images.shape[1]
    weights = (field == np.arange(THUMBNAIL)[:, None]).astype(float)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.stack([(weights @ image @ weights.T).ravel() for image in images])


def uniformity_table(images, thumbnails, seed):
    """Are the splits alike (question 2)? One row a test.

    Chi-square on the class counts of the three splits; Kolmogorov-Smirnov on brightness, contrast and sharpness within
    each class for each pair of splits; a classifier two-sample test on thumbnails and all cues for each pair.

    Returns:
        test, quantity, label, first, second; statistic; value: the effect (Cramér's V, D, AUC), with ci_low and
        ci_high for the AUC; p; p_holm, adjusted among the tests of one kind; result: "none found" (p_holm of 0.05 or
        more), "negligible" (an effect below `SMALL`) or "different".
    """
    rows = [label_row(images)]
    for label in LABELS:
        parts = {split: images[(images["split"] == split) & (images["label"] == label)] for split in SPLITS}
        for column in ("mean", "sd", "sharpness"):
            for first, second in PAIRS:
                distance, p = tests.kolmogorov_smirnov(parts[first][column], parts[second][column])
                rows.append(
                    {"test": "Kolmogorov-Smirnov", "quantity": CUES[column], "label": label, "first": first,
                     "second": second, "statistic": distance, "value": distance, "p": p}
                )  # fmt: skip
    features = {
        split: np.hstack([thumbnails[split], images.loc[images["split"] == split, list(CUES)].to_numpy(float)])
        for split in SPLITS
    }
    for first, second in PAIRS:
        groups = pd.concat([images.loc[images["split"] == split, "group"] for split in (first, second)])
        area, (low, high), p = tests.classifier_two_sample(features[first], features[second], groups, seed)
        rows.append(
            {"test": "classifier", "quantity": "image", "label": "all", "first": first, "second": second,
             "statistic": area, "value": area, "ci_low": low, "ci_high": high, "p": p}
        )  # fmt: skip
    table = pd.DataFrame(rows)
    table["p_holm"] = table.groupby("test")["p"].transform(tests.holm)
    table["result"] = np.select(
        [table["p_holm"] >= SIGNIFICANT, table["value"] < table["test"].map(SMALL)],
        ["none found", "negligible"],
        "different",
    )
    columns = ["test", "quantity", "label", "first", "second", "statistic", "value", "ci_low", "ci_high"]
    return table[columns + ["p", "p_holm", "result"]]


def label_row(images):
    counts = pd.crosstab(images["split"], images["label"])
    statistic, p, effect = tests.chi_square(counts)
    return {"test": "chi-square", "quantity": "class", "label": "all", "first": "all", "second": "all",
            "statistic": statistic, "value": effect, "p": p}  # fmt: skip


def shortcut_table(images, seed):
    """How well does what is no disease separate the classes (question 3)? One row a cue, and one for all together.

    Whether more of a cue speaks for covid is read off train; all together are weighed by gradient boosting fitted on
    train. Where the direction does not carry over, the AUC on val lies below 0.5.

    Returns:
        cue; normal and covid: its means in train; direction: "higher" or "lower" in covid; train_auc; value, ci_low,
        ci_high: AUC on val with DeLong's interval.
    """
    parts = {split: images[images["split"] == split] for split in ("train", "val")}
    labels = {split: (part["label"] == "covid").to_numpy(int) for split, part in parts.items()}
    rows = []
    for column, cue in CUES.items():
        values = {split: part[column].to_numpy(float) for split, part in parts.items()}
        sign = 1 if metrics.auc(labels["train"], values["train"]) >= 0.5 else -1
        means = {label: values["train"][labels["train"] == place].mean() for place, label in enumerate(LABELS)}
        described = {"cue": cue, **means, "direction": "higher" if sign > 0 else "lower"}
        rows.append(described | separation(labels, {split: sign * scores for split, scores in values.items()}))
    features = {split: part[list(CUES)].to_numpy(float) for split, part in parts.items()}
    boosting = HistGradientBoostingClassifier(max_iter=50, min_samples_leaf=10, early_stopping=False, random_state=seed)
    boosting.fit(features["train"], labels["train"])
    scores = {split: boosting.decision_function(values) for split, values in features.items()}
    rows.append({"cue": "all together", **separation(labels, scores)})
    return pd.DataFrame(rows)


def separation(labels, scores):
    """AUC on train, and on val with its interval."""
    low, high = auc_interval(labels["val"], scores["val"])
    return {
        "train_auc": metrics.auc(labels["train"], scores["train"]),
        "value": metrics.auc(labels["val"], scores["val"]),
        "ci_low": low,
        "ci_high": high,
    }


if __name__ == "__main__":
    run(describe)
