"""Backups: a run that was interrupted ends as if it had not been; what is not of the same run is not taken up."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import keras
import pandas as pd
import pytest

from pipeline.images.examples import Examples
from pipeline.models import fitting, runtime
from pipeline.models.backup import seconds_of
from tests.train.test_runs import ROOT, examples, fitted

# Killed


def training(backup: Path, weights: Path, history: Path):
    """A run on the labels of val turned round: the better it fits train, the worse it is, until it stops early.

    With dropout and batch normalisation; the best weights come long before the last.
    """
    val = examples("baseline", 30, seed=1)
    val = Examples(val.values, 1 - val.labels, val.files)
    options = {"val": val, "patience": 8, "backup": backup}
    network, rows = fitted("baseline", epochs=30, options=options, dropout=0.4, learning_rate=0.01, batch_size=4)
    weights.write_text(fitting.weights_sha256(network))
    rows.to_csv(history, index=False)


def started(*files):
    script = """if True:
        from pipeline.command import run
        from tests.test_backup import training
        run(training)
    """
    options = [str(part) for pair in zip(("--backup", "--weights", "--history"), files, strict=True) for part in pair]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, *options]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_run_killed_three_times_ends_as_one_that_was_not(tmp_path):
    """Killed while an epoch is written down, or just before or after: it repeats no epoch that was."""
    undisturbed = [tmp_path / name for name in ("undisturbed.npz", "weights.txt", "history.csv")]
    training(*undisturbed)
    files = [tmp_path / name for name in ("killed.npz", "killed.txt", "killed.csv")]
    written = 0
    for kill_after in (1, 2, 2, None):
        log, epochs = "", []
        with started(*files) as process:
            for line in process.stderr:
                log += line
                if epoch := re.match(r"epoch (\d+)/30  train_loss", line):
                    epochs.append(int(epoch[1]))
                if len(epochs) == kill_after:
                    process.kill()
        assert process.returncode == (-signal.SIGKILL if kill_after else 0), log
        taken_up = int((re.findall(r"goes on after epoch (\d+)", log) or [0])[0])
        # An epoch's line in the log comes just before its backup.
        assert taken_up in (written - 1, written) and epochs == list(range(taken_up + 1, epochs[-1] + 1))
        assert "%|" not in log, "no bar but on a terminal"
        written = epochs[-1]
    weights, history = undisturbed[1:]
    assert files[1].read_text() == weights.read_text() and files[2].read_text() == history.read_text()
    rows = pd.read_csv(history)
    best = rows["val_loss"].idxmin() + 1
    assert best <= taken_up < best + 8 == len(rows) == written < 30, (
        "stopped early, at weights from before the last kill"
    )


# Interrupted otherwise, with every optimizer


class Interruption(Exception):
    pass


class Interrupt(keras.callbacks.Callback):
    """Raises at the end of an epoch, before it is written down."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epoch:
            raise Interruption


def run(backup=None, interrupted_at=None, **changed):
    """A short run of the transfer model's head, with dropout and augmentation: digest of its weights, history."""
    options = {"backup": backup, "decay": changed.pop("decay", False), "val": examples("transfer", 20, seed=1)}
    options |= {"patience": changed.pop("patience", None), "stop": [Interrupt(interrupted_at)]}
    others = {name: changed.pop(name) for name in ("seed", "epochs", "train") if name in changed}
    network, history = fitted("transfer", options=options, **({"epochs": 5} | others), **({"dropout": 0.4} | changed))
    return fitting.weights_sha256(network), history.to_csv(index=False)


@pytest.mark.parametrize(
    "changed",
    [
        {"optimizer": "sgd"},
        {"optimizer": "rmsprop", "decay": True, "patience": 3},
        {"optimizer": "adam", "loss": "focal", "patience": 3},
    ],
)
def test_an_interrupted_run_goes_on(changed, tmp_path, caplog):
    backup = tmp_path / "run.npz"
    with pytest.raises(Interruption):
        run(backup, interrupted_at=4, **changed)
    before = seconds_of(backup)
    with caplog.at_level("INFO", "pipeline"):
        assert run(backup, **changed) == run(**changed)
    assert 0 < before < seconds_of(backup), "of both parts"
    assert "goes on after epoch 3" in caplog.messages[0]
    assert sum(message.startswith("epoch") for message in caplog.messages) == 2 + 5


