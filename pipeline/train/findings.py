"""train: what the stage train claims of the runs of each model.

Reads   the histories and summaries of the initial, the train-only and the final runs.
Returns the findings (pipeline.findings); of each run of the selected configuration whether it overfits, and whether the
        limit of epochs ended it; the lowest loss and its largest rise in each final run.
"""

import math

import numpy as np
import pandas as pd

from pipeline import findings as decide
from pipeline.command import run
from pipeline.findings import Finding, Margin
from pipeline.vocabulary import MODELS

LATE = 5  # last epochs by most of which a run is judged: on an uneven curve the last one alone may be a jump
RISE = 1.1  # times its minimum, above which val cross-entropy has risen: smaller rises are as much noise as trend
MARKED = 0.5  # of the val cross-entropy, below which that on train shows marked overfitting: train fits twice as well
JUMP = ("epoch", "train_loss", "train_sensitivity", "train_specificity")  # what is told of the largest rise
DIGITS = 3  # of cross-entropies as they are shown: what looks alike is not told apart

INITIAL_FALL = Finding(
    "initial_fall", ("falls", "does_not_fall"), "the train cross-entropy of the initial run is lower at its end"
)
SMOOTHNESS = Finding(
    "smoothness", ("smooth", "uneven"), "the cross-entropy rises in few epochs, and never by much of its total decrease"
)
RISES = Finding("rises", ("never", "within_fall", "beyond_fall"), "the largest rise against the total decrease")
INITIAL_BEST = Finding(
    "initial_best", ("last_epoch", "earlier"), "the epoch of the lowest val cross-entropy of the initial run"
)
INITIAL_FIT = Finding(
    "initial_fit",
    ("diverged", "overfits", "unstable", "memorises_to_the_end", "memorises", "underfits", "fits"),
    "in most of the last epochs val loss is a tenth above its minimum, the gap is wider, or train loss is below half "
    "of val loss",
)
FIRST_TUNED = Finding(
    "first_tuned",
    ("steps_and_overfitting", "overfitting", "steps", "learning_rate"),
    "what the initial run shows: uneven curves, overfitting, both or neither",
)
EARLY_STOPPING = Finding(
    "early_stopping",
    ("not_visible", "one_run", "every_run", "some_runs", "no_run"),
    "in runs that continued after their best epoch the gap is wider at the end",
)
TUNED_GAP = Finding(
    "tuned_gap",
    ("narrower", "wider", "unclear", "no_comparison"),
    "the gap of every tuned run at its best epoch is on one side of the initial run's",
)
OVERFITTING = Finding(
    "overfitting",
    ("no_run", "one_run", "some_runs", "every_run"),
    "at the best epoch the train cross-entropy is below half of that on val",
)
EPOCH_LIMIT = Finding(
    "epoch_limit", ("no_run", "one_run", "some_runs"), "a run reached the limit of epochs before early stopping"
)
FINAL_EPOCHS = Finding(
    "final_epochs", ("below_limit", "at_limit"), "the final run has as many epochs as a run may have"
)
FINAL_MINIMUM = Finding(
    "final_minimum", ("last_epoch", "earlier"), "the epoch of the lowest cross-entropy of the final run"
)
FINAL_CURVE = Finding(
    "final_curve",
    ("one_epoch", "uneven", "falling", "no_lower"),
    "the largest rise of the cross-entropy against its total decrease; falling: lowest at the last epoch",
)


def findings(
    initial: list[pd.DataFrame],
    smoothness: list[pd.DataFrame],
    gap: list[pd.DataFrame],
    final: list[pd.DataFrame],
    model: list[pd.DataFrame],
    settings: dict,
):
    """Decide the findings on each model.

    Args, six, the inputs of the rule and its settings: of each a table a model.
    """
    limits = settings["training"]
    runs = pd.concat([run_table(*each, limits) for each in zip(MODELS, gap, strict=True)], ignore_index=True)
    jumps = jump_table(final)
    runs.attrs["table"], jumps.attrs["table"] = "train/runs", "train/jumps"
    decided = []
    for place, name in enumerate(MODELS):
        decided += [
            *initial_run(name, initial[place], smoothness[place], gap[place]),
            *selected_runs(name, gap[place], decide.rows(runs, model=name)),
            *final_run(name, final[place], decide.row(jumps, model=name), smoothness[place]),
            final_epochs(name, model[place], limits["max_epochs"]),
        ]
    return {"findings": decide.table(decided), "runs": runs, "jumps": jumps}


def initial_run(model, history, smoothness, gap):
    first, last = (decide.rows(history)[place] for place in (0, -1))
    smooth = [smooth_curve(model, row) for row in decide.rows(smoothness)]
    fit = initial_fit(model, history, decide.row(gap, run="initial"))
    return [
        INITIAL_FALL.of_number(
            last, "train_loss", limit=(first, "train_loss"), subject=model,
            above="does_not_fall", below="falls", equal="does_not_fall", missing="does_not_fall",
        ),
        *smooth,
        *(rises(model, row) for row in decide.rows(smoothness)),
        initial_best(model, decide.row(gap, run="initial")),
        fit,
        first_tuned(model, smooth, fit),
    ]  # fmt: skip


