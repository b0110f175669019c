"""What the stage train claims, at both sides of each limit."""

import math

import pandas as pd
import pytest

from pipeline.train import findings as stage
from pipeline.train.curves import measure

NAN = float("nan")


def table(name, rows):
    made = pd.DataFrame(rows)
    made.attrs["table"] = f"train/{name}"
    return made


def history(train, val=None, **columns):
    columns = {"epoch": range(1, len(train) + 1), "train_loss": train} | ({"val_loss": val} if val else {}) | columns
    raw = {f"raw_{name}": value for name, value in columns.items() if name.endswith("_loss")}
    return table("baseline_initial", columns | raw)


def gap_of(rows, *runs):
    """The table of gaps of an initial run with the history `rows`, and of selected runs: (best epoch, epochs, val
    loss and gap at the best epoch, gap at the end)."""
    (first,) = measure(rows, pd.DataFrame({"seed": [], "val_loss": [], "train_loss": []}))["gap"].to_dict("records")
    others = [
        {"run": "selected", "seed": seed, "best_epoch": best, "epochs": epochs, "val_loss_at_best": loss,
         "gap_at_best": gap, "gap_at_end": end}
        for seed, (best, epochs, loss, gap, end) in enumerate(runs, start=1)
    ]  # fmt: skip
    return table("baseline_gap", [first, *others])


def values(decided):
    return {(row["finding"], *row["subject"].split()): row["value"] for row in decided}


def initial(train, val):
    """{finding: value} of an initial run with these losses."""
    rows = history(train, val)
    measured = measure(rows, pd.DataFrame({"seed": [], "val_loss": [], "train_loss": []}))
    smoothness = table("baseline_smoothness", measured["smoothness"])
    return values(stage.initial_run("baseline", rows, smoothness, gap_of(rows)))


