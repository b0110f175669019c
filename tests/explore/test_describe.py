"""The tables of explore against numpy and pandas on random images."""

import hashlib
import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.explore.describe import (
    CUES,
    LABELS,
    PAIRS,
    SAMPLES,
    SMALL,
    SPLITS,
    border_share,
    describe,
    grey_statistics,
    sharpness,
    size_table,
    thumbnail_table,
    uniformity_table,
)
from pipeline.statistics import intervals, tests

ROOT = Path(__file__).parents[2]
SIZE = 20
COUNTS = {"train": (19, 15), "val": (14, 7), "test": (9, 5)}
SEED = 3


@pytest.fixture(scope="module")
def explored():
    """Splits and classes interleaved in the index, each split with a range of grey values of its own; the tables."""
    rng = np.random.default_rng(5)
    rows = [
        (split, label) for split in SPLITS for label, n in zip(LABELS, COUNTS[split], strict=True) for _ in range(n)
    ]
    index = pd.DataFrame([rows[place] for place in rng.permutation(len(rows))], columns=["split", "label"])
    index["file"] = index["group"] = [f"{number}.png" for number in range(len(index))]
    index["sha256"] = [hashlib.sha256(file.encode()).hexdigest() for file in index["file"]]
    index["width"], index["height"] = rng.integers(50, 90, (2, len(index)))
    index["bytes"] = rng.integers(900, 1000, len(index)) + 20 * (index["label"] == "covid")
    images = {
        split: rng.integers(0, bound, (sum(COUNTS[split]), SIZE, SIZE)).astype(np.uint8)
        for bound, split in zip((256, 90, 30), SPLITS, strict=True)
    }
    made = describe(index, **images, settings={"seed": SEED})
    return SimpleNamespace(index=index, images=images, described=made.pop("images"), **made)


def images_of(explored, split, label):
    labels = explored.index.loc[explored.index["split"] == split, "label"].to_numpy()
    return explored.images[split][labels == label] if label != "all" else explored.images[split]


def test_sizes(explored):
    assert explored.sizes["split"].tolist() == list(SPLITS)
    for row in explored.sizes.itertuples():
        part = explored.index[explored.index["split"] == row.split]
        assert row.images == len(part)
        assert (row.min_width, row.max_width) == (min(part["width"]), max(part["width"]))
        assert (row.min_height, row.max_height) == (min(part["height"]), max(part["height"]))
        assert not row.same_size
        assert row.sha256 == hashlib.sha256("".join(part["sha256"]).encode()).hexdigest()


def test_copies_are_counted_within_a_split():
    index = pd.DataFrame({"split": ["train", "train", "train", "val", "test", "test"], "group": list("aabacc")})
    index = index.assign(width=60, height=70, sha256="0")
    assert size_table(index)["copies"].tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("width", "height", "same"), [(60, 70, True), (61, 70, False), (60, 71, False)], ids=["same", "wider", "taller"]
)
def test_same_size(width, height, same):
    """One image of train decides for train alone; the other splits may have sizes of their own."""
    index = pd.DataFrame({"split": ["train", "train", "val", "test"], "width": 60, "height": 70, "sha256": "0"})
    index.loc[0, ["width", "height"]] = width, height
    index["group"] = ["a", "b", "c", "d"]
    index.loc[2, ["width", "height"]] = 100, 100
    assert size_table(index)["same_size"].tolist() == [same, True, True]


def test_classes(explored):
    assert len(explored.classes) == len(SPLITS) * len(LABELS)
    for row in explored.classes.itertuples():
        count = COUNTS[row.split][LABELS.index(row.label)]
        assert row.images == count and row.share == pytest.approx(count / sum(COUNTS[row.split]))


def test_pixels(explored):
    assert len(explored.pixels) == len(SPLITS) * (len(LABELS) + 1)
    for row in explored.pixels.itertuples():
        pixels = images_of(explored, row.split, row.label)
        assert (row.mean, row.sd) == pytest.approx((pixels.mean(), pixels.std()))
        assert [row.p5, row.p50, row.p95] == np.percentile(pixels, [5, 50, 95], method="inverted_cdf").tolist()


