"""The data stage on generated archives: what it reads, what it refuses, and that index and caches agree."""

import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import unicodedata
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.command import InputError
from pipeline.data import SPLITS, data
from pipeline.images import archive as archives
from pipeline.images.decode import DecodeError, decode
from tests.phantoms import phantom, png, write_archive

SIZE = 40
COUNTS = {"train": 40, "val": 8, "test": 8}
CLASSES = {"normal": ["normal"], "covid": ["covid"]}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A sound archive of phantoms."""
    path = tmp_path_factory.mktemp("clean") / "phantoms.zip"
    write_archive(path, SIZE, COUNTS, seed=3)
    return path


@pytest.fixture
def contents(clean):
    """{member name: bytes} of the sound archive, to be spoilt."""
    with zipfile.ZipFile(clean) as source:
        return {name: source.read(name) for name in source.namelist()}


def zipped(path, contents):
    with zipfile.ZipFile(path, "w") as target:
        for name, content in contents.items():
            target.writestr(zipfile.ZipInfo(name), content)
    return path


def unpacked(archive):
    folder = archive.with_suffix("")
    folder.mkdir()
    with zipfile.ZipFile(archive) as source:
        source.extractall(folder)
    return folder


def build(archive, folder, *, demo=True, size=SIZE, draw=None, seed=1, classes=CLASSES):
    """Run the stage; what it wrote, read back."""
    index = folder / "tables" / "index.csv"
    splits = [folder / "tables" / f"index_{split}.csv" for split in SPLITS]
    caches = [folder / "results" / f"{split}.npy" for split in SPLITS]
    dataset = {"classes": classes, "image_size": size, "draw": draw}
    data(archive, {"dataset": dataset, "seed": seed, "demo": demo}, index, splits, caches)
    return SimpleNamespace(
        index=pd.read_csv(index),
        splits={split: pd.read_csv(file) for split, file in zip(SPLITS, splits, strict=True)},
        pixels={split: np.load(file) for split, file in zip(SPLITS, caches, strict=True)},
        caches=caches,
    )


def refusal(archive, folder, **settings):
    """The message with which the stage refuses the archive; nothing may be left that looks like a result."""
    with pytest.raises(InputError) as caught:
        build(archive, folder / "out", **settings)
    assert not (folder / "out").exists()
    return str(caught.value)


def without(contents, part):
    return {name: content for name, content in contents.items() if part not in name}


# What is written


def test_index_and_caches_agree(clean, contents, tmp_path):
    built = build(clean, tmp_path)
    assert len(built.index) == sum(COUNTS.values()) and built.index["file"].is_unique
    for split, path in zip(SPLITS, built.caches, strict=True):
        rows, pixels = built.splits[split], built.pixels[split]
        expected = built.index[built.index["split"] == split].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, expected)
        assert pixels.shape == (COUNTS[split], SIZE, SIZE) and pixels.dtype == np.uint8
        for row, cached in zip(rows.itertuples(), pixels, strict=True):
            original = np.asarray(Image.open(io.BytesIO(contents[row.file])))
            assert np.array_equal(cached, original)
            assert row.sha256 == hashlib.sha256(f"{original.shape}".encode() + original.tobytes()).hexdigest()
            assert (row.width, row.height, row.mode, row.bit_depth) == (SIZE, SIZE, "L", 8)
            assert row.bytes == len(contents[row.file])
            assert f"/{row.split}/{row.label}/" in row.file
        digest = path.with_name(f"{path.name}.sha256").read_text().strip()
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("inside", ["", "phantoms"])
def test_folder_gives_what_the_zip_gives(clean, tmp_path, inside):
    archive = Path(shutil.copy(clean, tmp_path / "archive.zip"))
    from_zip = build(archive, tmp_path / "from_zip")
    from_folder = build(unpacked(archive) / inside, tmp_path / "from_folder")
    if inside:
        from_zip.index["file"] = from_zip.index["file"].str.removeprefix("phantoms/")
    pd.testing.assert_frame_equal(from_folder.index, from_zip.index)
    for split in SPLITS:
        assert np.array_equal(from_folder.pixels[split], from_zip.pixels[split])


def test_clutter_is_passed_over(clean, contents, tmp_path):
    for name in [
        "__MACOSX/phantoms/train/covid/._train_covid_0001.png",
        "__MACOSX/phantoms/train/covid/train_covid_0001.png",
        "phantoms/train/covid/.DS_Store",
        "phantoms/val/normal/Thumbs.db",
        "phantoms/val/normal/desktop.ini",
        "phantoms/README.txt",
    ]:
        contents[name] = b"no image"
    cluttered = zipped(tmp_path / "cluttered.zip", contents)
    expected = build(clean, tmp_path / "clean").index
    for number, archive in enumerate([cluttered, unpacked(cluttered)]):
        pd.testing.assert_frame_equal(build(archive, tmp_path / str(number)).index, expected)


@pytest.mark.parametrize("source", ["zip", "folder"])
def test_file_names(contents, tmp_path, source):
    names = ["a b.png", "50%.png", "_a__b.png", 'o\'neil "x", 2.png', "%s{0}.png", "übung_é.png", "日本.png"]
    names += [unicodedata.normalize("NFD", "übung_é.png")]
    originals = [name for name in contents if "/train/normal/" in name][: len(names)]
    renamed = {f"phantoms/train/normal/{name}": contents.pop(old) for name, old in zip(names, originals, strict=True)}
    archive = zipped(tmp_path / "names.zip", contents | renamed)
    if source == "folder":
        archive = unpacked(archive)
    built = build(archive, tmp_path)
    files = built.splits["train"]["file"].tolist()
    for name, content in renamed.items():
        cached = built.pixels["train"][files.index(name)]
        assert np.array_equal(cached, np.asarray(Image.open(io.BytesIO(content)))), name


def test_file_name_that_is_no_text(contents, tmp_path):
    folder = unpacked(zipped(tmp_path / "folder.zip", contents))
    latin_1 = os.fsdecode(os.fsencode(folder / "phantoms/val/covid") + b"/caf\xe9.png")
    Path(latin_1).write_bytes(contents["phantoms/val/covid/val_covid_0001.png"])
    message = refusal(folder, tmp_path)
    assert r"caf\udce9.png" in message and "UTF-8" in message


def test_folders_in_other_spellings(clean, contents, tmp_path):
    spelt = {
        name.removeprefix("phantoms/")
        .replace("covid/", "COVID/")
        .replace("normal/", "Lung_Clear/")
        .replace("train/", "Train/")
        .replace("val/", "validation\\"): content
        for name, content in contents.items()
    }
    archive = zipped(tmp_path / "spelt.zip", spelt)
    built = build(archive, tmp_path, classes={"normal": ["lung_clear"], "covid": ["Covid", "covid-19"]})
    expected = build(clean, tmp_path / "clean")
    assert sorted(built.index["sha256"]) == sorted(expected.index["sha256"])
    counts = built.index.groupby(["split", "label"]).size()
    assert counts.to_dict() == expected.index.groupby(["split", "label"]).size().to_dict()


def test_draw_takes_only_from_train(clean, tmp_path):
    counts = {"train": 16, "val": 8, "test": 8}
    first, again, other = (
        build(clean, tmp_path / name, draw=counts, seed=seed) for name, seed in [("1", 5), ("2", 5), ("3", 6)]
    )
    assert first.index["file"].str.startswith("phantoms/train/").all()
    assert first.index["file"].is_unique and first.index["sha256"].is_unique
    ratio = {
        (split, label): n * part // 4 for split, n in counts.items() for label, part in [("covid", 1), ("normal", 3)]
    }
    assert first.index.groupby(["split", "label"]).size().to_dict() == ratio
    pd.testing.assert_frame_equal(first.index, again.index)
    assert set(first.index["file"]) != set(other.index["file"])


def test_draw_of_more_than_there_is(clean, tmp_path):
    message = refusal(clean, tmp_path, draw={"train": 36, "val": 8, "test": 8})
    assert "dataset.draw" in message and "val" in message


def test_phantoms_only_where_they_belong(clean, contents, tmp_path):
    assert "phantoms" in refusal(clean, tmp_path, demo=False)
    write_archive(tmp_path / "real.zip", SIZE, {"train": 4, "val": 4, "test": 4}, generated=False)
    assert "demo: false" in refusal(tmp_path / "real.zip", tmp_path, demo=True)
    assert len(build(tmp_path / "real.zip", tmp_path / "real", demo=False).index) == 12

    with zipfile.ZipFile(tmp_path / "real.zip") as source:
        real = {name: source.read(name) for name in source.namelist()}
    strayed = "phantoms/test/covid/strayed.png"
    real[strayed] = contents["phantoms/test/covid/test_covid_0001.png"]
    mixed = zipped(tmp_path / "mixed.zip", real)
    assert strayed in refusal(mixed, tmp_path, demo=False)
    assert "demo: false" in refusal(mixed, tmp_path, demo=True)


def test_phantom_archive_follows_from_its_seed(clean, tmp_path):
    for name, seed in [("same.zip", 3), ("other.zip", 4)]:
        write_archive(tmp_path / name, SIZE, COUNTS, seed)
    assert (tmp_path / "same.zip").read_bytes() == clean.read_bytes() != (tmp_path / "other.zip").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["other.zip", "same.zip"]


# Archives that are refused


def test_archive_missing(tmp_path):
    message = refusal(tmp_path / "absent.zip", tmp_path)
    for source in [str(tmp_path / "absent.zip"), "dataset.path", "DATA=", "course", "Database", "make demo"]:
        assert source in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda whole: b"GIF89a, or any other file", "not an archive"),
        (lambda whole: b"", "not an archive"),
        (lambda whole: whole[: len(whole) // 2], "truncated"),
        (lambda whole: whole[:-10], "truncated"),
    ],
)
def test_file_that_is_no_whole_zip(clean, tmp_path, content, said):
    broken = tmp_path / "broken.zip"
    broken.write_bytes(content(clean.read_bytes()))
    message = refusal(broken, tmp_path)
    assert str(broken) in message and said in message


@pytest.mark.parametrize(
    "name", ["../escaped.png", "train/covid/../../../x.png", "/etc/x.png", "C:\\x.png", "C:/x.png", "..\\x.png"]
)
def test_member_names_that_lead_out(contents, tmp_path, name):
    contents[name] = b""
    assert repr(name) in refusal(zipped(tmp_path / "hostile.zip", contents), tmp_path)


@pytest.mark.parametrize("source", ["zip", "folder"])
@pytest.mark.parametrize(
    ("removed", "kept", "absent"),
    [
        ("", [], "no images found"),
        ("", ["phantoms/train/"], "no images found"),
        ("val/covid", [], "no images in val/covid"),
        ("val/covid", ["phantoms/val/covid/"], "no images in val/covid"),
        ("val/covid", ["phantoms/val/covid/.DS_Store"], "no images in val/covid"),
        ("/covid", [], "no images in train/covid, val/covid, test/covid"),
        ("test/", ["phantoms/test/"], "no images in test/normal, test/covid"),
    ],
)
def test_classes_or_splits_missing_or_empty(contents, tmp_path, source, removed, kept, absent):
    archive = zipped(tmp_path / "part.zip", without(contents, removed) | dict.fromkeys(kept, b""))
    if source == "folder":
        archive = unpacked(archive)
    message = refusal(archive, tmp_path)
    assert str(archive) in message and absent in message and "dataset.classes" in message


def test_all_unreadable_files_are_listed(contents, tmp_path):
    sound = contents["phantoms/train/normal/train_normal_0001.png"]
    jpeg = io.BytesIO()
    Image.open(io.BytesIO(sound)).save(jpeg, "JPEG")
    damaged = {
        "phantoms/train/covid/notes.txt": b"not an image",
        "phantoms/train/normal/empty.png": b"",
        "phantoms/val/normal/cut.png": sound[: len(sound) // 2],
        "phantoms/test/covid/cut 2.jpg": jpeg.getvalue()[:-200],
    }
    stored = zipped(tmp_path / "damaged.zip", contents | damaged)
    flipped = "phantoms/test/normal/test_normal_0001.png"  # one bit of its content, so that the CRC disagrees
    position = stored.read_bytes().index(contents[flipped]) + 200
    with open(stored, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))
    message = refusal(stored, tmp_path)
    assert message.splitlines()[0].startswith(f"{stored}: 5 of 60 files cannot be read")
    listed = [line.strip().split(": ")[0] for line in message.splitlines()[1:]]
    assert sorted(listed) == sorted([*damaged, flipped])


def test_command_line_shows_one_message(tmp_path):
    archive = tmp_path / "x.zip"
    archive.write_text("not a zip file")
    settings = {"dataset": {"classes": CLASSES, "image_size": SIZE, "draw": None}, "seed": 1, "demo": True}
    options = ["--archive", archive, "--settings", json.dumps(settings), "--index", "i.csv", "--splits", *"abc"]
    options += ["--caches", *"def", "--log", "logs/data.log"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-m", "pipeline.data", "data", *options]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"{archive}: not an archive")
    assert (tmp_path / "logs/data.log").read_text() == done.stderr


# Images of other sizes and modes

GREY = phantom(np.random.default_rng(0), "covid", SIZE)
RAMP = np.linspace(0, 255, SIZE * SIZE).astype(np.uint8).reshape(SIZE, SIZE)
COLOUR = np.stack([GREY, RAMP, RAMP.T], axis=-1)
DEEP = (GREY.astype(np.uint16) << 8) | RAMP


def luminance(rgb):
    """ITU-R 601-2."""
    return np.asarray(rgb, float) @ [0.299, 0.587, 0.114]


def encoded(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def unmarked(pixels):
    return png(pixels, generated=False)


def bare_png(width, height, depth, colour_type, scanlines):
    """A PNG written by hand, for what Pillow does not write."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(scanlines)) + chunk(b"IEND", b"")


