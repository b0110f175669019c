"""What the command lines of all stages share: options read from a function's signature, a log, and how a user's
mistake is shown."""

import argparse
import inspect
import json
import logging
import sys
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
        command(**chosen)
    except InputError as error:
        log.error("%s", error)
        sys.exit(1)
    except Exception:
        log.exception("%s %s failed", sys.argv[0], command.__name__)
        sys.exit(1)


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
        handlers.append(logging.FileHandler(file, mode="w"))
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=handlers)
    log.setLevel(logging.INFO)
