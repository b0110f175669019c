"""Findings of fine-tuning and of both models' curves and costs, at both sides of what decides them."""

import pandas as pd
import pytest

from pipeline.finetune import findings


def table(name, **columns):
    made = pd.DataFrame(columns)
    made.attrs["table"] = name
    return made


def values(decided):
    """{finding: value}, or {"finding subject": value} where it has a subject."""
    return {f"{row['finding']} {row['subject']}".strip(): row["value"] for row in decided}


@pytest.mark.parametrize(("layers", "value"), [(0, "none"), (1, "one"), (2, "several"), (3, "several")])
def test_dense_layers_of_the_head(layers, value):
    assert findings.head_layers(table("tune/transfer_best", dense_layers=[layers]))["value"] == value


# Curves


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0.49, 0.09, ("lower", "lower")), (0.5, 0.1, ("not_lower", "not_lower")), (0.51, 0.09, ("not_lower", "lower"))],
)
def test_losses_are_compared_at_both_ends_of_runs_of_their_own_lengths(start, end, expected):
    baseline = table("train/baseline_final", epoch=[1, 2, 3], train_loss=[0.5, 0.01, 0.1])
    transfer = table("train/transfer_final", epoch=[1, 2], train_loss=[start, end])
    decided = findings.losses([baseline, transfer])
    assert tuple(row["value"] for row in decided) == expected
    assert decided[1]["cells"] == "train/transfer_final:2:train_loss; train/baseline_final:3:train_loss"


def levels(baseline, transfer, reached=((3, 3), (3, 3))):
    """Decided by the median epochs to two levels (None: not reached), and the runs that reach them."""
    rows = [
        {"model": model, "level": level, "reached": runs, "epochs": epochs}
        for model, medians, counts in (("baseline", baseline, reached[0]), ("transfer", transfer, reached[1]))
        for level, epochs, runs in zip((0.9, 0.95), medians, counts, strict=True)
    ]
    return values(findings.levels(table("finetune/compare_epochs", **pd.DataFrame(rows).astype({"epochs": float}))))


@pytest.mark.parametrize(("epochs", "value"), [(2, "fewer"), (3, "as_many"), (4, "more")])
def test_a_level_that_both_reach_is_reached_sooner_or_later(epochs, value):
    decided = levels((3, 9), (epochs, 9))
    assert (decided["epochs_to_level 0.9"], decided["epochs_to_level 0.95"]) == (value, "as_many")
    assert (decided["shared_level 0.95"], decided["highest_level 0.95"]) == ("some", "both")


@pytest.mark.parametrize(
    ("baseline", "transfer", "shared", "highest"),
    [
        ((3, None), (2, 5), ("0.9", "some"), ("0.95", "transfer")),
        ((3, 4), (2, None), ("0.9", "some"), ("0.95", "baseline")),
        ((3, None), (2, None), ("0.9", "some"), ("0.95", "neither")),
        ((None, None), (2, 5), ("0.9", "none"), ("0.95", "transfer")),
        ((None, None), (2, None), ("0.9", "none"), ("0.9", "transfer")),
        ((2, None), (None, None), ("0.9", "none"), ("0.9", "baseline")),
        ((None, None), (None, None), ("0.9", "none"), ("0.9", "neither")),
    ],
)
def test_the_highest_levels_of_both_and_of_one_alone(baseline, transfer, shared, highest):
    decided = levels(baseline, transfer)
    assert decided[f"shared_level {shared[0]}"] == shared[1]
    assert decided[f"highest_level {highest[0]}"] == highest[1]


@pytest.mark.parametrize(("runs", "value"), [(3, "equal"), (2, "different")])
def test_runs_are_compared_at_the_highest_shared_level(runs, value):
    assert levels((3, None), (2, None), ((3, 1), (runs, 0)))["runs_at_level 0.9"] == value


