"""Findings: decided by stated cells, with the distance from the limit, and never with a value that is not declared."""

import pandas as pd
import pytest

from pipeline import findings
from pipeline.findings import Finding

RANKING = Finding("ranking", ("transfer", "baseline", "undetected"), "the interval excludes the limit")
SIGNIFICANT = Finding("gain", ("yes", "no", "unknown"), "p is below the limit")


def table(**columns):
    made = pd.DataFrame(columns)
    made.attrs["table"] = "evaluate/compare"
    return made


def ranking(low, high, limit=0, **values):
    row = findings.row(table(metric=["auc"], ci_low=[low], ci_high=[high]), metric="auc")
    values = {"above": "transfer", "below": "baseline", "neither": "undetected"} | values
    return RANKING.of_interval(row, limit=limit, **values)


@pytest.mark.parametrize(
    "low, high, value, margin",
    [
        (0.01, 0.03, "transfer", 1),
        (0, 0.02, "undetected", 0),
        (-0.01, 0.03, "undetected", 0.5),
        (-0.04, 0.01, "undetected", 0.4),
        (-0.02, 0, "undetected", 0),
        (-0.06, -0.02, "baseline", 1),
    ],
)
def test_an_interval_decides_by_its_ends(low, high, value, margin):
    decided = ranking(low, high)
    assert decided["value"] == value
    assert (decided["margin"], decided["unit"]) == (pytest.approx(margin), "half width")


def test_the_limit_of_an_interval_need_not_be_0():
    assert ranking(0.52, 0.56, limit=0.5)["value"] == "transfer"
    assert ranking(0.48, 0.56, limit=0.5) | {"margin": 0.5} == ranking(0.48, 0.56, limit=0.5)
    assert ranking(0.44, 0.48, limit=0.5)["value"] == "baseline"


def test_the_end_that_could_change_the_value_gives_the_margin():
    """Of "higher, or not": that the lower end comes near the limit from below changes nothing."""
    decided = ranking(-0.01, 0.03, below="undetected")
    assert (decided["value"], decided["margin"]) == ("undetected", pytest.approx(0.5))
    decided = ranking(-0.01, 0.03, above="undetected")
    assert (decided["value"], decided["margin"]) == ("undetected", pytest.approx(1.5))


def test_without_an_interval_nothing_is_detected_and_no_margin_known():
    decided = ranking(float("nan"), float("nan"))
    assert (decided["value"], decided["margin"], decided["unit"]) == ("undetected", None, "")
    assert ranking(float("nan"), 1, missing="baseline")["value"] == "baseline"


def test_an_interval_of_no_width_is_measured_by_its_limit():
    assert [ranking(0.6, 0.6, limit=0.5)[key] for key in ("margin", "unit")] == [pytest.approx(0.2), "limit"]
    assert [ranking(0.6, 0.6)[key] for key in ("margin", "unit")] == [0.6, "absolute"]


@pytest.mark.parametrize(
    "p, value, margin", [(0.04, "yes", 0.2), (0.05, "no", 0), (0.06, "no", 0.2), (float("nan"), "unknown", None)]
)
def test_a_number_decides_by_its_side_of_the_limit(p, value, margin):
    row = findings.row(table(metric=["auc", "accuracy"], p=[p, 0.9]), metric="auc")
    decided = SIGNIFICANT.of_number(row, "p", limit=0.05, above="no", below="yes", equal="no", missing="unknown")
    assert decided["value"] == value
    assert decided["margin"] == (margin if margin is None else pytest.approx(margin))
    assert decided["cells"] == "evaluate/compare:1:p"


