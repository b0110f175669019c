"""The training of the search: how long trials and candidates are trained, and which of them go on."""

import subprocess
import sys

import pandas as pd

from pipeline.tune.trials import confirm, trials
from tests.train.test_runs import SETTINGS, examples, hyperparameters

TUNE = {"rungs": [1, 2, 4]}


def given(folder, **training):
    """On made-up features, whose val loss falls for longer than any of the runs."""
    data = {"train": examples("transfer", 40, seed=0), "val": examples("transfer", 20, seed=1)}
    training = {"max_epochs": 5, "patience": 9, "selection_seeds": [1, 2]} | training
    return data | {"settings": SETTINGS | {"training": training, "tune": TUNE}, "backups": folder}


def proposals(count):
    """Learning rates from low to high."""
    return pd.DataFrame(
        [
            {"trial": trial, "round": 1, "seed": 5} | hyperparameters("transfer", learning_rate=1e-5 * 10**trial)
            for trial in range(1, count + 1)
        ]
    )


def test_the_better_half_goes_on_as_if_it_had_never_stopped(tmp_path):
    made = trials("transfer", proposals(4), first=1, last=4, **given(tmp_path))
    table = made["results"]
    assert table.groupby("rung")["trial"].count().tolist() == [4, 2, 1]
    assert table["rung_epochs"].tolist() == [1] * 4 + [2] * 2 + [4] == table["epochs"].tolist()
    for rung in (1, 2):
        scores = table[table["rung"] == rung].set_index("trial")["val_auc"]
        went_on = set(table.loc[table["rung"] == rung + 1, "trial"])
        assert went_on == set(scores.sort_values(ascending=False, kind="stable").index[: len(went_on)])
    winner = table.iloc[-1]
    alone = proposals(4).query("trial == @winner.trial")
    straight = given(tmp_path / "alone")
    straight["settings"] = straight["settings"] | {"tune": {"rungs": [4]}}
    (row,) = trials("transfer", alone, first=1, last=4, **straight)["results"].to_dict("records")
    for score in ("val_auc", "val_loss", "train_loss"):
        assert row[score] == winner[score]
    assert made["cost"]["trial"].tolist() == [1, 2, 3, 4]


def test_candidates_are_trained_until_early_stopping(tmp_path):
    rows = proposals(1).assign(candidate=1)
    made = confirm("transfer", rows, 1, **given(tmp_path))
    assert made["results"]["epochs"].tolist() == [5, 5] and len(made["models"]) == 2
    assert made["history"]["seed"].tolist() == [1] * 5 + [2] * 5
    assert made["logits"].shape == (2, 20)


def test_a_round_that_is_not_needed_imports_no_tensorflow():
    code = (
        "import sys, pandas as pd; from pipeline.tune.trials import trials; "
        "made = trials('baseline', pd.DataFrame(columns=['trial', 'round', 'seed']), 1, 4, None, None, {}, None); "
        "assert len(made['results']) == len(made['cost']) == 0; "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
