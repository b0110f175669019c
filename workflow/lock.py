"""Which process holds Snakemake's lock of a build's folder, and whether a process that is gone left it behind.

    python -m workflow.lock FOLDER

Snakemake's lock names no process. So a Snakemake process holds `.snakemake/holder` by flock(2) as long as it runs, and
writes its number and machine there; however it ends, the kernel releases the file. Its jobs share `.snakemake/jobs`
(pipeline.command). `make report` calls the command first: it ends with one line where a build runs in the folder.
"""

import fcntl
import os
import re
import shutil
import socket
import sys
import threading
from pathlib import Path


def take(folder):
    """Hold the folder of a build, and remove a lock that a process of this machine left which no longer runs.

    Tells on stderr which lock was removed, or who holds the folder.

    Returns:
        file to be kept open as long as the folder is held; None where it cannot be.
    """
    if line := holder(folder):
        print(line, file=sys.stderr)
        return None
    known = (_state(folder) / "holder").exists()
    try:
        _state(folder).mkdir(exist_ok=True)
        file = _open(folder, "a+")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        # Another process holds a folder that it has not locked, such as a dry run: this one follows it.
        threading.Thread(target=_follow, args=[file], daemon=True).start()
        return file
    except OSError:  # a folder or file system where that cannot be done
        return None
    if _locked(folder):
        if not known:
            return None  # by a process that held no folder: whether it runs is not known
        _wait_for_jobs(folder)
        shutil.rmtree(_state(folder) / "locks")
        process, _ = _recorded(file)
        print(f"{folder}: lock of process {process or 'unknown'} removed, which no longer runs", file=sys.stderr)
    _record(file)
    return file


def holder(folder):
    """One line that names the process which builds in `folder`; None where none does, as far as is known."""
    if not _locked(folder):
        return None
    try:
        with _open(folder, "r+") as file:
            process, machine = _recorded(file)
            if process and machine != socket.gethostname():
                return (
                    f"{folder}: locked by process {process} on the machine {machine}; wait for it, or if it no longer "
                    f"runs there: snakemake --unlock --directory {folder}"
                )
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return f"{folder}: process {process} builds here; wait for it, or stop it: kill {process}"
    except OSError:  # no such file, no right to it, or a file system without such locks
        return None
    return None


def _follow(file):
    fcntl.flock(file, fcntl.LOCK_EX)
    _record(file)


def _wait_for_jobs(folder):
    """Jobs outlive a Snakemake that is killed. Started again beside one, the same job would write the same files."""
    with open(_state(folder) / "jobs", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{folder}: jobs of a build that was killed still run; waiting for their end", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)


def _state(folder):
    return Path(folder) / ".snakemake"


def _open(folder, mode):
    # After a power cut the file may hold anything.
    return open(_state(folder) / "holder", mode, encoding="utf-8", errors="replace")


def _locked(folder):
    return any((_state(folder) / "locks").glob("*.lock"))


def _record(file):
    file.truncate(0)
    print(os.getpid(), socket.gethostname(), file=file, flush=True)
    os.fsync(file.fileno())


def _recorded(file):
    """(process, machine) in the file; empty texts where it holds no such record."""
    file.seek(0)
    found = re.fullmatch(r"(\d+) (\S+)\n", file.read())
    return found.groups() if found else ("", "")


if __name__ == "__main__":
    sys.exit(holder(sys.argv[1]))
