"""Regions of a film: the lungs where the data has masks of them, otherwise a stated central region; border, corners."""

import numpy as np

# Parts of the side. The central region holds the lungs of most frontal films, and none of the border.
TOP, BOTTOM, LEFT, RIGHT = 0.15, 0.85, 0.1, 0.9
BORDER = 0.1
CORNER = 0.2

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
    near = _to_edge(size) < BORDER
    return near[:, None] | near[None, :]


def corners(size):
    """The four corners: bool (size, size)."""
    near = _to_edge(size) < CORNER
    return near[:, None] & near[None, :]


def _centres(size):
    return (np.arange(size) + 0.5) / size


def _to_edge(size):
    place = _centres(size)
    return np.minimum(place, 1 - place)