def smooth_curve(model, row):
    """By the larger of the share of epochs with a rise and the largest rise, each as part of its limit."""
    parts = {column: row[column] / row[f"{column}_limit"] for column in ("rises", "relative_rise")}
    column = max(parts, key=parts.get)
    return SMOOTHNESS.is_(
        row["result"],
        cells=[(row, name) for name in ("rises", "rises_limit", "relative_rise", "relative_rise_limit")],
        limit=row[f"{column}_limit"],
        margin=Margin.of_number(row[column], row[f"{column}_limit"]),
        subject=f"{model} {row['split']}",
    )


def rises(model, row):
    value = "never" if row["rises"] == 0 else "beyond_fall" if row["relative_rise"] > 1 else "within_fall"
    subject = f"{model} {row['split']}"
    cells = [(row, "rises"), (row, "relative_rise")]
    if value == "never":
        return RISES.is_(value, cells=cells, limit=0, subject=subject)
    return RISES.is_(value, cells=cells, limit=1, margin=Margin.of_number(row["relative_rise"], 1), subject=subject)


def initial_best(model, row):
    value = "earlier" if row["best_epoch"] < row["epochs"] else "last_epoch"
    return INITIAL_BEST.is_(value, cells=[(row, "best_epoch"), (row, "epochs")], subject=model)


def initial_fit(model, history, gap):
    """Over- or underfitting of the initial run, by most of its last epochs since the best one; where that is the last,
    by most of the last ones."""
    rows = decide.rows(history)
    if not np.isfinite(rows[-1]["train_loss"] + rows[-1]["val_loss"]):
        return INITIAL_FIT.is_("diverged", cells=[(rows[-1], "train_loss"), (rows[-1], "val_loss")], subject=model)
    continued = gap["best_epoch"] < gap["epochs"]  # after its best epoch
    late = ([row for row in rows if row["epoch"] > gap["best_epoch"]] or rows)[-LATE:]
    rise = exceeded_by_most(row["val_loss"] / gap["val_loss_at_best"] for row in late)
    gap_then = exceeded_by_most(row["val_loss"] - row["train_loss"] for row in late)
    # Below the limit in most epochs: its negative is above.
    part = -exceeded_by_most(-row["train_loss"] / row["val_loss"] for row in late)
    deciding = [(rise, RISE)] if continued else []
    if continued and rise > RISE:
        value = "overfits" if gap_then > gap["gap_at_best"] else "unstable"
        deciding.append((gap_then, gap["gap_at_best"]))
    else:
        memorised, other = ("memorises", "fits") if continued else ("memorises_to_the_end", "underfits")
        value = memorised if part < MARKED else other
        deciding.append((part, MARKED))
    number, limit = min(deciding, key=lambda pair: Margin.of_number(*pair))
    cells = [(gap, column) for column in ("best_epoch", "val_loss_at_best", "gap_at_best")]
    cells += [(row, column) for row in late for column in ("train_loss", "val_loss")]
    margin = Margin.of_number(number, limit)
    return INITIAL_FIT.is_(value, cells=cells, limit=limit, margin=margin, subject=model)


