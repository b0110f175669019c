"""The files that the configuration names, as the workflow finds them: no Snakemake runs here."""

import copy
import shutil
from pathlib import Path

import pytest
import yaml

from tests import phantoms
from workflow import user_files

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture
def build(tmp_path, monkeypatch):
    """A build's folder, the current one, beside a clone: both empty."""
    for name in ("build", "clone"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "build")
    return tmp_path / "build"


@pytest.fixture
def clone(build):
    return build.parent / "clone"


def named(dataset=user_files.DEFAULT_DATASET, external=None, weights="imagenet"):
    config = copy.deepcopy(CONFIG)
    config["dataset"] |= {"path": dataset, "external": external}
    config["transfer"]["weights"] = weights
    return config


def archive(file, **options):
    """A small data set."""
    phantoms.write_archive(file, size=16, splits={"train": 4, "val": 4, "test": 4}, **options)
    return file


def test_a_relative_path_is_one_of_the_build_before_one_of_the_checkout(build, clone, monkeypatch):
    assert user_files.find("x.zip", clone) == Path("x.zip")  # nowhere: messages name the build's folder
    (clone / "x.zip").touch()
    assert user_files.find("x.zip", clone) == clone / "x.zip"
    (build / "x.zip").touch()
    assert user_files.find("x.zip", clone) == Path("x.zip")
    monkeypatch.setenv("HOME", str(clone))
    assert user_files.find("~/x.zip", build) == clone / "x.zip"


def test_the_default_dataset_may_be_absent_and_a_named_path_may_not(build, clone):
    assert list(user_files.missing(named(), clone)) == []
    assert list(user_files.missing(named(weights="random"), clone)) == []
    (build / "folder").mkdir()
    lines = list(user_files.missing(named(dataset="typo.zip", external="set", weights="folder"), clone))
    assert [line.split(";")[0] for line in lines[1:]] == [
        f"dataset.external: nothing at {build / 'set'}",
        f"transfer.weights: no file {build / 'folder'}",
    ]
    assert lines[0].startswith(f"dataset.path: no data at {build / 'typo.zip'}")
    (clone / "typo.zip").touch()
    (build / "set").mkdir()
    (build / "w.h5").touch()
    assert list(user_files.missing(named(dataset="typo.zip", external="set", weights="w.h5"), clone)) == []


def test_the_digest_is_of_the_content(build):
    first = archive(build / "first.zip")
    moved = shutil.copy(first, build / "moved.zip")
    assert user_files.digest(first) == user_files.digest(Path(moved))
    assert user_files.digest(first) != user_files.digest(archive(build / "other.zip", seed=9))
    (build / "no.zip").write_text("no archive")
    assert user_files.digest(build / "no.zip") == user_files.UNREADABLE


def test_weights_are_fetched_or_the_users_or_none(build, clone):
    (build / "w.h5").write_bytes(b"weights")
    (clone / "same.h5").write_bytes(b"weights")
    assert user_files.weights_path(named(), clone, "imagenet.h5") == Path("imagenet.h5")
    assert user_files.weights_path(named(weights="random"), clone, "imagenet.h5") == []
    assert user_files.weights_path(named(weights="same.h5"), clone, "imagenet.h5") == clone / "same.h5"
    kinds = ("imagenet", "random", "w.h5", "same.h5")
    digests = {kind: user_files.weights_digest(named(weights=kind), clone) for kind in kinds}
    assert digests["w.h5"] == digests["same.h5"] and len(set(digests.values())) == 3


def test_without_data_the_article_is_made_from_tables_of_the_same_configuration(build, clone, capsys):
    def absent(config_sha256):
        return user_files.absent_dataset(named(), clone, ["a.csv", "b.pdf"], "a.csv", config_sha256)

    (build / "a.csv").write_text("key,value\nsha256,abc\n")
    with pytest.raises(SystemExit, match="no data at .*make report DATA="):  # a figure is not there
        absent("abc")
    (build / "b.pdf").touch()
    with pytest.raises(SystemExit, match="made with another configuration"):
        absent("abd")
    assert absent("abc") == user_files.DEFAULT_DATASET
    assert "only the report can be made again" in capsys.readouterr().err
