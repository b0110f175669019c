"""tune: what the stage tune claims of the search of each model.

Reads   the trials, the rounds, the ranges, the importances, the candidates, their gains and the selected configuration
        of both models.
Returns the findings (pipeline.findings); the hyperparameters of both models: where each started, how it was searched,
        and the selected value; a summary of each model's search.
"""

import math

import numpy as np
import pandas as pd

from pipeline import findings as decide
from pipeline.command import run
from pipeline.findings import Finding, Margin
from pipeline.names import HYPERPARAMETERS
from pipeline.vocabulary import MODELS

# Those whose values make a model smaller or smoother, and so may close a gap between train and val.
AGAINST_OVERFITTING = ("dropout", "l2", "filters", "dense_units")

DIVERGENCE = Finding("divergence", ("none", "some"), "a trial whose losses are not finite has diverged")
EXTENSION = Finding(
    "extension",
    ("none", "low_ends", "high_ends", "both_ends"),
    "between rounds the best trial, or two of the best four, lay at that end of a range",
)
EDGES = Finding(
    "edges",
    ("inside", "open", "nature", "cost", "nature_and_cost"),
    "a selected value, or one of the best trial, lies at an edge of its final range; open: one that can be extended; "
    "else the reasons for the bounds there",
)
END = Finding(
    "end",
    ("minimum", "no_extension", "limit"),
    "after the last round no range was extended (minimum: the least number of rounds was enough); limit: one was",
)
SELECTED_EDGE = Finding("selected_edge", ("inside", "at_edge"), "a selected value lies at an edge of its final range")
IMPORTANCE = Finding(
    "importance",
    ("not_estimated", "unpredictable", "includes_zero", "overlapping", "separate"),
    "the middle 90 % of resamples of the largest importance exclude 0 and all other ranges",
)
CANDIDATES = Finding(
    "candidates", ("one", "several"), "the number of candidates for selection beside the starting configuration"
)
SELECTION_SEEDS = Finding("selection_seeds", ("one", "several"), "the number of runs of a candidate")
GAIN = Finding(
    "gain",
    ("start_selected", "better", "worse", "no_difference", "no_comparison"),
    "the interval of the difference of mean val AUCs, selected less starting configuration, excludes 0",
)
SELECTION = Finding(
    "selection",
    ("highest", "fewer_parameters", "fewer_epochs"),
    "the fewest parameters, then the fewest epochs, within one standard error of the highest mean val AUC",
)


def findings(
    baseline: pd.DataFrame,
    transfer: pd.DataFrame,
    rounds: list[pd.DataFrame],
    ranges: list[pd.DataFrame],
    importance: list[pd.DataFrame],
    selection: list[pd.DataFrame],
    gain: list[pd.DataFrame],
    best: list[pd.DataFrame],
    settings: dict,
):
    """Decide the findings on each model.

    Args, nine, the inputs of the rule and its settings:
        baseline, transfer: all trials.
        rounds, ranges, importance, selection, gain, best: a table a model.
    """
    decided = [candidates(selection[0]), selection_seeds(selection[0])]
    for place, (model, trials) in enumerate(zip(MODELS, (baseline, transfer), strict=True)):
        decided += [
            divergence(model, trials),
            extension(model, ranges[place]),
            end(model, rounds[place], settings["tune"]["min_rounds"]),
            edges(model, ranges[place]),
            selected_edge(model, ranges[place]),
            most_important(model, importance[place]),
            selected_candidate(model, selection[place]),
            gain_over_start(model, selection[place], gain[place]),
        ]
    return {
        "findings": decide.table(decided),
        "hyperparameters": hyperparameter_table(ranges, best, settings),
        "summary": summary_table([baseline, transfer], rounds, importance, selection),
    }


def candidates(selection):
    rows = decide.rows(selection)
    return CANDIDATES.is_("one" if len(rows) == 2 else "several", cells=[(rows[-1], "candidate")])


def selection_seeds(selection):
    row = decide.rows(selection)[0]
    return SELECTION_SEEDS.is_("one" if row["seeds"] == 1 else "several", cells=[(row, "seeds")])


