"""data_check: whether train has enough images for what the configuration asks of it. It belongs to the stage data.

A module and a rule of its own, so that other shares check again and decode nothing again.

Reads   tables/data/index_train.csv.
Writes  nothing. The job of the stage data ends with this check; a changed share is checked by a rule of its own.
"""

import math
from pathlib import Path

import pandas as pd

from pipeline.command import InputError, run
from pipeline.vocabulary import LABELS

LEAST = 4  # images of each class in a share of train


def data_check(index: Path, settings: dict):
    """Refuse shares of train that hold next to nothing of a class.

    Raises:
        InputError: fewer than LEAST images of a class in a share.
    """
    counts = pd.read_csv(index)["label"].value_counts()
    for share in sorted(settings["ablate"]["shares"]):
        for label in LABELS:
            found, of = round(share * counts[label]), counts[label]
            if found < LEAST:
                enough = math.ceil(100 * (LEAST - 0.5) / of) / 100
                fix = f"use only ablate.shares of at least {enough:g}" if of >= LEAST else "add images"
                raise InputError(
                    f"ablate.shares: {share:g} of train has {found} of its {of} {label} images; expected at least "
                    f"{LEAST} of each class; {fix}"
                )


if __name__ == "__main__":
    run(data_check)
