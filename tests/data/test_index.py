"""The data stage on generated archives: what it reads, what it refuses, and that index and caches agree."""

import hashlib
import io
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import unicodedata
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from pipeline.ablate.images import decode_images
from pipeline.command import InputError
from pipeline.data.check import check
from pipeline.data.index import COLUMNS, MIN_IMAGES, prepare
from pipeline.images import archive as archives
from pipeline.images.archive import open_source
from pipeline.images.decode import DecodeError, decode
from pipeline.statistics import tests
from pipeline.vocabulary import SPLITS
from tests.phantoms import database_contents, phantom, png, write_archive

SIZE = 40
COUNTS = {"train": 40, "val": 8, "test": 8}
RATIOS = {"train": 0.7, "val": 0.15, "test": 0.15}
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


def tarred(path, contents):
    """A tar file, compressed as the name's last suffix says."""
    with tarfile.open(path, "w" if path.suffix == ".tar" else f"w:{path.suffix[1:]}") as target:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return path


def build(archive, *, demo=True, size=SIZE, draw=None, seed=1, classes=CLASSES, duplicates="drop", ratios=RATIOS):
    """What the stage makes of the archive."""
    dataset = {"classes": classes, "image_size": size, "draw": draw, "duplicates": duplicates, "ratios": ratios}
    made = prepare(archive, {"dataset": dataset, "seed": seed, "demo": demo})
    return SimpleNamespace(
        index=made["index"].reset_index(drop=True),
        splits={split: rows.reset_index(drop=True) for split, rows in zip(SPLITS, made["splits"], strict=True)},
        pixels=dict(zip(SPLITS, made["caches"], strict=True)),
        masks=dict(zip(SPLITS, made["masks"], strict=True)),
        duplicates=made["duplicates"],
        summary=made["summary"].loc[0],
    )


def refusal(archive, **settings):
    """The message with which the stage refuses the archive."""
    with pytest.raises(InputError) as caught:
        build(archive, **settings)
    return str(caught.value)


def without(contents, part):
    return {name: content for name, content in contents.items() if part not in name}


# What is written


def test_index_and_caches_agree(clean, contents, tmp_path):
    built = build(clean)
    assert len(built.index) == sum(COUNTS.values()) and built.index["file"].is_unique
    assert (built.index["mask"] == "").all() and (built.index["group"] == built.index["file"]).all()
    assert list(built.index) == COLUMNS
    for split, pixels in built.pixels.items():
        rows = built.splits[split]
        assert built.masks[split].shape == (0, SIZE, SIZE) and built.masks[split].dtype == np.uint8
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


@pytest.mark.parametrize("inside", ["", "phantoms"])
def test_folder_gives_what_the_zip_gives(clean, tmp_path, inside):
    archive = Path(shutil.copy(clean, tmp_path / "archive.zip"))
    from_zip = build(archive)
    from_folder = build(unpacked(archive) / inside)
    if inside:
        for column in ("file", "group"):
            from_zip.index[column] = from_zip.index[column].str.removeprefix("phantoms/")
    pd.testing.assert_frame_equal(from_folder.index, from_zip.index)
    for split in SPLITS:
        assert np.array_equal(from_folder.pixels[split], from_zip.pixels[split])


def test_clutter_is_passed_over(clean, contents, tmp_path):
    for name in [
        "__MACOSX/phantoms/train/covid/._train_covid_0001.png",
        "__MACOSX/phantoms/train/covid/train_covid_0001.png",
        "phantoms/train/covid/.DS_Store",
        "phantoms/val/normal/Thumbs.db",
        "phantoms/val/normal/Desktop.ini",
        "phantoms/val/normal/ehthumbs.db",
        "phantoms/test/covid/Icon\r",
        "phantoms/test/covid/thumbs.db:encryptable",
        "phantoms/test/covid/test_covid_0001.png:Zone.Identifier",
        "phantoms/train/normal/@eaDir/train_normal_0001.png/SYNOPHOTO_THUMB.jpg",
        "phantoms/train/normal/.ipynb_checkpoints/train_normal_0001-checkpoint.png",
        "$RECYCLE.BIN/desktop.ini",
        "phantoms/README.txt",
    ]:
        contents[name] = b"no image"
    cluttered = zipped(tmp_path / "cluttered.zip", contents)
    expected = build(clean).index
    for archive in (cluttered, unpacked(cluttered)):
        pd.testing.assert_frame_equal(build(archive).index, expected)


def test_linked_folders_are_read_and_a_link_round_and_round_is_not(clean, tmp_path):
    elsewhere = unpacked(Path(shutil.copy(clean, tmp_path / "elsewhere.zip")))
    whole = build(elsewhere).index
    (linked := tmp_path / "linked").mkdir()
    (linked / "phantoms").symlink_to(elsewhere / "phantoms")
    (elsewhere / "phantoms/up").symlink_to(tmp_path)
    pd.testing.assert_frame_equal(build(linked).index, whole)


@pytest.mark.parametrize("source", ["zip", "folder"])
def test_file_names(contents, tmp_path, source):
    names = ["a b.png", "50%.png", "_a__b.png", 'o\'neil "x", 2.png', "%s{0}.png", "übung_é.png", "日本.png"]
    names += [unicodedata.normalize("NFD", "übung_é.png")]
    originals = [name for name in contents if "/train/normal/" in name][: len(names)]
    renamed = {f"phantoms/train/normal/{name}": contents.pop(old) for name, old in zip(names, originals, strict=True)}
    archive = zipped(tmp_path / "names.zip", contents | renamed)
    if source == "folder":
        archive = unpacked(archive)
    built = build(archive)
    files = built.splits["train"]["file"].tolist()
    for name, content in renamed.items():
        cached = built.pixels["train"][files.index(name)]
        assert np.array_equal(cached, np.asarray(Image.open(io.BytesIO(content)))), name