def exceeded_by_most(values):
    """The largest number that more than half of the values reach: above a limit if and only if most of them are."""
    values = sorted(values, reverse=True)
    return values[len(values) // 2]


def first_tuned(model, smooth, fit):
    uneven = [row for row in smooth if row["value"] == "uneven"]
    overfitting = fit["value"] in ("overfits", "memorises", "memorises_to_the_end")
    value = {(True, True): "steps_and_overfitting", (False, True): "overfitting", (True, False): "steps"}
    # One uneven curve is enough.
    decided = [*([decide.farthest(uneven)] if uneven else smooth), fit]
    return FIRST_TUNED.follows(value.get((bool(uneven), overfitting), "learning_rate"), decided, subject=model)


def run_table(model, gap, limits):
    """One row a run of the selected configuration.

    Returns:
        model, seed; train_part: the train cross-entropy at the best epoch as part of that on val; overfits: whether it
        is below `MARKED`; limited: whether the limit of epochs ended the run, not early stopping.
    """
    rows = gap[gap["run"] == "selected"]
    part = (rows["val_loss_at_best"] - rows["gap_at_best"]) / rows["val_loss_at_best"]
    ended = (rows["epochs"] == limits["max_epochs"]) & (rows["epochs"] - rows["best_epoch"] < limits["patience"])
    columns = {"model": model, "seed": rows["seed"].astype(int), "train_part": part}
    return pd.DataFrame(columns | {"overfits": part < MARKED, "limited": ended})


def selected_runs(model, gap, runs):
    """Early stopping, gap, overfitting and epochs of the runs of the selected configuration."""
    first, selected = decide.row(gap, run="initial"), decide.rows(gap, run="selected")
    gaps = [(row, "gap_at_best") for row in selected]
    overfitting, limited = ([row for row in runs if row[column]] for column in ("overfits", "limited"))
    margin = min(Margin.of_number(row["train_part"], MARKED) for row in runs)
    parts = {"cells": [(row, "train_part") for row in runs], "limit": MARKED, "margin": margin}
    if math.isfinite(first["gap_at_end"]):
        compared = [first, *selected]
        tuned_gap = one_sided(TUNED_GAP, model, (first, "gap_at_best"), gaps, above="wider", below="narrower")
    else:
        compared = selected
        tuned_gap = TUNED_GAP.is_("no_comparison", cells=[(first, "gap_at_end")], subject=model)
    return [
        early_stopping(model, compared),
        tuned_gap,
        OVERFITTING.is_(amount(overfitting, runs), subject=model, **parts),
        EPOCH_LIMIT.is_(amount(limited), cells=[(row, "limited") for row in runs], subject=model),
    ]


def amount(found, of=()):
    """no_run, every_run (of `of`), one_run or some_runs."""
    if not found:
        return "no_run"
    return "every_run" if len(found) == len(of) else "one_run" if len(found) == 1 else "some_runs"


def early_stopping(model, runs):
    """Whether the gap of the runs that continued after their best epoch is wider at the end."""
    continued = [row for row in runs if row["best_epoch"] < row["epochs"]]
    if not continued:
        cells = [(row, column) for row in runs for column in ("best_epoch", "epochs")]
        return EARLY_STOPPING.is_("not_visible", cells=cells, subject=model)
    widened = [row["gap_at_end"] - row["gap_at_best"] for row in continued]
    wider = sum(change > 0 for change in widened)
    value = {0: "no_run", len(continued): "every_run"}.get(wider, "some_runs")
    if len(continued) == 1 == wider:
        value = "one_run"
    return EARLY_STOPPING.is_(
        value,
        cells=[(row, column) for row in continued for column in ("gap_at_best", "gap_at_end")],
        limit=0,
        margin=min(Margin.of_number(change, 0) for change in widened),
        subject=model,
    )


def one_sided(finding, model, limit, cells, *, above, below):
    """Whether all numbers lie `above` or all `below` a limit, as they are shown; else `unclear`.

    Args:
        limit: (row, column).
        cells: (row, column) of each number.
    """
    number, values = limit[0][limit[1]], [row[column] for row, column in cells]
    low, high = min(values), max(values)
    shown = [round(value, DIGITS) for value in (low, number, high)]
    value = above if shown[0] > shown[1] else below if shown[2] < shown[1] else "unclear"
    margin = min(Margin.of_number(end, number) for end in (low, high))
    return finding.is_(value, cells=[*cells, limit], limit=number, margin=margin, subject=model)


def jump_table(finals):
    """The lowest train cross-entropy of the final run and its largest rise, one row a model.

    Returns:
        model; lowest_epoch, that of the lowest; rise (nats); relative_rise, as part of the fall from the first epoch to
        the lowest; epoch, at whose end it has risen, and the scores there (none where it never rises).
    """
    rows = []
    for model, history in zip(MODELS, finals, strict=True):
        losses = history["train_loss"].to_numpy()
        steps, fall = np.diff(losses), losses[0] - losses.min()
        rise = max(0.0, steps.max(initial=0.0))
        row = {"model": model, "lowest_epoch": int(history["epoch"].iloc[losses.argmin()]), "rise": rise}
        row["relative_rise"] = 0.0 if not rise else rise / fall if fall else math.inf
        reached = history.iloc[1 + steps.argmax()] if rise else {}
        rows.append(row | {column: reached.get(column, math.nan) for column in JUMP})
    return pd.DataFrame(rows)


def final_run(model, history, jump, smoothness):
    """The curve of the final run, judged as those of the initial run are."""
    rows = decide.rows(history)
    lowest = decide.row(history, epoch=jump["lowest_epoch"])
    at_end = lowest["epoch"] == rows[-1]["epoch"]
    cells = [(lowest, "train_loss"), (rows[-1], "train_loss")]
    minimum = FINAL_MINIMUM.is_("last_epoch" if at_end else "earlier", cells=cells, subject=model)
    otherwise = "one_epoch" if len(rows) == 1 else "falling" if at_end else "no_lower"
    curve = FINAL_CURVE.of_number(
        jump, "relative_rise", limit=(decide.rows(smoothness)[0], "relative_rise_limit"), subject=model,
        above="uneven", below=otherwise, equal=otherwise,
    )  # fmt: skip
    return [minimum, curve]


def final_epochs(model, summary, limit):
    row = decide.row(summary)
    return FINAL_EPOCHS.is_(
        "at_limit" if row["epochs"] == limit else "below_limit", cells=[(row, "epochs")], limit=limit, subject=model
    )


if __name__ == "__main__":
    run(findings)
