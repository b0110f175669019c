"""finetune: what the train-only runs of all seeds left, each in one table.

A module of its own, with nothing behind it: the predictions are what thresholds and calibration are chosen by.

Reads   the histories of the runs, and their predictions on val.
Returns both.
"""

import pandas as pd

from pipeline.command import run


def gather(histories: list[pd.DataFrame], parts: list[pd.DataFrame]):
    """The runs one below the other, in the order of the seeds."""
    return {"history": pd.concat(histories), "predictions": pd.concat(parts)}


if __name__ == "__main__":
    run(gather)
