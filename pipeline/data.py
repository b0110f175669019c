"""data: an archive or folder of X-rays becomes a checked index and one uint8 cache a split.

Reads   the archive, in place: split folders, or the COVID-19 Radiography Database as it is downloaded.
Writes  tables/data/index.csv and index_{train,val,test}.csv, one row an image;
        tables/data/duplicates.csv, one row a member of a group of copies, and duplicates_summary.csv;
        results/data/{train,val,test}.npy, uint8 (images, size, size), in the rows' order, with digests;
        results/data/{train,val,test}_masks.npy likewise, 0 and 255; (0, size, size) where the data has no masks.
"""

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline.command import InputError, log, run
from pipeline.images import cache, duplicates
from pipeline.images.archive import open_source
from pipeline.images.decode import DecodeError, as_mask, decode, resize
from pipeline.vocabulary import LABELS, SPLITS

LEAST = 5  # images of a split: explore compares splits by a classifier in as many folds
LEAST_OF_CLASS = 2  # in each split: the variance of an AUC is one over the images of a class
SPLIT_FOLDERS = {"train": "train", "val": "val", "validation": "val", "test": "test"}
KINDS = ("images", "masks")  # folders below a class, as the database has them
SPREADSHEETS = {".xlsx", ".xls", ".csv"}
COLUMNS = ["file", "split", "label", "width", "height", "mode", "bit_depth", "bytes", "sha256", "group", "mask"]
FILES_AT_ONCE = 256


def data(
    archive: Path,
    settings: dict,
    index: Path,
    splits: list[Path],
    caches: list[Path],
    masks: list[Path],
    duplicates_table: Path,
    summary: Path,
):
    """Check, index and cache every image of the archive.

    Raises:
        InputError: no images; a split or class missing, empty, too small or there twice; masks that are black or do not
            fit their images; generated images in a real build; equal pixels under two labels; copies across splits
            where dataset.duplicates is fail; or files that cannot be read, all of them listed at once.
    """
    dataset, seed = settings["dataset"], settings["seed"]
    source = open_source(archive)
    table, members = find_images(archive, source, dataset["classes"])
    check_complete(archive, table, dataset["classes"])
    has_splits = table["split"].notna().all()
    if has_splits and dataset["draw"]:
        table = _draw(table, dataset["draw"], seed)
    rows, pixels, thumbnails, mask_pixels = read_images(archive, source, members, table, dataset["image_size"])
    check_phantoms(archive, table["file"], rows, settings["demo"])
    table = table.reset_index(drop=True).join(pd.DataFrame(rows))

    pairs, found = duplicates.find(table["sha256"], thumbnails, seed)
    check_labels(archive, table)
    group = duplicates.groups(pairs, len(table))
    table["group"] = table.groupby(group)["file"].transform("min")
    if not has_splits:
        table["split"] = _split(table, dataset["ratios"], seed)
        check_complete(archive, table, dataset["classes"])
        if dataset["draw"]:
            table = _draw(table, dataset["draw"], seed)
    copies, dropped = _copies(archive, table, pairs, dataset["duplicates"])
    table = table[~table["file"].isin(dropped)].sort_values(["split", "label", "file"])
    check_complete(archive, table, dataset["classes"])
    check_size(archive, table)
    _report_copies(copies, found, len(pixels), dropped)

    index.parent.mkdir(parents=True, exist_ok=True)
    table[COLUMNS].to_csv(index, index=False)
    copies.assign(threshold=found["threshold"]).to_csv(duplicates_table, index=False)
    counts = {"images": len(pixels), **found, "groups": copies["group"].nunique(), "dropped": len(dropped)}
    pd.DataFrame([counts]).to_csv(summary, index=False)
    for split, split_index, split_cache, split_masks in zip(SPLITS, splits, caches, masks, strict=True):
        chosen = table[table["split"] == split]
        chosen[COLUMNS].to_csv(split_index, index=False)
        write(split_cache, pixels, chosen.index)
        write(split_masks, mask_pixels, chosen.index if len(mask_pixels) else [])
        counts = chosen["label"].value_counts()
        log.info("%s: %s", split, ", ".join(f"{counts[label]} {label}" for label in LABELS))


