"""What the stage tune claims, at both sides of each limit."""

import pandas as pd
import pytest

from pipeline.tune import findings as stage

NAN = float("nan")


def table(name, rows):
    made = pd.DataFrame(rows)
    made.attrs["table"] = f"tune/{name}"
    return made


def ranges(*dimensions):
    """Rows of a table of ranges; each (name, what is special of it)."""
    usual = {"scale": "linear", "low": 0.1, "high": 0.6, "final_low": 0.1, "final_high": 0.6, "extended_low": 0,
             "extended_high": 0, "edge": NAN, "bound": NAN, "selected_edge": NAN, "selected_bound": NAN,
             "key": NAN}  # fmt: skip
    return table("transfer_ranges", [usual | {"name": name} | changed for name, changed in dimensions])


@pytest.mark.parametrize(
    ("statuses", "value"), [(["finished", "finished"], "none"), (["finished", "diverged"], "some")]
)
def test_divergence(statuses, value):
    decided = stage.divergence("transfer", table("transfer", {"status": statuses}))
    assert (decided["value"], decided["subject"]) == (value, "transfer")
    assert decided["cells"].endswith("tune/transfer:2:status")


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ({}, "none"),
        ({"extended_low": 2}, "low_ends"),
        ({"extended_high": 1}, "high_ends"),
        ({"extended_low": 1, "extended_high": 1}, "both_ends"),
    ],
)
def test_extension(changed, value):
    choice = {"scale": "choice", "extended_low": NAN, "extended_high": NAN}
    made = ranges(("dropout", {}), ("l2", changed), ("optimizer", choice))
    assert stage.extension("transfer", made)["value"] == value


@pytest.mark.parametrize(
    ("changed", "edges", "selected"),
    [
        ({}, "inside", "inside"),
        ({"edge": "low", "bound": "nature"}, "nature", "inside"),
        ({"edge": "low", "key": "tune.space.transfer.l2.range"}, "open", "inside"),
        ({"selected_edge": "high", "selected_bound": "cost"}, "cost", "at_edge"),
        (
            {"edge": "low", "bound": "cost", "selected_edge": "high", "selected_bound": "nature"},
            "nature_and_cost",
            "at_edge",
        ),
        ({"selected_edge": "high", "key": "tune.space.transfer.l2.range"}, "open", "at_edge"),
    ],
)
def test_edges(changed, edges, selected):
    made = ranges(("dropout", {}), ("l2", changed))
    assert stage.edges("transfer", made)["value"] == edges
    assert stage.selected_edge("transfer", made)["value"] == selected


@pytest.mark.parametrize(
    ("p5", "p95", "other_p95", "oob_r2", "value", "margin"),
    [
        (0.3, 0.7, 0.25, 0.01, "separate", 0.25),
        (0.3, 0.7, 0.35, 0.01, "overlapping", 0.25),
        (0.1, 0.7, -0.1, 0.01, "separate", 1 / 3),
        (0, 0.8, 0.1, 0.01, "includes_zero", 0),
        (-0.1, 0.7, 0.1, 0.01, "includes_zero", 0.25),
        (0.3, 0.7, 0.25, 0, "unpredictable", 0),
        (0.3, 0.7, 0.25, -0.2, "unpredictable", 0.2),
    ],
)
def test_importance(p5, p95, other_p95, oob_r2, value, margin):
    columns = {"importance": [0.1, 0.5], "p5": [-0.1, p5], "p95": [other_p95, p95], "oob_r2": [oob_r2] * 2}
    decided = stage.most_important("transfer", table("transfer_importance", columns))
    assert (decided["value"], decided["margin"]) == (value, pytest.approx(margin))


def test_importance_that_was_not_estimated():
    columns = dict.fromkeys(("importance", "p5", "p95", "oob_r2"), [NAN, NAN])
    decided = stage.most_important("transfer", table("transfer_importance", columns))
    assert (decided["value"], decided["margin"]) == ("not_estimated", None)


@pytest.mark.parametrize(
    ("last", "extended", "value"), [(2, NAN, "minimum"), (3, NAN, "no_extension"), (3, "l2 low", "limit")]
)
def test_why_the_search_ended(last, extended, value):
    rounds = [{"round": number, "extended": extended if number == last else "l2 low"} for number in range(last + 1)]
    assert stage.end("transfer", table("transfer_rounds", rounds), 2)["value"] == value


@pytest.mark.parametrize(
    ("selected", "interval", "value"),
    [
        (0, (NAN, NAN), "start_selected"),
        (1, (0.001, 0.003), "better"),
        (1, (0, 0.003), "no_difference"),
        (1, (-0.003, -0.001), "worse"),
        (1, (NAN, NAN), "no_comparison"),
    ],
)
def test_gain_over_the_starting_configuration(selected, interval, value):
    rows = table("transfer_selection", [{"candidate": place, "selected": place == selected} for place in (0, 1)])
    gains = table("transfer_gain", [{"candidate": 1, "ci_low": interval[0], "ci_high": interval[1]}])
    assert stage.gain_over_start("transfer", rows, gains)["value"] == value


@pytest.mark.parametrize(("count", "candidates"), [(2, "one"), (3, "several")])
@pytest.mark.parametrize(("seeds", "value"), [(1, "one"), (3, "several")])
def test_numbers_of_candidates_and_seeds(count, candidates, seeds, value):
    made = table("baseline_selection", [{"candidate": number, "seeds": seeds} for number in range(count)])
    assert stage.candidates(made)["value"] == candidates and stage.selection_seeds(made)["value"] == value