@pytest.mark.parametrize("source", ["tar", "folder"])
def test_file_name_that_is_no_text(contents, tmp_path, source):
    """Latin-1 where UTF-8 is expected: such a name cannot be written to a table."""
    content = contents.pop("phantoms/val/covid/val_covid_0001.png")
    latin_1 = os.fsdecode(b"phantoms/val/covid/caf\xe9.png")
    if source == "tar":
        archive = tarred(tmp_path / "x.tar", contents | {latin_1: content})
    else:
        archive = unpacked(zipped(tmp_path / "folder.zip", contents))
        (archive / latin_1).write_bytes(content)
    built = build(archive)
    (place,) = np.flatnonzero(built.splits["val"]["file"] == "phantoms/val/covid/caf%E9.png")
    assert np.array_equal(built.pixels["val"][place], np.asarray(Image.open(io.BytesIO(content))))


class Unflagged(zipfile.ZipInfo):
    """A member whose name has no flag that says UTF-8, as programs without it write them."""

    def _encodeFilenameFlags(self):
        return self.filename.encode("cp437"), 0


@pytest.mark.parametrize(("encoding", "seen"), [("utf-8", "表ソ能"), ("cp932", None)])
def test_names_in_a_zip_file_without_a_flag(contents, tmp_path, encoding, seen):
    """The second byte of these letters is a backslash in Shift-JIS."""
    names = [name for name in contents if "/train/normal/" in name]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, content in contents.items():
            shown = name.replace("train_normal", "表ソ能") if name in names else name
            info = Unflagged("x")
            info.filename = shown.encode(encoding).decode("cp437")
            archive.writestr(info, content)
    built = build(tmp_path / "x.zip")
    train = built.splits["train"]
    assert len(train) == COUNTS["train"] and (train["label"] == "normal").sum() == len(names)
    assert train["file"].str.count("/").eq(3).all()
    if seen:
        assert train["file"].str.contains(seen).sum() == len(names)


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
    built = build(archive, classes={"normal": ["lung_clear"], "covid": ["Covid", "covid-19"]})
    expected = build(clean)
    assert sorted(built.index["sha256"]) == sorted(expected.index["sha256"])
    counts = built.index.groupby(["split", "label"]).size()
    assert counts.to_dict() == expected.index.groupby(["split", "label"]).size().to_dict()


def test_draw_takes_only_from_train(clean, tmp_path):
    counts = {"train": 16, "val": 8, "test": 8}
    first, again, other = (build(clean, draw=counts, seed=seed) for seed in (5, 5, 6))
    assert first.index["file"].str.startswith("phantoms/train/").all()
    assert first.index["file"].is_unique and first.index["sha256"].is_unique
    ratio = {
        (split, label): n * part // 4 for split, n in counts.items() for label, part in [("covid", 1), ("normal", 3)]
    }
    assert first.index.groupby(["split", "label"]).size().to_dict() == ratio
    pd.testing.assert_frame_equal(first.index, again.index)
    assert set(first.index["file"]) != set(other.index["file"])


def test_a_split_too_small_to_be_compared(contents, tmp_path):
    val = sorted(name for name in contents if "/val/" in name)
    few = [*val[:2], *val[-2:]]
    kept = {name: content for name, content in contents.items() if name not in set(val) - set(few)}
    message = refusal(zipped(tmp_path / "few.zip", kept))
    assert "4 in val" in message and f"at least {MIN_IMAGES} in each split" in message
    assert MIN_IMAGES >= tests.FOLDS, "as many as explore needs"


def test_copies_count_once_where_a_split_is_small(contents, tmp_path):
    """As one group they are in one fold, and resampled together."""
    covid = sorted(name for name in contents if "/test/covid/" in name)
    copies = contents | dict.fromkeys(covid, contents[covid[0]])
    assert "1 covid in test (copies count once)" in refusal(zipped(tmp_path / "copies.zip", copies))


def test_a_class_with_one_image_in_a_split_is_refused(contents, tmp_path):
    """The variance of an AUC, and so each of its intervals, is one over the images of a class."""
    covid = sorted(name for name in contents if "/test/covid/" in name)
    kept = {name: content for name, content in contents.items() if name not in covid[1:]}
    message = refusal(zipped(tmp_path / "one.zip", kept))
    assert "1 covid in test" in message and "of each class" in message


def test_shares_that_hold_next_to_nothing_of_a_class_are_refused():
    index = pd.DataFrame({"label": ["normal"] * 951 + ["covid"] * 45})
    with pytest.raises(InputError, match=r"ablate\.shares: 0\.05 of train has 2 of its 45 covid images") as caught:
        check(index, {"ablate": {"shares": [1, 0.1, 0.05]}})
    assert "at least 4 of each class; use only ablate.shares of at least 0.08" in str(caught.value)
    check(index, {"ablate": {"shares": [0.08, 1]}})
    with pytest.raises(InputError, match="1 of train has 3 of its 3 covid images.*add images"):
        check(pd.DataFrame({"label": ["normal"] * 9 + ["covid"] * 3}), {"ablate": {"shares": [1]}})


def test_draw_of_more_than_there_is(clean, tmp_path):
    message = refusal(clean, draw={"train": 36, "val": 8, "test": 8})
    assert "dataset.draw" in message and "val" in message


def test_phantoms_only_where_they_belong(clean, contents, tmp_path):
    assert "phantoms" in refusal(clean, demo=False)
    write_archive(tmp_path / "real.zip", SIZE, {"train": 6, "val": 6, "test": 6}, generated=False)
    assert "demo: false" in refusal(tmp_path / "real.zip", demo=True)
    assert len(build(tmp_path / "real.zip", demo=False).index) == 18

    with zipfile.ZipFile(tmp_path / "real.zip") as source:
        real = {name: source.read(name) for name in source.namelist()}
    strayed = "phantoms/test/covid/strayed.png"
    real[strayed] = contents["phantoms/test/covid/test_covid_0001.png"]
    mixed = zipped(tmp_path / "mixed.zip", real)
    assert strayed in refusal(mixed, demo=False)
    assert "demo: false" in refusal(mixed, demo=True)


