"""Copies among images: what the search finds, what it leaves alone, and that it misses nothing."""

import hashlib
import io
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from pipeline.images import duplicates
from pipeline.images.decode import resize
from tests.phantoms import phantom

SIDE = 80
FILMS = [phantom(np.random.default_rng((7, number)), ("normal", "covid")[number % 2], SIDE) for number in range(150)]


def find(images, seed=1):
    sha256 = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    return duplicates.find(sha256, thumbnails(images), seed)


def thumbnails(images):
    return np.stack([resize(image, duplicates.THUMBNAIL) for image in images])


def listed(pairs):
    return {(row.first, row.second, row.found) for row in pairs.itertuples()}


def jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def test_different_films_are_no_copies():
    pairs, counts = find(FILMS)
    assert len(pairs) == 0 and (counts["exact_pairs"], counts["near_pairs"]) == (0, 0)
    assert 0.95 <= counts["threshold"] < 1


@pytest.mark.parametrize(
    "altered",
    [
        jpeg,
        lambda image: resize(image, 50),
        lambda image: (image * 0.7 + 30).astype(np.uint8),
        lambda image: np.where(np.indices(image.shape).max(axis=0) < 5, 120, image).astype(np.uint8),
        lambda image: np.clip(image + np.random.default_rng(0).normal(0, 4, image.shape), 0, 255).astype(np.uint8),
    ],
    ids=["jpeg", "smaller", "contrast", "marker", "noise"],
)
def test_altered_copies_are_near_duplicates(altered):
    pairs, counts = find([*FILMS, altered(FILMS[3]), altered(FILMS[10])])
    assert listed(pairs) == {(3, 150, "near"), (10, 151, "near")} and counts["near_pairs"] == 2
    assert (pairs["correlation"] >= counts["threshold"]).all()


def test_exact_copies_are_counted_as_pairs_and_linked_once():
    pairs, counts = find([*FILMS, FILMS[5], FILMS[5], FILMS[6], jpeg(FILMS[5])])
    assert counts["exact_pairs"] == 4 and counts["near_pairs"] == 3
    assert listed(pairs) == {(5, 150, "exact"), (150, 151, "exact"), (6, 152, "exact"), (5, 153, "near")}
    group = duplicates.groups(pairs, 154)
    assert len({*group[[5, 150, 151, 153]]}) == 1 and group[6] == group[152] != group[5]
    assert len(set(group)) == 150


def test_no_pair_is_missed():
    """Against all pairs, each by numpy's own correlation coefficient, at a threshold that many pairs exceed."""
    small = thumbnails(FILMS)
    truth = {
        pair: np.corrcoef(small[pair[0]].ravel(), small[pair[1]].ravel())[0, 1] for pair in combinations(range(150), 2)
    }
    threshold = float(np.quantile(list(truth.values()), 0.97))
    first, second, correlation = duplicates._near(small, threshold)
    found = dict(zip(zip(first.tolist(), second.tolist(), strict=True), correlation, strict=True))
    assert set(found) == {pair for pair, value in truth.items() if value >= threshold} and len(found) > 300
    assert all(abs(found[pair] - truth[pair]) < 1e-5 for pair in found)


def test_threshold_follows_the_data():
    """Films all alike need a higher one; unrelated noise meets the floor."""
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 256, (100, 64, 64), np.uint8)
    assert find(noise)[1]["threshold"] == duplicates.FLOOR
    alike = [np.clip(FILMS[0] + rng.normal(0, 12, FILMS[0].shape), 0, 255).astype(np.uint8) for _ in range(100)]
    pairs, counts = find(alike)
    assert len(pairs) == 0 and counts["threshold"] > 0.98


def test_chance_stays_below_the_threshold():
    """Fisher's z of vectors whose correlation is known: of 2,000 images, no two are joined by chance."""
    rng = np.random.default_rng(4)
    common = rng.normal(size=16)
    small = resized_noise(common + 0.8 * rng.normal(size=(2000, 16)), rng)
    assert find(small)[1]["near_pairs"] == 0


def resized_noise(coefficients, rng):
    """uint8 (images, 64, 64): sums of 16 fixed smooth patterns."""
    patterns = np.stack(
        [np.asarray(Image.fromarray(p).resize((64, 64))) for p in rng.normal(size=(16, 6, 6)).astype("f")]
    )
    images = np.tensordot(coefficients, patterns, 1) + rng.normal(0, 0.5, (len(coefficients), 64, 64))
    return np.clip(128 + 12 * images, 0, 255).astype(np.uint8)


def test_images_of_one_grey_and_very_few_images():
    blank = [np.full((SIDE, SIDE), grey, np.uint8) for grey in (0, 90, 255)]
    assert len(find(blank)[0]) == 0
    assert listed(find([*blank, blank[1], *FILMS[:4]])[0]) == {(1, 3, "exact")}
    assert len(find(FILMS[:1])[0]) == 0
    assert listed(find([FILMS[0], FILMS[0]])[0]) == {(0, 1, "exact")}


def test_equal_seeds_give_equal_answers():
    images = [*FILMS, jpeg(FILMS[0])]
    (first, counts), (again, counts_again) = find(images), find(images)
    assert first.equals(again) and counts == counts_again