def find_images(archive, source, class_folders):
    """Where each image and mask of the archive is, by the folders' names.

    [SPLIT/]CLASS/[images/]NAME below any enclosing folder is an image, [SPLIT/]CLASS/masks/NAME the mask of the same
    name. Where no class lies in a split, the archive has none (as the database).

    Returns:
        table, one row an image: file, split (None without splits), label, bytes, mask (its member's name or "");
        and all members of the archive in its order.
    """
    labels = {folder.lower(): label for label, folders in class_folders.items() for folder in folders}
    members = source.members()
    found, others = [], []
    for member in members:
        folder, kind = member.path.parent, "images"
        if folder.name.lower() in KINDS:
            folder, kind = folder.parent, folder.name.lower()
        label = labels.get(folder.name.lower())
        if label is None or member.path.suffix.lower() in SPREADSHEETS:
            others.append(member)
            continue
        split = SPLIT_FOLDERS.get(folder.parent.name.lower())
        found.append((member.name, split, label, member.size, kind, str(folder), str(folder.parent)))
    columns = ["file", "split", "label", "bytes", "kind", "class_folder", "home"]
    found = pd.DataFrame(found, columns=columns).astype({"split": object})
    if found["split"].notna().any():
        strayed = set(found[found["split"].isna()]["file"])
        others += [member for member in members if member.name in strayed]
        found = found[found["split"].notna()]
    images = found[found["kind"] == "images"]
    if images.empty:
        there = f", but {_places(others, set())}" if others else ""
        raise InputError(
            f"{archive}: no images found{there}; expected folders train/, val/ and "
            f"test/, each with one folder a class ({' and '.join(sorted(labels))}; dataset.classes names them), or "
            "these two alone"
        )
    _check_once(archive, images)
    if others:
        log.info("%s: passed over %d file(s): %s", archive, len(others), _places(others, set(found["class_folder"])))
    images = images.assign(mask=_masks(archive, images, found[found["kind"] == "masks"]))
    images = images.sort_values(["split", "label", "file"])
    return images[["file", "split", "label", "bytes", "mask"]].reset_index(drop=True), members


def _places(members, class_folders):
    """In a few words the folders of `members`, or their names where images lie below the same folder."""
    enclosing = {parent for folder in class_folders for parent in (PurePosixPath(folder) / "images").parents}
    places = sorted({m.name if m.path.parent in enclosing else f"{m.path.parent}/" for m in members})
    return ", ".join(places[:8]) + (f" and {len(places) - 8} more" if len(places) > 8 else "")


def _check_once(archive, images):
    """Each split, or where there is none the pair of classes, in one folder."""
    for split, homes in images.groupby("split", dropna=False)["home"].unique().items():
        if len(homes) > 1:
            what = "the classes' folders are" if pd.isna(split) else f"{split} is"
            raise InputError(
                f"{archive}: {what} there {len(homes)} times, in {', '.join(sorted(homes))}; keep one of them"
            )


def check_complete(archive, images, class_folders):
    """Both classes in each split, or in the whole where there are no splits."""
    if images["split"].isna().all():
        absent = [label for label in LABELS if label not in set(images["label"])]
    else:
        present = set(zip(images["split"], images["label"], strict=True))
        absent = [f"{split}/{label}" for split in SPLITS for label in LABELS if (split, label) not in present]
    if absent:
        raise InputError(
            f"{archive}: no images in {', '.join(absent)}; both classes are needed, in each split if there are any "
            f"(folder names of the classes: dataset.classes, now {dict(class_folders)})"
        )


def check_size(archive, table):
    """In each split enough images, and of each class, to be compared with the others."""
    few = [f"{count} in {split}" for split, count in table["split"].value_counts().items() if count < LEAST]
    of_class = table.groupby(["split", "label"]).size()
    few += [f"{count} {label} in {split}" for (split, label), count in of_class.items() if count < LEAST_OF_CLASS]
    if few:
        raise InputError(
            f"{archive}: too few images, {', '.join(few)}; expected at least {LEAST} in each split, and in it "
            f"{LEAST_OF_CLASS} of each class, without which they cannot be compared; add images, or take larger counts "
            "where dataset.draw is set"
        )


