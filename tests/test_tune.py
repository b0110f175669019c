"""The search: which trials are proposed, what a trial's row says, which one is selected."""

import copy

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.command import InputError
from pipeline.tune import outcome, propose, select, sobol, value_at

HYPERPARAMETERS = {"learning_rate": 0.001, "dropout": 0.3, "batch_size": 32, "l2": 0.0001}
SPACE = {
    "learning_rate": {"scale": "log", "range": [0.0003, 0.01]},
    "dropout": {"scale": "linear", "range": [0.1, 0.6]},
    "batch_size": {"scale": "list", "range": [16, 32, 64]},
}
LAST = np.nextafter(1, 0)  # the greatest point of [0, 1)


def settings(trials=16, seed=7, space=SPACE):
    return {
        "seed": seed,
        "transfer": {"hyperparameters": dict(HYPERPARAMETERS)},
        "tune": {"trials": trials, "space": {"transfer": copy.deepcopy(space)}},
    }


def proposed(folder, **changes):
    propose("transfer", settings(**changes), folder / "new" / "proposals.csv")
    return pd.read_csv(folder / "new" / "proposals.csv")


# Proposing


@pytest.mark.parametrize("count", [1, 2, 3, 8, 13, 64])
def test_sobol_is_prefix_stable(count):
    points = sobol(count, 3, seed=5)
    assert points.shape == (count, 3)
    assert np.array_equal(points, sobol(100, 3, seed=5)[:count])


def test_sobol_is_balanced():
    """16 points: one in each sixteenth of every axis, which independent draws would not give."""
    for axis in sobol(16, 4, seed=1).T:
        assert sorted((axis * 16).astype(int)) == list(range(16))


@pytest.mark.parametrize(
    ("scale", "values", "point", "expected"),
    [
        ("linear", [0.1, 0.6], 0, 0.1),
        ("linear", [0.1, 0.6], 0.5, 0.35),
        ("linear", [0.1, 0.6], LAST, 0.6),
        ("log", [0.0001, 0.01], 0, 0.0001),
        ("log", [0.0001, 0.01], 0.5, 0.001),
        ("log", [0.0001, 0.01], LAST, 0.01),
        ("list", [16, 32, 64], 0, 16),
        ("list", [16, 32, 64], np.nextafter(1 / 3, 0), 16),
        ("list", [16, 32, 64], 1 / 3, 32),
        ("list", [16, 32, 64], LAST, 64),
    ],
)
def test_value_at(scale, values, point, expected):
    assert value_at({"scale": scale, "range": values}, point) == expected


def test_trials_cover_the_ranges(tmp_path):
    trials = proposed(tmp_path, trials=32)
    for name in ("learning_rate", "dropout"):
        low, high = SPACE[name]["range"]
        assert trials[name].between(low, high).all() and trials[name].is_unique
    # Half of the trials below the geometric mean, half of them below the arithmetic mean.
    assert (trials["learning_rate"] < np.sqrt(0.0003 * 0.01)).sum() == 16
    assert (trials["dropout"] < 0.35).sum() == 16
    assert trials["batch_size"].value_counts().reindex([16, 32, 64]).between(10, 12).all()
    assert (trials["l2"] == HYPERPARAMETERS["l2"]).all()
    assert trials["trial"].tolist() == list(range(1, 33)) and trials["seed"].is_unique
    # A batch size is counted, so it must come back from the table as a whole number.
    assert trials["batch_size"].dtype == int


def test_more_trials_leave_the_first_as_they_are(tmp_path):
    pd.testing.assert_frame_equal(proposed(tmp_path, trials=5), proposed(tmp_path, trials=40).head(5))


def test_propose_is_a_pure_function(tmp_path):
    given = settings()
    before = copy.deepcopy(given)
    contents = []
    for name in ("first.csv", "again.csv"):
        np.random.seed(len(contents))
        propose("transfer", given, tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1] and given == before
    assert not proposed(tmp_path, seed=8)["dropout"].equals(proposed(tmp_path, seed=7)["dropout"])


