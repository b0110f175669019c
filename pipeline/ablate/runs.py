"""ablate: what a study keeps of its runs."""

import numpy as np
import pandas as pd


def collect(runs):
    """The outputs of a study.

    Args:
        runs: of each run a row of the table of runs; its logits of val, float64 (images,); a row of the table of costs.
    """
    rows, logits, costs = zip(*runs, strict=True)
    return {"runs": pd.DataFrame(rows), "logits": np.stack(logits), "cost": pd.DataFrame(costs)}