@pytest.mark.parametrize("size", [20, 60, 100, 400, 16384])
def test_percentile_where_a_value_reaches_the_share_exactly(size):
    """The count of pixels up to a grey value is exactly 5, 50 or 95 % here, whatever rounding does to a share."""
    grey = np.repeat(np.arange(20), -(-size // 20))
    found = grey_statistics(np.bincount(grey, minlength=256))
    assert [found["p5"], found["p50"], found["p95"]] == [0, 9, 18]


def test_intensities(explored):
    assert len(explored.intensities) == len(SPLITS) * len(LABELS) * 256
    for (split, label), rows in explored.intensities.groupby(["split", "label"]):
        pixels = images_of(explored, split, label)
        assert rows["grey"].tolist() == list(range(256))
        assert rows["share"].to_numpy() == pytest.approx([(pixels == grey).mean() for grey in range(256)])


def test_samples_are_the_first_of_each_class_in_each_split(explored):
    assert len(explored.samples) == len(SPLITS) * len(LABELS)
    for split, label in itertools.product(SPLITS, LABELS):
        expected = images_of(explored, split, label)[:SAMPLES]
        assert np.array_equal(explored.samples[f"{split}_{label}"], expected)


# Single images


def test_images_are_described_one_by_one(explored):
    assert len(explored.described) == len(explored.index)
    for split in SPLITS:
        rows = explored.described[explored.described["split"] == split]
        listed = explored.index[explored.index["split"] == split]
        for column in ("file", "label", "bytes"):
            assert rows[column].tolist() == listed[column].tolist()
        images = explored.images[split].astype(float)
        padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
        laplacian = padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1] + padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2] - 4 * images
        places = (1, 2)
        assert rows["mean"].to_numpy() == pytest.approx(images.mean(axis=places))
        assert rows["sd"].to_numpy() == pytest.approx(images.std(axis=places))
        assert rows["sharpness"].to_numpy() == pytest.approx(laplacian.var(axis=places))
        assert rows["saturated"].to_numpy() == pytest.approx((images >= 250).mean(axis=places))


@pytest.mark.parametrize(
    ("rows", "columns", "share"),
    [
        (slice(0, 0), slice(0, 0), 0),
        (slice(0, 10), slice(0, 0), 0.1),
        (slice(80, 100), slice(0, 10), 1 - 0.8 * 0.9),
        (slice(40, 60), slice(0, 0), 0),
        (slice(0, 100), slice(0, 0), 1),
    ],
    ids=["none", "above", "below and left", "in the middle", "black"],
)
def test_black_border(rows, columns, share):
    image = np.full((100, 100), 90, np.uint8)
    image[rows], image[:, columns] = 10, 10
    assert border_share(image) == pytest.approx(share)


def test_text_in_a_black_border_leaves_it_a_border():
    image = np.full((100, 100), 90, np.uint8)
    image[:10] = 0
    image[5, 3:8] = 255
    assert border_share(image) == pytest.approx(0.1)
    image[5, 3:9] = 255
    assert border_share(image) == pytest.approx(0.05)


def test_a_blurred_image_is_less_sharp():
    image = np.random.default_rng(0).integers(0, 256, (32, 32))
    blurred = (image + np.roll(image, 1, axis=0) + np.roll(image, 1, axis=1)) / 3
    assert sharpness(np.full((8, 8), 7, np.uint8)) == 0
    assert sharpness(blurred) < sharpness(image) / 2


@pytest.mark.parametrize("size", [16, 48, 50])
def test_thumbnails_average_fields(size):
    images = np.random.default_rng(0).integers(0, 256, (3, size, size)).astype(np.uint8)
    field = np.arange(size) * 16 // size
    fields = [[images[1][np.ix_(field == y, field == x)].mean() for x in range(16)] for y in range(16)]
    assert thumbnail_table(images)[1] == pytest.approx(np.ravel(fields))


def test_pixel_images_of_train(explored):
    for label in LABELS:
        images = images_of(explored, "train", label)
        assert explored.pixel_images[f"{label}_mean"] == pytest.approx(images.mean(axis=0), rel=1e-6)
        assert explored.pixel_images[f"{label}_sd"] == pytest.approx(images.std(axis=0), rel=1e-6)


def test_mean_images(explored):
    assert list(zip(explored.mean_images["first"], explored.mean_images["second"], strict=True)) == [*PAIRS, *PAIRS]
    for row in explored.mean_images.itertuples():
        first, second = (images_of(explored, split, row.label) for split in (row.first, row.second))
        apart = np.abs(first.mean(axis=0) - second.mean(axis=0))
        error = np.sqrt(first.var(axis=0) / len(first) + second.var(axis=0) / len(second)).mean()
        assert (row.difference, row.largest) == pytest.approx((apart.mean(), apart.max()))
        assert (row.expected, row.ratio) == pytest.approx((0.79788456 * error, apart.mean() / 0.79788456 / error))