@pytest.mark.parametrize("model", ["baseline", "transfer"])
def test_the_configuration_can_be_proposed(model, tmp_path):
    with open("config/config.yaml") as file:
        config = yaml.safe_load(file)
    propose(model, config, tmp_path / "proposals.csv")
    trials = pd.read_csv(tmp_path / "proposals.csv")
    assert len(trials) == config["tune"]["trials"]
    assert list(trials) == ["trial", "seed", *config[model]["hyperparameters"]]


# What a trial's row says


def history(**columns):
    table = {"epoch": [1, 2, 3], "train_loss": [0.7, 0.5, 0.3], "train_auc": [0.6, 0.8, 0.95]}
    table |= {"val_loss": [0.7, 0.6, 0.65], "val_auc": [0.6, 0.7, 0.9]}
    return pd.DataFrame(table | columns)


def test_outcome_is_of_the_epoch_with_the_least_val_loss():
    """Epoch 3 has the better val AUC; the weights that early stopping restores are those of epoch 2."""
    scores = {"train_loss": 0.5, "train_auc": 0.8, "val_loss": 0.6, "val_auc": 0.7}
    assert outcome(history()) == {"status": "finished", "best_epoch": 2} | scores


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_outcome_of_a_diverged_run(loss):
    row = outcome(history(train_loss=[0.7, 0.5, loss], train_auc=[0.6, 0.8, np.nan]))
    assert row.pop("status") == "diverged"
    assert row.keys() == outcome(history()).keys() - {"status"} and set(row.values()) == {None}


# Selecting


def selected(folder, *jobs):
    """Select from trials in as many files as there are jobs; (all trials, the selected row), read back."""
    results, costs = [], []
    for number, rows in enumerate(jobs):
        table = pd.DataFrame(rows, columns=["trial", "status", "val_auc"])
        table = table.assign(seed=table["trial"] + 100, **HYPERPARAMETERS)
        table["dropout"] = table["trial"] / 10
        results.append(folder / f"{number}.csv")
        costs.append(folder / f"{number}_cost.csv")
        table.to_csv(results[-1], index=False)
        table[["trial"]].assign(seconds=1.5).to_csv(costs[-1], index=False)
    outputs = [folder / "tables" / f"{name}.csv" for name in ("all", "best", "cost")]
    select(results, costs, settings(), "transfer", *outputs)
    table, best, cost = map(pd.read_csv, outputs)
    assert cost["trial"].tolist() == table["trial"].tolist()
    return table, best


@pytest.mark.parametrize(
    ("jobs", "winner"),
    [
        ([[(1, "finished", 0.7), (2, "finished", 0.9), (3, "finished", 0.8)]], 2),
        ([[(3, "finished", 0.7), (4, "finished", 0.8)], [(1, "finished", 0.9), (2, "finished", 0.6)]], 1),
        ([[(1, "diverged", 0.99), (2, "finished", 0.6)]], 2),
        ([[(1, "diverged", None)], [(2, "finished", 0.6), (3, "finished", 0.7)]], 3),
        ([[(5, "finished", 0.8), (2, "finished", 0.8), (9, "finished", 0.8)]], 2),
        ([[(1, "finished", None), (2, "finished", 0.4)]], 2),
    ],
    ids=["one job", "two jobs", "high but diverged", "a job that diverged", "a tie", "no AUC"],
)
def test_select_takes_the_greatest_val_auc(jobs, winner, tmp_path):
    table, best = selected(tmp_path, *jobs)
    assert table["trial"].tolist() == sorted(row[0] for rows in jobs for row in rows)
    assert best["trial"].tolist() == [winner]
    # The one row holds the hyperparameters that this trial had, as training reads them.
    assert best.loc[0, list(HYPERPARAMETERS)].to_dict() == HYPERPARAMETERS | {"dropout": winner / 10}


def test_select_says_that_every_trial_diverged(tmp_path):
    with pytest.raises(InputError, match="transfer.*2 trials diverged.*learning_rate"):
        selected(tmp_path, [(1, "diverged", None), (2, "diverged", None)])
    assert not (tmp_path / "tables" / "best.csv").exists()
