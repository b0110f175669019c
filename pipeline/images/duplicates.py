"""Copies among images: the same pixels, or nearly the same picture.

A near-duplicate is a pair whose 64x64 thumbnails correlate more than unrelated images of this data ever should. Chest
films are all alike, so that no fixed threshold would do: Fisher's z of random pairs is close to normal, and the
threshold is where chance alone would give `CHANCE_PAIRS` among all pairs.

Candidates come from a perceptual hash: the low frequencies of the thumbnail's cosine transform (Zauner 2010), kept as
numbers instead of bits. The transform keeps distances and leaving coefficients out only shortens them, so that a pair
of correlation r lies within sqrt(2 - 2r): a search by k-d tree with that radius misses no pair.
"""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.fft import dct
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.stats import norm

THUMBNAIL = 64  # side in pixels
FREQUENCIES = 8  # of each direction
RANDOM_PAIRS = 30_000
CHANCE_PAIRS = 0.01  # pairs of unrelated images expected above the threshold, in the whole data set
FLOOR = 0.95  # a threshold below would join pictures that are plainly two
BLOCK = 1024  # images or pairs worked on at once, for the sake of memory


def find(sha256, thumbnails, seed):
    """Pairs of images that show the same, and the threshold that was used.

    Args:
        sha256: (images,) digests of the decoded pixels.
        thumbnails: uint8 (images, 64, 64).
        seed: of the random pairs.

    Returns:
        DataFrame (pairs) with first, second (positions, first < second), found ("exact" or "near") and correlation.
        Of n images with the same pixels n - 1 pairs stand for all, and near pairs name the first of them.
        A dict with exact_pairs and near_pairs (all of them), random_pairs, null_median, null_p99 (correlation of
        random pairs) and threshold.
    """
    same = pd.Series(range(len(sha256))).groupby(np.asarray(sha256), sort=False).agg(list)
    exact = [(first, second, "exact", 1.0) for copies in same for first, second in pairwise(copies)]
    distinct = np.array([copies[0] for copies in same])
    thumbnails = np.asarray(thumbnails)[distinct]
    threshold, null = _threshold(thumbnails, seed)
    first, second, correlation = _near(thumbnails, threshold)
    near = zip(distinct[first], distinct[second], ["near"] * len(first), correlation, strict=True)
    pairs = pd.DataFrame([*exact, *near], columns=["first", "second", "found", "correlation"])
    sizes = same.str.len()
    counts = {
        "exact_pairs": int((sizes * (sizes - 1) // 2).sum()),
        "near_pairs": int((sizes.iloc[first].to_numpy() * sizes.iloc[second].to_numpy()).sum()),
    }
    return pairs, counts | null | {"threshold": threshold}


def groups(pairs, count):
    """Number of the group of each of `count` images, int (count,): connected components of the pairs."""
    links = coo_array((np.ones(len(pairs)), (pairs["first"], pairs["second"])), shape=(count, count))
    return connected_components(links, directed=False)[1]


def correlations(thumbnails, first, second):
    """Normalised cross-correlation of pairs of images, float64 (pairs,); 0 where one of them is of a single grey."""
    blocks = [slice(start, start + BLOCK) for start in range(0, len(first), BLOCK)]
    found = [(_standardised(thumbnails[first[b]]) * _standardised(thumbnails[second[b]])).sum((1, 2)) for b in blocks]
    return np.clip(np.concatenate([*found, np.empty(0)]), -1, 1)


def _threshold(thumbnails, seed):
    """The correlation that chance exceeds in `CHANCE_PAIRS` of all pairs, and what it comes from.

    The spread is that between the median and the 99th percentile: real copies among the random pairs do not move it.
    """
    count = len(thumbnails)
    all_pairs = count * (count - 1) // 2
    if all_pairs <= RANDOM_PAIRS:
        first, second = np.triu_indices(count, 1)
    else:
        first, second = np.random.default_rng(seed).integers(0, count, (2, RANDOM_PAIRS))
        first, second = first[first != second], second[first != second]
    if not all_pairs:
        return FLOOR, {"random_pairs": 0, "null_median": math.nan, "null_p99": math.nan}
    median, p99 = np.quantile(correlations(thumbnails, first, second), [0.5, 0.99])
    z_median, z_p99 = np.arctanh(np.clip([median, p99], -0.999999, 0.999999))
    z = z_median + (z_p99 - z_median) / norm.isf(0.01) * norm.isf(min(0.5, CHANCE_PAIRS / all_pairs))
    null = {"random_pairs": len(first), "null_median": float(median), "null_p99": float(p99)}
    return max(FLOOR, float(np.tanh(z))), null


def _near(thumbnails, threshold):
    """Positions (pairs,), (pairs,) and correlations of all pairs at or above the threshold, in order."""
    basis = dct(np.eye(THUMBNAIL), axis=0, norm="ortho")[:FREQUENCIES].astype(np.float32)
    blocks = [thumbnails[start : start + BLOCK] for start in range(0, len(thumbnails), BLOCK)]
    hashes = np.concatenate([basis @ _standardised(block) @ basis.T for block in blocks]).reshape(len(thumbnails), -1)
    # All images of a single grey lie on the origin; none of them can correlate with another.
    varied = np.flatnonzero(np.ptp(thumbnails, axis=(1, 2)))
    if not len(varied):
        return np.empty(0, int), np.empty(0, int), np.empty(0)
    radius = math.sqrt(2 - 2 * threshold) + 1e-4  # for rounding to 32 bits
    candidates = varied[cKDTree(hashes[varied]).query_pairs(radius, output_type="ndarray")]
    candidates = candidates[np.lexsort(candidates.T[::-1])]
    correlation = correlations(thumbnails, *candidates.T)
    near = correlation >= threshold
    return *candidates[near].T, correlation[near]


def _standardised(thumbnails):
    """float32 of the same shape: each image with mean 0 and norm 1 (0 where it is of a single grey)."""
    images = thumbnails.astype(np.float32)
    images -= images.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt((images**2).sum(axis=(1, 2), keepdims=True))
    return np.divide(images, length, out=np.zeros_like(images), where=length > 1e-3)
