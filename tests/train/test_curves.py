"""train_curves: whether a loss fell smoothly, and the gap between train and val, on histories made by hand."""

import math

import pandas as pd
import pytest

from pipeline.train.curves import gap_row, measure, smoothness_row


def history(train, val):
    made = pd.DataFrame({"epoch": range(1, len(train) + 1), "train_loss": train, "val_loss": val})
    return made.assign(raw_train_loss=made["train_loss"], raw_val_loss=made["val_loss"])


@pytest.mark.parametrize(
    ("losses", "rises", "largest", "relative", "result"),
    [
        ([0.7, 0.5, 0.4, 0.35, 0.34], 0, 0, 0, "smooth"),
        # One rise among four or five steps, in a fall of 0.36: within both limits, then beyond either of them.
        ([0.7, 0.5, 0.40, 0.43, 0.38, 0.34], 1 / 5, 0.03, 0.03 / 0.36, "smooth"),
        ([0.7, 0.5, 0.40, 0.43, 0.34], 1 / 4, 0.03, 0.03 / 0.36, "uneven"),
        ([0.7, 0.5, 0.40, 0.46, 0.38, 0.34], 1 / 5, 0.06, 0.06 / 0.36, "uneven"),
        # A fall is that to the lowest, not to the last; a spike above the start is more than the whole fall.
        ([0.7, 0.5, 0.9, 0.6, 0.6, 0.6], 1 / 5, 0.4, 2, "uneven"),
        ([0.5, 0.6, 0.9], 1, 0.3, math.inf, "uneven"),
        ([0.5, 0.5, 0.5], 0, 0, math.inf, "uneven"),
        ([0.5], 0, 0, math.inf, "uneven"),
    ],
    ids=["falls", "within limits", "rises often", "rises much", "spike", "never falls", "level", "one epoch"],
)
@pytest.mark.parametrize("split", ["train", "val"])
def test_smoothness(losses, rises, largest, relative, result, split):
    other = [1.0] * len(losses)
    row = smoothness_row(history(losses, other) if split == "train" else history(other, losses), split)
    assert (row["split"], row["epochs"], row["result"]) == (split, len(losses), result)
    assert (row["rises"], row["largest_rise"], row["relative_rise"]) == pytest.approx((rises, largest, relative))
    within = row["rises"] <= row["rises_limit"] and row["relative_rise"] <= row["relative_rise_limit"]
    assert within == (result == "smooth"), "the limits are those that the result keeps"


def test_the_gap_is_that_at_the_lowest_val_loss_and_at_the_end():
    row = gap_row("initial", None, history([0.6, 0.4, 0.2, 0.1], [0.65, 0.5, 0.45, 0.7]))
    assert (row["run"], row["epochs"], row["best_epoch"]) == ("initial", 4, 3)
    assert (row["val_loss_at_best"], row["gap_at_best"]) == pytest.approx((0.45, 0.25))
    assert (row["val_loss_at_end"], row["gap_at_end"]) == pytest.approx((0.7, 0.6))
    row = gap_row("selected", 3, history([0.6], [0.5]))
    assert (row["best_epoch"], row["gap_at_best"], row["gap_at_end"]) == pytest.approx((1, -0.1, -0.1))


def test_tables_have_a_row_a_split_and_a_row_a_run():
    initial = history([0.7, 0.5, 0.4], [0.7, 0.9, 0.6])
    seeds = {5: history([0.6, 0.3], [0.6, 0.4]), 6: history([0.6, 0.3, 0.2], [0.6, 0.7, 0.8])}
    smoothness, gap = measure(initial, pd.concat([rows.assign(seed=seed) for seed, rows in seeds.items()])).values()
    assert dict(zip(smoothness["split"], smoothness["result"], strict=True)) == {"train": "smooth", "val": "uneven"}
    assert gap["run"].tolist() == ["initial", "selected", "selected"]
    assert math.isnan(gap["seed"][0]) and gap["seed"].tolist()[1:] == [5, 6]
    assert gap["best_epoch"].tolist() == [3, 2, 1] and gap["epochs"].tolist() == [3, 2, 3]
    assert gap["gap_at_end"].tolist() == pytest.approx([0.2, 0.1, 0.6])


def test_smoothness_is_that_of_the_weights_before_they_are_averaged():
    rough = [0.7, 0.5, 0.9, 0.6]
    made = history([0.7, 0.6, 0.5, 0.4], [0.7, 0.6, 0.5, 0.4]).assign(raw_train_loss=rough)
    assert smoothness_row(made, "train")["result"] == "uneven" and smoothness_row(made, "val")["result"] == "smooth"
