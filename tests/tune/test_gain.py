"""What the search gained over the starting configuration."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.tune.gain import measure

VAL = pd.DataFrame({"label": ["normal", "covid"] * 20, "group": range(40)})
LABELS = (VAL["label"] == "covid").to_numpy(float)


def gains(statuses=("finished",) * 3, seeds=3):
    random = np.random.default_rng(0)
    logits = [LABELS * shift + random.normal(size=(seeds, 40)) for shift in (1, 1.2, 3)]
    selection = pd.DataFrame({"candidate": [0, 1, 2], "trial": [0, 9, 4], "status": statuses})
    return logits, measure(selection, logits, VAL, {"seed": 1})["table"]


@pytest.mark.parametrize("seeds", [1, 3])
def test_candidates_are_compared_with_the_starting_configuration(seeds):
    """Paired by seed and image: the difference of the mean AUCs, by scikit-learn, inside its interval."""
    logits, table = gains(seeds=seeds)
    means = [np.mean([roc_auc_score(LABELS, run) for run in of_candidate]) for of_candidate in logits]
    assert table["candidate"].tolist() == [1, 2] and table["trial"].tolist() == [9, 4]
    assert table["difference"].tolist() == pytest.approx([means[1] - means[0], means[2] - means[0]])
    assert (table["ci_low"] < table["difference"]).all() and (table["difference"] < table["ci_high"]).all()


def test_what_diverged_is_not_compared():
    columns = ["difference", "ci_low", "ci_high"]
    assert gains(statuses=("diverged", "finished", "finished"))[1][columns].isna().all(axis=None), "nothing to compare"
    table = gains(statuses=("finished", "diverged", "finished"))[1]
    assert table[columns].isna().all(axis=1).tolist() == [True, False]
