"""data: whether train has enough images for what the configuration asks of it.

A module and a rule of its own, so that other shares check again and decode nothing again.

The job of the rule data ends with this check; a changed share is checked by a rule of its own.
"""

import math

import pandas as pd

from pipeline.command import InputError, run
from pipeline.vocabulary import LABELS

MIN_IMAGES = 4  # images of each class in a share of train


def check(index: pd.DataFrame, settings: dict):
    """Refuse shares of train that hold next to nothing of a class.

    Raises:
        InputError: fewer than MIN_IMAGES images of a class in a share.
    """
    counts = index["label"].value_counts()
    for share in sorted(settings["ablate"]["shares"]):
        for label in LABELS:
            found, of = round(share * counts[label]), counts[label]
            if found < MIN_IMAGES:
                enough = math.ceil(100 * (MIN_IMAGES - 0.5) / of) / 100
                fix = f"use only ablate.shares of at least {enough:g}" if of >= MIN_IMAGES else "add images"
                raise InputError(
                    f"ablate.shares: {share:g} of train has {found} of its {of} {label} images; expected at least "
                    f"{MIN_IMAGES} of each class; {fix}"
                )


if __name__ == "__main__":
    run(check)