@pytest.mark.parametrize(
    ("train", "val", "fit", "best"),
    [
        # Best at epoch 2; of the last three epochs two are above 1.1 times 0.5, or one.
        ([0.6, 0.5, 0.45, 0.44, 0.43], [0.6, 0.5, 0.56, 0.54, 0.56], "overfits", "earlier"),
        ([0.6, 0.5, 0.45, 0.44, 0.43], [0.6, 0.5, 0.54, 0.54, 0.56], "fits", "earlier"),
        # Most rise, but with train: the gap is no wider.
        ([0.6, 0.5, 0.56, 0.44, 0.56], [0.6, 0.5, 0.56, 0.54, 0.56], "unstable", "earlier"),
        # Train below half of val in two of three epochs, or in one.
        ([0.6, 0.5, 0.26, 0.24, 0.24], [0.6, 0.5, 0.51, 0.51, 0.51], "memorises", "earlier"),
        ([0.6, 0.5, 0.26, 0.26, 0.24], [0.6, 0.5, 0.51, 0.51, 0.51], "fits", "earlier"),
        # The last epoch is the best one: judged by the last five.
        ([0.6, 0.5, 0.4, 0.24, 0.2, 0.1], [0.6, 0.59, 0.58, 0.57, 0.56, 0.55], "memorises_to_the_end", "last_epoch"),
        ([0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [0.6, 0.59, 0.58, 0.57, 0.56, 0.55], "underfits", "last_epoch"),
        ([0.6, 0.5, NAN], [0.6, 0.5, NAN], "diverged", "earlier"),
        ([0.6, 0.5, math.inf], [0.6, 0.5, 0.4], "diverged", "last_epoch"),
    ],
)
def test_fit_of_the_initial_run_by_most_of_its_last_epochs(train, val, fit, best):
    decided = initial(train, val)
    assert (decided["initial_fit", "baseline"], decided["initial_best", "baseline"]) == (fit, best)


def test_the_margin_is_that_of_the_epoch_by_which_most_are_above_the_limit():
    """Twice 1.12 times the minimum, which is 0.02 above 1.1; the gap is wider by more than that."""
    rows = history([0.6, 0.5, 0.3, 0.3, 0.3], [0.6, 0.5, 0.56, 0.5, 0.56])
    decided = stage.initial_fit("baseline", rows, stage.decide.row(gap_of(rows), run="initial"))
    assert (decided["value"], decided["unit"]) == ("overfits", "limit")
    assert (decided["limit"], decided["margin"]) == (1.1, pytest.approx(0.02 / 1.1))


@pytest.mark.parametrize(
    ("numbers", "limit", "most"),
    [([1, 3, 3], 2, True), ([1, 1, 3], 2, False), ([1, 3], 2, False), ([3, 3], 2, True), ([1, 1, 3, 3, 3], 2, True)],
)
def test_exceeded_by_most(numbers, limit, most):
    assert (stage.exceeded_by_most(numbers) > limit) == most == (sum(n > limit for n in numbers) * 2 > len(numbers))


@pytest.mark.parametrize(
    ("train", "val", "first"),
    [
        ([0.6, 0.5, 0.2, 0.2, 0.2], [0.6, 0.5, 0.5, 0.5, 0.5], "overfitting"),
        ([0.6, 0.5, 0.2, 0.2, 0.2], [0.6, 0.5, 0.54, 0.5, 0.54], "steps_and_overfitting"),
        ([0.6, 0.5, 0.49, 0.48, 0.47], [0.6, 0.5, 0.54, 0.5, 0.54], "steps"),
        ([0.6, 0.5, 0.49, 0.48, 0.47], [0.6, 0.55, 0.5, 0.49, 0.48], "learning_rate"),
    ],
)
def test_what_to_tune_first(train, val, first):
    assert initial(train, val)["first_tuned", "baseline"] == first


@pytest.mark.parametrize(
    ("losses", "smooth", "rises"),
    [
        ([0.7, 0.5, 0.4, 0.35, 0.34], "smooth", "never"),
        ([0.7, 0.5, 0.40, 0.43, 0.38, 0.34], "smooth", "within_fall"),
        ([0.7, 0.5, 0.40, 0.46, 0.38, 0.34], "uneven", "within_fall"),
        ([0.7, 0.5, 0.95, 0.6, 0.6, 0.6], "uneven", "beyond_fall"),
    ],
)
def test_curves_of_the_initial_run(losses, smooth, rises):
    decided = initial(losses, [0.9] * len(losses))
    assert (decided["smoothness", "baseline", "train"], decided["rises", "baseline", "train"]) == (smooth, rises)
    assert decided["initial_fall", "baseline"] == "falls"


def test_the_margin_of_smoothness_is_that_of_the_limit_nearest_to_being_passed():
    rows = {"split": "val", "rises": 0.1, "rises_limit": 0.2, "relative_rise": 0.09, "relative_rise_limit": 0.1}
    row = stage.decide.row(table("baseline_smoothness", [rows | {"result": "smooth"}]))
    decided = stage.smooth_curve("baseline", row)
    assert (decided["limit"], decided["margin"]) == (0.1, pytest.approx(0.1))


@pytest.mark.parametrize(
    ("share", "rise", "value", "limit", "margin"),
    [
        (0, 0, "never", 0, None),
        (0.1, 0.9, "within_fall", 1, 0.1),
        (0.1, 1, "within_fall", 1, 0),
        (0.1, 1.2, "beyond_fall", 1, 0.2),
        (0.1, math.inf, "beyond_fall", 1, None),  # it never falls
    ],
)
def test_the_largest_rise_against_the_total_decrease(share, rise, value, limit, margin):
    rows = table("baseline_smoothness", [{"split": "val", "rises": share, "relative_rise": rise}])
    decided = stage.rises("baseline", stage.decide.row(rows))
    assert (decided["value"], decided["limit"]) == (value, limit)
    assert decided["margin"] == (margin if margin is None else pytest.approx(margin))


@pytest.mark.parametrize(("second", "first", "margin"), [("uneven", "steps", 0.4), ("smooth", "steps", 0.1)])
def test_one_uneven_curve_is_enough_to_tune_the_steps(second, first, margin):
    curves = [
        {"value": value, "margin": margin, "unit": "limit", "limit": 0.1, "cells": "a:1:b"}
        for value, margin in (("uneven", 0.1), (second, 0.4))
    ]
    fit = {"value": "fits", "margin": 0.9, "unit": "limit", "limit": 1.1, "cells": "a:1:c"}
    decided = stage.first_tuned("baseline", curves, fit)
    assert (decided["value"], decided["margin"]) == (first, margin)
    # Without an uneven curve the nearest one decides, or the fit.
    smooth = [curve | {"value": "smooth"} for curve in curves]
    assert stage.first_tuned("baseline", smooth, fit)["margin"] == 0.1
    assert stage.first_tuned("baseline", smooth, fit | {"margin": 0.05})["margin"] == 0.05


def test_a_loss_that_does_not_fall():
    assert initial([0.6, 0.7, 0.6], [0.6, 0.6, 0.6])["initial_fall", "baseline"] == "does_not_fall"


# The runs of the selected configuration: (best epoch, epochs, val loss, gap at the best epoch, gap at the end)

CONTINUED, ENDED = (4, 6), (6, 6)
BEGINNING = history([0.5, 0.4, 0.3], [0.55, 0.5, 0.45])  # its gap is 0.15, and it did not continue


def selected(*runs, first=BEGINNING, epochs=30, patience=2):
    gap = gap_of(first, *runs)
    table_of_runs = stage.run_table("baseline", gap, {"max_epochs": epochs, "patience": patience})
    table_of_runs.attrs["table"] = "train/runs"
    decided = stage.selected_runs("baseline", gap, stage.decide.rows(table_of_runs.reset_index(drop=True)))
    return {row["finding"]: row["value"] for row in decided}


@pytest.mark.parametrize(
    ("runs", "value"),
    [
        ([(*ENDED, 0.4, 0.1, 0.1)], "not_visible"),
        ([(*CONTINUED, 0.4, 0.1, 0.2), (*ENDED, 0.4, 0.1, 0.1)], "one_run"),
        ([(*CONTINUED, 0.4, 0.1, 0.2), (*CONTINUED, 0.4, 0.1, 0.11)], "every_run"),
        ([(*CONTINUED, 0.4, 0.1, 0.2), (*CONTINUED, 0.4, 0.1, 0.09)], "some_runs"),
        ([(*CONTINUED, 0.4, 0.1, 0.1)], "no_run"),
    ],
)
def test_early_stopping(runs, value):
    assert selected(*runs)["early_stopping"] == value


def test_an_initial_run_that_diverged_is_not_compared():
    diverged = history([0.5, NAN, NAN], [0.55, 0.5, NAN])
    decided = selected((*ENDED, 0.4, 0.1, 0.1), first=diverged)
    assert (decided["early_stopping"], decided["tuned_gap"]) == ("not_visible", "no_comparison")


@pytest.mark.parametrize(
    ("gaps", "value"),
    [
        ((0.149, 0.14), "narrower"),
        ((0.1499, 0.14), "unclear"),  # shown as 0.150, like the initial run's
        ((0.14, 0.16), "unclear"),
        ((0.1504, 0.16), "unclear"),
        ((0.151, 0.16), "wider"),
    ],
)
def test_gap_of_the_selected_configuration(gaps, value):
    assert selected(*((*ENDED, 0.4, gap, gap) for gap in gaps))["tuned_gap"] == value


@pytest.mark.parametrize(
    ("gaps", "value"),
    [
        ((0.19, 0.2, 0.1), "no_run"),
        ((0.21, 0.2, 0.1), "one_run"),
        ((0.21, 0.21, 0.1), "some_runs"),
        ((0.21, 0.21, 0.21), "every_run"),
    ],
)
def test_overfitting_of_the_selected_configuration(gaps, value):
    """The train cross-entropy is below half of 0.4 where the gap is above 0.2."""
    assert selected(*((*ENDED, 0.4, gap, gap) for gap in gaps))["overfitting"] == value


@pytest.mark.parametrize(
    ("best_epochs", "value"), [((28, 28), "no_run"), ((29, 28), "one_run"), ((29, 30), "some_runs")]
)
def test_the_limit_of_epochs_ended_a_run_that_early_stopping_did_not(best_epochs, value):
    """Of 30 epochs at most, with a patience of 2."""
    assert selected(*((best, 30, 0.4, 0.1, 0.1) for best in best_epochs))["epoch_limit"] == value
    assert selected((27, 29, 0.4, 0.1, 0.1))["epoch_limit"] == "no_run"


# The final run


@pytest.mark.parametrize(
    ("losses", "minimum", "curve", "epoch"),
    [
        ([0.6], "last_epoch", "one_epoch", NAN),
        ([0.6, 0.4, 0.2], "last_epoch", "falling", NAN),
        ([0.6, 0.2, 0.23], "earlier", "no_lower", 3),  # a rise of 0.03 in a fall of 0.4
        ([0.6, 0.2, 0.25, 0.1], "last_epoch", "falling", 3),  # a tenth of the fall of 0.5
        ([0.6, 0.2, 0.26, 0.1], "last_epoch", "uneven", 3),
        ([0.6, 0.7, 0.65], "earlier", "uneven", 2),  # never below its start
        ([0.6, 0.6], "earlier", "no_lower", NAN),
    ],
)
def test_curve_of_the_final_run(losses, minimum, curve, epoch):
    rows = history(losses, train_sensitivity=losses, train_specificity=losses)
    jumps = stage.jump_table([rows, rows])
    jumps.attrs["table"] = "train/jumps"
    jump = stage.decide.row(jumps, model="baseline")
    limits = table("baseline_smoothness", {"relative_rise_limit": [0.1, 0.1]})
    decided = values(stage.final_run("baseline", rows, jump, limits))
    assert decided == {("final_minimum", "baseline"): minimum, ("final_curve", "baseline"): curve}
    assert jump["lowest_epoch"] == 1 + losses.index(min(losses))
    assert jump["epoch"] == pytest.approx(epoch, nan_ok=True)
    if epoch > 0:
        assert jump["train_loss"] == losses[int(epoch) - 1]


@pytest.mark.parametrize(("epochs", "value"), [(29, "below_limit"), (30, "at_limit")])
def test_epochs_of_the_final_run(epochs, value):
    assert stage.final_epochs("baseline", table("baseline_model", {"epochs": [epochs]}), 30)["value"] == value