def divergence(model, trials):
    diverged = decide.rows(trials, status="diverged")
    cells = [(row, "status") for row in diverged or decide.rows(trials)]
    return DIVERGENCE.is_("some" if diverged else "none", cells=cells, subject=model)


def extension(model, ranges):
    rows = [row for row in decide.rows(ranges) if row["scale"] != "choice"]
    low, high = (any(row[f"extended_{end}"] > 0 for row in rows) for end in ("low", "high"))
    value = ("both_ends" if high else "low_ends") if low else "high_ends" if high else "none"
    cells = [(row, f"extended_{end}") for row in rows for end in ("low", "high")]
    return EXTENSION.is_(value, cells=cells, subject=model)


def edges(model, ranges):
    rows = decide.rows(ranges)
    at_edge = any(is_text(row[column]) for row in rows for column in ("selected_edge", "edge"))
    bounds = {row[column] for row in rows for column in ("selected_bound", "bound") if is_text(row[column])}
    if not at_edge:
        value = "inside"
    else:
        value = "open" if any(is_text(row["key"]) for row in rows) else "_and_".join(sorted(bounds, reverse=True))
    columns = ("selected_edge", "edge", "key", "selected_bound", "bound")
    return EDGES.is_(value, cells=[(row, column) for row in rows for column in columns], subject=model)


def end(model, rounds, least):
    last = decide.rows(rounds)[-1]
    value = "limit" if is_text(last["extended"]) else "minimum" if last["round"] <= least else "no_extension"
    return END.is_(value, cells=[(last, "extended"), (last, "round")], limit=least, subject=model)


def selected_edge(model, ranges):
    rows = decide.rows(ranges)
    at_edge = any(is_text(row["selected_edge"]) for row in rows)
    cells = [(row, "selected_edge") for row in rows]
    return SELECTED_EDGE.is_("at_edge" if at_edge else "inside", cells=cells, subject=model)


def is_text(value):
    """Whether a cell holds a text; an empty one is NaN."""
    return isinstance(value, str)


def most_important(model, importance):
    """Whether it can be said which hyperparameter matters most."""
    top, *others = by_importance(importance)
    if math.isnan(top["importance"]):
        return IMPORTANCE.is_("not_estimated", cells=[(top, "importance")], subject=model)
    if top["oob_r2"] <= 0:
        margin = Margin.of_number(top["oob_r2"], 0)
        return IMPORTANCE.is_("unpredictable", cells=[(top, "oob_r2")], limit=0, margin=margin, subject=model)
    ends = top["p5"], top["p95"]
    cells, limit = [(top, "p5"), (top, "p95")], 0
    if top["p5"] <= 0:
        value = "includes_zero"
    else:
        reaching = max(others, key=lambda row: row["p95"], default=None)
        if reaching:
            cells, limit = [*cells, (reaching, "p95")], max(0, reaching["p95"])
        value = "overlapping" if limit > top["p5"] else "separate"
    margin = Margin.of_interval(*ends, limit, ends="low")
    return IMPORTANCE.is_(value, cells=cells, limit=limit, margin=margin, subject=model)


def selected_candidate(model, selection):
    """Why the selected candidate was: the margin is that of the mean AUC nearest to one standard error below the
    highest."""
    finished = decide.rows(selection, status="finished")
    (selected,) = decide.rows(selection, selected=True)
    top = top_candidate(selection)
    limit = top["val_auc"] - np.nan_to_num(top["val_auc_se"])
    cells = [(row, "val_auc") for row in finished] + [(top, "val_auc_se")]
    if selected["val_auc"] >= top["val_auc"]:
        value = "highest"
    else:
        value, column = (
            ("fewer_parameters", "parameters")
            if selected["parameters"] < top["parameters"]
            else ("fewer_epochs", "median_best_epoch")
        )
        cells += [(selected, column), (top, column)]
    margins = [Margin.of_number(row["val_auc"], limit) for row in finished if row.number != top.number]
    return SELECTION.is_(value, cells=cells, limit=limit, margin=min(margins, default=None), subject=model)


