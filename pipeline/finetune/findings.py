"""finetune: what the stage finetune claims: how both models learn, what fine-tuning is worth, what both cost.

Reads   tables of tune, train and finetune.
Returns findings (pipeline.findings), and cost_findings, those on times, which differ from build to build.
"""

import math

import pandas as pd

from pipeline import findings as decide
from pipeline.command import run
from pipeline.findings import Finding, Margin
from pipeline.vocabulary import MODELS

# Powers of ten are what the article can say in words: "more than ten times".
TENFOLD, HUNDREDFOLD = 10, 100

HEAD_LAYERS = Finding("head_layers", ("none", "one", "several"), "dense layers of the selected head")
START_LOSS = Finding(
    "start_loss",
    ("lower", "not_lower"),
    "cross-entropy on the fitted images after the first epoch of the final run, transfer model against baseline",
)
END_LOSS = Finding(
    "end_loss",
    ("lower", "not_lower"),
    "cross-entropy on the fitted images after the last epoch of the final run, transfer model against baseline",
)
EPOCHS_TO_LEVEL = Finding(
    "epochs_to_level",
    ("fewer", "more", "as_many", "transfer_only", "baseline_only", "neither"),
    "median epochs of the train-only runs until the val AUC reaches the level; reached if more than half of them do",
)
SHARED_LEVEL = Finding("shared_level", ("some", "none"), "the highest level of the val AUC that both models reach")
RUNS_AT_LEVEL = Finding("runs_at_level", ("equal", "different"), "train-only runs that reach the highest shared level")
HIGHEST_LEVEL = Finding(
    "highest_level",
    ("transfer", "baseline", "both", "neither"),
    "who reaches the lowest level of the val AUC that not both models reach, or the highest level of all",
)
GAP = Finding(
    "gap",
    ("smaller", "larger", "overlapping"),
    "the ranges over runs of the gap at the best epoch, transfer model against baseline, do not overlap",
)
FINE_TUNING = Finding(
    "fine_tuning",
    ("kept", "rejected"),
    "the refitted cross-entropy of the last attempt on augmented training images ends within the tolerance",
)
EPOCHS = Finding("epochs", ("as_head", "fewer", "more"), "epochs of fine-tuning against those of the head's final run")
ATTEMPT = Finding("attempt", ("first", "later"), "number of the last attempt")
EPOCH_LOSS = Finding(
    "epoch_loss", ("above", "not_above"), "refitted cross-entropy after the epoch against that before the first epoch"
)
LOSS_RISE = Finding(
    "loss_rise", ("never", "once", "repeatedly"), "epochs after which the refitted cross-entropy is above its start"
)
LOSS_PEAK = Finding(
    "loss_peak",
    ("above_start", "none"),
    "the highest refitted cross-entropy after an epoch of the last attempt against that before the first",
)
HEAD_RATE = Finding(
    "head_rate",
    ("hundredfold", "tenfold", "similar"),
    "the head's learning rate is more than a hundred or ten times that of fine-tuning",
)
GAIN = Finding(
    "gain", ("better", "worse", "undetected"), "the 95 % interval of the paired difference in val AUC excludes 0"
)
VAL_LOSS = Finding("val_loss", ("falls", "does_not_fall"), "cross-entropy on val after fine-tuning against before")
GAIN_RUNS = Finding("gain_runs", ("one", "several"), "train-only heads that were fine-tuned")
AGAINST_BASELINE = Finding(
    "against_baseline",
    ("above", "below", "within"),
    "the fine-tuned models' mean val AUC against the range of the baseline's train-only runs",
)
BASELINE_RANGE = Finding("baseline_range", ("several", "single"), "val AUCs of the baseline's train-only runs differ")
EPOCH_TIME = Finding(
    "epoch_time", ("less", "not_less"), "seconds per epoch of the final run, head on stored features against baseline"
)
TRAINING_TIME = Finding(
    "training_time",
    ("less", "less_without_fine_tuning", "not_less"),
    "seconds of all parts but prediction, transfer model against baseline",
)
SIZE = Finding(
    "size", ("tenfold", "larger", "not_larger"), "bytes of the transfer model's weights against those of the baseline"
)
PREDICTION_TIME = Finding(
    "prediction_time", ("longer", "not_longer"), "seconds of a prediction, transfer model against baseline"
)


