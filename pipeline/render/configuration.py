"""report: the numbers that were set, as a table from which the article can quote them.

One row per key that holds a number: training.patience, 5; last the SHA-256 of the whole configuration, by which the
workflow knows whether these tables were made with the current one.
"""

import pandas as pd

from pipeline.command import run


def configuration(settings: dict, config_sha256: str):
    """Key (dotted) and value of each number, and the digest as the value of `sha256`."""
    rows = [*numbers(settings), ("sha256", config_sha256)]
    return {"table": pd.DataFrame(rows, columns=["key", "value"], dtype=object)}


def numbers(settings, group=""):
    """(dotted key, value) of each key that holds one number, in the order of the configuration."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{group}{key}.")
        elif type(value) in (int, float):
            yield f"{group}{key}", value


if __name__ == "__main__":
    run(configuration)