def _masks(archive, images, masks):
    """Name of each image's mask, "" where the data has none: the file of its name in masks/ beside it."""

    def keys(files):
        return files["class_folder"] + "/" + files["file"].str.replace(r".*[/\\\\]|\.[^.]*$", "", regex=True)

    of_image = pd.Series(masks["file"].to_numpy(), index=keys(masks))
    wanted = keys(images)
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


def _draw(table, counts, seed):
    """Stand-ins for the three splits, all drawn from the archive's train split, class ratio kept.

    A quick run must leave the real test split unseen, so not one image of it is taken.
    """
    drawn = []
    train = table[table["split"] == "train"]
    for label, pool in train.groupby("label"):
        places = list(pool.index)
        random.Random(seed).shuffle(places)
        for split in SPLITS:
            wanted = max(2, round(counts[split] * len(pool) / len(train)))
            if len(places) < wanted:
                raise InputError(
                    f"dataset.draw: {split} wants {wanted} more {label} images, but the archive's train split has only "
                    f"{len(places)} left; lower the counts in dataset.draw"
                )
            drawn.append(table.loc[places[:wanted]].assign(split=split))
            places = places[wanted:]
    return pd.concat(drawn).sort_values(["split", "label", "file"])


def read_images(archive, source, members, table, size):
    """All images and masks of `table`, in the archive's order; all files that cannot be used are reported together.

    Returns:
        rows (images) of what the files were; pixels uint8 (images, size, size); thumbnails uint8 (images, 64, 64);
        masks uint8 (images, size, size), or (0, size, size) where there are none.
    """
    places = {name: ("images", place) for place, name in enumerate(table["file"])}
    places |= {name: ("masks", place) for place, name in enumerate(table["mask"]) if name}
    jobs = [member for member in members if member.name in places]
    rows, mask_shapes, damaged = [{} for _ in range(len(table))], {}, []
    pixels = np.empty((len(table), size, size), np.uint8)
    thumbnails = np.empty((len(table), duplicates.THUMBNAIL, duplicates.THUMBNAIL), np.uint8)
    masks = np.empty((len(table) if table["mask"].any() else 0, size, size), np.uint8)

    def content(member):
        try:
            return source.read(member)
        except Exception as error:  # each kind of archive and of damage raises a type of its own
            return error

    def use(member, content):
        kind, place = places[member.name]
        if isinstance(content, Exception):
            return f"{member.name}: cannot be taken out of the archive ({content})"
        try:
            grey, was = decode(content)
        except DecodeError as error:
            return f"{member.name}: {error}"
        if kind == "masks" and not grey.any():
            return f"{member.name}: a mask that is black throughout; mend it, or remove the folders masks/"
        if kind == "masks":
            masks[place], mask_shapes[place] = as_mask(grey, size), grey.shape
            return None
        pixels[place], thumbnails[place] = resize(grey, size), resize(grey, duplicates.THUMBNAIL)
        shape = f"{grey.shape}".encode()
        rows[place] = was | {"sha256": hashlib.sha256(shape + np.ascontiguousarray(grey).tobytes()).hexdigest()}
        return None

    with ThreadPoolExecutor() as pool, tqdm(total=len(jobs), unit="file", disable=None) as progress:
        under_way = []
        for batch in [*batched(jobs, FILES_AT_ONCE), ()]:
            contents = [content(member) for member in batch]  # read in order, while the pool decodes the batch before
            for message in under_way:
                damaged += [message] if message else []
                progress.update()
            under_way = pool.map(use, batch, contents)
    if damaged:
        raise InputError(
            f"{archive}: {len(damaged)} of {len(jobs)} files cannot be read as images; "
            "repair or remove them:\n  " + "\n  ".join(damaged)
        )
    _check_masks(archive, table, rows, mask_shapes)
    return rows, pixels, thumbnails, masks