def test_phantom_archive_follows_from_its_seed(clean, tmp_path):
    for name, seed in [("same.zip", 3), ("other.zip", 4)]:
        write_archive(tmp_path / name, SIZE, COUNTS, seed)
    assert (tmp_path / "same.zip").read_bytes() == clean.read_bytes() != (tmp_path / "other.zip").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["other.zip", "same.zip"]


# Archives that are refused


def test_archive_missing(tmp_path):
    message = refusal(tmp_path / "absent.zip")
    for source in [str(tmp_path / "absent.zip"), "dataset.path", "DATA=", "course", "Database", "make demo"]:
        assert source in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda whole: b"GIF89a, or any other file", "not an archive"),
        (lambda whole: b"", "not an archive, but an empty file"),
        (lambda whole: b"<!DOCTYPE html>\n<html>Sign in", "not an archive, but a web page"),
        (lambda whole: b"version https://git-lfs.github.com/spec/v1", "not an archive, but a Git LFS pointer"),
        (lambda whole: b"Rar!\x1a\7", "not an archive, but a RAR archive (unpack it)"),
        (lambda whole: whole[: len(whole) // 2], "truncated"),
        (lambda whole: whole[:-10], "truncated"),
    ],
)
def test_file_that_is_no_whole_zip(clean, tmp_path, content, said):
    broken = tmp_path / "broken.zip"
    broken.write_bytes(content(clean.read_bytes()))
    message = refusal(broken)
    assert str(broken) in message and said in message


@pytest.mark.parametrize(
    "name", ["../escaped.png", "train/covid/../../../x.png", "/etc/x.png", "C:\\x.png", "C:/x.png", "..\\x.png"]
)
def test_member_names_that_lead_out(contents, tmp_path, name):
    contents[name] = b""
    assert repr(name) in refusal(zipped(tmp_path / "hostile.zip", contents))


@pytest.mark.parametrize("source", ["zip", "folder"])
@pytest.mark.parametrize(
    ("removed", "kept", "absent"),
    [
        ("", [], "no images found; expected folders train/"),
        ("", ["phantoms/train/", "phantoms/positive/a.png"], "no images found, but phantoms/positive/; expected"),
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
    message = refusal(archive)
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
    message = refusal(stored)
    first, *lines = message.splitlines()
    assert first.startswith(f"{stored}: 5 of 60 files cannot be read")
    assert [line.strip() for line in lines] == [
        "cut short or damaged: 2 file(s), phantoms/test/covid/cut 2.jpg, phantoms/val/normal/cut.png",
        f"damaged in the archive (copy or download it again): 1 file(s), {flipped}",
        "not an image: 1 file(s), phantoms/train/covid/notes.txt",
        "not an image, but an empty file: 1 file(s), phantoms/train/normal/empty.png",
    ]


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


def encrypted(path):
    """The zip file with the flag of encryption set on every member."""
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(signature)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(signature, place + 4)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("spoilt", "cause"),
    [
        (
            lambda contents: dict.fromkeys(contents, POINTER),
            "a Git LFS pointer instead of the file (run `git lfs pull`)",
        ),
        (
            lambda contents: dict.fromkeys(contents, bytes(128) + b"DICM"),
            "a DICOM file (convert it to PNG, 8 or 16 bits)",
        ),
        (lambda contents: contents, "encrypted (recreate the archive without a password)"),
    ],
)
def test_one_cause_is_one_line_with_the_number_and_three_examples(contents, tmp_path, spoilt, cause):
    path = zipped(tmp_path / "x.zip", spoilt(contents))
    message = refusal(encrypted(path) if "encrypted" in cause else path)
    first = ", ".join(sorted(contents)[:3])
    assert "\n" not in message and "56 of 56 files cannot be read as images" in message
    assert message.endswith(f"{cause}: 56 file(s), {first} and 53 more")


def test_command_line_shows_one_message(tmp_path):
    archive = tmp_path / "x.zip"
    archive.write_text("not a zip file")
    dataset = {"classes": CLASSES, "image_size": SIZE, "draw": None, "duplicates": "drop", "ratios": RATIOS}
    settings = {"dataset": dataset, "seed": 1, "demo": True}
    options = ["--archive", archive, "--settings", json.dumps(settings), "--log", "logs/data.log"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "pipeline.data.index", *options, "--outputs", "index=i.csv"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"{archive}: not an archive")
    assert (tmp_path / "logs/data.log").read_text() == done.stderr and not (tmp_path / "i.csv").exists()


# Tar files, the database's layout, masks


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_tar_gives_what_the_zip_gives(clean, contents, tmp_path, suffix):
    expected = build(clean)
    built = build(tarred(tmp_path / f"archive.{suffix}", dict(reversed(contents.items()))))
    pd.testing.assert_frame_equal(built.index, expected.index)
    assert all(np.array_equal(built.pixels[split], expected.pixels[split]) for split in SPLITS)


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_truncated_tar(contents, tmp_path, suffix, part):
    whole = tarred(tmp_path / f"whole.{suffix}", contents).read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole[: round(len(whole) * part)])
    message = refusal(cut)
    assert str(cut) in message and "truncated" in message


def test_tar_that_stops_between_two_members(contents, tmp_path):
    whole = tarred(tmp_path / "whole.tar", contents)
    with tarfile.open(whole) as archive:
        second = archive.getmembers()[1]
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole.read_bytes()[: second.offset])
    assert "truncated" in refusal(cut)


@pytest.mark.parametrize("part", [slice(148, 149), slice(0, 512)], ids=["checksum", "header"])
def test_tar_with_a_damaged_header(contents, tmp_path, part):
    """tarfile stops there without a word."""
    whole = tarred(tmp_path / "whole.tar", contents)
    with tarfile.open(whole) as archive:
        third = archive.getmembers()[2]
    damaged = bytearray(whole.read_bytes())
    header = damaged[third.offset : third.offset + 512]
    header[part] = bytes(len(header[part]))
    damaged[third.offset : third.offset + 512] = header
    whole.write_bytes(damaged)
    assert "damaged" in refusal(whole)


