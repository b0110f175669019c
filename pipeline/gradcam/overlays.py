"""gradcam_overlays: the shown images as the archive has them, with their maps laid over them. It belongs to gradcam.

A module and a rule of its own, so that the tables of gradcam do not depend on the archive being there.

Reads   the archive, of it only the images of tables/gradcam/samples.csv; their maps, results/gradcam/maps.npz; from
        tables/data/index_test.csv the bits that their values use.
Writes  results/gradcam/overlays.npz: imageN and overlayN, N the place in samples.csv, each at the image's own size.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.images.archive import open_source
from pipeline.images.decode import decode
from pipeline.models import explain, runtime


def gradcam_overlays(archive: Path, samples: Path, test_index: Path, maps: Path, settings: dict, overlays: Path):
    """Decode the images that are shown, enlarge their maps to them, and lay these over them."""
    runtime.start(settings["compute"])
    source, heat, arrays = open_source(archive), np.load(maps)["heat"], {}
    places = {file: place for place, file in enumerate(pd.read_csv(samples)["file"])}
    bits = pd.read_csv(test_index).set_index("file")["bit_depth"]
    # In the archive's order: a compressed tar can only be read forwards.
    for member in source.members():
        if member.name in places:
            place = places[member.name]
            image, _ = decode(source.read(member), bits[member.name])
            arrays[f"image{place}"] = image
            arrays[f"overlay{place}"] = explain.overlay(image, explain.enlarged(heat[[place]], *image.shape)[0])
    np.savez_compressed(overlays, **arrays)


if __name__ == "__main__":
    run(gradcam_overlays)