def deep_png(pixels, colour_type):
    """16 bits a channel, (height, width, channels)."""
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
    return bare_png(pixels.shape[1], pixels.shape[0], 16, colour_type, lines)


def palette_image():
    image = Image.frombytes("P", (SIZE, SIZE), (GREY // 4).tobytes())
    image.putpalette(PALETTE.astype(np.uint8).tobytes())
    return image


PALETTE = np.stack([np.arange(64) * 4, 255 - np.arange(64) * 2, np.arange(64)], axis=-1)
FOUR_BIT = b"".join(b"\0" + bytes(line[::2] & 0xF0 | line[1::2] >> 4) for line in GREY)
MODES = {  # file content, the grey values it stands for, what the index says, tolerance in grey values
    "grey": (unmarked(GREY), GREY, ("L", 8), 0),
    "16-bit grey": (unmarked(DEEP), (DEEP + 128.0) // 257, ("I;16", 16), 0),
    "16-bit grey, big-endian TIFF": (
        encoded(Image.frombytes("I;16B", (SIZE, SIZE), DEEP.astype(">u2").tobytes()), "TIFF"),
        (DEEP + 128.0) // 257,
        ("I;16B", 16),
        0,
    ),
    "16-bit PGM": (b"P5 40 40 65535\n" + DEEP.astype(">u2").tobytes(), (DEEP + 128.0) // 257, ("I", 16), 0),
    "16-bit colour": (
        deep_png(COLOUR.astype(np.uint16) * 257, 2),
        luminance(COLOUR),
        ("RGB", 16),
        1,
    ),
    "4-bit grey": (bare_png(SIZE, SIZE, 4, 0, FOUR_BIT), GREY // 16 * 17, ("L", 8), 0),
    "1-bit": (unmarked(Image.fromarray(GREY > 100)), np.where(GREY > 100, 255, 0), ("1", 1), 0),
    "colour": (unmarked(COLOUR), luminance(COLOUR), ("RGB", 8), 1),
    "transparent colour": (
        unmarked(np.dstack([COLOUR, RAMP])),
        luminance(COLOUR) * (RAMP / 255),
        ("RGBA", 8),
        1.5,
    ),
    "transparent grey": (unmarked(np.dstack([GREY, RAMP])), GREY * (RAMP / 255), ("LA", 8), 1),
    "palette": (unmarked(palette_image()), luminance(PALETTE[GREY // 4]), ("P", 8), 1),
    "palette with a transparent colour": (
        encoded(palette_image(), "PNG", transparency=20),
        luminance(PALETTE[GREY // 4]) * (GREY // 4 != 20),
        ("P", 8),
        1,
    ),
    "grey JPEG": (encoded(Image.fromarray(GREY), "JPEG", quality=100), GREY, ("L", 8), 3),
    "CMYK": (encoded(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"), luminance(COLOUR), ("CMYK", 8), 2),
}


@pytest.mark.parametrize("kind", MODES)
def test_modes_are_read_rightly(kind):
    content, expected, said, tolerance = MODES[kind]
    pixels, was = decode(content)
    assert pixels.dtype == np.uint8 and pixels.shape == (SIZE, SIZE)
    assert np.abs(pixels - np.asarray(expected, float)).max() <= tolerance
    assert (was["mode"], was["bit_depth"]) == said


def test_modes_in_index_and_cache(tmp_path):
    write_archive(tmp_path / "real.zip", SIZE, {"train": 4, "val": 4, "test": 4}, generated=False)
    with zipfile.ZipFile(tmp_path / "real.zip", "a") as archive:
        for kind, (content, *_) in MODES.items():
            archive.writestr(f"phantoms/val/covid/{kind}", content)
    built = build(tmp_path / "real.zip", tmp_path, demo=False)
    rows = built.splits["val"].set_index("file")
    for kind, (content, _, said, _) in MODES.items():
        row = rows.loc[f"phantoms/val/covid/{kind}"]
        cached = built.pixels["val"][rows.index.get_loc(row.name)]
        assert (row["mode"], row["bit_depth"]) == said
        assert np.array_equal(cached, decode(content)[0])


@pytest.mark.parametrize(("height", "width"), [(SIZE, 100), (100, SIZE), (97, 131), (17, 23)])
def test_other_sizes_are_resampled(height, width, contents, tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (height, width), np.uint8)
    name = "phantoms/train/covid/train_covid_0001.png"
    built = build(zipped(tmp_path / "sizes.zip", contents | {name: png(image)}), tmp_path)
    (position,) = np.flatnonzero(built.splits["train"]["file"] == name)
    row = built.splits["train"].loc[position]
    assert (row["width"], row["height"]) == (width, height)
    expected = triangle(height, SIZE) @ image @ triangle(width, SIZE).T
    assert np.abs(built.pixels["train"][position] - expected).max() <= 1.5


def triangle(before, after):
    """Matrix (after, before) of antialiased linear interpolation between pixel centres."""
    centres = (np.arange(after) + 0.5) * before / after - 0.5
    support = max(1, before / after)
    weights = np.clip(1 - np.abs(np.arange(before) - centres[:, None]) / support, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


def test_values_without_a_known_range_are_refused():
    """Clipping them would give a white or black image without a word."""
    for values in [np.float32(GREY), np.int32(GREY) << 16, np.int32(GREY) - 300]:
        with pytest.raises(DecodeError, match="range"):
            decode(encoded(Image.fromarray(values), "TIFF"))


def test_too_many_pixels_are_refused_undecoded(contents, tmp_path):
    """8001 x 8000 pixels, by a file that holds none of them: whoever tried to decode it would find it cut short."""
    name = "phantoms/val/normal/huge.png"
    huge = bare_png(8001, 8000, 8, 0, b"")
    message = refusal(zipped(tmp_path / "huge.zip", contents | {name: huge}), tmp_path)
    assert f"{name}: 8001x8000 pixels, more than 64 megapixels" in message
    with pytest.raises(DecodeError, match="cut short"):
        decode(bare_png(8000, 10, 8, 0, b""))


# The digest by which the build knows the archive's content


@pytest.mark.parametrize("source", ["zip", "folder"])
def test_digest_is_of_the_content(contents, tmp_path, source):
    def digest(contents, name):
        path = zipped(tmp_path / f"{name}.zip", contents)
        if source == "folder":
            path = unpacked(path)
        before = archives.digest(path)
        for file in [path, *path.rglob("*.png")]:
            os.utime(file, (1, 1))
        assert archives.digest(path) == before, "touched"
        return before

    original = digest(contents, "original")
    name = "phantoms/test/covid/test_covid_0001.png"
    same_size = contents[name][:-20] + bytes([contents[name][-20] ^ 1]) + contents[name][-19:]
    assert digest(dict(reversed(contents.items())), "order") == original
    assert digest(contents | {name: same_size}, "content") != original
    assert digest(without(contents, name), "fewer") != original
    assert digest(without(contents, name) | {name + "x": contents[name]}, "renamed") != original
