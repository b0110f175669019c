"""ablate: the images of one split again, decoded at another size.

A module of its own, with little behind it, so that no edit of a study decodes anything again.

Reads   the archive, of it only the files of one split's index.
Returns images, uint8 (images, size, size), in the index's order.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import storage
from pipeline.command import run
from pipeline.images.archive import open_source
from pipeline.images.decode import decode, resize


def decode_images(archive: Path, index: pd.DataFrame, size: int):
    """Decode the files that the index names, and resize them."""
    source = open_source(archive)
    places = {file: place for place, file in enumerate(index["file"])}
    images = storage.scratch((len(places), size, size), np.uint8)
    # In the archive's order: a compressed tar can only be read forwards.
    for member in source.members():
        if member.name in places:
            place = places[member.name]
            image, _ = decode(source.read(member), index["bit_depth"][place])
            images[place] = resize(image, size)
    return {"images": images}


if __name__ == "__main__":
    run(decode_images)
