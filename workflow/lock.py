"""Which process holds Snakemake's lock of a build's folder, and whether a process that is gone left it behind.

    python -m workflow.lock FOLDER

Snakemake's lock names no process. So a Snakemake process holds `.snakemake/holder` by flock(2) as long as it runs, and
writes its number and machine there; however it ends, the kernel releases the file. `make report` calls the command
first: it ends with one line where a build runs in the folder.
"""

import fcntl
import os
import shutil
import socket
import sys
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
    try:
        _state(folder).mkdir(exist_ok=True)
        file = open(_state(folder) / "holder", "a+", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process that builds nothing, or a folder or file system where that cannot be done
        return None
    process, _ = _recorded(file)
    if _locked(folder):
        if not process:
            return None  # by a process that held no folder: whether it runs is not known
        shutil.rmtree(_state(folder) / "locks")
        print(f"{folder}: lock of process {process} removed, which no longer runs", file=sys.stderr)
    file.truncate(0)
    print(os.getpid(), socket.gethostname(), file=file, flush=True)
    return file


def holder(folder):
    """One line that names the process which builds in `folder`; None where none does, as far as is known."""
    if not _locked(folder):
        return None
    try:
        with open(_state(folder) / "holder", "r+", encoding="utf-8") as file:
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


def _state(folder):
    return Path(folder) / ".snakemake"


def _locked(folder):
    return any((_state(folder) / "locks").glob("*.lock"))


def _recorded(file):
    """(process, machine) in the file; empty texts where there is none."""
    file.seek(0)
    process, _, machine = file.read().strip().partition(" ")
    return process, machine


if __name__ == "__main__":
    sys.exit(holder(sys.argv[1]))
