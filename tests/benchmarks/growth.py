"""CPU time and memory against the number of images: python -m tests.benchmarks.growth BUILD ARCHIVE FOLDER

The stages data, explore and features (one view) and one training epoch of the baseline, each by its Snakemake target,
on 1,000 to 16,000 images. These are seeded crops and warps of the images of ARCHIVE, each different enough to be no
near-duplicate of another, marked as generated and good for nothing but their cost; archives and builds are written to
FOLDER, a new one outside the checkout. The report reads tables and figures and no image: what it took in the finished
build BUILD stands for all sizes.

The last two columns are what 1,000 further images take, from the first to the third size and from there to the last.
Where both are the same the cost is linear. Expected: no more than that.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.images.archive import open_source
from pipeline.images.decode import decode
from pipeline.images.layout import find_images
from tests import phantoms
from tests.benchmarks import common

WARM_UP, SIZES = 200, [1000, 2000, 4000, 16000]  # the first run compiles Python's modules and is not counted
SPLITS = ["train"] * 14 + ["val"] * 3 + ["test"] * 3  # of each twenty images
# The backbone's weights are random: its cost does not depend on them.
OVERLAY = {
    "demo": True,
    "dataset": {"path": "images.zip"},
    "transfer": {"weights": "random", "views": 1},
    "training": {"epochs": 1},
    "tune": {"epochs": 1},
}
STEPS = [(SIZES[0], SIZES[2]), (SIZES[2], SIZES[3])]
UNTIMED = ["results/features/backbone.keras"]
STAGES = {
    "data": ["tables/data/index.csv"],
    "explore": ["tables/explore/sizes.csv"],
    "features": ["results/features/train.npy", "results/features/val.npy"],
    "training epoch": ["tables/train/baseline_initial.csv"],
}


def main():
    build, archive, folder = arguments()
    write_archives(archive, folder)
    rows = []
    for size in [WARM_UP, *SIZES]:
        place = folder / str(size)
        (place / "overlay.yaml").write_text(json.dumps(OVERLAY))  # JSON is YAML
        snakemake(UNTIMED, place)  # not counted: it does not depend on the images
        for stage, targets in STAGES.items():
            seconds, megabytes = snakemake(targets, place)
            if size != WARM_UP:
                rows.append({"stage": stage, "images": size, "CPU s": seconds, "MB": megabytes})
            if stage == "data":
                check_copies(place)
    table = pd.DataFrame(rows)
    for quantity in ("CPU s", "MB"):
        wide = table.pivot(index="stage", columns="images", values=quantity).loc[list(STAGES)]
        steps = {f"{first} to {last}, a 1000": slope(wide, first, last) for first, last in STEPS}
        print(f"{quantity}\n{wide.assign(**steps).round(2).to_string()}\n")
    (report,) = pd.read_csv(build / "results/benchmarks/report.tsv", sep="\t").to_dict("records")
    print(f"report, at any number: {report['cpu_time']:.3g} CPU s, {report['max_rss']:.0f} MB")


def arguments():
    command = common.parser(__doc__)
    command.add_argument("archive", type=Path, metavar="ARCHIVE", help="archive or folder of images, only read")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="new folder for archives and builds")
    given = command.parse_args()
    folder = given.folder.resolve()
    if folder.exists() or folder.is_relative_to(common.ROOT):
        command.error(f"{folder}: exists or is in the checkout; name a new folder outside of it")
    return given.build, given.archive, folder


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


def check_copies(folder):
    """The warps are no near-duplicates of each other: none was dropped."""
    (found,) = pd.read_csv(folder / "tables/data/duplicates_summary.csv").to_dict("records")
    if found["dropped"]:
        sys.exit(f"{folder}: {found['dropped']} images dropped as copies; expected none: warp them more (`warped`)")


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


def slope(wide, first, last):
    """What a thousand further images take, from the first to the last number of them."""
    return (wide[last] - wide[first]) / (last - first) * 1000


if __name__ == "__main__":
    main()