@pytest.mark.parametrize(
    ("aucs", "selected", "parameters", "value", "margin"),
    [
        ((0.95, 0.90), 0, (200, 100), "highest", 0.03 / 0.93),
        ((0.95, 0.94), 1, (200, 100), "fewer_parameters", 0.01 / 0.93),
        ((0.95, 0.94), 1, (100, 100), "fewer_epochs", 0.01 / 0.93),
        ((0.95, NAN), 0, (200, 100), "highest", None),
    ],
)
def test_selection(aucs, selected, parameters, value, margin):
    rows = [
        {"val_auc": auc, "val_auc_se": 0.02, "parameters": parameters[place], "median_best_epoch": 9 - place,
         "status": "finished" if auc > 0 else "diverged", "selected": place == selected}
        for place, auc in enumerate(aucs)
    ]  # fmt: skip
    decided = stage.selected_candidate("transfer", table("transfer_selection", rows))
    assert decided["value"] == value and decided["limit"] == pytest.approx(0.93)
    assert decided["margin"] == (margin if margin is None else pytest.approx(margin))


def test_of_one_seed_the_highest_is_selected_by_itself():
    rows = [{"val_auc": 0.9, "val_auc_se": NAN, "status": "finished", "selected": True, "parameters": 1}]
    decided = stage.selected_candidate("transfer", table("transfer_selection", rows))
    assert (decided["value"], decided["limit"], decided["margin"]) == ("highest", 0.9, None)


def test_the_summary_of_each_search():
    trials = [
        table("trials", [
            {"trial": trial, "rung": rung, "rung_epochs": 5 * rung, "val_auc": auc,
             "status": "finished" if auc else "diverged"}
            for trial, rung, auc in ((0, 1, 0.8), (0, 2, 0.85), (1, 1, 0.95), (2, 1, 0.9), (2, 2, 0.92), (3, 1, None))
        ])
    ] * 2  # fmt: skip
    rounds = [table("rounds", {"round": [0, 1], "epochs": [10, 20]})] * 2
    importances = [table("importance", {"hyperparameter": ["l2", "filters", "dropout"], "importance": values})
                   for values in ([0.1, 0.3, 0.2], [NAN] * 3)]  # fmt: skip
    candidates = [table("selection", {"trial": [7, 4, 9], "status": status, "val_auc": aucs})
                  for status, aucs in ((["diverged", "finished", "finished"], [NAN, 0.9, 0.91]),
                                       (["finished"] * 3, [0.8, 0.9, 0.7]))]  # fmt: skip
    made = stage.summary_table(trials, rounds, importances, candidates)
    assert made["model"].tolist() == ["baseline", "transfer"] and made["trial"].tolist() == [9, 4]
    columns = ["trials", "rounds", "epochs", "epochs_in_full", "diverged", "lowest", "highest"]
    assert made[columns].iloc[0].tolist() == [4, 1, 30, 40, 1, 0.85, 0.92], "val AUCs of the last rung"
    assert made["hyperparameter"][0] == "filters" and pd.isna(made["hyperparameter"][1]), "none was estimated"


SETTINGS = {
    "baseline": {"hyperparameters": {"learning_rate": 0.001, "filters": 24, "loss": "focal"}},
    "transfer": {"hyperparameters": {"dense_layers": 1, "dropout": 0.3, "learning_rate": 0.002, "loss": "focal"}},
}


def hyperparameters(of_baseline, of_transfer):
    best = [
        table("baseline_best", [{"trial": 3, "filters": 16, "learning_rate": 0.005, "loss": "focal"}]),
        table("transfer_best", [{"dense_layers": 1, "dropout": 0.4, "learning_rate": 0.003, "loss": "cross_entropy"}]),
    ]
    return stage.hyperparameter_table([of_baseline, of_transfer], best, SETTINGS).set_index(["model", "name"])


def test_hyperparameters_tell_how_each_was_searched_and_where_it_started():
    made = hyperparameters(
        ranges(("learning_rate", {"extended_high": 1, "final_high": 0.9}), ("filters", {"low": 16, "high": 32})),
        ranges(("learning_rate", {"extended_low": 2}), ("loss", {"scale": "choice", "extended_low": NAN})),
    )
    assert list(made.index) == [
        *(("baseline", name) for name in ("learning_rate", "filters", "loss")),
        *(("transfer", name) for name in ("learning_rate", "dropout", "dense_layers", "loss")),
    ]
    assert made["searched"].tolist() == ["range", "range", "no", "range", "no", "no", "by_name"]
    assert made["start"].tolist() == [0.001, 24, "focal", 0.005, 0.3, 1, "focal"], "the baseline's values, where it has"
    assert made["selected"].tolist() == [0.005, 16, "focal", 0.003, 0.4, 1, "cross_entropy"]
    assert made["extended"].tolist() == [True, False, False, True, False, False, False]
    assert made["extended_low"].tolist() == [False, False, False, True, False, False, False]
    assert made["extended_high"].tolist() == [True, False, False, False, False, False, False]
    assert made.loc[("baseline", "learning_rate"), ["low", "high", "final_high"]].tolist() == [0.1, 0.6, 0.9]


def test_against_overfitting_stand_those_that_were_searched_or_else_the_dropout_rate():
    made = hyperparameters(ranges(("learning_rate", {}), ("filters", {})), ranges(("learning_rate", {})))
    found = made.index[made["against_overfitting"].astype(bool)].tolist()
    assert found == [("baseline", "filters"), ("transfer", "dropout")]
