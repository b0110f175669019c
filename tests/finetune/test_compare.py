"""Both models side by side: epochs to given val AUCs, size and seconds, on tables made by hand."""

import math

import pandas as pd
import pytest

from pipeline.finetune.compare import LEVELS, compare, level_rows


def histories(*aucs):
    """Of a run for each of `aucs`, which are val AUCs epoch by epoch."""
    return pd.DataFrame(
        {"seed": seed, "epoch": epoch, "val_auc": auc}
        for seed, run in enumerate(aucs, start=1)
        for epoch, auc in enumerate(run, start=1)
    )


@pytest.mark.parametrize(
    ("aucs", "reached", "epochs"),
    [
        # Reached means at least; what falls again counts as reached.
        ([[0.8, 0.9, 0.7, 0.96]], [1, 1, 0, 0], [2, 4, None, None]),
        # The median of three: one run that does not reach a level counts as one that is slower than all.
        ([[0.91, 0.95], [0.8, 0.9, 0.99], [0.95, 0.5]], [3, 3, 1, 1], [1, 2, None, None]),
        # Of two, half is not enough.
        ([[0.9, 0.95], [0.7, 0.9]], [2, 1, 0, 0], [1.5, None, None, None]),
    ],
)
def test_epochs_to_a_level(aucs, reached, epochs):
    rows = level_rows("baseline", histories(*aucs))
    assert [row["level"] for row in rows] == list(LEVELS) == [0.9, 0.95, 0.98, 0.99]
    assert [(row["runs"], row["reached"]) for row in rows] == [(len(aucs), count) for count in reached]
    assert [None if math.isnan(row["epochs"]) else row["epochs"] for row in rows] == epochs


def test_sizes_and_seconds():
    """The seconds of all jobs of a part are added up; those of one model are not the other's."""
    summaries = [
        pd.DataFrame([{"epochs": 7, "trainable_parameters": trainable, "frozen_parameters": frozen}])
        for trainable, frozen in ((1000, 10), (200, 30000))
    ]
    costs = [
        [("baseline", "search", 3.5), ("baseline", "search", 4)],
        [("transfer", "search", 1), ("baseline", "confirmation", 2)],
        [("transfer", "features", 8)],
    ]
    costs = [pd.DataFrame(rows, columns=["model", "part", "seconds"]).assign(trial=1) for rows in costs]
    tables = compare(summaries, [histories([0.9])] * 2, costs)
    table, epochs = tables["table"], tables["epochs"]
    assert table["model"].tolist() == ["baseline", "transfer"] and table["epochs"].tolist() == [7, 7]
    assert table["parameters"].tolist() == [1010, 30200] and table["bytes"].tolist() == [4040, 120800]
    assert (len(epochs), epochs["model"].nunique()) == (2 * len(LEVELS), 2)
    seconds = {(row["model"], row["part"]): row["seconds"] for row in tables["cost"].to_dict("records")}
    assert seconds == {
        ("baseline", "search"): 7.5,
        ("baseline", "confirmation"): 2,
        ("transfer", "search"): 1,
        ("transfer", "features"): 8,
    }
