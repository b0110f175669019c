"""The detector of burnt-in text and markers finds what was planted, and nothing else."""

import numpy as np
import pytest

from pipeline.images import markers
from tests.phantoms import phantom

SIZE = 128


@pytest.fixture
def film():
    return phantom(np.random.default_rng(3), "normal", SIZE)


def letter(film, row, column, grey=250):
    """The film with an L of 6 by 4 pixels, and where it is."""
    place = np.zeros((SIZE, SIZE), bool)
    place[row : row + 6, column : column + 2] = True
    place[row + 4 : row + 6, column : column + 4] = True
    return np.where(place, np.uint8(grey), film), place


def test_phantoms_alone_have_no_markers(film):
    assert not markers.detect(film[None]).any()


@pytest.mark.parametrize("row, column", [(6, 8), (6, 112), (112, 8), (60, 4)])
def test_a_planted_letter_is_found_to_the_pixel(film, row, column):
    marked, place = letter(film, row, column)
    assert np.array_equal(markers.detect(np.stack([film, marked])), np.stack([np.zeros_like(place), place]))


@pytest.mark.parametrize("size", [64, 96, 192])
def test_what_is_found_does_not_hang_on_the_resolution(film, size):
    marked, place = letter(film, 6, 8)
    step = np.arange(size) * SIZE // size
    found = markers.detect(marked[step][:, step][None])[0]
    assert found.any() and not found[~place[step][:, step]].any()


def test_what_is_large_or_dim_or_soft_or_central_or_cut_off_by_the_edge_is_no_marker(film):
    large, dim, soft = film.copy(), letter(film, 6, 8, grey=150)[0], film.copy()
    large[4:24, 4:24] = 250
    y, x = np.ogrid[:SIZE, :SIZE]
    soft = np.clip(soft + 200 * np.exp(-((y - 12) ** 2 + (x - 12) ** 2) / 400), 0, 255).astype(np.uint8)
    central, cut_off = letter(film, 60, 62)[0], film.copy()
    cut_off[:4, 40:44] = 250
    assert not markers.detect(np.stack([large, dim, soft, central, cut_off])).any(axis=(1, 2)).any()
