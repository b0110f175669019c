"""Regions of a film: the lungs where the data has masks of them, otherwise a stated central region; border, corners."""

import numpy as np

# Parts of the side. The central region holds the lungs of most frontal films, and none of the border.
TOP, BOTTOM, LEFT, RIGHT = 0.15, 0.85, 0.1, 0.9
BORDER = 0.1
CORNER = 0.2
BLACK = 10  # greatest grey value of a black border
BORDER_LINE = 0.95  # share of black pixels from which a line of the edge is border: text and markers stand in it

LUNGS, CENTRAL = "lungs", "central region"  # what `inside` is called in every statement about it


def inside(masks, count, size):
    """Where the lungs are.

    Args:
        masks: uint8 (count, size, size), 0 outside; or (0, size, size) where the data has none.

    Returns:
        bool (count, size, size), and its name: LUNGS, or CENTRAL, alike for all images.
    """
    if len(masks):
        return np.asarray(masks) > 0, LUNGS
    return np.broadcast_to(central(size), (count, size, size)), CENTRAL


def central(size):
    """The central region: bool (size, size)."""
    place = _centres(size)
    return ((place > TOP) & (place < BOTTOM))[:, None] & ((place > LEFT) & (place < RIGHT))[None, :]


def border(size):
    """The outer frame: bool (size, size)."""
    return to_edge(size) < BORDER


def corners(size):
    """The four corners: bool (size, size)."""
    near = _to_edge(size) < CORNER
    return near[:, None] & near[None, :]


def border_share(image):
    """Share of the image in unbroken runs of black rows and columns from its edges; 1 for a black image.

    A row or column is black when 95 % of its pixels are at most 10.
    """
    dark = image <= BLACK
    kept = 1.0
    for axis in (0, 1):
        bright = np.flatnonzero(dark.mean(axis=1 - axis) < BORDER_LINE)
        kept *= (bright[-1] - bright[0] + 1) / image.shape[axis] if len(bright) else 0.0
    return 1 - kept


def to_edge(size):
    """Distance of each pixel from the nearest edge, as a part of the side: float (size, size)."""
    near = _to_edge(size)
    return np.minimum(near[:, None], near[None, :])


def _centres(size):
    return (np.arange(size) + 0.5) / size


def _to_edge(size):
    place = _centres(size)
    return np.minimum(place, 1 - place)