def test_two_tars_in_one_file(contents, tmp_path):
    whole = tarred(tmp_path / "whole.tar", contents)
    whole.write_bytes(whole.read_bytes() * 2)
    assert "several in one" in refusal(whole)


@pytest.mark.parametrize("name", ["../escaped.png", "/etc/x.png", "..\\x.png"])
def test_tar_names_that_lead_out(contents, tmp_path, name):
    assert repr(name) in refusal(tarred(tmp_path / "hostile.tar.gz", contents | {name: b""}))


def database(path=None, *, masks=True, counts=(36, 12), size=SIZE, mask_size=30, generated=True, root="Dataset/"):
    """{member name: bytes} in the layout of the COVID-19 Radiography Database; zipped where a path is given."""
    contents = database_contents(counts, size, mask_size, generated, root)
    contents = contents if masks else without(contents, "/masks/")
    return zipped(path, contents) if path else contents


@pytest.mark.parametrize("source", ["zip", "folder", "tar.gz"])
@pytest.mark.parametrize("root", ["", "a/COVID-19_Radiography_Dataset/"])
def test_database_is_split_by_class_and_has_masks(tmp_path, source, root, caplog):
    caplog.set_level("INFO", "pipeline")
    contents = database(root=root)
    archive = tarred(tmp_path / "db.tar.gz", contents) if source == "tar.gz" else zipped(tmp_path / "db.zip", contents)
    built = build(unpacked(archive) if source == "folder" else archive, size=SIZE)
    counts = built.index.groupby(["split", "label"]).size().to_dict()
    assert [counts[split, "normal"] for split in SPLITS] == [25, 6, 5]
    assert [counts[split, "covid"] for split in SPLITS] == [8, 2, 2]
    assert (built.index["mask"] == built.index["file"].str.replace("/images/", "/masks/")).all()
    for split in SPLITS:
        for row, image, mask in zip(
            built.splits[split].itertuples(), built.pixels[split], built.masks[split], strict=True
        ):
            assert np.array_equal(image, np.asarray(Image.open(io.BytesIO(contents[row.file]))))
            original = np.asarray(Image.open(io.BytesIO(contents[row.mask])).convert("L"))
            nearest = ((np.arange(SIZE) + 0.5) * len(original) / SIZE).astype(int)
            assert np.array_equal(mask, original[np.ix_(nearest, nearest)]) and set(np.unique(mask)) == {0, 255}
    said = [record.message for record in caplog.records if "passed over" in record.message]
    assert len(said) == 1
    for passed_over in ["Lung_Opacity/images/", "Lung_Opacity/masks/", "COVID.metadata.xlsx", "over 5 file(s)"]:
        assert passed_over in said[0]


