"""CPU time and memory against the number of images: python -m tests.benchmarks.growth ARCHIVE FOLDER

The stages data, explore and features (one view) and one training epoch of the baseline, each by its Snakemake target,
on 1,000 to 16,000 images; data and explore on 64,000 as well. These are seeded crops and warps of the images of
ARCHIVE, each different enough to be no near-duplicate of another, marked as generated and good for nothing but their
cost; archives and builds are written to FOLDER, a new one outside the checkout, and deleted at the end. The report
reads tables and figures and no image.

The columns behind the sizes are what 1,000 further images take, from one size to a later one. Where they are the same
the cost is linear. Expected: no more than that. Of memory, the last two columns are the thousands of images at which a
process would reach 4 and 16 GB, by a line through the last two sizes. Files that are mapped count as memory.

Start-up is in each number. So data and explore are called once more, inside a process each, and their parts measured:
what grows faster than the number of images, and what holds the memory, is seen there. Needs Linux.
"""

import argparse
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.data import index
from pipeline.explore import describe
from pipeline.images import duplicates
from pipeline.images.archive import open_source
from pipeline.images.decode import decode
from pipeline.images.layout import find_images
from tests import phantoms
from tests.benchmarks import common

WARM_UP = 500  # images of the first run, which compiles Python's modules and is not counted
SIZES = [1000, 2000, 4000, 16000, 64000]
STEPS = [(1000, 4000), (4000, 16000), (16000, 64000)]
SPLITS = ["train"] * 14 + ["val"] * 3 + ["test"] * 3  # of each twenty images
# The backbone's weights are random: its cost does not depend on them.
OVERLAY = {
    "demo": True,
    "dataset": {"path": "images.zip"},
    "transfer": {"weights": "random", "views": 1},
    "training": {"epochs": 1},
    "tune": {"epochs": 1},
}
UNTIMED = ["results/features/backbone.keras"]
STAGES = {
    "data": ["tables/data/index.csv"],
    "explore": ["tables/explore/sizes.csv"],
    "features": ["results/features/train.npy", "results/features/val.npy"],
    "training epoch": ["tables/train/baseline_initial.csv"],
}
LARGEST = {"features": 16000, "training epoch": 16000}  # of a stage that is not run on all sizes
# Functions of data and explore, by the module in which their stage finds them; none calls another.
PARTS = {
    "data": [(index, "read_images"), (index, "name_inverted"), (duplicates, "find"), (index, "gather")],
    "explore": [
        (describe, name)
        for name in (
            "grey_counts", "pixel_moments", "image_table", "thumbnail_table", "uniformity_table", "shortcut_table"
        )
    ],
}  # fmt: skip
LIMITS = [4000, 16000]  # MB


def main():
    archive, folder = arguments()
    write_archives(archive, folder)
    rows, parts = [], []
    for size in [WARM_UP, *SIZES]:
        place = folder / str(size)
        (place / "overlay.yaml").write_text(json.dumps(OVERLAY))  # JSON is YAML
        snakemake(UNTIMED, place)  # not counted: it does not depend on the images
        for stage, targets in STAGES.items():
            if size > LARGEST.get(stage, size):
                continue
            seconds, megabytes = snakemake(targets, place)
            print(f"{size} images, {stage}: {seconds:.1f} CPU s, {megabytes:.0f} MB", flush=True)
            if size != WARM_UP:
                rows.append({"stage": stage, "images": size, "CPU s": seconds, "MB": megabytes})
        if size != WARM_UP:
            for stage in PARTS:
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    parts += [{"images": size, **row} for row in pool.apply(parts_of, (stage, place))]
        print(f"{size} images, {dropped(place)} of them dropped as copies", flush=True)
        shutil.rmtree(place)
    print_growth(pd.DataFrame(rows), "stage")
    print_growth(pd.DataFrame(parts), "part")
    folder.rmdir()


def arguments():
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    command.add_argument("archive", type=Path, metavar="ARCHIVE", help="archive or folder of images, only read")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="new folder for archives and builds")
    given = command.parse_args()
    folder = given.folder.resolve()
    if folder.exists() or folder.is_relative_to(common.ROOT):
        command.error(f"{folder}: exists or is in the checkout; name a new folder outside of it")
    return given.archive, folder


