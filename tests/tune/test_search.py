"""The search: which trials are proposed, how ranges grow, what a trial's row says, which configuration is selected."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.command import InputError
from pipeline.tune.search import (
    edge,
    extend,
    gather,
    importance_of,
    propose,
    ranges,
    ranges_table,
    ranking,
    regions,
    rounds_table,
    select,
    sobol,
    value_at,
    window,
)
from pipeline.tune.trials import better_half, outcome

CONFIG = Path(__file__).parents[2] / "config"
HYPERPARAMETERS = {"learning_rate": 0.001, "dropout": 0.3, "batch_size": 32, "l2": 0.0001, "optimizer": "adam"}
SPACE = {
    "learning_rate": {"scale": "log", "range": [0.0003, 0.01], "bounds": [0.00003, 0.1]},
    "dropout": {"scale": "linear", "range": [0.1, 0.6], "bounds": [0, 0.8]},
    "batch_size": {"scale": "list", "range": [16, 32, 64], "bounds": [8, 16, 32, 64, 128]},
}
for _dimension in SPACE.values():
    _dimension["bounded_by"] = ["nature", "cost"]
OPTIMIZER = {"scale": "choice", "range": ["sgd", "adam"]}


def settings(trials=16, seed=7, space=SPACE, rounds=3, least=None, candidates=1):
    """`rounds` are made, or where there is a `least` number, at most."""
    tune = {"min_rounds": least or rounds, "max_rounds": rounds, "trials": trials, "candidates": candidates}
    return {
        "seed": seed,
        "transfer": {"hyperparameters": HYPERPARAMETERS},
        "tune": tune | {"space": {"transfer": space}},
    }


def results_of(proposals, score):
    """What the trials of a round give where `score`, of a trial, stands in for training; None: it diverges."""
    scores = [score(trial) for trial in proposals.to_dict("records")]
    status = ["diverged" if value is None else "finished" for value in scores]
    made = proposals.assign(rung=1, rung_epochs=5, epochs=5, parameters=1000, status=status, best_epoch=4)
    return made.assign(val_auc=pd.Series(scores, dtype=float))


class Search:
    """All rounds of a search, in which `score` stands in for training; their proposals and results."""

    def __init__(self, score, **changes):
        self.settings, self.proposals, self.results = settings(**changes), [], []
        for round in range(self.settings["tune"]["max_rounds"] + 1):
            self.proposals.append(propose("transfer", round, self.results, None, self.settings)["proposals"])
            self.results.append(results_of(self.proposals[-1], score))

    @property
    def trials(self):
        return pd.concat(self.results, ignore_index=True)

    @property
    def final(self):
        return ranges(self.settings["tune"]["space"]["transfer"], self.trials, self.settings["tune"]["max_rounds"])[-1]

    def gather(self):
        costs = [results[["trial"]].assign(seconds=1.5) for results in self.results]
        return gather("transfer", self.results, costs, self.settings)

    def select(self, runs, best_epochs=(4, 7, 9, 4, 7, 9, 4, 7, 9)):
        """`runs`: rows (candidate, parameters, val AUC or None: diverged)."""
        runs = pd.DataFrame(runs, columns=["candidate", "parameters", "val_auc"])
        runs = runs.assign(status=np.where(runs["val_auc"].isna(), "diverged", "finished"), best_epoch=best_epochs)
        confirmed = [rows for _, rows in runs.groupby("candidate")]
        gathered = self.gather()
        return select("transfer", gathered["table"], gathered["candidates"], confirmed, self.settings)


def peak(**places):
    """A made-up response: val AUC falls with the distance from the places, in decades, quarters or doublings."""

    def score(trial):
        distance = {
            "learning_rate": lambda place: math.log10(trial["learning_rate"] / place),
            "dropout": lambda place: 4 * (trial["dropout"] - place),
            "batch_size": lambda place: math.log2(trial["batch_size"] / place),
        }
        return 0.95 - 0.05 * sum(distance[name](place) ** 2 for name, place in places.items())

    return score


CENTRE = {"learning_rate": 0.0017, "dropout": 0.35, "batch_size": 32}


def proposed(round=1, results=(), **changes):
    return propose("transfer", round, list(results), None, settings(**changes))["proposals"]


# Proposing


@pytest.mark.parametrize("count", [1, 2, 3, 8, 13, 64])
def test_sobol_is_prefix_stable(count):
    points = sobol(count, 3, seed=[5, 1])
    assert points.shape == (count, 3)
    assert np.array_equal(points, sobol(100, 3, seed=[5, 1])[:count])


def test_sobol_is_balanced():
    """16 points: one in each sixteenth of every axis, which independent draws would not give."""
    for axis in sobol(16, 4, seed=1).T:
        assert sorted((axis * 16).astype(int)) == list(range(16))


@pytest.mark.parametrize(
    ("dimension", "position", "expected"),
    [
        (SPACE["dropout"], 0.123456, 0.1235),
        (SPACE["dropout"], 0.80001, 0.8),
        (SPACE["learning_rate"], -3, 0.001),
        (SPACE["learning_rate"], -3.3, 0.0005012),
        (SPACE["learning_rate"], -9, 0.00003),
        ({"scale": "log", "bounds": [0.001, 0.0123456]}, math.log10(0.01234559), 0.0123456),
        (SPACE["batch_size"], 0.99, 8),
        (SPACE["batch_size"], 1, 16),
        (OPTIMIZER, 0.99, "sgd"),
        (OPTIMIZER, 1.5, "adam"),
    ],
)
def test_value_at(dimension, position, expected):
    """Numbers of 4 digits, but never outside of the bounds, even where rounding would lead there."""
    assert value_at(dimension, position) == expected


def test_first_round_covers_the_ranges():
    trials = proposed(trials=32, space=SPACE | {"optimizer": OPTIMIZER})
    for name in ("learning_rate", "dropout"):
        low, high = SPACE[name]["range"]
        assert trials[name].between(low, high).all() and trials[name].is_unique
    # Half of the trials below the geometric mean, half of them below the arithmetic mean.
    assert (trials["learning_rate"] < np.sqrt(0.0003 * 0.01)).sum() == 16
    assert (trials["dropout"] < 0.35).sum() == 16
    assert trials["batch_size"].value_counts().reindex([16, 32, 64]).between(10, 12).all()
    assert trials["optimizer"].value_counts().to_dict() == {"sgd": 16, "adam": 16}
    assert (trials["l2"] == HYPERPARAMETERS["l2"]).all()
    assert trials["trial"].tolist() == list(range(1, 33)) and trials["seed"].tolist() == list(range(8, 40))
    # A batch size is counted.
    assert trials["batch_size"].dtype == int


def test_more_trials_leave_the_first_of_a_round_as_they_are():
    pd.testing.assert_frame_equal(proposed(trials=5), proposed(trials=40).head(5))


def test_proposals_depend_on_the_seed_and_earlier_results_alone():
    search = Search(peak(**CENTRE | {"dropout": 0.7}), trials=8, rounds=3)
    before = search.results[:3]
    for results in (before, before[::-1], [pd.concat(before).sample(frac=1, random_state=4)]):
        np.random.seed(len(results))
        pd.testing.assert_frame_equal(
            propose("transfer", 3, results, None, search.settings)["proposals"], search.proposals[3]
        )
    assert not proposed(3, before, trials=8, seed=8)["dropout"].equals(search.proposals[3]["dropout"])


def test_round_0_is_the_starting_configuration():
    """The transfer model's is what was selected for the baseline, where it has that."""
    (start,) = proposed(0).to_dict("records")
    assert start == {"trial": 0, "round": 0, "seed": 7, **HYPERPARAMETERS}
    selected = pd.DataFrame([{"candidate": 2, "learning_rate": 0.004, "filters": 24, "batch_size": 64}])
    (start,) = propose("transfer", 0, [], selected, settings())["proposals"].to_dict("records")
    assert start == {"trial": 0, "round": 0, "seed": 7, **HYPERPARAMETERS, "learning_rate": 0.004, "batch_size": 64}