def test_split_follows_from_the_seed_and_the_ratios(tmp_path):
    archive = database(tmp_path / "db.zip", masks=False)
    first, again, other = (build(archive, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.index, again.index)
    assert not first.index.equals(other.index)
    halves = build(archive, ratios={"train": 0.5, "val": 0.25, "test": 0.25})
    assert halves.index["split"].value_counts().to_dict() == {"train": 24, "val": 12, "test": 12}


def test_images_straight_in_the_class_folder(tmp_path):
    contents = {name.replace("/images/", "/"): content for name, content in database(masks=False).items()}
    expected = build(database(tmp_path / "db.zip", masks=False))
    built = build(zipped(tmp_path / "straight.zip", contents))
    assert built.index["sha256"].tolist() == expected.index["sha256"].tolist()


def test_draw_from_a_database_takes_only_from_its_train_split(tmp_path):
    archive = database(tmp_path / "db.zip")
    whole = build(archive)
    drawn = build(archive, draw={"train": 12, "val": 8, "test": 8})
    assert drawn.index["split"].value_counts().to_dict() == {"train": 12, "val": 8, "test": 8}
    assert set(drawn.index["file"]) <= set(whole.splits["train"]["file"])
    assert all(len(drawn.masks[split]) == len(drawn.splits[split]) for split in SPLITS)


def test_groups_of_copies_stay_in_one_split(tmp_path):
    contents = database(masks=False)
    originals = sorted(name for name in contents if "/Normal/" in name)[:8]
    contents |= {name.replace("Normal-", "Normal-copy-"): contents[name] for name in originals}
    built = build(zipped(tmp_path / "db.zip", contents))
    assert (built.index.groupby("group")["split"].nunique() == 1).all() and len(built.index) == 56
    assert built.index["group"].value_counts().eq(2).sum() == 8
    assert set(built.duplicates["done"]) == {"kept (one split)"} and len(built.duplicates) == 16


@pytest.mark.parametrize("layout", ["database", "splits"])
def test_mask_without_an_image(contents, tmp_path, layout):
    contents = database() if layout == "database" else contents
    image = next(name for name in sorted(contents) if name.endswith(".png") and "ovid" in name.lower())
    mask = {"database": "Dataset/COVID/masks/COVID-99.png", "splits": "phantoms/val/covid/masks/COVID-99.png"}[layout]
    message = refusal(zipped(tmp_path / "orphan.zip", contents | {mask: contents[image]}))
    assert "1 mask(s) without an image" in message and mask in message


def test_image_without_a_mask_while_others_have_one(tmp_path):
    lone = "Dataset/Normal/masks/Normal-4.png"
    message = refusal(zipped(tmp_path / "lone.zip", without(database(), lone)))
    assert "1 of 48 images have no mask of their own" in message and "Dataset/Normal/images/Normal-4.png" in message


def test_masks_of_zeros_and_ones(tmp_path):
    """Other programs write them so; they look black."""
    ones = {
        name: png(np.asarray(Image.open(io.BytesIO(content))) // 255) if "/masks/COVID" in name else content
        for name, content in database().items()
    }
    expected = build(database(tmp_path / "db.zip"))
    built = build(zipped(tmp_path / "ones.zip", ones))
    assert all(np.array_equal(built.masks[split], expected.masks[split]) for split in SPLITS)


def test_black_masks_are_refused(tmp_path):
    black = {f"Dataset/COVID/masks/COVID-{n}.png": png(np.zeros((30, 30), np.uint8)) for n in (2, 5)}
    message = refusal(zipped(tmp_path / "black.zip", database() | black))
    assert "a mask that is black throughout" in message and all(name in message for name in black)


def test_masks_of_another_shape(tmp_path):
    masks = {f"Dataset/COVID/masks/COVID-{n}.png": png(np.ones((30, 33), np.uint8)) for n in (2, 5)}
    message = refusal(zipped(tmp_path / "shape.zip", database() | masks))
    assert "2 mask(s) of another shape" in message
    assert all(f"{name}: 33x30, its image {SIZE}x{SIZE}" in message for name in masks)


# Other layouts


SPELT = {
    "training, valid, testing": lambda split, label, file: (
        f"{ {'train': 'training', 'val': 'valid', 'test': 'testing'}[split] }/{label}/{file}"
    ),
    "dev": lambda split, label, file: f"{split.replace('val', 'dev')}/{label}/{file}",
    "split/images/class": lambda split, label, file: f"x/{split}/images/{label}/{file}",
    "images/split/class": lambda split, label, file: f"images/{split}/{label}/{file}",
    "class/split": lambda split, label, file: f"{label}/{split}/{file}",
    "a folder per patient": lambda split, label, file: f"{split}/{label}/patient_{file[-6:-4]}/{file}",
    "below a folder named as a class": lambda split, label, file: f"covid/{split}/{label}/{file}",
    "each class in a folder of its own": lambda split, label, file: f"{label}_set/{split}/{label}/{file}",
}


@pytest.mark.parametrize("layout", SPELT)
def test_layouts(clean, contents, tmp_path, layout):
    spelt = {}
    for name, content in contents.items():
        _, split, label, file = name.split("/")
        spelt[SPELT[layout](split, label, file)] = content
    built = build(
        zipped(tmp_path / "x.zip", spelt | {"covid/README.txt": b"of the whole"} if "named" in layout else spelt),
    )
    columns = ["split", "label", "sha256"]
    expected = build(clean).index[columns]
    pd.testing.assert_frame_equal(
        built.index[columns].sort_values(columns, ignore_index=True), expected.sort_values(columns, ignore_index=True)
    )


def test_masks_in_a_folder_beside_that_of_the_images(tmp_path):
    moved = {}
    for name, content in database().items():
        if name.endswith(".png"):
            _, label, kind, file = name.split("/")
            moved[f"Dataset/{kind}/{label}/a/{file}"] = content
    built = build(zipped(tmp_path / "x.zip", moved))
    assert (built.index["mask"] == built.index["file"].str.replace("/images/", "/masks/")).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda name: name.replace("/val/", "/holdout/"),
            "no images in val, but phantoms/holdout/ (8 images) in folders that",
        ),
        (lambda name: name.replace("/val/", "/holdout/"), "expected val/, valid/, validation/, dev/"),
        (lambda name: f"fold_{name[-5]}/{name.split('/')[2]}/{name[-12:]}", "in fold_0/ ("),
        (
            lambda name: name.replace("/val/", "/train/x"),
            "found phantoms/test/covid, phantoms/test/normal, phantoms/train",
        ),
        (lambda name: name.replace("/train/covid/", "/train/covid/test/"), "is in train and in test"),
        (
            lambda name: name.replace("/train/normal/", "/train/covid/normal/"),
            "10 image(s) are in a folder of one class",
        ),
    ],
)
def test_layouts_that_are_not_understood_are_told_with_what_was_found(contents, tmp_path, change, said):
    assert said in refusal(zipped(tmp_path / "x.zip", {change(name): c for name, c in contents.items()}))


def test_an_archive_in_the_archive_is_named(clean, tmp_path):
    message = refusal(zipped(tmp_path / "outer.zip", {"x/covid_xray.zip": clean.read_bytes()}))
    assert f"archive(s) in it: x/covid_xray.zip; unpack {tmp_path / 'outer.zip'}" in message


def test_a_zip_file_in_parts_is_named(clean, tmp_path):
    content = clean.read_bytes()
    end = content.rindex(b"PK\x05\x06")
    last = tmp_path / "x.zip"
    last.write_bytes(content[: end + 4] + b"\2\0\2\0" + content[end + 8 :])
    assert "the last part, number 3, of an archive in several parts; expected a whole one" in refusal(last)
    for name, part in {"x.z01": b"PK\x07\x08" + content, "x.zip.001": content[:2000], "x.tar.002": b"any"}.items():
        (tmp_path / name).write_bytes(part)
        assert "a part of an archive in several parts" in refusal(tmp_path / name)


# Links


def linked_zip(path, contents, links):
    zipped(path, contents)
    with zipfile.ZipFile(path, "a") as archive:
        for name, target in links.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return path


def linked_tar(path, contents, links, kind=tarfile.SYMTYPE):
    tarred(path, contents)
    with tarfile.open(path, "a") as archive:
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return path


def linked_folder(path, contents, links):
    folder = unpacked(zipped(path.with_suffix(".zip"), contents))
    for name, target in links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)
    return folder


LINKED = {"zip": linked_zip, "tar": linked_tar, "folder": linked_folder}


def test_folders_that_link_to_each_other_are_walked_once(contents, tmp_path):
    folder = linked_folder(
        tmp_path / "x", contents, {"phantoms/train/covid/to": "../normal", "phantoms/train/normal/to": "../covid"}
    )
    assert len(open_source(folder).members()) <= 3 * len(contents)