def gain_over_start(model, selection, gains):
    """What the search gained over the starting configuration, candidate 0, trained with the same seeds."""
    (selected,) = decide.rows(selection, selected=True)
    if selected["candidate"] == 0:
        return GAIN.is_("start_selected", cells=[(selected, "candidate")], subject=model)
    return GAIN.of_interval(
        decide.row(gains, candidate=selected["candidate"]),
        above="better",
        below="worse",
        neither="no_difference",
        missing="no_comparison",
        subject=model,
    )


def hyperparameter_table(ranges, best, settings):
    """One row a model and hyperparameter, in the order of pipeline.names.

    Returns:
        model, name; start: the value of the initial run, in which the transfer model takes what was selected for the
        baseline, where both have it; searched: `range`, `by_name` or `no`; low and high, final_low and final_high, the
        ends of the configured range and after all rounds; extended, extended_low, extended_high: whether it grew, and
        at which end; selected; against_overfitting: whether it was searched and acts against overfitting, or is the
        dropout rate where no such one was searched.
    """
    given = {model: settings[model]["hyperparameters"] for model in MODELS}
    (of_baseline,) = best[0].to_dict("records")
    starts = given | {"transfer": {name: of_baseline.get(name, value) for name, value in given["transfer"].items()}}
    rows = []
    for model, searched, chosen in zip(MODELS, ranges, best, strict=True):
        (selected,) = chosen.to_dict("records")
        searched = {row["name"]: row for row in searched.to_dict("records")}
        against = {name for name in AGAINST_OVERFITTING if name in searched} or {"dropout"}
        for name in (name for name in dict.fromkeys([*HYPERPARAMETERS, *given[model]]) if name in selected):
            row = {"model": model, "name": name, "start": starts[model].get(name), "searched": "no"}
            if name in searched:
                dimension = searched[name]
                row["searched"] = "by_name" if dimension["scale"] == "choice" else "range"
                row |= {end: dimension[end] for end in ("low", "high", "final_low", "final_high")}
            extended = [name in searched and searched[name][f"extended_{end}"] > 0 for end in ("low", "high")]
            row |= {"extended": any(extended), "extended_low": extended[0], "extended_high": extended[1]}
            rows.append(row | {"selected": selected[name], "against_overfitting": name in against})
    # Whole numbers stay whole beside those that are not.
    return pd.DataFrame(rows, dtype=object)


def summary_table(trials, rounds, importance, selection):
    """One row a model.

    Returns:
        model; trials, rounds (without the starting configuration's) and epochs of the search; epochs_in_full, which the
        trials would have taken had none been stopped before the last rung; diverged, trials; lowest and highest, the
        val AUCs on the last rung; hyperparameter, that with the largest importance, empty where none is estimated;
        candidates, beside the starting configuration; trial, that of the candidate with the highest mean val AUC.
    """
    rows = []
    for model, made, of_rounds, importances, candidates in zip(
        MODELS, trials, rounds, importance, selection, strict=True
    ):
        top = by_importance(importances)[0]
        finished = made[made["status"] == "finished"]
        last = finished.loc[finished["rung"] == made["rung"].max(), "val_auc"]
        count = made["trial"].nunique()
        rows.append(
            {
                "model": model,
                "trials": count,
                "rounds": of_rounds["round"].max(),
                "epochs": of_rounds["epochs"].sum(),
                "epochs_in_full": count * made["rung_epochs"].max(),
                "diverged": (made["status"] == "diverged").sum(),
                "lowest": last.min(),
                "highest": last.max(),
                "hyperparameter": None if math.isnan(top["importance"]) else top["hyperparameter"],
                "candidates": len(candidates) - 1,
                "trial": top_candidate(candidates)["trial"],
            }
        )
    return pd.DataFrame(rows)


def by_importance(importance):
    """The rows, the largest importance first."""
    return sorted(decide.rows(importance), key=lambda row: -row["importance"])


def top_candidate(selection):
    """The row of the candidate with the highest mean val AUC."""
    return max(decide.rows(selection, status="finished"), key=lambda row: row["val_auc"])


if __name__ == "__main__":
    run(findings)
