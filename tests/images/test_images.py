"""Augmentation in its units, the batches of training, normalisation, and the digest of a cache."""

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from pipeline.images import inputs
from pipeline.images.augment import _move, augment, transform
from pipeline.images.examples import Examples, join
from pipeline.images.normalise import normalisation
from pipeline.models import runtime
from tests.phantoms import phantom

runtime.start({"threads": 2})

ROOT = Path(__file__).parents[2]
SIZE = 48
NONE = {"rotation": 0, "shift": 0, "zoom": 0, "contrast": 0, "brightness": 0}
MILD = {"rotation": 7, "shift": 0.05, "zoom": 0.05, "contrast": 0.1, "brightness": 0.05}
FILMS = np.stack([phantom(np.random.default_rng(seed), "covid", SIZE) for seed in range(8)])[..., None].astype(
    np.float32
)


def altered(images=FILMS, seed=(1, 2), **bounds):
    return augment(tf.constant(images), seed, NONE | bounds).numpy()


def dots(at, count=64):
    """Black images with a soft bright dot `at` (x, y), measured from the centre."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    dot = 200 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 8)
    return np.repeat(dot[None, ..., None], count, axis=0).astype(np.float32)


def positions(images):
    """The dots' centres of mass (x, y), measured from the centre."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    mass = images[..., 0] / images[..., 0].sum(axis=(1, 2), keepdims=True)
    return np.stack([(mass * x).sum(axis=(1, 2)), (mass * y).sum(axis=(1, 2))], axis=1)


def fills(draws, bound):
    """Whether a uniform draw to both sides uses its bound, and keeps it."""
    return np.all(np.abs(draws) <= bound * 1.01) and draws.min() < -0.8 * bound and draws.max() > 0.8 * bound


# Augmentation


def test_no_bounds_no_change():
    assert np.abs(altered() - FILMS).max() < 1e-3


def test_rotation_is_in_degrees_about_the_centre():
    moved = positions(altered(dots((15, 0)), rotation=10))
    assert np.hypot(*moved.T) == pytest.approx(15, abs=0.1)
    assert fills(np.degrees(np.arctan2(moved[:, 1], moved[:, 0])), 10)


def test_shift_is_in_parts_of_the_side():
    across, down = (positions(altered(dots((3, -5)), shift=0.2)) - [3, -5]).T / SIZE
    assert fills(across, 0.2) and fills(down, 0.2)
    assert abs(np.corrcoef(across, down)[0, 1]) < 0.4, "drawn apart"


def test_zoom_is_in_parts_of_the_side():
    x, y = positions(altered(dots((12, 8)), zoom=0.1)).T
    assert fills(x / 12 - 1, 0.1) and fills(y / 8 - 1, 0.1)


def test_contrast_keeps_the_mean():
    image = np.clip(FILMS[:1], 80, 160).repeat(64, axis=0)
    changed = altered(image, contrast=0.3)
    assert changed.mean(axis=(1, 2)) == pytest.approx(image.mean(axis=(1, 2)), abs=0.01)
    assert fills((changed.std(axis=(1, 2)) / image.std(axis=(1, 2)) - 1)[:, 0], 0.3)


def test_brightness_is_in_parts_of_the_grey_range():
    image = np.clip(FILMS[:1], 80, 160).repeat(64, axis=0)
    added = altered(image, brightness=0.2) - image
    assert np.ptp(added, axis=(1, 2)).max() < 1e-3
    assert fills(added.mean(axis=(1, 2, 3)) / 255, 0.2)


@pytest.mark.parametrize(
    ("angle", "right", "down", "zoom"), [(0.2, 0, 0, 1), (0, 0.1, -0.05, 1), (0, 0, 0, 1.2), (-0.1, 0.07, 0.03, 0.9)]
)
def test_composed_map_is_that_of_scipy(angle, right, down, zoom):
    film = FILMS[0, ..., 0]
    moved = _move(tf.constant(FILMS[:1]), *(tf.constant([float(value)]) for value in (angle, right, down, zoom)))
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) / zoom
    centre = np.full(2, (SIZE - 1) / 2)
    offset = centre - turn @ (centre + np.array([down, right]) * SIZE)
    expected = ndimage.affine_transform(film, turn, offset, order=1, mode="nearest")
    assert np.abs(moved.numpy()[0, ..., 0] - expected).max() < 0.1