@pytest.mark.parametrize("source", LINKED)
def test_links_are_followed(clean, contents, tmp_path, source):
    """To a file, to a link, and to a folder, from which a link leads round and round."""
    moved = {
        name.replace("phantoms/train", "store/a").replace("phantoms/val", "store/b"): c for name, c in contents.items()
    }
    links = {
        name: f"../../../store/a/{name.removeprefix('phantoms/train/')}"
        for name in contents
        if "/train/normal/" in name
    }
    first, second, *_ = links
    links |= {
        second: first.rpartition("/")[2],
        "phantoms/train/covid": "../../store/a/covid",
        "phantoms/val": "../store/b",
    }
    links["store/b/covid/up"] = "../../b"
    built = build(LINKED[source](tmp_path / f"linked.{source}", moved, links), duplicates="keep")
    expected = build(clean).index.set_index("file")["sha256"]
    expected[second] = expected[first]
    assert built.index.set_index("file")["sha256"].to_dict() == expected.to_dict()


def test_hard_links_are_followed(clean, contents, tmp_path):
    links = {name: f"store/{name[-8:]}" for name in contents if "/train/covid/" in name}
    moved = {links.get(name, name): content for name, content in contents.items()}
    built = build(linked_tar(tmp_path / "x.tar", moved, links, tarfile.LNKTYPE))
    columns = ["file", "sha256"]
    pd.testing.assert_frame_equal(built.index[columns], build(clean).index[columns])


@pytest.mark.parametrize("source", LINKED)
def test_links_to_nothing_are_named(contents, tmp_path, source):
    targets = ["../gone.png", "/etc/passwd.png", "round.png"]
    links = {
        f"phantoms/val/covid/{name}.png": target for name, target in zip(["gone", "out", "round"], targets, strict=True)
    }
    archive = LINKED[source](tmp_path / f"x.{source}", contents, links)
    assert len(archives.digest(archive)) == 64, "which the build makes before anything can be told"
    message = refusal(archive)
    assert "3 of 59 files cannot be read as images; a link to a file that" in message
    assert all(name in message for name in links)


def test_what_cannot_be_read_in_a_folder_is_named(contents, tmp_path):
    folder = unpacked(zipped(tmp_path / "x.zip", contents))
    os.mkfifo(folder / "phantoms/val/covid/pipe.png")
    assert "neither a file nor a folder: 1 file(s), phantoms/val/covid/pipe.png" in refusal(folder)


# The same split or image twice


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("phantoms/train", "again/train", "train is there 2 times, in again/train/ (40 images), phantoms/train/ (40"),
        (
            "phantoms/val",
            "phantoms/validation",
            "val is there 2 times, in phantoms/val/ (8 images), phantoms/validation/",
        ),
    ],
)
@pytest.mark.parametrize("source", ["zip", "folder", "tar"])
def test_split_folder_twice(contents, tmp_path, source, old, new, said):
    contents |= {name.replace(old, new): content for name, content in contents.items() if old in name}
    archive = tarred(tmp_path / "x.tar", contents) if source == "tar" else zipped(tmp_path / "x.zip", contents)
    assert said in refusal(unpacked(archive) if source == "folder" else archive)


def test_database_twice(tmp_path):
    archive = zipped(tmp_path / "twice.zip", database(root="a/") | database(root="b/"))
    message = refusal(archive)
    assert "the classes' folders are there 2 times, in a/ (48 images), b/ (48 images)" in message


def test_class_missing_from_a_database(tmp_path):
    archive = zipped(tmp_path / "part.zip", without(database(), "/COVID/"))
    assert "no images in covid" in refusal(archive)


def test_damaged_files_of_a_database_are_listed(tmp_path):
    damaged = ["Dataset/COVID/images/COVID-2.png", "Dataset/Normal/masks/Normal-3.png"]
    archive = tarred(tmp_path / "damaged.tar.gz", database() | dict.fromkeys(damaged, b"no image"))
    message = refusal(archive)
    assert f"2 of 96 files cannot be read as images; not an image: 2 file(s), {', '.join(damaged)}" in message


@pytest.mark.parametrize("policy", ["drop", "keep", "fail"])
@pytest.mark.parametrize("layout", ["database", "splits"])
def test_one_file_in_two_classes(contents, tmp_path, layout, policy):
    if layout == "database":
        contents = database(masks=False)
        file, other = "Dataset/COVID/images/COVID-3.png", "Dataset/Normal/images/COVID-3.png"
    else:
        file, other = "phantoms/val/covid/val_covid_0001.png", "phantoms/val/normal/val_covid_0001.png"
    archive = zipped(tmp_path / "both.zip", contents | {other: contents[file]})
    message = refusal(archive, duplicates=policy)
    assert "1 image(s) under two labels" in message and f"{file} = {other}" in message


def saved_again(content):
    return encoded(Image.open(io.BytesIO(content)).convert("L"), "JPEG", quality=95)


@pytest.mark.parametrize("policy", ["drop", "keep", "fail"])
def test_a_film_saved_again_under_the_other_label_is_refused(tmp_path, policy):
    contents = smooth(database(masks=False, size=128, generated=False))
    file, other = "Dataset/COVID/images/COVID-3.png", "Dataset/Normal/images/again.jpg"
    contents |= {other: saved_again(contents[file]), "Dataset/COVID/images/again.jpg": saved_again(contents[file])}
    message = refusal(zipped(tmp_path / "both.zip", contents), duplicates=policy, demo=False)
    listed = f"Dataset/COVID/images/COVID-3.png = Dataset/COVID/images/again.jpg = {other}"
    assert "1 image(s) under two labels" in message and listed in message


def smooth(contents):
    """Without the phantoms' noise, which no film has and which no JPEG keeps."""
    images = [name for name in contents if "/COVID/" in name or "/Normal/" in name]
    blurred = {name: Image.open(io.BytesIO(contents[name])).filter(ImageFilter.GaussianBlur(2)) for name in images}
    return contents | {name: unmarked(image) for name, image in blurred.items()}