def test_rounds_end_when_no_range_is_extended():
    """With the optimum inside, after the least number; else when it is inside of the extended range."""
    inside = Search(peak(**CENTRE), trials=8, rounds=6, least=2)
    assert inside.trials["round"].unique().tolist() == [0, 1, 2] and inside.final == SPACE
    outside = Search(peak(learning_rate=0.03), trials=8, rounds=6, least=1)
    last = outside.trials["round"].max()
    assert 1 < last < 6 and outside.final["learning_rate"]["range"][1] > 0.03
    assert edge(outside.final["learning_rate"], ranking(outside.trials)["learning_rate"].iloc[0]) == ""
    assert [len(proposals) for proposals in outside.proposals] == [1, *[8] * last, *[0] * (6 - last)]
    assert list(outside.proposals[-1]) == list(outside.proposals[0]), "an empty table has columns"


def test_trials_are_numbered_over_all_rounds():
    trials = Search(peak(**CENTRE), trials=3, rounds=3).trials
    assert trials["trial"].tolist() == list(range(10))
    assert trials["round"].tolist() == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert trials["seed"].is_unique


@pytest.mark.parametrize("overlay", sorted(file.name for file in CONFIG.glob("*.yaml")))
@pytest.mark.parametrize("model", ["baseline", "transfer"])
def test_the_configuration_can_be_proposed(model, overlay):
    with open(CONFIG / "config.yaml") as file, open(CONFIG / overlay) as over:
        config = yaml.safe_load(file)
        config["tune"] |= yaml.safe_load(over)["tune"]
    trials = propose(model, 1, [], None, config)["proposals"]
    assert len(trials) == config["tune"]["trials"]
    assert list(trials) == ["trial", "round", "seed", *config[model]["hyperparameters"]]


