"""configuration: the numbers that were set, as a table from which the article can quote them. It belongs to the stage
report.

Writes  tables/report/configuration.csv, one row a key that holds a number: training.patience, 5.
"""

import csv
from pathlib import Path

from pipeline.command import run


def configuration(settings: dict, table: Path):
    """Write key (dotted) and value of each number."""
    table.parent.mkdir(parents=True, exist_ok=True)
    with open(table, "w", newline="") as output:
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow(["key", "value"])
        writer.writerows(numbers(settings))


def numbers(settings, group=""):
    """(dotted key, value) of each key that holds one number, in the order of the configuration."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{group}{key}.")
        elif type(value) in (int, float):
            yield f"{group}{key}", value


if __name__ == "__main__":
    run(configuration)
