"""Generated chest phantoms: what the demonstration and the tests use in place of X-rays.

    python -m tests.phantoms OUT.zip

They look just enough like chest films for every stage to have something to do; they have no medical meaning. Each PNG
says so in a text chunk, by which the data stage keeps them out of a real report.
"""

import argparse
import io
import os
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipeline.images.decode import PHANTOM_KEY

SPLITS = {"train": 120, "val": 40, "test": 40}
LABELS = ("normal", "covid")
NORMAL_TO_COVID = 3


def phantom(rng, label, size):
    """One phantom: bright thorax, two darker lungs, ribs, spine, heart on the image's right, noise.

    Covid phantoms have soft bright patches in the lungs; a normal one has a faint patch now and then, so that the
    classes overlap.

    Args:
        rng: numpy Generator; all variation comes from it.
        label: "normal" or "covid".
        size: side in pixels.

    Returns:
        uint8 array (size, size), grey values 0..255.
    """
    y, x = np.meshgrid(*[np.linspace(-1, 1, size, dtype=np.float32)] * 2, indexing="ij", sparse=True)
    x, y = x - rng.normal(0, 0.03), y - rng.normal(0, 0.03)
    tilt = rng.normal(0, 0.03)
    x, y = x + tilt * y, y - tilt * x
    width, height = rng.normal(1, 0.05, 2)

    thorax = _ellipse(x, y, 0, 0.1, 0.82 * width, 0.98 * height, softness=0.08)
    lungs = sum(_ellipse(x, y, side * 0.36 * width, -0.05, 0.26 * width, 0.6 * height, 0.15) for side in (-1, 1))
    heart = _ellipse(x, y, 0.14, 0.3, rng.normal(0.26, 0.03), 0.3, softness=0.3)
    ribs = np.sin(rng.normal(20, 1) * (y + 0.35 * x**2) + rng.uniform(0, 6)) * thorax
    spine = np.exp(-((x / 0.07) ** 2)) * thorax

    lungs = lungs * (1 - 0.7 * heart)
    image = 12 + 150 * thorax - 85 * lungs + 25 * heart + 7 * ribs + 25 * spine
    number = rng.integers(3, 7) if label == "covid" else rng.integers(0, 2)
    strength = 1 if label == "covid" else 0.5
    for _ in range(number):
        centre_x = rng.choice((-1, 1)) * rng.normal(0.36, 0.08)
        centre_y, radius = rng.uniform(-0.45, 0.4), rng.uniform(0.07, 0.16)
        patch = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * radius**2))
        image += strength * rng.uniform(8, 40) * patch * lungs
    image = (image - 100) * rng.normal(1, 0.1) + 100 + rng.normal(0, 8)
    image += rng.normal(0, 8, (size, size))
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def png(pixels, generated=True):
    """`pixels` (any array or image that Pillow can store) as the bytes of a PNG that says that it was generated.

    Tests ask for `generated=False` where a file has to pass for a real film.
    """
    text = PngInfo()
    if generated:
        text.add_text(PHANTOM_KEY, "generated; no medical meaning")
    file = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(file, "PNG", pnginfo=text)
    return file.getvalue()


def write_archive(path, size=256, splits=SPLITS, seed=0, generated=True):
    """Write a zip file with phantoms/{train,val,test}/{covid,normal}/NAME.png, three normal to one covid.

    The same arguments give the same bytes, and an image does not depend on how many others there are. The file
    appears under its name when it is complete.

    Args:
        path: where; folders are made.
        size: side of the images in pixels.
        splits: {split: number of images}.
        seed: of all images.
        generated: False leaves out the mark that keeps phantoms from a real report.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(unfinished, "w") as archive:
            for split_number, (split, total) in enumerate(splits.items()):
                covid = max(1, round(total / (NORMAL_TO_COVID + 1)))
                for label, count in zip(LABELS, (total - covid, covid), strict=True):
                    for number in range(count):
                        rng = np.random.default_rng((seed, split_number, LABELS.index(label), number))
                        name = f"phantoms/{split}/{label}/{split}_{label}_{number + 1:04d}.png"
                        content = png(phantom(rng, label, size), generated)
                        archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def database_contents(counts, size, mask_size, generated=True, root=""):
    """Phantoms in the layout of the COVID-19 Radiography Database as it is downloaded.

    Args:
        counts: of normal and of covid images.
        size, mask_size: sides in pixels of the images and of their masks, which are RGB as the database's.
        generated: False leaves out the mark that keeps phantoms from a real report.
        root: enclosing folder, with a slash at its end.

    Returns:
        dict of member name: bytes; with another class and with spreadsheets, as there.
    """
    y, x = np.meshgrid(*[np.linspace(-1, 1, mask_size)] * 2, indexing="ij")
    contents = {}
    for number, (folder, label) in enumerate([("Normal", "normal"), ("COVID", "covid")]):
        contents[f"{root}{folder}.metadata.xlsx"] = b"a spreadsheet"
        for image in range(1, counts[number] + 1):
            rng = np.random.default_rng((11, number, image))
            name = f"{folder}-{image}.png"
            contents[f"{root}{folder}/images/{name}"] = png(phantom(rng, label, size), generated)
            lungs = np.hypot((np.abs(x) - 0.36) / 0.26, (y + 0.05) / rng.uniform(0.5, 0.7)) < 1
            contents[f"{root}{folder}/masks/{name}"] = png(np.repeat(lungs[..., None] * np.uint8(255), 3, axis=2))
    for name in ["images/Lung_Opacity-1.png", "masks/Lung_Opacity-1.png", "README.md.txt"]:
        contents[f"{root}Lung_Opacity/{name}"] = b"of another class"
    return contents


def _ellipse(x, y, centre_x, centre_y, half_width, half_height, softness):
    """Float array, 1 inside the ellipse and 0 outside, with an edge of `softness` (part of the radius)."""
    radius = np.hypot((x - centre_x) / half_width, (y - centre_y) / half_height)
    return np.clip((1 - radius) / softness + 0.5, 0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.zip")
    parser.add_argument("--size", type=int, default=256, help="side of the images in pixels (%(default)s)")
    for split, count in SPLITS.items():
        parser.add_argument(f"--{split}", type=int, default=count, help=f"{split} images (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all images (%(default)s)")
    options = parser.parse_args()
    write_archive(options.out, options.size, {split: getattr(options, split) for split in SPLITS}, options.seed)


if __name__ == "__main__":
    main()
