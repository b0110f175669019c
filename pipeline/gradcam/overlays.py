"""gradcam: the samples as the archive has them, with their maps laid over them.

A module and a rule of its own, so that the tables of gradcam do not depend on the archive being there.

Reads   the archive, of it only the images of tables/gradcam/samples.csv; their maps; from tables/data/index_test.csv
        the bits that their values use.
Returns imageN and overlayN, N the place in samples.csv, each at the image's own size.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.images.archive import open_source
from pipeline.images.decode import decode
from pipeline.models import explain, runtime


def overlay_samples(
    archive: Path, samples: pd.DataFrame, test_index: pd.DataFrame, maps: dict[str, np.ndarray], settings: dict
):
    """Decode the samples, enlarge their maps to them, and lay these over them."""
    runtime.start(settings["compute"])
    source, heat, arrays = open_source(archive), maps["heat"], {}
    places = {file: place for place, file in enumerate(samples["file"])}
    bits = test_index.set_index("file")["bit_depth"]
    # In the archive's order: a compressed tar can only be read forwards.
    for member in source.members():
        if member.name in places:
            place = places[member.name]
            image, _ = decode(source.read(member), bits[member.name])
            arrays[f"image{place}"] = image
            arrays[f"overlay{place}"] = explain.overlay(image, explain.enlarged(heat[[place]], *image.shape)[0])
    return {"overlays": arrays}


if __name__ == "__main__":
    run(overlay_samples)
