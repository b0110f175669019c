"""What the command lines of all stages share: one line, and no traceback, where the user is wrong or can help."""

import errno
import functools
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.command import InputError, one_line, run

ROOT = Path(__file__).parent.parent


def stopped_by(error, caplog):
    """Exit status and lines."""
    with caplog.at_level(logging.INFO, "pipeline"), pytest.raises(SystemExit) as stop, one_line():
        raise error
    assert not any(record.exc_info for record in caplog.records)
    return stop.value.code, caplog.messages


def test_what_the_user_can_help_is_one_line(caplog):
    assert stopped_by(InputError("key: found 1; expected 2"), caplog) == (1, ["key: found 1; expected 2"])
    caplog.clear()
    assert stopped_by(KeyboardInterrupt(), caplog) == (130, ["Interrupted."])
    caplog.clear()
    status, (line,) = stopped_by(OSError(errno.EACCES, "Permission denied", "tables/data/index.csv"), caplog)
    assert status == 1 and line.startswith("tables/data/index.csv: Permission denied; expected")
    with pytest.raises(FileNotFoundError), one_line():
        raise FileNotFoundError(errno.ENOENT, "of a programming error")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_is_one_line(caplog):
    def fill(out: Path):
        """Write."""
        out.write_text("x")

    with pytest.raises(SystemExit) as stop:
        run(fill, arguments=["--out", "/dev/full"])
    (line,) = caplog.messages
    assert stop.value.code == 1 and "the disk is full; free some space and run the same command again" in line
    assert line.split(":")[0] in (str(Path.cwd()), os.environ.get("TMPDIR", "/tmp"))


def test_ctrl_c_is_one_line_from_the_first_import_on(tmp_path):
    """Exit status 130, as shells give it; also before the stage itself runs."""
    (tmp_path / "slow.py").write_text("import time, pipeline\nprint('imported', flush=True)\ntime.sleep(60)\n")
    command = [sys.executable, tmp_path / "slow.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    # Tests that run in the background of a shell inherit that SIGINT is ignored.
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, preexec_fn=heard, **pipes) as stage:
        assert stage.stdout.readline() == "imported\n"
        time.sleep(0.1)
        stage.send_signal(signal.SIGINT)
        assert stage.communicate(timeout=60)[1] == "Interrupted.\n"
    assert stage.returncode in (130, -signal.SIGINT)


def test_a_log_holds_any_name_whatever_the_language_of_the_terminal(tmp_path):
    script = (
        "from pipeline.command import log, run\ndef tell():\n    'Log.'\n    log.info('\\u80ba \\udcff')\nrun(tell)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--log", tmp_path / "told.log"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "\\u80ba \\udcff\n")
    assert (tmp_path / "told.log").read_text(encoding="utf-8") == "\u80ba \\udcff\n"