def test_a_limit_may_be_a_cell_which_then_decides_too():
    row = findings.row(table(rises=[0.3], rises_limit=[0.2]))
    decided = SIGNIFICANT.of_number(
        row, "rises", limit=(row, "rises_limit"), above="no", below="yes", equal="yes", subject="baseline val"
    )
    assert decided == {
        "finding": "gain",
        "subject": "baseline val",
        "value": "no",
        "rule": "p is below the limit",
        "cells": "evaluate/compare:1:rises; evaluate/compare:1:rises_limit",
        "limit": 0.2,
        "margin": pytest.approx(0.5),
        "unit": "limit",
    }


def test_what_follows_from_others_is_as_close_as_the_closest():
    row = findings.row(table(p=[0.04], ci_low=[0.01], ci_high=[0.05]))
    by_number = SIGNIFICANT.of_number(row, "p", limit=0.05, above="no", below="yes", equal="no")
    by_interval = RANKING.of_interval(row, above="transfer", below="baseline", neither="undetected")
    decided = SIGNIFICANT.follows("yes", [by_number, by_interval])
    assert (decided["margin"], decided["unit"], decided["limit"]) == (pytest.approx(0.5), "half width", None)
    assert decided["cells"] == "; ".join(f"evaluate/compare:1:{column}" for column in ("p", "ci_low", "ci_high"))


def gain(*margins, unit="half width"):
    """Findings with these margins, None where no number decides."""
    return [
        SIGNIFICANT.is_("yes", cells=[f"a:{place}:b"], limit=0, margin=margin and findings.Margin(margin, unit))
        for place, margin in enumerate(margins)
    ]


def test_where_one_is_enough_the_last_of_those_found_decides_else_the_first_of_all():
    decided = gain(0.1, 0.7, 0.3)
    some = SIGNIFICANT.any_of(decided[:2], decided, some="yes", none="no", subject="val")
    assert (some["value"], some["margin"], some["cells"], some["subject"]) == ("yes", 0.7, "a:1:b", "val")
    none = SIGNIFICANT.any_of([], decided, some="yes", none="no")
    assert (none["value"], none["margin"], none["cells"]) == ("no", 0.1, "a:0:b; a:1:b; a:2:b")


def test_what_no_number_turns_is_farther_than_all_numbers():
    decided = gain(0.1, None, 0.7)
    assert SIGNIFICANT.any_of(decided, decided, some="yes", none="no")["margin"] is None
    assert SIGNIFICANT.any_of([], decided, some="yes", none="no")["margin"] == 0.1
    assert findings.farthest([*gain(5), *gain(0.1, unit="limit")])["unit"] == "limit"


@pytest.mark.parametrize(
    ("models", "value"),
    [([], "neither"), (["baseline"], "baseline"), (["transfer"], "transfer"), (["baseline", "transfer"], "both")],
)
def test_which_models(models, value):
    assert findings.which_models(models) == value and value in findings.WHICH_MODELS


def test_rows_keep_their_place_in_the_table():
    made = table(model=["baseline", "transfer"] * 2, auc=[0.9, 0.8, 0.7, 0.6])
    assert [row.cell("auc") for row in findings.rows(made, model="transfer")] == [
        "evaluate/compare:2:auc",
        "evaluate/compare:4:auc",
    ]
    with pytest.raises(ValueError, match="evaluate/compare: 2 rows match {'model': 'baseline'}; exactly one must"):
        findings.row(made, model="baseline")


def test_a_value_that_is_not_declared_and_a_second_decision_are_refused():
    with pytest.raises(ValueError, match="finding 'ranking': 'both' is not declared; expected transfer, baseline"):
        RANKING.is_("both")
    with pytest.raises(ValueError, match="finding 'ranking': .*expected several values in snake_case"):
        Finding("ranking", ("Transfer", "baseline"), "a rule")
    with pytest.raises(ValueError, match="decided more than once: .*'ranking', 'val'"):
        findings.table([RANKING.is_("transfer", subject="val"), RANKING.is_("baseline", subject="val")])


def test_a_stage_without_findings_has_an_empty_table_with_all_columns():
    assert list(findings.table([])) == findings.COLUMNS