# Where the later rounds look


@pytest.mark.parametrize(
    ("name", "value", "side"),
    [
        ("dropout", 0.14, "low"),
        ("dropout", 0.16, ""),
        ("dropout", 0.54, ""),
        ("dropout", 0.56, "high"),
        ("learning_rate", 0.0004, "low"),  # a tenth of the 1.52 decades from 0.0003 ends at 0.000426
        ("learning_rate", 0.00045, ""),
        ("learning_rate", 0.0065, ""),
        ("learning_rate", 0.0075, "high"),
        ("batch_size", 16, "low"),
        ("batch_size", 32, ""),
        ("batch_size", 64, "high"),
    ],
)
def test_edge(name, value, side):
    assert edge(SPACE[name], value) == side


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        ([0.3, 0.11, 0.4, 0.4], [0.1, 0.6]),  # one of the best four, not the best
        ([0.58, 0.3, 0.3, 0.3], [0.1, 0.8]),  # by half of the width to 0.85, cut at the bound
        ([0.3, 0.3, 0.58, 0.58], [0.1, 0.8]),
        ([0.11, 0.3, 0.3, 0.3], [0, 0.6]),
        ([0.58, 0.12, 0.12, 0.3], [0, 0.8]),  # both sides
        ([0.58], [0.1, 0.8]),
        ([], [0.1, 0.6]),
    ],
)
def test_extension_asks_for_the_best_or_two_of_the_best_four(best, expected):
    assert extend(SPACE["dropout"], best)["range"] == expected


def test_extension_is_half_of_the_width_on_the_log_scale():
    dimension = {"scale": "log", "range": [0.001, 0.1], "bounds": [0.00001, 10]}
    assert extend(dimension, [0.09])["range"] == [0.001, 1]
    assert extend(dimension, [0.0011])["range"] == [0.0001, 0.1]


def test_list_is_extended_by_its_next_value():
    once = extend(SPACE["batch_size"], [64])
    assert once["range"] == [16, 32, 64, 128]
    assert extend(once, [128])["range"] == [16, 32, 64, 128]
    assert extend(once, [16, 128, 128])["range"] == [8, 16, 32, 64, 128]


