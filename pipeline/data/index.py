"""data: an archive or folder of X-rays becomes a checked index and one uint8 cache a split.

Reads   the archive, in place: split folders, or the COVID-19 Radiography Database as it is downloaded.
Returns index and splits, one row per image; duplicates, one row per member of a group of copies, and its summary;
        caches, uint8 (images, size, size), in the rows' order, one per split; masks likewise, 0 and 255;
        (0, size, size) where the data has no masks.
"""

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import batched
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline import storage
from pipeline.command import InputError, log, run
from pipeline.images import duplicates
from pipeline.images.archive import ReadError, open_source
from pipeline.images.decode import DecodeError, as_mask, decode, film, resize
from pipeline.images.layout import check_complete, find_images, some
from pipeline.vocabulary import LABELS, SPLITS

MIN_IMAGES = 5  # images of a split: explore compares splits by a classifier in as many folds
MIN_IMAGES_OF_CLASS = 2  # in each split: the variance of an AUC is one over the images of a class
SAME_FILM = 0.998  # correlation of a film with itself saved again: 0.9994 and more as JPEG of quality 60 or in half the
# size; of the two films in the COVID-19 Radiography Database's subset that are most alike, 0.9975
INVERTED = -0.5  # correlation with the mean image; in that subset, -0.28 and more
BITS_APART = 4  # that one 16-bit file may use fewer than others of the data set
COLUMNS = ["file", "split", "label", "width", "height", "mode", "bit_depth", "bytes", "sha256", "group", "mask"]
FILES_AT_ONCE = 256


def prepare(archive: Path, settings: dict):
    """Check, index and cache every image of the archive.

    Raises:
        InputError: no images; a split or class missing, empty, too small or there twice; masks that are black or do not
            fit their images; generated images in a real build; the same film under two labels; copies across splits
            where dataset.duplicates is fail; or files that cannot be read, all of them at once, by cause.
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

    name_inverted(archive, table["file"], thumbnails)
    pairs, found = duplicates.find(table["sha256"], thumbnails, seed)
    pairs, of_two_labels = check_labels(archive, table, pairs)
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

    listed = pd.concat([copies, _of_two_labels(table, of_two_labels)])
    counts = {"images": len(pixels), **found, "groups": copies["group"].nunique(), "dropped": len(dropped)}
    of_split = {split: table[table["split"] == split] for split in SPLITS}
    for split, rows in of_split.items():
        labels = rows["label"].value_counts()
        log.info("%s: %s", split, ", ".join(f"{labels[label]} {label}" for label in LABELS))
    return {
        "index": table[COLUMNS],
        "splits": [rows[COLUMNS] for rows in of_split.values()],
        "caches": [gather(pixels, rows.index) for rows in of_split.values()],
        "masks": [gather(mask_pixels, rows.index if len(mask_pixels) else []) for rows in of_split.values()],
        "duplicates": listed.assign(threshold=found["threshold"]),
        "summary": pd.DataFrame([counts]),
    }


def check_size(archive, table):
    """In each split enough images, and of each class, to be compared with the others; copies count once."""
    different = table.drop_duplicates(["split", "group"])
    few = [f"{count} in {split}" for split, count in different["split"].value_counts().items() if count < MIN_IMAGES]
    of_class = different.groupby(["split", "label"]).size()
    few += [f"{count} {label} in {split}" for (split, label), count in of_class.items() if count < MIN_IMAGES_OF_CLASS]
    if few:
        raise InputError(
            f"{archive}: too few images, {', '.join(few)} (copies count once); expected at least {MIN_IMAGES} in "
            f"each split, and in it {MIN_IMAGES_OF_CLASS} of each class, without which they cannot be compared; add "
            "images, or increase the counts in dataset.draw if it is set"
        )


def _draw(table, counts, seed):
    """Stand-ins for the three splits, all drawn from the archive's train split, class ratio kept.

    A quick run must leave the real test split unseen, so not one image of it is gather.
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
                    f"dataset.draw: {split} needs {wanted} more {label} images, but the archive's train split has only "
                    f"{len(places)} left; lower the counts in dataset.draw"
                )
            drawn.append(table.loc[places[:wanted]].assign(split=split))
            places = places[wanted:]
    return pd.concat(drawn).sort_values(["split", "label", "file"])