def _check_masks(archive, table, rows, mask_shapes):
    """A mask may have another size than its image (the database's are 256x256 for 299x299), not another shape."""
    wrong = []
    for place, (height, width) in sorted(mask_shapes.items()):
        image_width, image_height = rows[place]["width"], rows[place]["height"]
        # Rounding to whole pixels changes a side by up to a half.
        if abs(width * image_height - height * image_width) > max(image_width, image_height) / 2:
            wrong.append(f"{table['mask'].iloc[place]}: {width}x{height}, its image {image_width}x{image_height}")
    if wrong:
        raise InputError(
            f"{archive}: {len(wrong)} mask(s) of another shape than their image; remove or repair them:\n  "
            + "\n  ".join(wrong)
        )


def check_labels(archive, table):
    """The same pixels under two labels: one of them is wrong, and no program can tell which."""
    contradicting = table[table.groupby("sha256")["label"].transform("nunique") > 1]
    if len(contradicting):
        listed = [" = ".join(sorted(copies["file"])) for _, copies in contradicting.groupby("sha256", sort=False)]
        raise InputError(
            f"{archive}: {len(listed)} image(s) under two labels, with the same pixels; "
            "keep the one with the right label:\n  " + "\n  ".join(sorted(listed))
        )


def _split(table, ratios, seed):
    """A split for each image: stratified by label, seeded, groups of near-duplicates kept together."""
    ends = np.cumsum([ratios[split] for split in SPLITS])
    groups = table.sort_values("file").groupby("group").agg(label=("label", "first"), size=("file", "size"))
    split_of = {}
    for _, members in groups.groupby("label"):
        members = members.sample(frac=1, random_state=seed)
        middle = (members["size"].cumsum() - members["size"] / 2) / members["size"].sum()
        places = np.searchsorted(ends, middle).clip(max=len(SPLITS) - 1)
        split_of |= dict(zip(members.index, np.take(SPLITS, places), strict=True))
    return table["group"].map(split_of)


def _copies(archive, table, pairs, policy):
    """What is done about each member of a group of copies, and the files that are dropped.

    A group in several splits stays in the last of train, val, test that it is in: what is scored on is not thinned out
    for the sake of what is trained on.
    """
    partners = pd.concat([pairs, pairs.rename(columns={"first": "second", "second": "first"})])
    partners = partners[partners["first"].isin(table.index) & partners["second"].isin(table.index)]
    # Of several copies of a file, the most alike is named.
    partners = partners.sort_values(["correlation", "second"], ascending=[False, True]).drop_duplicates("first")
    partners = partners.set_index("first")
    copies = table.loc[partners.index].sort_values(["group", "split", "file"])[["group", "file", "split", "label"]]
    partners = partners.loc[copies.index]
    copies["found"], copies["correlation"] = partners["found"], partners["correlation"].round(6)
    copies["copy_of"] = table["file"].loc[partners["second"]].to_numpy()

    rank = copies["split"].map(SPLITS.index)
    last = rank.groupby(copies["group"]).transform("max")
    leaks = rank < last
    across = rank.groupby(copies["group"]).transform("nunique") > 1
    if policy == "fail" and across.any():
        listed = [", ".join(members["file"]) for _, members in copies[across].groupby("group")]
        raise InputError(
            f"{archive}: {len(listed)} group(s) of copies across splits (dataset.duplicates: fail); "
            "remove all but one split's, or set dataset.duplicates: drop\n  " + "\n  ".join(listed)
        )
    drop = leaks & (policy == "drop")
    copies["done"] = np.select([drop, across], ["dropped", "kept"], "kept (one split)")
    return copies, set(copies[drop]["file"])


def _report_copies(copies, found, images, dropped):
    across = copies.groupby("group")["split"].nunique().gt(1).sum()
    log.info(
        "%d images: %d group(s) of copies (correlation of %.4f and more), %d across splits; %d image(s) dropped",
        images,
        copies["group"].nunique(),
        found["threshold"],
        across,
        len(dropped),
    )


def write(path, arrays, places):
    """A cache of the arrays at `places`, with its digest."""
    cached = cache.create(path, (len(places), *arrays.shape[1:]), np.uint8)
    for number, place in enumerate(places):
        cached[number] = arrays[place]
    cached.flush()
    cache.seal(path)


def check_phantoms(archive, files, rows, demo):
    """Generated images never stand in a real report, nor real ones in a demonstration."""
    phantoms = [file for file, row in zip(files, rows, strict=True) if row.pop("phantom")]
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