def test_grey_values_stay_in_range():
    extremes = np.random.default_rng(0).choice([0.0, 255.0], (32, SIZE, SIZE, 1)).astype(np.float32)
    changed = altered(extremes, **(MILD | {"contrast": 0.9, "brightness": 0.5}))
    assert changed.min() == 0 and changed.max() == 255


@pytest.mark.parametrize("grey", [0, 100, 255])
def test_no_border_is_invented(grey):
    """What comes in from outside continues the image's edge, bright or dark, whatever its middle shows."""
    images = np.full((32, SIZE, SIZE, 1), grey, np.float32)
    images[:, 20:28, 20:28] = 180
    moved = altered(images, rotation=15, shift=0.2, zoom=0.3)
    for side in (moved[:, :2], moved[:, -2:], moved[:, :, :2], moved[:, :, -2:]):
        assert np.abs(side - grey).max() < 1e-3


def test_same_seed_same_batch():
    first, again, other = (altered(seed=seed, **MILD) for seed in [(1, 2), (1, 2), (1, 3)])
    assert np.array_equal(first, again) and not np.allclose(first, other)
    assert not np.allclose(*altered(FILMS[:1].repeat(2, axis=0), **MILD)), "each image by itself"


# Batches


def numbered(count):
    return Examples(np.arange(count), (np.arange(count) % 2).astype(np.float32), np.arange(count).astype(str))


def drawn(examples, *, seed=3, epochs=3, batch_size=4, start=0):
    """All batches: (values, the random number that each batch's key gives, labels)."""

    def transform(values, key):
        return values, tf.random.stateless_uniform((), key)

    training = inputs.Training(transform, seed, epochs, start)
    dataset = inputs.batches(examples.values, examples.labels, batch_size=batch_size, training=training)
    found = [(values.numpy(), float(noise), labels.numpy()) for (values, noise), labels in dataset]
    assert len(found) == inputs.steps(len(examples), batch_size) * (epochs - start)
    return found


def same(first, second):
    return len(first) == len(second) and all(
        np.array_equal(a, b) for one, other in zip(first, second, strict=True) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (13, 4), (3, 8), (1, 2), (100, 1)])
def test_every_example_once_an_epoch(count, batch_size):
    found = drawn(numbered(count), batch_size=batch_size)
    epochs = np.concatenate([values for values, _, _ in found]).reshape(3, count)
    assert np.array_equal(np.sort(epochs), np.tile(np.arange(count), (3, 1)))
    assert max(len(values) for values, _, _ in found) == min(count, batch_size)
    assert all(np.array_equal(labels[:, 0], values % 2) for values, _, labels in found)
    if count > 10:
        assert len(np.unique(epochs, axis=0)) == 3, "each epoch has an order of its own"


def test_shuffling_mixes_far_and_near():
    """Order in and order out are unrelated: correlation below 3 / sqrt(n)."""
    first_epoch = np.concatenate([values for values, _, _ in drawn(numbered(400), epochs=1, batch_size=50)])
    assert abs(np.corrcoef(first_epoch, np.arange(400))[0, 1]) < 3 / math.sqrt(400)


def test_batches_follow_from_the_seed():
    first, again, other = (drawn(numbered(13), seed=seed) for seed in (3, 3, 4))
    assert same(first, again) and not same(first, other)
    assert len({noise for _, noise, _ in first}) == len(first), "each batch has a key of its own"


@pytest.mark.parametrize("start", [1, 2])
def test_resumed_training_sees_the_same_batches(start):
    assert same(drawn(numbered(13), start=start), drawn(numbered(13))[4 * start :])


def test_more_epochs_begin_alike():
    assert same(drawn(numbered(13), epochs=5)[:12], drawn(numbered(13), epochs=3))


