"""The training of the search: how long a trial and a candidate are trained."""

import pandas as pd

from pipeline.tune.trials import confirm, trials
from tests.train.test_runs import SETTINGS, examples, hyperparameters


def test_trials_and_candidates_have_epochs_of_their_own(tmp_path):
    """On made-up features, whose val loss falls for longer than either."""
    data = {"train": examples("transfer", 40, seed=0), "val": examples("transfer", 20, seed=1)}
    training = {"epochs": 4, "patience": 9, "selection_seeds": [1, 2]}
    given = data | {"settings": SETTINGS | {"training": training, "tune": {"epochs": 2}}, "backups": tmp_path}
    rows = pd.DataFrame([{"trial": 1, "candidate": 1, "seed": 5} | hyperparameters("transfer", learning_rate=0.0001)])
    made = trials("transfer", rows, first=1, last=1, **given)
    assert made["results"]["epochs"].tolist() == [2] and made["cost"]["trial"].tolist() == [1]
    made = confirm("transfer", rows, 1, **given)
    assert made["results"]["epochs"].tolist() == [4, 4] and len(made["models"]) == 2
    assert made["history"]["seed"].tolist() == [1] * 4 + [2] * 4