def read_images(archive, source, members, table, size):
    """All images and masks of `table`, in the archive's order; all files that cannot be used are reported together.

    16-bit grey whose file does not state its range is scaled from the least range that holds the values of all such
    files, so that images stay as bright beside each other as they are.

    Returns:
        rows (images) of what the files were; pixels uint8 (images, size, size); thumbnails uint8 (images, 64, 64);
        masks uint8 (images, size, size), or (0, size, size) where there are none.
    """
    places = {name: ("images", place) for place, name in enumerate(table["file"])}
    places |= {name: ("masks", place) for place, name in enumerate(table["mask"]) if name}
    jobs = [member for member in members if member.name in places]
    rows, mask_shapes = [{} for _ in range(len(table))], {}
    pixels = np.empty((len(table), size, size), np.uint8)
    thumbnails = np.empty((len(table), duplicates.THUMBNAIL, duplicates.THUMBNAIL), np.uint8)
    masks = np.empty((len(table) if table["mask"].any() else 0, size, size), np.uint8)

    def use(member, content, bits=None):
        kind, place = places[member.name]
        grey, was = decode(content) if kind == "masks" else film(content, bits)
        if kind == "masks":
            if not grey.any():
                raise DecodeError("a mask that is black throughout (correct it, or remove the folders masks/)")
            masks[place], mask_shapes[place] = as_mask(grey, size), grey.shape
            return
        pixels[place], thumbnails[place] = resize(grey, size), resize(grey, duplicates.THUMBNAIL)
        shape = f"{grey.shape}".encode()
        rows[place] = was | {"sha256": hashlib.sha256(shape + np.ascontiguousarray(grey).tobytes()).hexdigest()}

    failed = _in_order(source, jobs, use)
    unstated = {
        table["file"].iloc[place]: row["bit_depth"]
        for place, row in enumerate(rows)
        if not row.pop("range_known", True)
    }
    bits = max(unstated.values(), default=0)
    failed += _of_other_range(unstated, bits)
    again = [member for member in jobs if bits - BITS_APART < unstated.get(member.name, bits) < bits]
    failed += _in_order(source, again, partial(use, bits=bits))
    if failed:
        raise InputError(f"{archive}: {len(failed)} of {len(jobs)} files cannot be read as images; {_by_cause(failed)}")
    for row in rows:
        row.pop("range_known", None)
    if unstated and bits < 16:
        log.info("%s: values of %d 16-bit files are read as %d-bit, which holds all", archive, len(unstated), bits)
    _check_masks(archive, table, rows, mask_shapes)
    return rows, pixels, thumbnails, masks


def _of_other_range(unstated, bits):
    """(name, error) of the 16-bit files that use many more or fewer bits than most: beside those they would look black,
    or make those look so."""
    wide = {name for name, own in unstated.items() if own > bits - BITS_APART}
    odd = min(wide, unstated.keys() - wide, key=len)
    others = max((own for name, own in unstated.items() if name not in odd), default=0)
    for name in sorted(odd):
        found = f"values of {unstated[name]} bits in a 16-bit file, where other such files use {others}"
        fix = "convert all to 8 bits, or state the range in each file: PNG's sBIT, TIFF's BitsPerSample"
        yield name, DecodeError(f"{found} ({fix})")


def _in_order(source, members, use):
    """Call use(member, its content) for each member, read in order, in threads; (name, error) of those that fail."""

    def attempt(member, content):
        try:
            return use(member, content) if isinstance(content, bytes) else content
        except DecodeError as error:
            return error

    def content(member):
        try:
            return source.read(member)
        except ReadError as error:
            return error

    failed, under_way = [], []
    with ThreadPoolExecutor() as pool, tqdm(total=len(members), unit="file", disable=None) as progress:
        for batch in [*batched(members, FILES_AT_ONCE), ()]:
            contents = [content(member) for member in batch]  # while the pool decodes the batch before
            for member, error in under_way:
                failed += [(member.name, error)] if error else []
                progress.update()
            under_way = zip(batch, pool.map(attempt, batch, contents), strict=True)
    return failed