def findings(
    tune_transfer_best: pd.DataFrame,
    train_final: list[pd.DataFrame],
    train_gap: list[pd.DataFrame],
    train_baseline_train_only: pd.DataFrame,
    attempts: pd.DataFrame,
    history: pd.DataFrame,
    gain: pd.DataFrame,
    compare: pd.DataFrame,
    compare_epochs: pd.DataFrame,
    compare_cost: pd.DataFrame,
    train_transfer_model: pd.DataFrame,
):
    """Decide the findings. One parameter for each input of the rule.

    Args:
        train_final, train_gap: a table a model, in the order of the vocabulary.
    """
    decided = [
        head_layers(tune_transfer_best),
        *losses(train_final),
        *levels(compare_epochs),
        gap(train_gap),
        *attempt(attempts, history, tune_transfer_best),
        EPOCHS.of_number(
            decide.rows(attempts)[-1], "planned_epochs", limit=(decide.row(train_transfer_model), "epochs"),
            above="more", below="fewer", equal="as_head",
        ),
        *improvement(gain),
        *against_baseline(gain, train_baseline_train_only),
        size(*(decide.row(compare, model=model) for model in MODELS)),
    ]  # fmt: skip
    # Times differ from build to build: findings on them are no results.
    return {"findings": decide.table(decided), "cost_findings": decide.table(costs(compare, compare_cost))}


def head_layers(best):
    row = decide.row(best)
    value = ("none", "one", "several")[min(int(row["dense_layers"]), 2)]
    return HEAD_LAYERS.is_(value, cells=[(row, "dense_layers")])


def losses(finals):
    """The loss at both ends of the final runs."""
    baseline, transfer = map(decide.rows, finals)
    values = {"below": "lower", "equal": "not_lower", "above": "not_lower"}
    return [
        finding.of_number(transfer[place], "train_loss", limit=(baseline[place], "train_loss"), **values)
        for finding, place in ((START_LOSS, 0), (END_LOSS, -1))
    ]


def levels(compare_epochs):
    """Who reaches which level of the val AUC in fewer epochs."""
    pairs = list(zip(*(decide.rows(compare_epochs, model=model) for model in MODELS), strict=True))
    decided = [epochs_to_level(*pair) for pair in pairs]
    # Levels rise, and a run that reaches one has reached those below it.
    shared = [pair for pair in pairs if all(_reached(row) for row in pair)]
    highest = (shared or pairs[:1])[-1]
    cells = [(row, "epochs") for row in highest]
    decided.append(SHARED_LEVEL.is_("some" if shared else "none", cells=cells, subject=_level(highest)))
    reached = [row["reached"] for row in highest]
    decided.append(
        RUNS_AT_LEVEL.is_(
            "equal" if reached[0] == reached[1] else "different",
            cells=[(row, "reached") for row in highest],
            subject=_level(highest),
        )
    )
    return [*decided, highest_level(pairs)]


def epochs_to_level(baseline, transfer):
    subject, cells = _level((baseline, transfer)), [(transfer, "epochs"), (baseline, "epochs")]
    match _reached(baseline), _reached(transfer):
        case True, True:
            values = {"below": "fewer", "above": "more", "equal": "as_many"}
            return EPOCHS_TO_LEVEL.of_number(transfer, "epochs", limit=(baseline, "epochs"), subject=subject, **values)
        case False, True:
            return EPOCHS_TO_LEVEL.is_("transfer_only", cells=cells, subject=subject)
        case True, False:
            return EPOCHS_TO_LEVEL.is_("baseline_only", cells=cells, subject=subject)
    return EPOCHS_TO_LEVEL.is_("neither", cells=cells, subject=subject)


