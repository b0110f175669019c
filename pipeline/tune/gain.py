"""tune: what the search gained over the starting configuration.

A module of its own, so that no edit of a comparison trains anything again.

Reads   the candidates, and val logits of the runs of each, float64 (seeds, val images); the index of val.
Returns one table: a row for each other candidate than the starting configuration.
"""

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.statistics import comparisons, studies


def measure(selection: pd.DataFrame, logits: list[np.ndarray], val_index: pd.DataFrame, settings: dict):
    """Each other candidate against the starting configuration, candidate 0, paired by seed and image.

    Args:
        selection: the candidates, in order; logits: of each.

    Returns:
        table: candidate, trial, difference of mean val AUCs and its interval (ci_low, ci_high), over images and runs,
        which hold for all candidates at once (`studies.differences`); of one seed, over images alone. Of a candidate
        with a diverged run NaN, and of all where the starting configuration has one.
    """
    labels, groups = (val_index["label"] == "covid").to_numpy(float), val_index["group"].to_numpy()
    finished = selection.loc[selection["status"] == "finished", "candidate"].to_list()
    scores = {candidate: np.asarray(logits[candidate]) for candidate in finished}
    found = {}
    if 0 in scores and len(scores[0]) > 1:
        found = studies.differences(labels, groups, scores, {0: finished[1:]}, settings["seed"])
    elif 0 in scores:
        found = {other: of_one_run(labels, scores[0][0], scores[other][0]) for other in finished[1:]}
    rows = [
        {"candidate": row["candidate"], "trial": row["trial"], **found.get(row["candidate"], NONE)}
        for row in selection.to_dict("records")[1:]
    ]
    return {"table": pd.DataFrame(rows)}


NONE = dict.fromkeys(("difference", "ci_low", "ci_high"), np.nan)


def of_one_run(labels, start, candidate):
    """As `studies.differences`, of one run each."""
    difference, (low, high), _ = comparisons.paired_aucs(labels, start, candidate)
    return {"difference": difference, "ci_low": low, "ci_high": high}


if __name__ == "__main__":
    run(measure)
