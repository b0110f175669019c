"""One image with a saved model: the command that users call."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import expit

from pipeline.predict import main

ROOT = Path(__file__).parent.parent
SIZE = 8


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A finished build whose fine-tuned model gives the mean grey value less 100, and calls covid from 20 on.

    Corrected, the logit is divided by 10 and less by 1.
    """
    folder = tmp_path_factory.mktemp("build")
    inputs = keras.Input((SIZE, SIZE, 1))
    x = keras.layers.Conv2D(1, 1, use_bias=False, name="map")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(1, name="logit")(x))
    model.set_weights([np.ones((1, 1, 1, 1)), np.ones((1, 1)), np.array([-100.0])])
    for file in ("results/final/transfer.keras", "tables/evaluate/thresholds.csv", "tables/data/index_train.csv"):
        (folder / file).parent.mkdir(parents=True)
    model.save(folder / "results/final/transfer.keras")
    (folder / "tables/evaluate/thresholds.csv").write_text("model,threshold,logit\nbaseline,0.5,0\ntransfer,1.0,20\n")
    (folder / "tables/evaluate/corrections.csv").write_text(
        "model,temperature_alone,intercept,slope,prevalence\nbaseline,False,0,1,0.25\ntransfer,False,-1,0.1,0.25\n"
    )
    (folder / "tables/data/index_train.csv").write_text("file,mode,bit_depth\na.png,I;16,12\nb.png,L,8\n")
    return folder


def predict(folder, *arguments, **environment):
    """The command, run in `folder`: exit status, and all that it prints but for TensorFlow's own messages."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.predict", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        text=True,
        capture_output=True,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def predicted(monkeypatch, capsys, caplog):
    """The command within this process, which has loaded TensorFlow: exit status, what it prints, the line it logs."""

    def command(folder, *arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["predict", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            return end.code, capsys.readouterr().out, "\n".join(caplog.messages)
        return 0, capsys.readouterr().out, "\n".join(caplog.messages)

    return command


def grey(folder, name, value, size=(16, 20)):
    """A film with this mean: its left half is darker, its right half brighter."""
    halves = np.where(np.arange(size[1]) < size[1] / 2, value - 8, value + 8)
    Image.fromarray(np.broadcast_to(halves, size).astype(np.uint8)).save(folder / name)
    return folder / name


def test_images_are_judged_and_explained(build, tmp_path):
    dark, bright = grey(tmp_path, "dark.png", 101), grey(tmp_path, "bright.png", 140)
    status, printed, _ = predict(tmp_path, dark, bright, "--build", build, "--explain")
    assert status == 0
    lines = printed.splitlines()
    assert lines[0].startswith(f"{dark}: P(covid) {expit(-0.9):.3f}, normal at the threshold {expit(1):.3f}")
    assert lines[1].startswith(f"{bright}: P(covid) {expit(3):.3f}, covid at the threshold {expit(1):.3f}")
    assert "corrected for class weights and holds where 25% of films are covid" in lines[2]
    assert "no medical device" in lines[-1]
    # Covid is spoken for wherever it is bright; normal nowhere.
    assert "(empty map)" in lines[0] and "(empty map)" not in lines[1]
    overlay = np.asarray(Image.open(tmp_path / "bright_gradcam.png"))
    assert overlay.shape == (16, 20, 3) and overlay[..., 0].min() > 140


def test_a_film_of_16_bits_is_read_with_the_range_of_the_training_images(build, predicted, tmp_path):
    values = np.broadcast_to(np.where(np.arange(20) < 10, 500, 1000), (16, 20))
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "film.png")
    _, printed, _ = predicted(tmp_path, "film.png", "--build", build)
    logit = 750 * 255 / 4095 - 100
    assert printed.startswith(f"film.png: P(covid) {expit(-1 + 0.1 * logit):.3f}, normal")


def test_a_build_of_an_older_version_gets_one_line(build, predicted, tmp_path):
    older = shutil.copytree(build, tmp_path / "older")
    (older / "tables/evaluate/corrections.csv").write_text("model,intercept,slope\ntransfer,0,1\n")
    status, printed, errors = predicted(tmp_path, grey(tmp_path, "film.png", 120), "--build", older)
    assert status == 1 and printed == ""
    assert "corrections.csv is damaged, cut short or of an older version" in errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"no image", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "expected a chest film"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (b"P5 40 40 255\n" + bytes(1600), "blank: black"),
    ],
)
def test_a_wrong_file_gets_one_line_and_nothing_is_written(build, tmp_path, content, message):
    good, bad = grey(tmp_path, "good.png", 120), tmp_path / "bad.png"
    if content is not None:
        bad.write_bytes(content)
    status, printed, errors = predict(tmp_path, good, bad, "--build", build, "--explain")
    (line,) = errors.splitlines()
    assert status == 1 and printed == "" and str(bad) in line and message in line
    assert not list(tmp_path.glob("*_gradcam.png"))


def test_an_ascii_terminal_shows_the_result_for_any_name_of_a_file(build, tmp_path):
    films = [grey(tmp_path, name, 101) for name in (os.fsdecode(b"caf\xe9 \xc3\xbc.png"), "\u80ba.png")]
    status, printed, errors = predict(tmp_path, *films, "--build", build, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert status == 0 and "Traceback" not in errors
    assert r"caf\udce9 \xfc.png: P(covid)" in printed and r"\u80ba.png: P(covid)" in printed


def test_two_of_one_name_are_not_explained_into_one_file(build, predicted, tmp_path):
    (tmp_path / "b").mkdir()
    films = grey(tmp_path, "film.png", 120), grey(tmp_path / "b", "film.png", 20)
    status, printed, errors = predicted(tmp_path, *films, "--build", build, "--explain")
    assert status == 1 and printed == "" and "explain them one by one" in errors
    assert predicted(tmp_path, *films, "--build", build)[0] == 0


def test_a_folder_without_a_build_is_named(tmp_path):
    status, _, errors = predict(tmp_path, grey(tmp_path, "film.png", 120))
    assert status == 1 and "results/final/transfer.keras" in errors and "--build FOLDER" in errors


@pytest.mark.parametrize(
    ("file", "kept"), [("results/final/transfer.keras", 5000), ("tables/evaluate/thresholds.csv", 12)]
)
def test_a_build_with_a_file_that_is_cut_short_is_told_in_one_line(build, predicted, tmp_path, file, kept):
    shutil.copytree(build, tmp_path / "build")
    cut = tmp_path / "build" / file
    cut.write_bytes(cut.read_bytes()[:kept])
    status, printed, errors = predicted(tmp_path, grey(tmp_path, "film.png", 120), "--build", tmp_path / "build")
    assert status == 1 and printed == ""
    assert errors == f"{cut} is damaged, cut short or of an older version; delete it and build it again: make report"