@pytest.mark.parametrize("batch_size", [1, 4, 6, 8, 20])
def test_without_training_every_example_comes_once_in_order_as_it_is(batch_size):
    """So val and test are never augmented: images gain a channel axis, features stay as they are."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (13, SIZE, SIZE)).astype(np.uint8)
    features, labels = rng.normal(size=(13, 5)).astype(np.float32), rng.integers(0, 2, 13).astype(np.float32)
    for values, expected in [(images, images[..., None].astype(np.float32)), (features, features)]:
        taken = list(inputs.batches(values, batch_size=batch_size))
        assert {batch.dtype for batch in taken} == {tf.float32}
        assert np.array_equal(np.concatenate(taken), expected)
        pairs = list(inputs.batches(values, labels, batch_size=batch_size))
        assert [len(batch) for batch, _ in pairs] == list(map(len, taken))
        assert np.array_equal(np.concatenate([batch for batch, _ in pairs]), expected)
        assert np.array_equal(np.concatenate([label for _, label in pairs]), labels[:, None])


def test_batches_do_not_depend_on_the_number_of_threads():
    script = "from tests.images.test_images import *; print(training_batches(threads={}))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script.format(1)]
    one = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    two = training_batches(threads=2).split()
    assert (one[0], two[0]) == ("1", "2") and one[1] == two[1]


def training_batches(threads):
    """The number of threads, and a digest of the augmented batches of two epochs at the size of real ones."""
    runtime.start({"threads": threads})
    values = np.random.default_rng(0).integers(0, 256, (70, 128, 128)).astype(np.uint8)
    training = inputs.Training(transform({"augmentation": MILD}), seed=5, epochs=2)
    digest = hashlib.sha256()
    for images, labels in inputs.batches(values, np.arange(70.0), batch_size=32, training=training):
        digest.update(images.numpy().tobytes() + labels.numpy().tobytes())
    return f"{tf.config.threading.get_intra_op_parallelism_threads()} {digest.hexdigest()}"


def test_examples_keep_values_labels_and_files_together():
    examples = numbered(20)
    drawn = examples.stratified(7, seed=1)
    assert len(drawn) == 8 and np.all(np.diff(drawn.values) > 0) and drawn.labels.mean() == 0.5
    assert np.array_equal(drawn.files, drawn.values.astype(str)) and np.array_equal(drawn.labels, drawn.values % 2)
    assert np.array_equal(drawn.values, examples.stratified(7, seed=1).values)
    assert not np.array_equal(drawn.values, examples.stratified(7, seed=2).values)
    assert np.array_equal(examples.stratified(50, seed=1).values, examples.values)
    both = join(drawn, examples)
    assert len(both) == 28 and np.array_equal(both.files, both.values.astype(str))


def test_a_rare_class_is_not_drawn_away():
    examples = numbered(100)
    rare = Examples(examples.values, (examples.values == 3).astype(np.float32), examples.files)
    assert 3 in rare.stratified(10, seed=0).values


# Normalisation and cache


TRAIN = FILMS[..., 0].astype(np.uint8)


@pytest.mark.parametrize(
    ("strategy", "mean", "deviation"),
    [
        ("fixed", 127.5, 127.5),
        ("training_global", TRAIN.mean(), TRAIN.std()),
        ("training_pixel", TRAIN.mean(axis=0), np.maximum(TRAIN.std(axis=0), 1)),
        ("sample", None, None),
    ],
)
def test_normalisation(strategy, mean, deviation):
    """Statistics are those of train, or of the image itself; never of the batch at hand."""
    other = TRAIN[:2].astype(float) // 2
    if strategy == "sample":
        mean, deviation = other.mean(axis=(1, 2), keepdims=True), other.std(axis=(1, 2), keepdims=True)
    layer = normalisation(strategy, TRAIN)
    normalised = layer(tf.constant(other[..., None], tf.float32)).numpy()[..., 0]
    assert np.abs(normalised - (other - mean) / deviation).max() < 1e-4