# Splits compared


def test_uniformity_of_labels_and_cues(explored):
    table = explored.uniformity
    labels = table[table["test"] == "chi-square"].iloc[0]
    counts = np.array([COUNTS[split] for split in SPLITS])
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert labels["statistic"] == pytest.approx(statistic)
    assert labels["value"] == pytest.approx(np.sqrt(statistic / counts.sum()))
    assert labels["p"] == pytest.approx(np.exp(-statistic / 2))  # chi-square with two degrees of freedom

    compared = table[table["test"] == "Kolmogorov-Smirnov"]
    assert len(compared) == 3 * len(LABELS) * len(PAIRS)
    columns = {cue: column for column, cue in CUES.items()}
    for row in compared.itertuples():
        first, second = (
            explored.described.query("split == @split and label == @row.label")[columns[row.quantity]].to_numpy()
            for split in (row.first, row.second)
        )
        at = np.concatenate([first, second])
        distance = max(abs((first <= x).mean() - (second <= x).mean()) for x in at)
        assert (row.statistic, row.value) == pytest.approx((distance, distance))


def test_uniformity_by_a_classifier(explored):
    rows = explored.uniformity[explored.uniformity["test"] == "classifier"]
    assert list(zip(rows["first"], rows["second"], strict=True)) == list(PAIRS)
    for row in rows.itertuples():
        first, second = (
            np.hstack(
                [
                    thumbnail_table(explored.images[split]),
                    explored.described.loc[explored.described["split"] == split, list(CUES)],
                ]
            )
            for split in (row.first, row.second)
        )
        files = [explored.index.loc[explored.index["split"] == split, "file"] for split in (row.first, row.second)]
        area, (low, high), p = tests.classifier_two_sample(first, second, pd.concat(files), SEED)
        # The splits of this archive differ in brightness by far.
        assert row.value == 1 and row.result == "different"
        assert (row.value, row.ci_low, row.ci_high, row.p) == pytest.approx((area, low, high, p))


def test_results_follow_corrected_p_and_effect(explored):
    table = explored.uniformity
    for test, rows in table.groupby("test"):
        assert rows["p_holm"].to_numpy() == pytest.approx(tests.holm(rows["p"]))
        for row in rows.itertuples():
            expected = "none found" if row.p_holm >= 0.05 else "different" if row.value >= SMALL[test] else "negligible"
            assert row.result == expected
    assert SMALL == pytest.approx({"chi-square": 0.1, "Kolmogorov-Smirnov": 0.07966, "classifier": 0.55623}, abs=1e-5)


def test_splits_drawn_at_random_are_found_alike():
    rng = np.random.default_rng(3)
    images = pd.DataFrame(rng.normal(0, 1, (400, len(CUES))), columns=list(CUES))
    images["split"] = np.repeat(SPLITS, [200, 100, 100])
    images["label"] = np.resize(["normal", "normal", "normal", "covid"], 400)
    images["group"] = images.index
    thumbnails = {split: rng.normal(0, 1, (sum(images["split"] == split), 4)) for split in SPLITS}
    assert set(uniformity_table(images, thumbnails, seed=1)["result"]) == {"none found"}


# Classes compared


def test_shortcuts(explored):
    *single, together = explored.shortcuts.itertuples()
    columns = {cue: column for column, cue in CUES.items()}
    train, val = (explored.described[explored.described["split"] == split] for split in ("train", "val"))
    assert [row.cue for row in single] == list(CUES.values())
    for row in single:
        column = columns[row.cue]
        normal, covid = (train.loc[train["label"] == label, column] for label in LABELS)
        assert (row.normal, row.covid) == pytest.approx((normal.mean(), covid.mean()))
        area = roc_auc_score(train["label"] == "covid", train[column])
        assert row.direction == ("higher" if area >= 0.5 else "lower")
        assert row.train_auc == pytest.approx(max(area, 1 - area))
        scores = val[column].to_numpy(float) * (1 if area >= 0.5 else -1)
        labels = (val["label"] == "covid").to_numpy(int)
        assert row.value == pytest.approx(roc_auc_score(labels, scores))
        assert (row.ci_low, row.ci_high) == pytest.approx(intervals.auc_interval(labels, scores))
    assert together.cue == "all together" and together.train_auc > 0.5
    assert together.ci_low <= together.value <= together.ci_high


def test_explore_does_not_import_tensorflow():
    code = "import sys, pipeline.explore.describe; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