@pytest.mark.parametrize(
    ("transfer", "value", "margin"),
    [
        ((0.01, 0.019), "smaller", 0.05),
        ((0.01, 0.02), "overlapping", 0),
        ((0.04, 0.05), "overlapping", 0),
        ((0.041, 0.05), "larger", 0.025),
    ],
)
def test_gaps_differ_where_the_ranges_of_the_selected_runs_do(transfer, value, margin):
    tables = [
        table(f"train/{model}_gap", run=["initial", "selected", "selected"], gap_at_best=[9, *gaps])
        for model, gaps in (("baseline", (0.04, 0.02)), ("transfer", transfer))
    ]
    decided = findings.gap(tables)
    assert (decided["value"], decided["unit"]) == (value, "limit")
    assert decided["margin"] == pytest.approx(margin)


# Fine-tuning


def attempt(decision="kept", number=1, losses=(0.2, 0.19, 0.18), head_rate=0.001, rate=0.00005):
    """Decided by a last attempt of these losses, after a first one that rose."""
    attempts = table(
        "finetune/attempts",
        attempt=list(range(1, number + 1)),
        learning_rate=[*[1] * (number - 1), rate],
        refitted_loss_before=losses[0],
        refitted_loss_after=[*[9] * (number - 1), losses[-1]],
        end_limit=losses[0],
        decision=[*["dropped"] * (number - 1), decision],
    )
    history = table(
        "finetune/history",
        epoch=[0, 1, *range(len(losses))],
        train_refitted_loss=[0.2, 9, *losses],
        attempt=[number - 1] * 2 + [number] * len(losses),
    )
    return findings.attempt(attempts, history, table("tune/transfer_best", learning_rate=[head_rate]))


@pytest.mark.parametrize(("decision", "value"), [("kept", "kept"), ("dropped", "rejected"), ("worse", "rejected")])
def test_the_last_attempt_is_kept_or_fine_tuning_is_rejected(decision, value):
    kept = attempt(decision, number=2)[0]
    assert (kept["value"], kept["limit"]) == (value, 0.2)
    assert kept["cells"].startswith("finetune/attempts:2:decision; finetune/attempts:2:refitted_loss_after")
    assert kept["margin"] == pytest.approx(0.1)


@pytest.mark.parametrize(("number", "value"), [(1, "first"), (2, "later")])
def test_earlier_attempts_were_made_or_not(number, value):
    assert values(attempt(number=number))["attempt"] == value


@pytest.mark.parametrize(
    ("losses", "rise", "above", "peak"),
    [
        ((0.2, 0.19, 0.2), "never", [], ("2", "none")),
        ((0.2, 0.21, 0.19), "once", ["1"], ("1", "above_start")),
        ((0.2, 0.21, 0.19, 0.3), "repeatedly", ["1", "3"], ("3", "above_start")),
    ],
)
def test_epochs_of_the_last_attempt_at_which_its_loss_is_above_its_start(losses, rise, above, peak):
    decided = attempt(number=2, losses=losses)
    assert values(decided)["loss_rise"] == rise
    epochs = [row for row in decided if row["finding"] == "epoch_loss"]
    assert [row["subject"] for row in epochs] == [str(epoch) for epoch in range(1, len(losses))]
    assert [row["subject"] for row in epochs if row["value"] == "above"] == above
    assert [(row["subject"], row["value"]) for row in decided if row["finding"] == "loss_peak"] == [peak]


@pytest.mark.parametrize(
    ("head", "value", "limit"),
    [
        (0.00099, "similar", 10),
        (0.0011, "tenfold", 10),
        (0.0099, "tenfold", 100),
        (0.0101, "hundredfold", 100),
    ],
)
def test_rates_of_head_and_fine_tuning_differ_by_powers_of_ten(head, value, limit):
    decided = attempt(head_rate=head, rate=0.0001)[-1]
    assert (decided["value"], decided["limit"]) == (value, limit)
    assert decided["margin"] == pytest.approx(abs(head / 0.0001 - limit) / limit)