def _by_cause(failed):
    """Files that cannot be used, by cause: a line each, or the only cause in the same line."""
    causes = {}
    for name, error in failed:
        cause, detail = (error.cause, error.detail) if isinstance(error, DecodeError) else (str(error), "")
        causes.setdefault(cause, []).append(f"{name} ({detail})" if detail else name)
    lines = [f"{cause}: {len(names)} file(s), {some(sorted(names))}" for cause, names in sorted(causes.items())]
    return lines[0] if len(lines) == 1 else "\n  ".join(["repair or remove them:", *lines])


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
            f"{archive}: {len(wrong)} mask(s) of another shape than their image; remove or repair them: {some(wrong)}"
        )


def name_inverted(archive, files, thumbnails):
    """Log images that look like negatives: nothing says so in their files, and a film may also be unusual."""
    mean = thumbnails.mean(axis=0).astype(np.uint8)
    places = np.arange(len(thumbnails))
    alike = duplicates.correlations(np.concatenate([thumbnails, [mean]]), places, np.full_like(places, len(places)))
    if inverted := sorted(files[alike < INVERTED]):
        log.warning(
            "%s: %d image(s) look inverted (white for black): %s; look at them", archive, len(inverted), some(inverted)
        )


def check_labels(archive, table, pairs):
    """Refuse one film under two labels: one of them is wrong, and no program can tell which.

    Returns:
        pairs of one label, which are copies; pairs of two labels, which may be different films, and which are named.
    """
    label = table["label"].to_numpy()
    same_film = duplicates.groups(pairs[pairs["correlation"] >= SAME_FILM], len(table))
    films = table.groupby(same_film)
    contradicting = table[films["label"].transform("nunique") > 1]
    if len(contradicting):
        listed = sorted(
            " = ".join(sorted(files)) for _, files in contradicting.groupby(same_film[contradicting.index])["file"]
        )
        raise InputError(
            f"{archive}: {len(listed)} image(s) under two labels, with the same pixels or saved again (correlation of "
            f"{SAME_FILM} and more); keep the one with the right label: {some(listed)}"
        )
    of_two_labels = label[pairs["first"]] != label[pairs["second"]]
    named = [
        f"{table['file'][pair.first]} ~ {table['file'][pair.second]} ({pair.correlation:.4f})"
        for pair in pairs[of_two_labels].itertuples()
    ]
    if named:
        log.warning(
            "%s: %d pair(s) of nearly the same image under two labels, which are kept: %s; look at them",
            archive,
            len(named),
            some(named),
        )
    return pairs[~of_two_labels], pairs[of_two_labels]


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
        listed = [" = ".join(members["file"]) for _, members in copies[across].groupby("group")]
        raise InputError(
            f"{archive}: {len(listed)} group(s) of copies across splits (dataset.duplicates: fail); "
            f"remove all but one split's, or set dataset.duplicates: drop: {some(listed)}"
        )
    drop = leaks & (policy == "drop")
    copies["done"] = np.select([drop, across], ["dropped", "kept"], "kept (one split)")
    return copies, set(copies[drop]["file"])


def _of_two_labels(table, pairs):
    """Rows for the table of copies: each image of a pair with two labels, of which none is dropped for the other."""
    both = pd.concat([pairs, pairs.rename(columns={"first": "second", "second": "first"})])
    both = both[both["first"].isin(table.index) & both["second"].isin(table.index)].sort_values(["first", "second"])
    rows = table.loc[both["first"], ["group", "file", "split", "label"]]
    return rows.assign(
        found=both["found"].to_numpy(),
        correlation=both["correlation"].round(6).to_numpy(),
        copy_of=table["file"].loc[both["second"]].to_numpy(),
        done="kept (two labels)",
    )


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


def gather(arrays, places):
    """The arrays at `places`, on disk, not in memory."""
    array = storage.scratch((len(places), *arrays.shape[1:]), np.uint8)
    for number, place in enumerate(places):
        array[number] = arrays[place]
    return array


def check_phantoms(archive, files, rows, demo):
    """Generated images never stand in a real report, nor real ones in a demonstration."""
    phantoms = [file for file, row in zip(files, rows, strict=True) if row.pop("phantom")]
    if phantoms and not demo:
        raise InputError(
            f"{archive}: {len(phantoms)} images are generated phantoms (the first: {phantoms[0]}); "
            "they are only for `make demo`: name an archive of real X-rays in dataset.path"
        )
    if demo and len(phantoms) < len(rows):
        raise InputError(
            f"{archive}: real images in a demonstration, whose report says that all are generated; set demo: false"
        )


if __name__ == "__main__":
    run(prepare)
