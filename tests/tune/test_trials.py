"""The training of the search: how long a trial and a candidate are trained."""

import pandas as pd

from pipeline.tune.trials import confirm, trials
from tests.train.test_runs import SETTINGS, examples, hyperparameters, written


def test_trials_and_candidates_have_epochs_of_their_own(tmp_path):
    """On made-up features, whose val loss falls for longer than either."""
    files = written(tmp_path, {"train": examples("transfer", 40, seed=0), "val": examples("transfer", 20, seed=1)})
    training = {"epochs": 4, "patience": 9, "selection_seeds": [1, 2]}
    given = {"settings": SETTINGS | {"training": training, "tune": {"epochs": 2}}, "backups": tmp_path / "backups"}
    outputs = {name: tmp_path / f"{name}.csv" for name in ("results", "cost")}
    chosen, table = hyperparameters("transfer", learning_rate=0.0001), tmp_path / "table.csv"
    pd.DataFrame([{"trial": 1, "candidate": 1, "seed": 5} | chosen]).to_csv(table, index=False)
    trials("transfer", table, first=1, last=1, **files, **given, **outputs)
    assert pd.read_csv(outputs["results"])["epochs"].tolist() == [2]
    models = [tmp_path / f"{seed}.keras" for seed in (1, 2)]
    confirm("transfer", table, 1, **files, **given, models=models, history=tmp_path / "history.csv", **outputs)
    assert pd.read_csv(outputs["results"])["epochs"].tolist() == [4, 4]
