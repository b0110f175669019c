"""The most fragile findings: the smallest margins, those in half widths of an interval first."""

import pandas as pd

from pipeline.render.margins import ROWS, margins


def table(stage, *decided):
    made = pd.DataFrame(decided, columns=["finding", "subject", "value", "margin", "unit"])
    made = made.assign(rule="a rule", limit=0.5, cells=[f"{stage}/compare:{place}:p" for place in range(len(made))])
    made.attrs["table"] = f"{stage}/findings"
    return made


def test_the_smallest_margins_come_first_by_unit():
    missing = float("nan")
    made = margins(
        [
            table(
                "train",
                ("overfit_gap", "baseline", "very_wide", 0.3, "half width"),
                ("epochs", missing, "few", missing, missing),
                ("smoothness", "transfer val", "uneven", 0.01, "limit"),
            ),
            table(
                "evaluate",
                ("copies", missing, "no", 0, "absolute"),
                ("val_test", "auc", "lower", 0.1, "half width"),
            ),
        ]
    )["margins"]
    assert made["claim"].tolist() == [
        "val test auc: lower",
        "overfit gap baseline: very wide",
        "smoothness transfer val: uneven",
        "copies: no",
    ]
    assert made["stage"].tolist() == ["evaluate", "train", "train", "evaluate"]
    assert made["margin"].tolist() == [0.1, 0.3, 0.01, 0]


def test_only_the_most_fragile_are_listed_and_each_decision_once():
    decided = [("gap", str(place), "wide", place, "limit") for place in range(ROWS + 3)]
    many = table("train", *decided)
    assert margins([many])["margins"]["margin"].tolist() == list(range(ROWS))
    twice = pd.concat([many[:1], many[:1].assign(finding="no_gap")])
    twice.attrs = many.attrs
    assert margins([twice])["margins"]["finding"].tolist() == ["gap"]


def test_what_follows_from_a_listed_finding_is_not_listed_again():
    """It has the margin of one of those that it follows from, and its cells among others."""
    decided = [("ranking", "", "transfer", 0.1, "half width"), ("gap", "", "wide", 0.1, "half width")]
    made = table("evaluate", *decided, ("preferred", "", "transfer", 0.1, "half width"))
    made["cells"] = ["compare:1:ci_low", "gap:1:ci_low", "compare:1:ci_low; confusion:2:images"]
    assert margins([made])["margins"]["finding"].tolist() == ["ranking", "gap"]


def test_a_subject_may_be_a_number():
    made = table("finetune", ("loss_peak", 3.0, "none", 0.1, "limit"), ("epochs_to_level", 0.95, "more", 0.2, "limit"))
    assert margins([made])["margins"]["claim"].tolist() == ["loss peak 3: none", "epochs to level 0.95: more"]


def test_a_run_without_margins_has_an_empty_table():
    assert margins([table("train")])["margins"].empty