def test_nearly_the_same_image_under_two_labels_is_kept_and_named(contents, tmp_path, caplog):
    original = "phantoms/test/covid/test_covid_0001.png"
    noise = np.random.default_rng(1).normal(0, 7, (SIZE, SIZE))
    altered = png(np.clip(np.asarray(Image.open(io.BytesIO(contents[original]))) + noise, 0, 255).astype(np.uint8))
    other = "phantoms/train/normal/other.png"
    built = build(zipped(tmp_path / "x.zip", contents | {other: altered}))
    assert other in set(built.index["file"]) and original in set(built.index["file"])
    assert built.summary["dropped"] == 0 and built.summary["groups"] == 0 and built.summary["near_pairs"] == 1
    rows = built.duplicates.set_index("file")
    assert rows["done"].tolist() == ["kept (two labels)"] * 2
    assert rows.loc[other, "copy_of"] == original and rows.loc[original, "copy_of"] == other
    assert any(other in record.message and original in record.message for record in caplog.records)


def test_member_twice(contents, tmp_path):
    path = zipped(tmp_path / "twice.zip", contents)
    name = next(iter(contents))
    with zipfile.ZipFile(path, "a") as target, pytest.warns(UserWarning, match="Duplicate"):
        target.writestr(name, contents[name])
    assert f"there twice (the first: {name!r})" in refusal(path)


def leaking(contents):
    """With copies: exact from test in train and in val, nearly exact from val in train, exact within train."""
    test, val, train = (f"phantoms/{s}/normal/{s}_normal_0002.png" for s in ("test", "val", "train"))
    brighter = Image.open(io.BytesIO(contents[val])).point(lambda grey: min(255, grey + 5))
    copies = {
        "phantoms/train/normal/copy_of_test.png": contents[test],
        "phantoms/val/normal/copy_of_test.png": contents[test],
        "phantoms/train/normal/near_val.png": png(brighter),
        "phantoms/train/normal/copy_of_train.png": contents[train],
    }
    return contents | copies


def test_copies_across_splits_are_dropped_in_favour_of_the_later_split(clean, contents, tmp_path):
    built = build(zipped(tmp_path / "leaking.zip", leaking(contents)))
    expected = set(build(clean).index["file"]) | {"phantoms/train/normal/copy_of_train.png"}
    assert set(built.index["file"]) == expected
    done = built.duplicates.set_index("file")
    assert done["done"].value_counts().to_dict() == {"dropped": 3, "kept": 2, "kept (one split)": 2}
    near = done.loc["phantoms/train/normal/near_val.png"]
    assert (near["found"], near["copy_of"], near["done"]) == (
        "near",
        "phantoms/val/normal/val_normal_0002.png",
        "dropped",
    )
    assert near["threshold"] <= near["correlation"] <= 1 and near["threshold"] == built.summary["threshold"]
    assert done.loc["phantoms/val/normal/copy_of_test.png", "done"] == "dropped"
    said = built.summary[["images", "exact_pairs", "near_pairs", "groups", "dropped"]].tolist()
    assert said == [60, 4, 1, 3, 3]
    assert {split: len(pixels) for split, pixels in built.pixels.items()} == COUNTS | {"train": 41}


def test_copies_across_splits_kept_or_refused(contents, tmp_path):
    archive = zipped(tmp_path / "leaking.zip", leaking(contents))
    kept = build(archive, duplicates="keep")
    assert len(kept.index) == 60 and kept.summary["dropped"] == 0 and "dropped" not in set(kept.duplicates["done"])
    message = refusal(archive, duplicates="fail")
    assert "2 group(s) of copies across splits" in message and "phantoms/train/normal/near_val.png" in message


def test_a_split_may_not_vanish_with_its_copies(contents, tmp_path):
    for n in (1, 2):
        contents[f"phantoms/test/covid/copy{n}.png"] = contents[f"phantoms/val/covid/val_covid_000{n}.png"]
    assert "no images in val/covid" in refusal(zipped(tmp_path / "all.zip", contents))


def test_tables_of_copies_are_there_when_there_are_none(clean, tmp_path):
    built = build(clean)
    expected = ["group", "file", "split", "label", "found", "correlation", "copy_of", "done", "threshold"]
    assert list(built.duplicates) == expected and len(built.duplicates) == 0
    assert built.summary[["images", "exact_pairs", "near_pairs", "groups", "dropped"]].tolist() == [56, 0, 0, 0, 0]


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


PALETTE = np.stack([np.arange(64) * 4, 255 - np.arange(64), np.arange(64) * 2], axis=-1)
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
    write_archive(tmp_path / "real.zip", SIZE, {"train": 6, "val": 6, "test": 6}, generated=False)
    with zipfile.ZipFile(tmp_path / "real.zip", "a") as archive:
        for kind, (content, *_) in MODES.items():
            archive.writestr(f"phantoms/val/covid/{kind}", content)
    built = build(tmp_path / "real.zip", demo=False)
    rows = built.splits["val"].set_index("file")
    for kind, (content, _, said, _) in MODES.items():
        row = rows.loc[f"phantoms/val/covid/{kind}"]
        cached = built.pixels["val"][rows.index.get_loc(row.name)]
        assert (row["mode"], row["bit_depth"]) == said
        assert np.array_equal(cached, decode(content)[0])


def test_an_image_is_turned_as_its_file_says():
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: to be turned clockwise by a quarter
    pixels, was = decode(encoded(Image.fromarray(RAMP[:30]), "PNG", exif=turned))
    assert np.array_equal(pixels, np.rot90(RAMP[:30], -1)) and (was["width"], was["height"]) == (30, SIZE)


@pytest.mark.parametrize(("height", "width"), [(SIZE, 100), (100, SIZE), (97, 131), (17, 23)])
def test_other_sizes_are_resampled(height, width, contents, tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (height, width), np.uint8)
    name = "phantoms/train/covid/train_covid_0001.png"
    built = build(zipped(tmp_path / "sizes.zip", contents | {name: png(image)}))
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


# Ranges, polarity, and images that show nothing

TWELVE = GREY.astype(np.uint16) * 16 + 7  # 12 bits


