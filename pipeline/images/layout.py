"""Which image is where: class, split and mask of each file of an archive, by the names of its folders."""

import unicodedata
from pathlib import PurePosixPath

import pandas as pd

from pipeline.command import InputError, log
from pipeline.images.archive import IMAGES
from pipeline.vocabulary import LABELS, SPLITS

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
SPLIT_OF = {folder: split for split, folders in SPLIT_FOLDERS.items() for folder in folders}
KINDS = ("images", "masks")  # folders above or below a class; the database has them below
SPREADSHEETS = {".xlsx", ".xls", ".csv"}
ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"}
NAMED, EXAMPLES = 10, 3  # a message names up to so many files; of more than these, so many


def find_images(archive, source, class_folders):
    """Where each image and mask of the archive is, by the folders' names.

    The class of an image is the nearest folder above it that names one. Its split is the nearest folder above the class
    that names one, or else one below the class. A file below a folder masks/ is the mask of the image with the same
    name whose other folders are the same. Where no class is in a split, the archive has none (as the database).

    Returns:
        table, one row an image: file, split (None without splits), label, bytes, mask (its member's name or ""),
        class_folder; and all members of the archive in its order.
    """
    labels = {_alike(folder): label for label, folders in class_folders.items() for folder in folders}
    members = source.members()
    rows = [_placed(archive, member, labels) for member in members]
    enclosing = _enclosing(rows)
    _check_mixed(archive, rows, enclosing)
    rows = [row for row in rows if row["label"] and row["class_folder"] not in enclosing]
    columns = ["file", "split", "label", "bytes", "kind", "class_folder", "home", "own", "below"]
    found = pd.DataFrame(rows, columns=columns).astype({"split": object})
    if found["split"].notna().any():
        _check_splits(archive, found)
        found = found[found["split"].notna()]
    images = found[found["kind"] == "images"]
    if images.empty:
        raise InputError(f"{archive}: no images found{_instead(archive, members)}; {_expected(labels)}")
    _check_once(archive, images, labels)
    used, folders = set(found["file"]), set(found["class_folder"])
    if others := [member for member in members if member.name not in used]:
        log.info("%s: passed over %d file(s): %s", archive, len(others), _places(others, folders))
    if below := sorted(set(images["below"]) - {""}):
        log.info("%s: read images in folders below the classes' folders: %s", archive, some(below))
    images = images.assign(mask=_masks(archive, images, found[found["kind"] == "masks"]))
    images = images.sort_values(["split", "label", "file"])
    return images[["file", "split", "label", "bytes", "mask", "class_folder"]].reset_index(drop=True), members


def _alike(folder):
    """A folder's name as it is compared: in lower case, its accents as one character each."""
    return unicodedata.normalize("NFC", folder).lower()


def _placed(archive, member, labels):
    """What the folders of a member say of it; label None where they name no class."""
    folders = member.path.parent.parts
    names = [_alike(folder) for folder in folders]
    classes = [place for place, name in enumerate(names) if name in labels]
    if not classes or member.path.suffix.lower() in SPREADSHEETS:
        return {"file": member.name, "label": None}
    at = classes[-1]
    splits = [place for place, name in enumerate(names) if name in SPLIT_OF]
    above, below = [place for place in splits if place < at], [place for place in splits if place > at]
    place = next(reversed(above or below), None)
    split = None if place is None else SPLIT_OF[names[place]]
    if other := {SPLIT_OF[names[each]] for each in below} - {split}:
        raise InputError(f"{archive}: {member.name} is in {split} and in {other.pop()}; expected folders of one split")
    if place is None:
        home = folders[:at]
    else:
        home = [folder for number, folder in enumerate(folders[: place + 1]) if number != at]
    return {
        "file": member.name,
        "split": split,
        "label": labels[names[at]],
        "bytes": member.size,
        "kind": next((name for name in reversed(names) if name in KINDS), "images"),
        "class_folder": "/".join(folders[: at + 1]),
        "home": "/".join(home),
        # What an image and its mask have in common.
        "own": "/".join([*(f for f, name in zip(folders, names, strict=True) if name not in KINDS), member.path.stem]),
        "below": "/".join(f for f, name in zip(folders[at + 1 :], names[at + 1 :], strict=True) if name not in KINDS),
    }


def _enclosing(rows):
    """Folders named as one class that hold folders of another: the archive may be called covid/."""
    label_of = {row["class_folder"]: row["label"] for row in rows if row["label"]}
    return {
        outer
        for outer, label in label_of.items()
        for folder, other in label_of.items()
        if folder.startswith(f"{outer}/") and other != label
    }