def test_an_interrupted_run_goes_on_where_the_loss_is_scaled(tmp_path, monkeypatch):
    """As it is on a GPU: the averages are then those of an optimizer within the optimizer."""
    monkeypatch.setattr(runtime, "has_gpu", lambda: True)
    backup = tmp_path / "run.npz"
    with pytest.raises(Interruption):
        run(backup, interrupted_at=4)
    assert run(backup) == run()


def test_a_run_killed_after_its_last_epoch_ends(tmp_path):
    """Before its end is written down: it repeats its last epoch."""

    class AtTheEnd(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            raise Interruption

    backup = tmp_path / "run.npz"
    options = {"backup": backup, "val": examples("transfer", 20, seed=1), "patience": 9}
    with pytest.raises(Interruption):
        fitted("transfer", epochs=3, options=options | {"stop": [AtTheEnd()]})
    assert backup.exists()
    network, history = fitted("transfer", epochs=3, options=options)
    expected, same_history = fitted("transfer", epochs=3, options=options | {"backup": None})
    assert fitting.weights_sha256(network) == fitting.weights_sha256(expected)
    assert history.equals(same_history)


@pytest.mark.parametrize("patience", [None, 2])
def test_a_finished_run_is_not_repeated(patience, tmp_path, caplog):
    backup = tmp_path / "run.npz"
    first = run(backup, patience=patience)
    with caplog.at_level("INFO", "pipeline"):
        assert run(backup, patience=patience) == first
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("patience", [None, 9])
def test_a_finished_run_that_is_given_more_epochs_goes_on(patience, tmp_path):
    """As if it had been of that length from the beginning; what has been averaged or restored is not trained on."""
    backup = tmp_path / "run.npz"
    for epochs in (2, 3, 5):
        result = run(backup, patience=patience, epochs=epochs)
    assert result == run(patience=patience, epochs=5)


def test_a_decaying_run_that_is_given_more_epochs_begins_anew(tmp_path):
    """Its learning rates are those of its length."""
    backup = tmp_path / "run.npz"
    run(backup, decay=True, epochs=2)
    assert run(backup, decay=True, epochs=3) == run(decay=True, epochs=3)


# Not taken up


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The backup of a run, and what the run gave."""
    file = tmp_path_factory.mktemp("finished") / "run.npz"
    result = run(file)
    return file.read_bytes(), result


def beginning_anew(backup, content, caplog, **changed):
    """The result of a run that finds `content` as its backup and does not take it up."""
    backup.write_bytes(content)
    with caplog.at_level("INFO", "pipeline"):
        result = run(backup, **changed)
    said, *epochs = caplog.messages
    assert str(backup) in said and "the run starts again" in said
    assert [message.split("/")[0] for message in epochs] == [f"epoch {epoch + 1}" for epoch in range(len(epochs))]
    assert len(epochs) == changed.get("epochs", 5)
    return result


def test_a_run_on_a_gpu_is_not_taken_up_without_one(finished, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(runtime, "has_gpu", lambda: True)
    beginning_anew(tmp_path / "run.npz", finished[0], caplog)


@pytest.mark.parametrize(
    "changed",
    [
        {"learning_rate": 0.02},
        {"loss": "focal"},
        {"seed": 2},
        {"patience": 3},
        {"decay": True},
        {"train": examples("transfer", 40, seed=2)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_backup_of_another_run_is_not_taken_up(changed, finished, tmp_path, caplog):
    beginning_anew(tmp_path / "run.npz", finished[0], caplog, **changed)


@pytest.mark.parametrize("part", [0, 0.5, 0.99])
def test_a_backup_cut_short_is_not_taken_up(part, finished, tmp_path, caplog):
    content, result = finished
    assert beginning_anew(tmp_path / "run.npz", content[: int(part * len(content))], caplog) == result


def test_a_damaged_backup_is_not_taken_up(finished, tmp_path, caplog):
    content, result = finished
    middle = len(content) // 2
    damaged = content[:middle] + bytes(byte ^ 255 for byte in content[middle:][:64]) + content[middle + 64 :]
    assert beginning_anew(tmp_path / "run.npz", damaged, caplog) == result
