"""What the benchmarks share: the configuration, alternatives measured in turns, and the table of their ratios."""

import argparse
import importlib.util
import statistics
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def settings():
    """The default configuration."""
    with open(ROOT / "config/config.yaml") as file:
        return yaml.safe_load(file)


def parser(documentation):
    """A command line whose first argument is the folder of a finished build."""
    command = argparse.ArgumentParser(
        description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    command.add_argument("build", type=finished_build, metavar="BUILD", help="folder of a finished build")
    return command


def finished_build(folder):
    build = Path(folder).resolve()
    if not (build / "report/report.pdf").exists():
        raise argparse.ArgumentTypeError(f"no report/report.pdf in {build}; expected the folder of a finished build")
    return build


def require(name):
    """A library that this project does without is there; else the line that installs it is said."""
    if importlib.util.find_spec(name) is None:
        sys.exit(f"no module {name}; install it: python -m pip install -r tests/benchmarks/requirements.txt")


def seconds(action):
    """Seconds that a call of `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turns(alternatives, turns):
    """What each alternative measures, all of them in each turn: {name: list of float}.

    A turn before the first is not counted: what is traced, compiled or read from disk only once is done there.
    """
    measured = {name: [] for name in alternatives}
    for turn in range(turns + 1):
        for name, measure in alternatives.items():
            value = measure()
            measured[name] += [value] if turn else []
    return measured


def ratios(measured, reference):
    """Ratio to the reference within each turn: list of float."""
    return [value / base for value, base in zip(measured, reference, strict=True)]


def spread(values):
    """Median and range."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def print_table(measured, unit):
    """Median and range of each alternative, and as many times the first one, ratios taken within a turn."""
    reference = next(iter(measured.values()))
    print(f"{'':36}{unit:34}times the first")
    for name, values in measured.items():
        print(f"{name:36}{spread(values):34}{spread(ratios(values, reference))}")
