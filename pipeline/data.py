"""data: an archive or folder of X-rays becomes a checked index and one uint8 cache a split.

Reads   the archive, in place.
Writes  tables/data/index.csv and index_{train,val,test}.csv, one row an image;
        results/data/{train,val,test}.npy, uint8 (images, size, size), in the rows' order, with digests.
"""

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline.command import InputError, log, run
from pipeline.images import cache
from pipeline.images.archive import open_source
from pipeline.images.decode import DecodeError, decode, resize

SPLITS = ("train", "val", "test")
SPLIT_FOLDERS = {"train": "train", "val": "val", "validation": "val", "test": "test"}
CLASSES = ("normal", "covid")  # covid is the positive class, 1


def data(archive: Path, settings: dict, index: Path, splits: list[Path], caches: list[Path]):
    """Check, index and cache every image of the archive.

    Raises:
        InputError: no images, a split or class missing or empty, generated images in a real build; or files that
            cannot be read, all of them listed at once.
    """
    source = open_source(archive)
    members = _find_images(archive, source, settings["dataset"]["classes"])
    if settings["dataset"]["draw"]:
        members = _draw(members, settings["dataset"]["draw"], settings["seed"])
    rows, pixels = _read(archive, source, members, settings["dataset"]["image_size"])
    _check_phantoms(archive, rows, settings["demo"])

    table = pd.DataFrame(rows)
    index.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(index, index=False)
    for split, split_index, split_cache in zip(SPLITS, splits, caches, strict=True):
        chosen = (table["split"] == split).to_numpy()
        table[chosen].to_csv(split_index, index=False)
        cached = cache.create(split_cache, (chosen.sum(), *pixels.shape[1:]), np.uint8)
        cached[:] = pixels[chosen]
        cached.flush()
        cache.seal(split_cache)
        counts = table[chosen]["label"].value_counts()
        log.info("%s: %s", split, ", ".join(f"{counts[label]} {label}" for label in CLASSES))


def _find_images(archive, source, class_folders):
    """(split, label, member) of each file in SPLIT/CLASS/, below any enclosing folder, sorted by name."""
    labels = {folder.lower(): label for label, folders in class_folders.items() for folder in folders}
    found, passed_over = [], set()
    for member in source.members():
        folders = [part.lower() for part in member.path.parts[:-1]]
        if len(folders) >= 2 and folders[-2] in SPLIT_FOLDERS:
            if folders[-1] in labels:
                found.append((SPLIT_FOLDERS[folders[-2]], labels[folders[-1]], member))
                continue
            passed_over.add(str(member.path.parent))
        elif folders:
            passed_over.add(str(member.path.parent))
    if not found:
        raise InputError(
            f"{archive}: no images found; expected folders train/, val/ and test/, each with one folder a class "
            f"({' and '.join(sorted(labels))}; dataset.classes names them)"
        )
    present = {(split, label) for split, label, _ in found}
    absent = [f"{split}/{label}" for split in SPLITS for label in CLASSES if (split, label) not in present]
    if absent:
        raise InputError(
            f"{archive}: no images in {', '.join(absent)}; each of train, val and test needs both classes "
            f"(folder names of the classes: dataset.classes, now {dict(class_folders)})"
        )
    if passed_over:
        log.info("%s: passed over %d folder(s): %s", archive, len(passed_over), ", ".join(sorted(passed_over)[:8]))
    return sorted(found, key=lambda image: (image[0], image[1], image[2].name))


def _draw(members, counts, seed):
    """Stand-ins for the three splits, all drawn from the archive's train split, class ratio kept.

    A quick run must leave the real test split unseen, so not one image of it is taken.
    """
    drawn = []
    train = [image for image in members if image[0] == "train"]
    shares = {label: sum(image[1] == label for image in train) / len(train) for label in CLASSES}
    for label in CLASSES:
        pool = [image for image in train if image[1] == label]
        random.Random(seed).shuffle(pool)
        for split in SPLITS:
            wanted = max(2, round(counts[split] * shares[label]))
            if len(pool) < wanted:
                raise InputError(
                    f"dataset.draw: {split} wants {wanted} more {label} images, but the archive's train split has only "
                    f"{len(pool)} left; lower the counts in dataset.draw"
                )
            drawn += [(split, label, member) for _, _, member in pool[:wanted]]
            pool = pool[wanted:]
    return sorted(drawn, key=lambda image: (image[0], image[1], image[2].name))


def _read(archive, source, members, size):
    """Index rows and pixels (images, size, size) of all members; all unreadable files are reported together."""
    pixels = np.empty((len(members), size, size), np.uint8)

    def read_one(position):
        split, label, member = members[position]
        try:
            grey, was = decode(source.read(member))
        except DecodeError as error:
            return f"{member.name}: {error}"
        except Exception as error:  # zipfile raises a different type for each kind of damage
            return f"{member.name}: cannot be taken out of the archive ({error})"
        pixels[position] = resize(grey, size)
        shape = f"{grey.shape}".encode()
        sha256 = hashlib.sha256(shape + np.ascontiguousarray(grey).tobytes()).hexdigest()
        return {"file": member.name, "split": split, "label": label, **was, "bytes": member.size, "sha256": sha256}

    with ThreadPoolExecutor() as pool:
        progress = tqdm(pool.map(read_one, range(len(members))), total=len(members), unit="image", disable=None)
        rows = list(progress)
    damaged = [row for row in rows if isinstance(row, str)]
    if damaged:
        raise InputError(
            f"{archive}: {len(damaged)} of {len(members)} files cannot be read as images; "
            "repair or remove them:\n  " + "\n  ".join(damaged)
        )
    return rows, pixels


def _check_phantoms(archive, rows, demo):
    """Generated images never stand in a real report, nor real ones in a demonstration."""
    phantoms = [row["file"] for row in rows if row.pop("phantom")]
    if phantoms and not demo:
        raise InputError(
            f"{archive}: {len(phantoms)} images are generated phantoms (the first: {phantoms[0]}); "
            "they are for `make demo` alone: name an archive of real X-rays in dataset.path"
        )
    if demo and len(phantoms) < len(rows):
        raise InputError(
            f"{archive}: real images in a demonstration, whose report says that all are generated; set demo: false"
        )


if __name__ == "__main__":
    run(data)
