"""After a kill a build goes on by itself; a process that builds, and another machine, are named."""

import functools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests import phantoms
from tests.workflow.conftest import Build
from workflow import lock


@pytest.fixture
def locked(tmp_path):
    """A folder as Snakemake leaves it when it is killed."""
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").write_text("report/report.pdf\n")
    return tmp_path


def ask(folder):
    """What `make report` asks first: exit status and the line."""
    done = subprocess.run([sys.executable, "-m", "workflow.lock", folder], capture_output=True, text=True)
    return done.returncode, done.stderr


def started(checkout, folder):
    """A build that holds Snakemake's lock by now, in a process group of its own; `output` is what it prints."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", checkout / "Snakefile", "--directory", folder]
    command += ["--cores", "1", "tables/data/index.csv", "--configfile", checkout / "config/demo.yaml"]
    with open(folder / "output", "w") as output:
        # Tests that run in the background of a shell inherit that SIGINT is ignored.
        heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(
            command, cwd=checkout, stdout=output, stderr=output, start_new_session=True, preexec_fn=heard
        )
    while not list(folder.glob(".snakemake/locks/*.lock")):
        assert process.poll() is None, (folder / "output").read_text()
        time.sleep(0.05)
    return process


def test_a_build_that_was_killed_goes_on_by_itself(checkout, tmp_path):
    phantoms.write_archive(tmp_path / "data/covid_xray.zip", size=40, splits={"train": 32, "val": 8, "test": 8})
    process = started(checkout, tmp_path)
    status, line = ask(tmp_path)
    assert status == 1 and f"process {process.pid} builds here" in line
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert ask(tmp_path) == (0, "")
    output = Build(checkout, tmp_path).snakemake("--cores", "1", "--rerun-incomplete", "tables/data/index.csv")
    assert f"lock of process {process.pid} removed, which no longer runs" in output
    assert (tmp_path / "tables/data/index.csv").exists() and not list(tmp_path.glob(".snakemake/locks/*"))


def test_ctrl_c_leaves_no_lock(checkout, tmp_path):
    phantoms.write_archive(tmp_path / "data/covid_xray.zip", size=40, splits={"train": 8, "val": 8, "test": 8})
    process = started(checkout, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert not list(tmp_path.glob(".snakemake/locks/*"))


def test_another_machine_is_named_and_keeps_its_lock(locked, capfd):
    (locked / ".snakemake/holder").write_text("123 elsewhere\n")
    status, line = ask(locked)
    assert status == 1 and "process 123 on the machine elsewhere" in line and "--unlock" in line
    assert lock.take(locked) is None
    assert capfd.readouterr().err == line
    assert list(locked.glob(".snakemake/locks/*.lock"))
    assert (locked / ".snakemake/holder").read_text() == "123 elsewhere\n"


def test_a_lock_of_an_unknown_process_is_left_to_snakemake(locked):
    assert ask(locked) == (0, "")
    assert lock.take(locked) is None
    assert list(locked.glob(".snakemake/locks/*.lock"))


def test_a_number_that_another_process_has_by_now_is_no_holder(locked):
    (locked / ".snakemake/holder").write_text(f"{os.getpid()} {socket.gethostname()}\n")
    assert ask(locked) == (0, "")
    held = lock.take(locked)
    assert held and not list(locked.glob(".snakemake/locks/*"))


@pytest.mark.parametrize("record", [b"", b"\0" * 20, b"\xff\xfe 12"])
def test_a_record_lost_in_a_power_cut_stops_nobody(locked, record):
    (locked / ".snakemake/holder").write_bytes(record)
    assert ask(locked) == (0, "")
    assert lock.take(locked) and not list(locked.glob(".snakemake/locks/*"))


def test_a_build_that_began_beside_a_dry_run_is_held_after_it(tmp_path):
    dry_run = lock.take(tmp_path)
    build = lock.take(tmp_path)
    (tmp_path / ".snakemake/locks").mkdir()
    (tmp_path / ".snakemake/locks/0.output.lock").write_text("report/report.pdf\n")
    dry_run.close()
    deadline = time.monotonic() + 60
    while ask(tmp_path)[0] == 0:
        assert time.monotonic() < deadline
    assert lock.take(tmp_path) is None and list(tmp_path.glob(".snakemake/locks/*"))
    build.close()


def test_the_jobs_of_a_killed_build_are_waited_for(locked, capfd):
    (locked / ".snakemake/holder").write_text(f"1 {socket.gethostname()}\n")
    job = "from pipeline.command import run\ndef job():\n  'A job.'\n  print('runs', flush=True); input()\nrun(job)"
    environment = os.environ | {"PYTHONPATH": str(Path(lock.__file__).parents[1])}
    running = subprocess.Popen(
        [sys.executable, "-c", job], cwd=locked, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert running.stdout.readline() == b"runs\n"
    taken = threading.Thread(target=lock.take, args=[locked], daemon=True)
    taken.start()
    taken.join(0.5)
    assert taken.is_alive() and list(locked.glob(".snakemake/locks/*"))
    running.communicate(b"\n")
    taken.join(60)
    assert not taken.is_alive() and not list(locked.glob(".snakemake/locks/*"))
    assert "jobs of a build that was killed still run" in capfd.readouterr().err


def test_a_process_that_holds_an_unlocked_folder_stops_nobody(tmp_path):
    """A dry run, for one."""
    held = lock.take(tmp_path)
    assert held and ask(tmp_path) == (0, "")
