"""data: images of another source, checked like the archive.

Images that the archive has too, in whichever split, are dropped: of those a model has seen, it would tell nothing new.

Reads   the external archive, in either layout, its own splits left aside; tables/data/index.csv and the caches of all
        splits.
Returns index, images (uint8 (images, size, size), in its rows' order), summary.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import InputError, log, run
from pipeline.data.index import COLUMNS, check_labels, check_phantoms, check_size, gather, read_images
from pipeline.images import duplicates
from pipeline.images.archive import open_source
from pipeline.images.decode import resize
from pipeline.images.layout import check_complete, find_images
from pipeline.vocabulary import LABELS, SPLITS


def prepare(archive: Path, index: pd.DataFrame, caches: list[np.ndarray], settings: dict):
    """Check, index and cache every image of the external set that is no copy of one of the archive.

    Args:
        caches: uint8 (images, size, size) of train, val and test.

    Raises:
        InputError: what the stage data raises; or a class of which nothing but copies is there, or too little.
    """
    dataset, seed = settings["dataset"], settings["seed"]
    source = open_source(archive)
    table, members = find_images(archive, source, dataset["classes"])
    check_complete(archive, table.assign(split=None), dataset["classes"])
    # Masks are of no use here.
    table = table.assign(mask="", split="external")
    rows, pixels, _, _ = read_images(archive, source, members, table, dataset["image_size"])
    check_phantoms(archive, table["file"], rows, settings["demo"])
    table = table.join(pd.DataFrame(rows))

    known = pd.concat([index[index["split"] == split] for split in SPLITS])  # in the order of the caches
    images = [*(image for images in caches for image in images), *pixels]
    thumbnails = np.stack([resize(np.asarray(image), duplicates.THUMBNAIL) for image in images])
    pairs, found = duplicates.find([*known["sha256"], *table["sha256"]], thumbnails, seed)
    # The archive's own pairs were judged by the stage data, from its files instead of its cache.
    pairs = pairs[pairs["second"] >= len(known)]
    pairs, _ = check_labels(archive, pd.concat([known, table], ignore_index=True), pairs)
    group = duplicates.groups(pairs, len(images))
    table["group"] = table.groupby(group[len(known) :])["file"].transform("min")
    copied = np.isin(group[len(known) :], group[: len(known)])
    kept = table[~copied].sort_values(["label", "file"])
    for label in LABELS:
        if label not in set(kept["label"]):
            raise InputError(
                f"{archive}: of {label}, all {(table['label'] == label).sum()} images are copies of images in the "
                "archive of dataset.path; expected images of another source in dataset.external"
            )
    check_size(archive, kept)

    counts = kept["label"].value_counts()
    log.info("external: %s; %d copies dropped", ", ".join(f"{counts[label]} {label}" for label in LABELS), copied.sum())
    counted = {"images": len(kept), **{label: counts[label] for label in LABELS}, "dropped": copied.sum()}
    return {
        "index": kept[COLUMNS],
        "images": gather(pixels, kept.index),
        "summary": pd.DataFrame([counted | {"threshold": found["threshold"]}]),
    }


if __name__ == "__main__":
    run(prepare)
