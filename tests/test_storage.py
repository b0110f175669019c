"""What a stage takes is read, and what it returns is written: completely or not at all."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import storage
from pipeline.command import Scratch, run


def double(table: pd.DataFrame, arrays: list[np.ndarray], absent: pd.DataFrame | None, factor: int, settings: dict):
    """Multiply."""
    assert table.attrs["table"] == "stage/small" and absent is None and settings == {"key": "a b"}
    return {"table": table * factor, "arrays": [array * factor for array in arrays]}


def options(folder):
    (folder / "stage").mkdir()
    pd.DataFrame({"x": [1.5, 2.5]}).to_csv(folder / "stage/small.csv", index=False)
    for place in (1, 2):
        np.save(folder / f"{place}.npy", np.arange(3) * place)
    inputs = ["--table", folder / "stage/small.csv", "--arrays", folder / "1.npy", folder / "2.npy", "--absent"]
    return [*map(str, inputs), "--factor", "2", "--settings", '{"key": "a b"}']


def test_named_inputs_are_read_and_what_is_returned_is_written_with_its_digest(tmp_path):
    out = tmp_path / "new/folder"
    outputs = [f"table={out}/table.csv", f"arrays={out}/a.npy", f"arrays={out}/a.npy.sha256", f"arrays={out}/b.npy"]
    run(double, arguments=[*options(tmp_path), "--outputs", *outputs])
    assert (out / "table.csv").read_text() == "x\n3.0\n5.0\n"
    np.testing.assert_array_equal(np.load(out / "b.npy"), [0, 4, 8])
    assert (out / "a.npy.sha256").read_text().strip() == hashlib.sha256((out / "a.npy").read_bytes()).hexdigest()
    assert sorted(file.name for file in out.iterdir()) == ["a.npy", "a.npy.sha256", "b.npy", "table.csv"]


@pytest.mark.parametrize(
    "outputs", [["table=t.csv"], ["table=t.csv", "arrays=a.npy"], ["tables=t.csv", "arrays=a.npy"]]
)
def test_names_and_numbers_of_outputs_must_be_the_rules(tmp_path, caplog, outputs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        run(double, arguments=[*options(tmp_path), "--outputs", *outputs])
    assert "failed" in caplog.text and not (tmp_path / "t.csv").exists()


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    """All outputs take their place together, once each is written."""
    (tmp_path / "first.csv").write_text("old\n")
    files = {"first": [tmp_path / "first.csv"], "second": [tmp_path / "second.csv"]}
    with pytest.raises(ValueError, match=r"second.csv: no way is known to write a set"):
        storage.write(files, {"first": pd.DataFrame({"new": [1]}), "second": {1}})
    assert (tmp_path / "first.csv").read_text() == "old\n"
    assert [file.name for file in tmp_path.iterdir()] == ["first.csv"]


def test_a_backup_goes_when_the_outputs_are_written(tmp_path):
    def resume(backup: Scratch, ok: int):
        """Go on."""
        return {"table": pd.DataFrame({"x": [1]}) if ok else {1}}

    backup = tmp_path / "backup.npz"
    backup.write_text("state")
    outputs = ["--outputs", f"table={tmp_path}/t.csv"]
    with pytest.raises(SystemExit):
        run(resume, arguments=["--backup", str(backup), "--ok", "0", *outputs])
    assert backup.exists()
    run(resume, arguments=["--backup", str(backup), "--ok", "1", *outputs])
    assert not backup.exists()


def test_an_array_on_disk_is_written_like_one_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = storage.scratch((3, 2), np.uint8)
    array[:] = np.arange(6).reshape(3, 2)
    assert not list(tmp_path.iterdir())
    storage.write({"array": [tmp_path / "disk.npy"]}, {"array": array})
    np.save(tmp_path / "memory.npy", np.arange(6, dtype=np.uint8).reshape(3, 2))
    assert (tmp_path / "disk.npy").read_bytes() == (tmp_path / "memory.npy").read_bytes()


def test_an_array_that_the_disk_cannot_hold_is_told_before_it_is_filled():
    """Filled in spite of that, it would end the process with a signal."""
    with pytest.raises(OSError, match="No space left") as error:
        storage.scratch((1, shutil.disk_usage(Path.cwd()).free), np.uint8)
    assert error.value.filename == str(Path.cwd())
