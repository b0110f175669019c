"""An external set: copies of known images are dropped."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from pipeline.command import InputError
from pipeline.data import external
from pipeline.data import index as archive_index
from pipeline.vocabulary import SPLITS
from tests.data.test_index import CLASSES, RATIOS, zipped
from tests.phantoms import database_contents, phantom, png, write_archive

SIZE = 40
SETTINGS = {
    "seed": 1,
    "demo": True,
    "dataset": {"classes": CLASSES, "image_size": SIZE, "ratios": RATIOS, "duplicates": "drop", "draw": None},
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("known") / "known.zip"
    write_archive(path, 64, {"train": 40, "val": 8, "test": 8}, seed=3)
    return path


@pytest.fixture(scope="module")
def known(archive):
    """The archive as the stage data leaves it."""
    made = archive_index.prepare(archive, SETTINGS)
    return {"index": made["index"], "caches": made["caches"]}


def prepared(path, known, **changed):
    """The external set and what is said of it."""
    made = external.prepare(path, **known, settings=SETTINGS | changed)
    (summary,) = made["summary"].to_dict("records")
    return made["index"], made["images"], summary


def film(seed, label):
    return phantom(np.random.default_rng(seed), label, 64)


def test_the_databases_layout_is_indexed_and_cached_as_one_set(known, tmp_path):
    index, images, summary = prepared(zipped(tmp_path / "x.zip", database_contents((6, 4), 64, 32)), known)
    assert index["split"].eq("external").all() and index["label"].value_counts().to_dict() == {"normal": 6, "covid": 4}
    assert images.shape == (10, SIZE, SIZE)
    assert {name: summary[name] for name in ("images", "normal", "covid", "dropped")} == {
        "images": 10, "normal": 6, "covid": 4, "dropped": 0,
    }  # fmt: skip


def test_splits_are_left_aside(known, tmp_path):
    write_archive(tmp_path / "external.zip", 64, {"train": 8, "val": 4, "test": 4}, seed=9)
    index, images, _ = prepared(tmp_path / "external.zip", known)
    assert len(index) == len(images) == 16 and index["split"].eq("external").all()


def test_one_split_is_enough(known, tmp_path):
    films = {f"test/{label}/{n}.png": png(film((5, n), label)) for label in ("covid", "normal") for n in range(4)}
    index, _, _ = prepared(zipped(tmp_path / "external.zip", films), known)
    assert sorted(index["file"]) == sorted(films)
    without = {name: content for name, content in films.items() if "covid" not in name}
    with pytest.raises(InputError, match="no images in covid; found test/normal; both classes"):
        prepared(zipped(tmp_path / "without.zip", without), known)


@pytest.mark.parametrize("split", SPLITS)
def test_copies_of_images_of_any_split_are_dropped(archive, known, tmp_path, split):
    index = known["index"]
    first = index[(index["split"] == split) & (index["label"] == "normal")].iloc[0]
    with_name = {
        "covid": [film((7, n), "covid") for n in range(3)],
        "normal": [film((8, n), "normal") for n in range(3)],
    }
    contents = {
        f"x/{label}/{n}.png": png(image) for label, images in with_name.items() for n, image in enumerate(images)
    }
    with zipfile.ZipFile(archive) as source:
        original = source.read(first["file"])
    exact = contents | {"x/normal/copy.png": original}
    brighter = np.asarray(Image.open(io.BytesIO(original)).convert("L")).astype(int) * 9 // 10 + 12
    near = contents | {"x/normal/copy.png": png(brighter.astype(np.uint8))}
    assert len(known["caches"][SPLITS.index(split)]) == (index["split"] == split).sum()
    for given in (exact, near):
        left, images, summary = prepared(zipped(tmp_path / "external.zip", given), known)
        assert summary["dropped"] == 1 and len(images) == len(left) == 6
        assert not left["file"].str.endswith("copy.png").any()


def test_an_image_that_the_archive_has_under_the_other_label_is_refused(archive, known, tmp_path):
    with zipfile.ZipFile(archive) as source:
        name = next(name for name in source.namelist() if "/val/normal/" in name)
        copied = {f"x/{label}/{n}.png": png(film((9, n), label)) for label in ("covid", "normal") for n in range(4)}
        copied["x/covid/copy.png"] = source.read(name)
    with pytest.raises(InputError, match=f"1 image.s. under two labels.*{name} = x/covid/copy.png"):
        prepared(zipped(tmp_path / "external.zip", copied), known)


def test_a_set_of_copies_alone_is_refused(archive, known):
    with pytest.raises(InputError, match=r"known.zip: of normal, all \d+ images are copies.*dataset.external"):
        prepared(archive, known)


def test_real_images_do_not_pass_in_a_demonstration(known, tmp_path):
    real = zipped(tmp_path / "external.zip", database_contents((6, 4), 64, 32, generated=False))
    with pytest.raises(InputError, match="real images in a demonstration"):
        prepared(real, known)