def highest_level(pairs):
    """Its subject is the level: the highest that one model alone reaches, the lowest that neither does, or the last."""
    alone = [pair for pair in pairs if _reached(pair[0]) != _reached(pair[1])]
    neither = [pair for pair in pairs if not (_reached(pair[0]) or _reached(pair[1]))]
    if alone:
        pair = alone[-1]
        value = "transfer" if _reached(pair[1]) else "baseline"
    elif neither:
        pair, value = neither[0], "neither"
    else:
        pair, value = pairs[-1], "both"
    return HIGHEST_LEVEL.is_(value, cells=[(row, "epochs") for row in pair], subject=_level(pair))


def gap(gaps):
    """The gap between val and train at the best epoch: the ranges of both models."""
    baseline, transfer = ([row for row in decide.rows(table, run="selected")] for table in gaps)
    column = "gap_at_best"
    smaller = _outermost(max, transfer, min, baseline, column)
    larger = _outermost(min, transfer, max, baseline, column)
    if smaller[0][column] < smaller[1][column]:
        value, deciding = "smaller", [smaller]
    elif larger[0][column] > larger[1][column]:
        value, deciding = "larger", [larger]
    else:
        value, deciding = "overlapping", [smaller, larger]
    cells = [(row, column) for pair in deciding for row in pair]
    margin = min(Margin.of_number(first[column], second[column]) for first, second in deciding)
    return GAP.is_(value, cells=cells, limit=deciding[0][1][column] if len(deciding) == 1 else None, margin=margin)


def attempt(attempts, history, best):
    """The last attempt at fine-tuning: kept or not, at which learning rate, and how its loss went."""
    (*failed, last), head = decide.rows(attempts), decide.row(best)
    start, *epochs = decide.rows(history, attempt=last["attempt"])
    kept = FINE_TUNING.is_(
        "kept" if last["decision"] == "kept" else "rejected",
        cells=[(last, "decision"), (last, "refitted_loss_after"), (last, "end_limit")],
        limit=last["end_limit"],
        margin=Margin.of_number(last["refitted_loss_after"], last["end_limit"]),
    )
    number = ATTEMPT.is_("later" if failed else "first", cells=[(last, "attempt")], limit=1)
    column = "train_refitted_loss"
    above = [epoch for epoch in epochs if epoch[column] > start[column]]
    of_epochs = [
        EPOCH_LOSS.is_(
            "above" if epoch in above else "not_above",
            cells=[(epoch, column), (start, column)],
            limit=start[column],
            subject=str(epoch["epoch"]),
        )
        for epoch in epochs
    ]
    rise = LOSS_RISE.is_(
        ("never", "once", "repeatedly")[min(len(above), 2)], cells=[(row, column) for row in (start, *epochs)]
    )
    return [kept, number, *of_epochs, rise, peak(LOSS_PEAK, start, epochs, column), head_rate(head, last)]


def head_rate(head, last):
    ratio = head["learning_rate"] / last["learning_rate"]
    value = "hundredfold" if ratio > HUNDREDFOLD else "tenfold" if ratio > TENFOLD else "similar"
    limit = min((TENFOLD, HUNDREDFOLD), key=lambda limit: abs(math.log(ratio / limit)))
    cells = [(head, "learning_rate"), (last, "learning_rate")]
    return HEAD_RATE.is_(value, cells=cells, limit=limit, margin=Margin.of_number(ratio, limit))


def improvement(gain):
    """What fine-tuning is worth on val."""
    row = decide.row(gain)
    falls = {"below": "falls", "equal": "does_not_fall", "above": "does_not_fall", "missing": "does_not_fall"}
    return [
        GAIN.of_interval(row, above="better", below="worse", neither="undetected"),
        VAL_LOSS.of_number(row, "val_loss_finetuned", limit=(row, "val_loss_head"), **falls),
        GAIN_RUNS.is_("one" if row["runs"] == 1 else "several", cells=[(row, "runs")]),
    ]