def write_archives(archive, folder):
    """FOLDER/SIZE/images.zip for each size: the first images of one and the same series."""
    source = open_source(archive)
    images, members = find_images(archive, source, common.settings()["dataset"]["classes"])
    images = images.sample(frac=1, random_state=0).to_dict("records")
    members = {member.name: member for member in members}
    zips = {}
    for size in [WARM_UP, *SIZES]:
        (folder / str(size)).mkdir(parents=True)
        zips[size] = zipfile.ZipFile(folder / str(size) / "images.zip", "w")
    for number in range(max(SIZES)):
        image = images[number % len(images)]
        grey, _ = decode(source.read(members[image["file"]]))
        name = f"{SPLITS[number % len(SPLITS)]}/{image['label']}/{number}.png"
        content = phantoms.png(warped(grey, np.random.default_rng(number)))
        for size, file in zips.items():
            if number < size:
                file.writestr(name, content)
    for file in zips.values():
        file.close()


def warped(grey, random):
    """A quadrilateral of the image, each corner drawn from near its own, stretched to the whole: (height, width)."""
    height, width = grey.shape
    # Upper left, lower left, lower right, upper right, as Pillow takes them.
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    inwards = random.uniform(0, 0.4, (4, 2))
    places = np.abs(corners - inwards) * [width, height]
    return Image.fromarray(grey).transform(
        (width, height), Image.Transform.QUAD, places.ravel().tolist(), Image.Resampling.BILINEAR
    )


def dropped(folder):
    """How many warps were taken for copies of others: those that are too alike by chance, of many thousands a few."""
    return pd.read_csv(folder / "tables/data/duplicates_summary.csv")["dropped"].item()


def snakemake(targets, folder):
    """CPU seconds and peak memory (MB) of one call of Snakemake, its jobs included."""
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", common.ROOT / "Snakefile", "--cores", "1"]
    command += ["--directory", folder, "--configfile", folder / "overlay.yaml"]
    with open(folder / "snakemake.log", "w") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT)
        # Of the process and all that it waited for; Linux counts memory in kB.
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit((folder / "snakemake.log").read_text())
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def parts_of(stage, folder):
    """Rows of part, CPU s (of all threads) and MB (peak while it runs); the last row is the stage as a whole."""
    os.chdir(folder)
    rows = {}
    for module, name in PARTS[stage]:
        setattr(module, name, measured(getattr(module, name), rows))
    settings = common.settings() | OVERLAY | {"dataset": common.settings()["dataset"]}
    start = time.process_time()
    if stage == "data":
        index.prepare(Path("images.zip"), settings)
    else:
        caches = [np.load(f"results/data/{split}.npy", mmap_mode="r") for split in ("train", "val", "test")]
        describe.describe(pd.read_csv("tables/data/index.csv"), *caches, settings)
    rows["all"] = {"CPU s": time.process_time() - start, "MB": max(row["MB"] for row in rows.values())}
    return [{"part": f"{stage}: {part}", **row} for part, row in rows.items()]


def measured(part, rows):
    """`part`, whose calls add their CPU seconds to its row and raise its peak memory (MB)."""
    row = rows[part.__name__] = {"CPU s": 0, "MB": 0}

    def call(*arguments):
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
        start = time.process_time()
        value = part(*arguments)
        row["CPU s"] += time.process_time() - start
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        row["MB"] = max(row["MB"], int(peak) / 1000)
        return value

    return call


def print_growth(table, key):
    """CPU seconds and memory at each size, a row for each stage or part, and how they grow."""
    for quantity in ("CPU s", "MB"):
        wide = table.pivot_table(quantity, key, "images", sort=False)
        growth = {f"{first} to {last}, a 1000": slope(wide, first, last) for first, last in STEPS}
        if quantity == "MB":
            growth |= {f"1000s at {limit}": wide.apply(reached, axis=1, limit=limit) / 1000 for limit in LIMITS}
        print(f"{quantity}\n{wide.assign(**growth).round(2).to_string()}\n", flush=True)


def reached(row, limit):
    """The number of images at which a line through the last two sizes reaches the limit."""
    (first, low), (last, high) = list(row.dropna().items())[-2:]
    return last + (limit - high) * (last - first) / (high - low)


def slope(wide, first, last):
    """What a thousand further images take, from the first to the last number of them."""
    return (wide[last] - wide[first]) / (last - first) * 1000


if __name__ == "__main__":
    main()
