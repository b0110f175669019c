"""What the command lines of all stages share: options read from a function's signature, a log, and how a user's
mistake is shown."""

import argparse
import contextlib
import errno
import fcntl
import inspect
import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path, PosixPath

log = logging.getLogger("pipeline")


class InputError(Exception):
    """A mistake in what the user gave: its message alone is shown, without a traceback.

    The message names the file, key or row, what was found, what was expected, and the fix.
    """


class Scratch(PosixPath):
    """A file or folder that a job keeps until its outputs are written, for one its backup."""


VALUES = (str, int, float, Path, Scratch, dict)  # what an option gives without a file being read


def run(*commands, arguments=None):
    """Call the one of `commands` that the command line names; with one only, no name is needed.

    Each command is a function whose parameters become required options of the same names: `str`, `int`, `float` and
    `Path` take one value, `dict` a JSON object, and a table, an array, or any other type that pipeline.storage reads,
    its files. What the function returns, {name: value}, is written to the files of `--outputs NAME=FILE ...`, a rule's
    outputs under their names. The first line of the docstring is the help. `--log FILE` writes the messages to FILE as
    well as to the terminal.
    """
    parser = argparse.ArgumentParser(description=inspect.getmodule(commands[0]).__doc__)
    if len(commands) == 1:
        _add_options(parser, commands[0])
    else:
        subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
        for command in commands:
            first_line = (inspect.getdoc(command) or "").partition("\n")[0]
            _add_options(subparsers.add_parser(command.__name__, help=first_line), command)
    options = vars(parser.parse_args(arguments))
    command, log_file, outputs = options.pop("command"), options.pop("log"), options.pop("outputs")
    _start_log(log_file)
    try:
        with _job_of_build(), one_line():
            _call(command, options, outputs)
    except Exception:
        log.exception("%s %s failed", sys.argv[0], command.__name__)
        sys.exit(1)


def _add_options(parser, command):
    parser.set_defaults(command=command)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--outputs", nargs="*", default=[], metavar="NAME=FILE")
    for name, annotation in _parameters(command).items():
        parser.add_argument(f"--{name.replace('_', '-')}", **_option(annotation))


def _parameters(command):
    return {name: each.annotation for name, each in inspect.signature(command, eval_str=True).parameters.items()}


def _call(command, options, outputs):
    # Not above: Snakemake imports this module, and needs neither NumPy nor pandas.
    from pipeline import storage

    for name, annotation in _parameters(command).items():
        if annotation not in VALUES:
            options[name] = storage.read(annotation, options[name])
    files: dict[str, list[Path]] = {}
    for name, file in (output.split("=", 1) for output in outputs):
        files.setdefault(name, []).append(Path(file))
    storage.write(files, command(**options) or {})
    for backup in (value for value in options.values() if isinstance(value, Scratch)):
        shutil.rmtree(backup) if backup.is_dir() else backup.unlink(missing_ok=True)


def _job_of_build():
    """A file that is held while a job runs: workflow/lock.py waits for the jobs of a build that was killed."""
    try:
        file = open(".snakemake/jobs", "a")
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError:  # not in a build's folder, or on a file system without such locks
        return contextlib.nullcontext()
    return file


@contextlib.contextmanager
def one_line():
    """End the process with one line, and without a traceback, where the user is wrong or can help: InputError, a full
    disk and missing rights (status 1), Ctrl-C (status 130)."""
    try:
        yield
    except InputError as error:
        line, status = str(error), 1
    except KeyboardInterrupt:
        line, status = "Interrupted.", 130
    except OSError as error:
        line, status = _of_system(error), 1
        if line is None:
            raise
    else:
        return
    log.error("%s", line)
    sys.exit(status)


def _of_system(error):
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error):
        folders = [Path.cwd(), Path(tempfile.gettempdir())]
        place = error.filename or min(folders, key=lambda folder: shutil.disk_usage(folder).free)
        return f"{place}: the disk is full; free some space and run the same command again, which keeps finished jobs"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
        return f"{error.filename}: {error.strerror}; expected read and write permission"
    return None


def _option(annotation):
    if annotation is dict:
        return {"type": json.loads, "required": True, "metavar": "JSON"}
    if annotation in VALUES:
        return {"type": annotation, "required": True}
    return {"type": Path, "nargs": "*", "required": True, "metavar": "FILE"}


def _start_log(file):
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A file's name in a message may be no Unicode.
        handlers.append(logging.FileHandler(file, mode="w", encoding="utf-8", errors="backslashreplace"))
    logging.raiseExceptions = False  # where the log cannot be written, the terminal still tells what happened
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=handlers)
    log.setLevel(logging.INFO)