def against_baseline(gain, runs):
    """The val AUC of the transfer model in the end, against the baseline's runs."""
    column = "val_auc"
    number, baseline = decide.row(gain), decide.rows(runs)
    low, high = (choose(baseline, key=lambda row: row[column]) for choose in (min, max))
    auc = number["val_auc_finetuned"]
    value = "above" if auc > high[column] else "below" if auc < low[column] else "within"
    nearest = min((low, high), key=lambda row: abs(auc - row[column]))
    cells = [(number, "val_auc_finetuned"), (low, column), (high, column)]
    margin = Margin.of_number(auc, nearest[column])
    return [
        AGAINST_BASELINE.is_(value, cells=cells, limit=nearest[column], margin=margin),
        BASELINE_RANGE.is_("several" if high[column] > low[column] else "single", cells=cells[1:]),
    ]


def costs(compare, cost):
    """The time that both models take."""
    sizes = {model: decide.row(compare, model=model) for model in MODELS}
    seconds = {(row["model"], row["part"]): row for row in decide.rows(cost)}
    prediction = {model: seconds.pop((model, "prediction")) for model in MODELS}
    longer = {"above": "longer", "equal": "not_longer", "below": "not_longer"}
    return [
        epoch_time(sizes, {model: seconds[model, "final run"] for model in MODELS}),
        training_time(list(seconds.values())),
        PREDICTION_TIME.of_number(
            prediction["transfer"], "seconds", limit=(prediction["baseline"], "seconds"), **longer
        ),
    ]


def epoch_time(sizes, runs):
    baseline, transfer = (runs[model]["seconds"] / sizes[model]["epochs"] for model in MODELS)
    cells = [cell for model in MODELS for cell in ((runs[model], "seconds"), (sizes[model], "epochs"))]
    value = "less" if transfer < baseline else "not_less"
    return EPOCH_TIME.is_(value, cells=cells, limit=baseline, margin=Margin.of_number(transfer, baseline))


def training_time(parts):
    """Of all parts of both models."""

    def total(model, without=None):
        return sum(row["seconds"] for row in parts if row["model"] == model and row["part"] != without)

    baseline, transfer, head = total("baseline"), total("transfer"), total("transfer", without="fine-tuning")
    value = "less" if transfer < baseline else "less_without_fine_tuning" if head < baseline else "not_less"
    margin = min(Margin.of_number(number, baseline) for number in (transfer, head))
    return TRAINING_TIME.is_(value, cells=[(row, "seconds") for row in parts], limit=baseline, margin=margin)


def size(baseline, transfer):
    ratio = transfer["bytes"] / baseline["bytes"]
    value = "tenfold" if ratio > TENFOLD else "larger" if ratio > 1 else "not_larger"
    limit = min((1, TENFOLD), key=lambda limit: abs(math.log(ratio / limit)))
    cells = [(transfer, "bytes"), (baseline, "bytes")]
    return SIZE.is_(value, cells=cells, limit=limit, margin=Margin.of_number(ratio, limit))


def peak(finding, start, epochs, column):
    """The highest loss after an epoch; the finding's subject is that epoch."""
    highest = max(epochs, key=lambda epoch: epoch[column], default=start)
    values = {"above": "above_start", "equal": "none", "below": "none", "missing": "none"}
    return finding.of_number(highest, column, limit=(start, column), subject=str(highest["epoch"]), **values)


def _reached(row):
    return not math.isnan(row["epochs"])


def _level(pair):
    return str(pair[0]["level"])


def _outermost(choose, rows, choose_other, others, column):
    """The row with the most or least of each set."""
    return choose(rows, key=lambda row: row[column]), choose_other(others, key=lambda row: row[column])


if __name__ == "__main__":
    run(findings)