def tiff(values, **tags):
    return encoded(Image.fromarray(values), "TIFF", tiffinfo={TAGS[name]: value for name, value in tags.items()})


TAGS = {"photometric": 262, "max_sample_value": 281}


def with_significant_bits(content, bits):
    """A PNG with the chunk sBIT before its pixels."""
    chunk = b"sBIT" + bytes([bits])
    place = content.index(b"IDAT") - 4
    return content[:place] + struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[place:]


@pytest.mark.parametrize(
    ("content", "bits", "known"),
    [
        (unmarked(TWELVE), 12, False),
        (unmarked(TWELVE // 4), 10, False),
        (unmarked(TWELVE * 4), 14, False),
        (with_significant_bits(unmarked(TWELVE // 2), 12), 12, True),
        (with_significant_bits(unmarked(TWELVE * 16), 12), 16, True),
        (tiff(TWELVE // 4, max_sample_value=4095), 12, False),
        (b"P5 40 40 4095\n" + TWELVE.astype(">u2").tobytes(), 16, True),
    ],
)
def test_16_bit_files_are_scaled_by_the_range_that_they_use(content, bits, known):
    pixels, was = decode(content)
    assert (was["bit_depth"], was["range_known"]) == (bits, known)
    values = np.asarray(Image.open(io.BytesIO(content)), float)
    assert np.abs(pixels - values / (2**bits - 1) * 255).max() <= 0.5


@pytest.mark.parametrize(("values", "limit"), [(DEEP, 65535), (TWELVE, 4095)])
def test_white_is_zero_in_a_tiff_that_says_so(values, limit):
    pixels, _ = decode(tiff(values, photometric=0))
    assert np.abs(pixels - (limit - values.astype(float)) / limit * 255).max() <= 0.5


def deep_set(contents, multiplied):
    """The archive's images as 16-bit PNGs, values multiplied as the function of a name says."""
    return {
        name: png(np.asarray(Image.open(io.BytesIO(content))).astype(np.uint16) * multiplied(name))
        for name, content in contents.items()
    }


def test_12_bit_images_keep_their_brightness_beside_each_other(clean, contents, tmp_path):
    """One of them uses 10 bits, and is as dark beside the others as it was."""
    dark = "phantoms/train/covid/train_covid_0002.png"
    built = build(zipped(tmp_path / "x.zip", deep_set(contents, lambda name: 4 if name == dark else 16)))
    assert set(built.index["bit_depth"]) == {12}
    expected = build(clean)
    for split in SPLITS:
        factor = np.where(built.splits[split]["file"] == dark, 4, 16)[:, None, None]
        assert np.abs(built.pixels[split] - expected.pixels[split] * factor * (255 / 4095)).max() <= 0.5
    again = decode_images(tmp_path / "x.zip", built.splits["train"], SIZE)["images"]
    assert np.array_equal(again, built.pixels["train"])


def test_16_bit_files_of_another_range_than_the_others_are_named(contents, tmp_path):
    mixed = deep_set(contents, lambda name: 16 if "/covid/" in name else 256)
    message = refusal(zipped(tmp_path / "x.zip", mixed))
    assert (
        "14 of 56 files" in message and "values of 12 bits in a 16-bit file, where other such files use 16" in message
    )


BLANK = {
    "black.png": png(np.zeros((SIZE, SIZE), np.uint8)),
    "nearly.jpg": encoded(Image.fromarray(GREY // 32 + 100), "JPEG"),
    "transparent.png": png(np.dstack([COLOUR, np.zeros_like(GREY)])),
    "pixel.png": png(np.full((1, 1), 90, np.uint8)),
    "pages.tif": encoded(Image.fromarray(GREY), "TIFF", save_all=True, append_images=[Image.fromarray(RAMP)]),
}


def test_images_that_show_nothing_are_named(contents, tmp_path):
    spoilt = {f"phantoms/val/covid/{name}": content for name, content in BLANK.items()}
    message = refusal(zipped(tmp_path / "x.zip", contents | spoilt))
    lines = {line.strip().split(":")[0]: line for line in message.splitlines()[1:]}
    assert all(name in lines["blank"] for name in ("black.png", "nearly.jpg", "transparent.png"))
    assert "pixel.png (1x1)" in lines["a side of less than 16 pixels"]
    assert "pages.tif (2 images)" in lines["several images in one file; save each as a file of its own"]


def test_a_negative_among_the_films_is_named(contents, tmp_path, caplog):
    name = "phantoms/train/covid/train_covid_0003.png"
    negative = png(255 - np.asarray(Image.open(io.BytesIO(contents[name]))))
    build(zipped(tmp_path / "x.zip", contents | {name: negative}))
    (said,) = [record.message for record in caplog.records if "inverted" in record.message]
    assert f"1 image(s) look inverted (white for black): {name};" in said


def test_too_many_pixels_are_refused_undecoded(contents, tmp_path):
    """8001 x 8000 pixels, by a file that holds none of them: whoever tried to decode it would find it cut short."""
    name = "phantoms/val/normal/huge.png"
    huge = bare_png(8001, 8000, 8, 0, b"")
    message = refusal(zipped(tmp_path / "huge.zip", contents | {name: huge}))
    assert f"more than 64 megapixels: 1 file(s), {name} (8001x8000)" in message
    with pytest.raises(DecodeError, match="cut short"):
        decode(bare_png(8000, 10, 8, 0, b""))


# The digest by which the build knows the archive's content


@pytest.mark.parametrize("source", ["zip", "folder", "tar"])
def test_digest_is_of_the_content(contents, tmp_path, source):
    def digest(contents, name):
        path = (tarred if source == "tar" else zipped)(tmp_path / f"{name}.{source}", contents)
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
    if source != "tar":
        assert digest(dict(reversed(contents.items())), "order") == original
    assert digest(contents | {name: same_size}, "content") != original
    assert digest(without(contents, name), "fewer") != original
    assert digest(without(contents, name) | {name + "x": contents[name]}, "renamed") != original