def gain(low=0.01, high=0.03, after=0.2, runs=2):
    """Decided by train-only runs whose cross-entropy on val is 0.3 before."""
    columns = {
        "val_loss_head": [0.3],
        "val_loss_finetuned": [after],
        "runs": [runs],
        "ci_low": [low],
        "ci_high": [high],
    }
    return values(findings.improvement(table("finetune/gain", **columns)))


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [
        (0.001, 0.03, "better"),
        (0, 0.03, "undetected"),
        (-0.03, 0, "undetected"),
        (-0.03, -0.001, "worse"),
        (0, 0, "undetected"),
    ],
)
def test_the_gain_is_detected_where_its_interval_excludes_0(low, high, value):
    assert gain(low, high)["gain"] == value


@pytest.mark.parametrize(("after", "value"), [(0.299, "falls"), (0.3, "does_not_fall"), (0.301, "does_not_fall")])
def test_the_loss_on_val_falls_or_not(after, value):
    assert gain(after=after)["val_loss"] == value


@pytest.mark.parametrize(("runs", "value"), [(1, "one"), (2, "several")])
def test_the_number_of_train_only_heads(runs, value):
    assert gain(runs=runs)["gain_runs"] == value


@pytest.mark.parametrize(
    ("auc", "value"), [(0.899, "below"), (0.9, "within"), (0.93, "within"), (0.931, "above"), (0.99, "above")]
)
def test_the_fine_tuned_model_lies_above_below_or_within_the_runs_of_the_baseline(auc, value):
    train_only = table("finetune/gain", val_auc_finetuned=[auc])
    runs = table("train/baseline_train_only", val_auc=[0.92, 0.93, 0.9])
    position, several = findings.against_baseline(train_only, runs)
    assert (position["value"], several["value"]) == (value, "several")
    assert position["cells"] == (
        "finetune/gain:1:val_auc_finetuned; train/baseline_train_only:3:val_auc; train/baseline_train_only:2:val_auc"
    )


def test_a_single_run_of_the_baseline_is_no_range():
    train_only = table("finetune/gain", val_auc_finetuned=[0.9])
    assert (
        findings.against_baseline(train_only, table("train/baseline_train_only", val_auc=[0.9]))[1]["value"] == "single"
    )


# Costs


def costs(final_run=10, fine_tuning=1, prediction=2):
    """Decided by a baseline that takes 100 s to search, 20 s for 4 epochs and 2 s to predict."""
    compare = table("finetune/compare", model=["baseline", "transfer"], epochs=[4, 2])
    rows = [("baseline", "search", 100), ("baseline", "final run", 20), ("baseline", "prediction", 2)]
    rows += [("transfer", "final run", final_run), ("transfer", "fine-tuning", fine_tuning)]
    rows += [("transfer", "prediction", prediction)]
    columns = dict(zip(("model", "part", "seconds"), map(list, zip(*rows, strict=True)), strict=True))
    return values(findings.costs(compare, table("finetune/compare_cost", **columns)))


@pytest.mark.parametrize(("seconds", "value"), [(9.9, "less"), (10, "not_less")])
def test_an_epoch_of_the_final_run_takes_less_time_or_not(seconds, value):
    assert costs(final_run=seconds)["epoch_time"] == value


@pytest.mark.parametrize(
    ("final_run", "fine_tuning", "value"),
    [
        (100, 19.9, "less"),
        (100, 20, "less_without_fine_tuning"),
        (119.9, 20, "less_without_fine_tuning"),
        (120, 20, "not_less"),
    ],
)
def test_training_takes_less_time_with_or_without_fine_tuning(final_run, fine_tuning, value):
    assert costs(final_run=final_run, fine_tuning=fine_tuning, prediction=1000)["training_time"] == value


@pytest.mark.parametrize(("size", "value"), [(100, "not_larger"), (101, "larger"), (1000, "larger"), (1001, "tenfold")])
def test_the_weights_are_larger_or_ten_times_as_large(size, value):
    sizes = findings.decide.rows(table("finetune/compare", model=["baseline", "transfer"], bytes=[100, size]))
    assert findings.size(*sizes)["value"] == value


@pytest.mark.parametrize(("seconds", "value"), [(2, "not_longer"), (2.1, "longer")])
def test_a_prediction_takes_longer_or_not(seconds, value):
    assert costs(prediction=seconds)["prediction_time"] == value