def test_a_choice_is_never_extended():
    assert extend(OPTIMIZER, ["sgd", "sgd", "sgd", "sgd"]) == OPTIMIZER


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("dropout", 0.35, (0.225, 0.475)),
        ("dropout", 0.58, (0.35, 0.6)),
        ("dropout", 0.1, (0.1, 0.35)),
        ("batch_size", 32, (1, 4)),
        ("batch_size", 64, (2, 4)),  # 32 and 64: places 2 and 3 of the bounds
        ("batch_size", 16, (1, 3)),
    ],
)
def test_window(name, value, expected):
    assert window(SPACE[name], value) == pytest.approx(expected)


def test_points_lie_in_the_new_part_of_what_was_extended_and_around_the_best_elsewhere():
    search = Search(peak(learning_rate=0.05), trials=16, rounds=2)
    _, first, second = (rows for _, rows in search.trials.groupby("round"))
    best = first.sort_values("val_auc").iloc[-1]
    new = second["learning_rate"].between(0.01, 0.05773)  # half of 1.52 decades beyond 0.01
    extended_too = [~second["dropout"].between(0.1, 0.6), ~second["batch_size"].isin(SPACE["batch_size"]["range"])]
    turns = [dimension for dimension in [new, *extended_too] if dimension.any()]
    assert all(dimension.sum() >= 16 // len(turns) for dimension in turns), "they take turns"
    assert pd.concat(turns, axis=1).any(axis=1).all(), "each lies in something new"
    assert second["dropout"][~extended_too[0]].between(best["dropout"] - 0.3, best["dropout"] + 0.3).all()


def test_both_new_parts_are_tried():
    rows = [(1, 0.58, 0.9), (2, 0.11, 0.8), (3, 0.12, 0.8), (4, 0.3, 0.7)]
    results = pd.DataFrame(rows, columns=["trial", "dropout", "val_auc"]).assign(round=1, rung=1, status="finished")
    assert regions({"dropout": SPACE["dropout"]}, results, 2, 1) == [{"dropout": [(0, 0.1), (0.6, 0.8)]}]


OUTSIDE = [
    ("learning_rate", 0.04),
    ("learning_rate", 0.0001),
    ("dropout", 0.72),
    ("dropout", 0.02),
    ("batch_size", 128),
]


@pytest.mark.parametrize(("name", "optimum"), OUTSIDE)
def test_optimum_outside_of_the_range_is_reached(name, optimum):
    search = Search(peak(**{name: optimum}), trials=8, rounds=3)
    assert search.final[name]["range"][0] <= optimum <= search.final[name]["range"][-1]
    best = search.trials["val_auc"].max()
    assert best > search.trials.query("round == 1")["val_auc"].max() and best == pytest.approx(0.95, abs=0.001)


@pytest.mark.parametrize("name", CENTRE)
def test_optimum_inside_the_range_extends_nothing(name):
    search = Search(peak(**{name: CENTRE[name]}), trials=16, rounds=4)
    assert search.final[name] == SPACE[name]
    if name != "batch_size":  # all three lie beside the best
        means = search.trials.groupby("round")["val_auc"].mean()
        assert (means[2:] > means[1]).all(), "later rounds look where the first was best"


def test_diverged_trials_attract_no_round():
    def score(trial):
        return None if trial["dropout"] > 0.5 else peak(**CENTRE)(trial)

    assert Search(score, trials=16, rounds=3).final["dropout"] == SPACE["dropout"]


def test_ranges_are_sampled_anew_where_all_trials_diverged():
    search = Search(lambda trial: None, trials=16, rounds=2)
    _, first, second = (rows for _, rows in search.trials.groupby("round"))
    assert search.final == SPACE
    assert (second["dropout"] < 0.35).sum() == 8, "the whole range"
    assert not set(first["dropout"]) & set(second["dropout"]), "other points"


# Halving


def test_the_better_half_of_what_has_not_diverged_goes_on():
    rows = [
        {"trial": trial, "status": "finished" if auc else "diverged", "val_auc": auc}
        for trial, auc in ((1, 0.8), (2, 0.9), (3, None), (4, 0.9), (5, 0.7))
    ]
    trials = [{"trial": trial} for trial in range(1, 6)]
    assert better_half(rows, trials) == [{"trial": 1}, {"trial": 2}, {"trial": 4}], "rounded up, in their order"
    assert better_half(rows[:4], trials[:4]) == [{"trial": 2}, {"trial": 4}]
    assert better_half(rows[2:4], trials[2:4]) == [{"trial": 4}]
    assert better_half(rows[2:3], trials[2:3]) == []


def test_a_trial_that_went_on_is_better_than_one_that_did_not():
    rows = [(1, 1, 0.99), (2, 1, 0.9), (2, 2, 0.8), (3, 1, 0.7), (3, 2, None), (4, 1, 0.8), (4, 2, 0.8)]
    trials = pd.DataFrame(rows, columns=["trial", "rung", "val_auc"])
    trials["status"] = np.where(trials["val_auc"].isna(), "diverged", "finished")
    ordered = ranking(trials.sample(frac=1, random_state=1))
    assert list(zip(ordered["trial"], ordered["rung"], strict=True)) == [(2, 2), (4, 2), (1, 1)], "diverged: out"


# What a trial's row says


HISTORY = pd.DataFrame({"epoch": [1, 2, 3], "val_loss": [0.7, 0.6, 0.65], "val_auc": [0.6, 0.7, 0.9]})
SCORES = {"train_loss": 0.5, "val_loss": 0.6, "val_auc": 0.7}


def test_outcome_is_of_the_epoch_with_the_least_val_loss():
    """Epoch 3 has the better val AUC; the weights that early stopping restores are those of epoch 2."""
    assert outcome(HISTORY, SCORES) == {"epochs": 3, "status": "finished", "best_epoch": 2, **SCORES}


@pytest.mark.parametrize("loss", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["val_loss of an epoch", "train_loss", "val_loss"])
def test_outcome_of_a_diverged_run(where, loss):
    history, scores = HISTORY.copy(), dict(SCORES)
    if where in scores:
        scores[where] = loss
    else:
        history.loc[2, "val_loss"] = loss
    row = outcome(history, scores)
    assert row.keys() == outcome(HISTORY, SCORES).keys()
    assert row == {**dict.fromkeys(row), "epochs": 3, "status": "diverged"}


# Gathering


def test_candidates_are_the_best_different_configurations():
    """Lists alone, so that configurations recur: the best of each is a candidate, once."""
    space = {"batch_size": SPACE["batch_size"]}
    search = Search(peak(batch_size=32), trials=7, rounds=1, space=space, candidates=2)
    table, cost, _, candidates = search.gather().values()
    assert table["trial"].tolist() == cost["trial"].tolist() == list(range(8))
    assert candidates["candidate"].tolist() == [0, 1, 2]
    assert candidates["batch_size"].tolist()[0] == 32 == HYPERPARAMETERS["batch_size"]
    assert candidates["trial"].iloc[0] == 0, "the starting configuration, which no other trial repeats"
    assert set(candidates["batch_size"]) == {16, 32, 64}
    for other in candidates.to_dict("records")[1:]:
        same = table["batch_size"] == other["batch_size"]
        assert other["trial"] == table[same]["trial"].min(), "of a tie, the lower number"


def test_the_starting_configuration_is_a_candidate_even_if_it_was_the_worst():
    search = Search(lambda trial: 0.9 if trial["trial"] else None, trials=4, rounds=1)
    assert search.gather()["candidates"]["trial"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("score", "told"),
    [
        (lambda trial: None, "transfer: all 5 trials diverged.*lower tune.space.transfer.learning_rate.range"),
        (
            lambda trial: 0.8 if trial["trial"] == 2 else None,
            "transfer: of 5 trials, 1 .*finished.*tune.candidates: 2",
        ),
    ],
    ids=["none finished", "one finished"],
)
def test_gather_says_that_too_few_trials_finished(score, told):
    search = Search(score, trials=2, rounds=2, candidates=2)
    with pytest.raises(InputError, match=told):
        search.gather()


# Importance


def test_importance_finds_the_one_dimension_that_matters():
    search = Search(peak(learning_rate=0.0017), trials=24, rounds=1)
    table = importance_of(SPACE, search.trials, seed=1).set_index("hyperparameter")
    assert list(table.index) == list(SPACE)
    assert table["importance"].idxmax() == "learning_rate"
    assert table.loc["learning_rate", "p5"] > 0 and table.loc["learning_rate", "oob_r2"] > 0.5
    assert (table["p5"] <= table["importance"]).all() and (table["importance"] <= table["p95"]).all()
    assert (table["p5"][["dropout", "batch_size"]] < 0).all()
    pd.testing.assert_frame_equal(importance_of(SPACE, search.trials, seed=1).set_index("hyperparameter"), table)


def test_importance_of_noise_says_that_it_means_nothing():
    noise = np.random.default_rng(3)
    search = Search(lambda trial: noise.normal(0.9, 0.01), trials=24, rounds=1)
    table = importance_of(SPACE, search.trials, seed=1)
    assert (table["oob_r2"] < 0.1).all() and (table["p5"] < 0).all()


def test_importance_of_few_trials_is_not_estimated():
    search = Search(peak(**CENTRE), trials=6, rounds=1)
    table = importance_of(SPACE, search.trials, seed=1)
    assert table["hyperparameter"].tolist() == list(SPACE)
    assert table[["importance", "p5", "p95", "oob_r2"]].isna().all(axis=None)


# Selecting: the starting configuration and two others, by falling val AUC of their trials


@pytest.fixture
def search():
    return Search(peak(**CENTRE), trials=3, rounds=2, candidates=2)


def runs(first, second, third, parameters=(300, 200, 100)):
    """Three runs a candidate, at the given mean val AUC -0.01, 0 and +0.01: standard error 0.0058."""
    means = enumerate(zip((first, second, third), parameters, strict=True))
    return [
        (number, count, None if mean is None else mean + offset)
        for number, (mean, count) in means
        for offset in (-0.01, 0, 0.01)
    ]


@pytest.mark.parametrize(
    ("rows", "winner", "within"),
    [
        (runs(0.90, 0.92, 0.91), 1, {1}),  # a standard error is less than the 0.01 between them
        (runs(0.92, 0.919, 0.90), 1, {0, 1}),  # fewer parameters
        (runs(0.92, 0.919, 0.918), 2, {0, 1, 2}),
        (runs(0.919, 0.92, 0.918, parameters=(100, 200, 200)), 0, {0, 1, 2}),
        (runs(None, 0.90, 0.92), 2, {2}),
    ],
)
def test_select_follows_the_one_standard_error_rule(rows, winner, within, search):
    selection, best = list(search.select(rows).values())[:2]
    assert selection.loc[selection["selected"], "candidate"].tolist() == best["candidate"].tolist() == [winner]
    assert set(selection.loc[selection["within_one_se"], "candidate"]) == within
    # The one row holds the hyperparameters of the trial, as training reads them.
    trial = search.trials.set_index("trial").loc[best["trial"].item()]
    assert best[list(HYPERPARAMETERS)].iloc[0].to_dict() == trial[list(HYPERPARAMETERS)].to_dict()
    assert best["batch_size"].dtype == int


def test_selection_among_equal_sizes_takes_fewer_epochs(search):
    rows = runs(0.92, 0.919, 0.918, parameters=(100, 100, 100))
    selection = search.select(rows, best_epochs=[8, 8, 9, 4, 5, 9, 2, 6, 7])["selection"]
    assert selection["median_best_epoch"].tolist() == [8, 5, 6]
    assert selection.loc[selection["selected"], "candidate"].tolist() == [1]


def test_the_nominating_score_takes_no_part(search):
    """The trials of the candidates scored about 0.95; what counts and what is told is what their runs gave."""
    selection, best = list(search.select(runs(0.70, 0.80, 0.75)).values())[:2]
    assert best["val_auc"].tolist() == [pytest.approx(0.80)]
    assert best["val_auc_sd"].tolist() == [pytest.approx(0.01)]
    assert selection["val_auc_se"].tolist() == pytest.approx([0.01 / math.sqrt(3)] * 3)
    assert (selection["seeds"] == 3).all() and (selection["median_best_epoch"] == 7).all()


def test_a_candidate_is_out_if_one_of_its_runs_diverged(search):
    rows = runs(0.99, 0.80, 0.75)
    rows[1] = (0, 300, None)
    selection, best = list(search.select(rows).values())[:2]
    assert best["candidate"].tolist() == [1]
    assert selection["status"].tolist() == ["diverged", "finished", "finished"]
    assert math.isnan(selection.loc[0, "val_auc"])


def test_select_says_that_every_candidate_diverged(search):
    with pytest.raises(InputError, match="transfer: each of the 3 candidates diverged"):
        search.select(runs(None, None, None))


# The tables of ranges and rounds


def test_ranges_of_a_search_that_stayed_inside():
    space = {"dropout": SPACE["dropout"]}
    search = Search(peak(dropout=0.35), trials=7, rounds=1, candidates=2, space=space)
    table = search.select(runs(0.92, 0.90, 0.90))["ranges"]
    (row,) = table.to_dict("records")
    assert (row["low"], row["high"], row["final_low"], row["final_high"]) == (0.1, 0.6, 0.1, 0.6)
    assert not (row["extended_low"] or row["extended_high"])
    assert (table[["edge", "bound", "selected_edge", "selected_bound", "key"]] == "").all(axis=None)


@pytest.mark.parametrize(("name", "extensions"), [("learning_rate", 2), ("dropout", 1), ("batch_size", 1)])
def test_extension_stops_at_the_bounds_and_says_so(name, extensions):
    """The response rises beyond all bounds: in the end there is nothing more that could be extended."""
    far = {"learning_rate": 1, "dropout": 1, "batch_size": 512}
    search = Search(peak(**{name: far[name]}), trials=6, rounds=5, space={name: SPACE[name]})
    bounds = SPACE[name]["bounds"]
    assert search.trials[name].between(bounds[0], bounds[-1]).all()
    (row,) = ranges_table("transfer", search.settings["tune"], search.trials, HYPERPARAMETERS).to_dict("records")
    assert (row["final_high"], row["extended_high"], row["extended_low"]) == (bounds[-1], extensions, 0)
    assert (row["edge"], row["bound"], row["key"]) == ("high", "cost", "")


def test_ranges_name_the_key_of_what_could_be_extended():
    """One round, so that nothing was extended: the best batch size is the last of the list, which could go on."""
    search = Search(peak(batch_size=128), trials=8, rounds=1)
    selected = HYPERPARAMETERS | {"dropout": 0.11}
    table = ranges_table("transfer", search.settings["tune"], search.trials, selected).set_index("name")
    assert table.loc["batch_size", ["best", "edge", "bound", "selected_edge"]].tolist() == [64, "high", "", ""]
    assert table.loc["dropout", ["selected", "selected_edge", "selected_bound"]].tolist() == [0.11, "low", ""]
    assert table.loc["batch_size", "key"] == "tune.space.transfer.batch_size.range"
    assert table.loc["dropout", "key"] == "tune.space.transfer.dropout.range"


def test_a_choice_has_no_ends():
    search = Search(peak(**CENTRE), trials=4, rounds=2, space={"optimizer": OPTIMIZER})
    (row,) = ranges_table("transfer", search.settings["tune"], search.trials, HYPERPARAMETERS).to_dict("records")
    assert (row["selected"], row["selected_edge"], row["key"]) == ("adam", "", "") and "low" not in row


def test_rounds_tell_what_was_spent_and_what_was_extended():
    search = Search(peak(learning_rate=0.03), trials=8, rounds=6, least=2)
    table = rounds_table(SPACE, search.trials)
    made = search.trials["round"].max()
    assert table["round"].tolist() == list(range(made + 1)) and table["trials"].tolist() == [1] + [8] * made
    assert table["epochs"].tolist() == [5] + [40] * made
    assert table["val_auc"].is_monotonic_increasing and table["val_auc"].iloc[-1] == search.trials["val_auc"].max()
    assert table["best"].iloc[-1] == search.trials.loc[search.trials["val_auc"].idxmax(), "trial"]
    assert "learning_rate high" in table["extended"][1] and table["extended"][0] == ""
    assert table["extended"].iloc[-1] == "", "which is why it is the last"
