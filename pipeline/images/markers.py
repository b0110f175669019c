"""Burnt-in text and side markers: a simple detector.

Letters and lead markers are small, very bright and sharp-edged, and lie near the border. A white top-hat (the image
less its opening; Serra 1982) keeps what is brighter than all around it within a window, so that large bright tissue and
soft gradients vanish. What touches the edge is tissue that the film cuts off. Grey text, and text that is larger than
the window, are missed; a rib that shines through at the chest wall can be taken for a marker.
"""

import numpy as np
from scipy.ndimage import find_objects, label, white_tophat

from pipeline.images import regions

WINDOW = 0.07  # of the side: the largest extent of a letter
BRIGHT = 180  # least grey value
CONTRAST = 80  # least grey values above the brightest surroundings of the window's shape
NEAR = 0.15  # of the side: greatest mean distance from the edge
AREA = 3  # least pixels


def detect(images):
    """Where text and markers are.

    Args:
        images: uint8 (n, size, size).

    Returns:
        bool (n, size, size).
    """
    size = images.shape[1]
    window, edge = round(WINDOW * size) | 1, regions.to_edge(size)
    return np.stack([_detect(image, window, edge) for image in images])


def _detect(image, window, edge):
    components, count = label((white_tophat(image, size=window) >= CONTRAST) & (image >= BRIGHT), np.ones((3, 3)))
    kept = np.zeros(count + 1, bool)
    for number, place in enumerate(find_objects(components), start=1):
        inside = components[place] == number
        distance = edge[place][inside]
        kept[number] = (
            inside.sum() >= AREA
            and max(inside.shape) <= window
            and distance.mean() < NEAR
            and distance.min() > edge[0, 0]  # that of the outermost pixels
        )
    return kept[components]