def _check_mixed(archive, rows, enclosing):
    """Images beside the folder of another class: which class is theirs?"""
    mixed = [
        row["file"]
        for row in rows
        if row["label"]
        and row["class_folder"] in enclosing
        and not row["below"]
        and PurePosixPath(row["file"]).suffix.lower() in IMAGES
    ]
    if mixed:
        raise InputError(
            f"{archive}: {len(mixed)} image(s) are in a folder of one class beside a folder of the other: "
            f"{some(mixed)}; expected folders that hold one class each"
        )


def _check_splits(archive, found):
    """Where there are splits, folders of classes outside of them mean that a split has a name that is not known."""
    outside = found[found["split"].isna()]
    absent = [split for split in SPLITS if split not in set(found["split"])]
    if len(outside) and absent:
        known = ", ".join("/, ".join(SPLIT_FOLDERS[split]) + "/" for split in absent)
        raise InputError(
            f"{archive}: no images in {', '.join(absent)}, but {_counted(outside)} in folders that name no split; "
            f"expected {known}: rename the folders"
        )


def _expected(labels):
    return (
        f"expected folders train/, val/ and test/, each with one folder per class ({' and '.join(sorted(labels))}; "
        "dataset.classes names them), or only these two"
    )


def _instead(archive, members):
    """What an archive without images holds."""
    if inside := [member.name for member in members if member.path.suffix.lower() in ARCHIVES]:
        return f", but archive(s) in it: {some(inside)}; unpack {archive} and name what is in it"
    return f", but {_places(members)}" if members else ""


def _places(members, class_folders=()):
    """In a few words the folders of `members`, or their names where classes are in the same folder."""
    enclosing = {parent for folder in class_folders for parent in (PurePosixPath(folder) / "images").parents}
    enclosing.add(PurePosixPath())
    return some(sorted({m.name if m.path.parent in enclosing else f"{m.path.parent}/" for m in members}))


def _counted(images):
    """The folders of images, with how many each holds, in a few words."""
    counts = images["home"].value_counts().sort_index()
    return some([f"{home or 'its root'}{'/' if home else ''} ({count} images)" for home, count in counts.items()])


def _check_once(archive, images, labels):
    """Each class of each split, or each class where there are none, in one folder."""
    homes = images.groupby(["split", "label"], dropna=False)["home"].nunique()
    for split in homes[homes > 1].index.get_level_values("split").unique():
        of_split = images[images["split"].isna() if pd.isna(split) else images["split"] == split]
        there = f"there {of_split['home'].nunique()} times, in {_counted(of_split)}"
        if pd.isna(split):
            raise InputError(f"{archive}: the classes' folders are {there}; {_expected(labels)}: rename or merge them")
        raise InputError(f"{archive}: {split} is {there}; expected one folder for each split: merge them or remove one")


def check_complete(archive, images, class_folders):
    """Both classes in each split, or in the whole where there are no splits."""
    if images["split"].isna().all():
        absent = [label for label in LABELS if label not in set(images["label"])]
    else:
        present = set(zip(images["split"], images["label"], strict=True))
        absent = [f"{split}/{label}" for split in SPLITS for label in LABELS if (split, label) not in present]
    if absent:
        raise InputError(
            f"{archive}: no images in {', '.join(absent)}; found {some(sorted(set(images['class_folder'])))}; both "
            "classes are needed, in each split if there are any (a set without val: move a part of train there; folder "
            f"names of the classes: dataset.classes, now {dict(class_folders)})"
        )


def _masks(archive, images, masks):
    """Name of each image's mask, "" where the data has none: the file of its name in masks/ beside it."""
    of_image = pd.Series(masks["file"].to_numpy(), index=masks["own"])
    wanted = images["own"]
    orphans = sorted(of_image[~of_image.index.isin(wanted) | of_image.index.duplicated()])
    if orphans:
        raise InputError(
            f"{archive}: {len(orphans)} mask(s) without an image of their own by that name, as {orphans[0]}; "
            "remove them or add their images"
        )
    bare = images[~wanted.isin(of_image.index) | wanted.duplicated()]["file"]
    if len(masks) and len(bare):
        raise InputError(
            f"{archive}: {len(bare)} of {len(images)} images have no mask of their own, the first: {min(bare)}; "
            "masks are used for all images or for none: add these, or remove the folders masks/"
        )
    return wanted.map(of_image).to_numpy() if len(masks) else ""


def some(names):
    """All of a few names, or three of many and how many more there are."""
    names = list(names)
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:EXAMPLES])} and {len(names) - EXAMPLES} more"
