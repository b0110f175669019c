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
import typing
from pathlib import Path

log = logging.getLogger("pipeline")


class InputError(Exception):
    """A mistake in what the user gave: its message alone is shown, without a traceback.

    The message names the file, key or row, what was found, what was expected, and the fix.
    """


def run(*commands, arguments=None):
    """Call the one of `commands` that the command line names.

    Each command is a function whose keyword parameters become required options: `Path`, `str`, `int` and `float` take
    one value, `list[Path]` any number, `dict` a JSON object. The first line of its docstring is its help. `--log FILE`
    writes the messages to FILE as well as to the terminal.
    """
    parser = argparse.ArgumentParser(description=inspect.getmodule(commands[0]).__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        options = subparsers.add_parser(command.__name__, help=inspect.getdoc(command).splitlines()[0])
        options.set_defaults(command=command)
        options.add_argument("--log", type=Path)
        for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
            options.add_argument(f"--{name.replace('_', '-')}", **_option(parameter.annotation))
    chosen = vars(parser.parse_args(arguments))
    command, log_file = chosen.pop("command"), chosen.pop("log")
    _start_log(log_file)
    try:
        with _job_of_build(), one_line():
            command(**chosen)
    except Exception:
        log.exception("%s %s failed", sys.argv[0], command.__name__)
        sys.exit(1)


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
    if typing.get_origin(annotation) is list:
        return {"type": typing.get_args(annotation)[0], "nargs": "*", "required": True}
    return {"type": annotation, "required": True}


def _start_log(file):
    handlers = [logging.StreamHandler()]
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A file's name in a message may be no Unicode.
        handlers.append(logging.FileHandler(file, mode="w", encoding="utf-8", errors="backslashreplace"))
    logging.raiseExceptions = False  # where the log cannot be written, the terminal still tells what happened
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=handlers)
    log.setLevel(logging.INFO)
