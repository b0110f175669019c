"""tune: the search for hyperparameters, written once for both models.

Proposing, gathering and selecting; the training is that of pipeline.tune.trials.

Reads   the starting hyperparameters and the space from the configuration; the results of trials and candidates.
Returns the proposals of a round; all trials, the importance of each hyperparameter and the candidates; the selection
        among these, the selected configuration, where in the searched ranges it lies, and what each round did.

Results have one row for each trial and rung: rungs are the numbers of epochs after which the better half of the trials
of a job goes on (pipeline.tune.trials).

A dimension of the space is {scale, range, bounds, bounded_by}. Its scale gives each value a position: linear the value
itself, log its decimal logarithm, list and choice its place in the list.
"""

import math

import numpy as np
import pandas as pd

from pipeline.command import InputError, log, run
from pipeline.models.hyperparameters import starting

LISTED = ("list", "choice")
ENDS = {"low": 0, "high": -1}  # of a range, of its bounds, and of what these are bounded by
BEST = {"best": "trial", "rung": "rung", "val_auc": "val_auc"}
RESAMPLES = 200  # of the trials, over which the importance is averaged
MIN_TRIALS = 8  # finished trials, below which an importance would say nothing


def propose(model: str, round: int, results: list[pd.DataFrame], start: pd.DataFrame | None, settings: dict):
    """The trials of a round, fixed before any of them runs, from the seed and the results of earlier rounds alone.

    Round 0 is one trial, the starting configuration. The first `tune.min_rounds` rounds after it are always made, a
    further one only if a range is extended, so that the search goes on until no edge that can be extended holds the
    best trial; the proposals of a round that is not needed are empty. The points are those of a scrambled Sobol
    sequence, which is prefix-stable: the first trials of a round are the same however many follow.

    Args:
        results: of all rounds before; none in rounds 0 and 1, which need none.
        start: of round 0: the selected hyperparameters of another model, or None.
    """
    space, count = settings["tune"]["space"][model], settings["tune"]["trials"]
    first = (round - 1) * count + 1
    trials = pd.DataFrame({"trial": np.arange(first, first + count) if round else [0], "round": round})
    trials["seed"] = settings["seed"] + trials["trial"]
    for name, value in starting(model, start, settings).items():
        trials[name] = value
    if round == 0:
        return {"proposals": trials}
    earlier = concatenate(results)
    if round > settings["tune"]["min_rounds"] and not is_extended(space, earlier, round):
        return {"proposals": trials.head(0)}
    points = sobol(count, len(space), [settings["seed"], round])
    places = regions(space, earlier, round, count)
    for (name, dimension), column in zip(space.items(), points.T, strict=True):
        along = [position_along(parts[name], point) for parts, point in zip(places, column, strict=True)]
        trials[name] = [value_at(dimension, position) for position in along]
    return {"proposals": trials}


def sobol(count, dimensions, seed):
    """`count` points of a scrambled Sobol sequence in the unit cube: float (count, dimensions).

    Args:
        seed: int or list of int.
    """
    from scipy.stats import qmc

    # Drawn to the next power of 2, at which the sequence is balanced; the rest is cut off.
    powers = math.ceil(math.log2(max(count, 2)))
    return qmc.Sobol(dimensions, rng=np.random.default_rng(seed)).random_base2(powers)[:count]


def ranges(space, results, round):
    """The space in each round from the first to `round`: ranges are extended where the trials so far ask for it.

    A range is extended beyond a side if the best trial, or two of the best four, lie at its edge.

    Args:
        results: the trials of all rounds before `round`, in any order.

    Returns:
        list of spaces, each in the form of the configuration's.
    """
    spaces = [space]
    for last in range(1, round):
        best = ranking(results[results["round"] <= last]).head(4)
        spaces.append({name: extend(dimension, best[name]) for name, dimension in spaces[-1].items()})
    return spaces


def is_extended(space, results, round):
    """Whether the results of the rounds before `round` extend a range beyond what these have covered."""
    *_, before, now = ranges(space, results, round)
    return now != before


def extend(dimension, best):
    """The dimension with its range as the best four values ask for it, within the bounds.

    A step is half of the current width on the dimension's scale, or the next value of the list.
    """
    edges = [edge(dimension, value) for value in best]
    low, high = (edges[:1] == [side] or edges.count(side) > 1 for side in ("low", "high"))
    if not low and not high:
        return dimension
    values, bounds = dimension["range"], dimension["bounds"]
    if dimension["scale"] == "list":
        first, last = bounds.index(values[0]) - low, bounds.index(values[-1]) + high
        return dimension | {"range": bounds[max(first, 0) : last + 1]}
    first, last = interval(dimension)
    step = (last - first) / 2
    lowest = value_at(dimension, first - step) if low else values[0]
    highest = value_at(dimension, last + step) if high else values[1]
    return dimension | {"range": [lowest, highest]}


def edge(dimension, value):
    """The side at which a value lies: in the outer tenth of the range, or first or last of the list.

    Returns:
        "low", "high", or "" for neither; of a choice always "".
    """
    if dimension["scale"] == "choice":
        return ""
    low, high = interval(dimension)
    margin = 1 if dimension["scale"] == "list" else (high - low) / 10
    place = position(dimension, value)
    return "low" if place < low + margin else "high" if place >= high - margin else ""


def is_extendable(dimension, side):
    """Whether the hard bound lies beyond that side of the range."""
    return side != "" and dimension["range"][ENDS[side]] != dimension["bounds"][ENDS[side]]


def regions(space, results, round, count):
    """Where each of the `count` trials of a round lies: a list of {name: intervals of positions}.

    In the first round, and where all trials so far diverged: anywhere in the ranges. Else in a window around the best
    trial; but where ranges were extended, the trials take turns to lie in what one of them gained. One at a time, since
    a corner where all are new at once would tell little of each.
    """
    spaces = ranges(space, results, round)
    best = ranking(results).head(1).to_dict("records")
    if round == 1 or not best:
        return [{name: [interval(dimension)] for name, dimension in space.items()}] * count
    *_, before, now = spaces
    around = {name: [window(dimension, best[0][name])] for name, dimension in now.items()}
    gained = [{name: parts} for name, dimension in now.items() if (parts := extensions(before[name], dimension))]
    return [around | (gained[trial % len(gained)] if gained else {}) for trial in range(count)]


def extensions(before, now):
    """The intervals by which the range of a dimension has grown: none, one or two."""
    (low, high), (new_low, new_high) = interval(before), interval(now)
    return [(start, end) for start, end in ((new_low, low), (high, new_high)) if start < end]


def window(dimension, value):
    """A quarter of the range to each side of the value, inside the range; a listed value's neighbours; any choice."""
    low, high = interval(dimension)
    place = position(dimension, value)
    if dimension["scale"] == "choice":
        return low, high
    if dimension["scale"] == "list":
        return max(place - 1, low), min(place + 2, high)
    reach = (high - low) / 4
    centre = min(max(place, low + reach), high - reach)
    return centre - reach, centre + reach


def interval(dimension):
    """(low, high): positions of the range; a listed value takes up those from its place to the next."""
    low, high = (position(dimension, dimension["range"][end]) for end in (0, -1))
    return low, high + (dimension["scale"] in LISTED)


def position(dimension, value):
    """The position of a value on its dimension's scale."""
    if dimension["scale"] in LISTED:
        return levels(dimension).index(value)
    return math.log10(value) if dimension["scale"] == "log" else value


def position_along(parts, point):
    """The position at `point` of [0, 1) of intervals laid end to end."""
    *others, (low, high) = parts
    along = point * sum(end - start for start, end in parts)
    for start, end in others:
        if along < end - start:
            return start + along
        along -= end - start
    return low + along


def value_at(dimension, position):
    """The value of a hyperparameter at a position: a listed one, or a number within the bounds."""
    if dimension["scale"] in LISTED:
        return levels(dimension)[int(position)]
    value = 10**position if dimension["scale"] == "log" else position
    low, high = dimension["bounds"]
    # Rounded to 4 digits, which the tables hold: what they show is what was tried.
    return min(max(float(f"{value:.4g}"), low), high)


def levels(dimension):
    """All values that a listed dimension can ever take, in order."""
    return dimension["range" if dimension["scale"] == "choice" else "bounds"]


def ranking(results):
    """The last row of each trial that has not diverged, the best trial first.

    A trial that reached a later rung is better than one that did not; of the same rung, the greater val AUC is, and of
    equal ones the lower trial number.
    """
    last = results.sort_values(["trial", "rung"]).drop_duplicates("trial", keep="last")
    last = last[last["status"] == "finished"]
    return last.sort_values(["rung", "val_auc", "trial"], ascending=[False, False, True])


def gather(model: str, results: list[pd.DataFrame], costs: list[pd.DataFrame], settings: dict):
    """All trials in one table, how much each hyperparameter matters, and the configurations to be confirmed.

    Candidate 0 is the starting configuration, the others are the best of the rest.

    Raises:
        InputError: every trial diverged, or fewer configurations than candidates finished.
    """
    hyperparameters, count = list(settings[model]["hyperparameters"]), settings["tune"]["candidates"]
    gathered = concatenate(results).sort_values(["trial", "rung"])
    start = gathered[gathered["trial"] == 0].head(1)
    best = pd.concat([start, ranking(gathered)]).drop_duplicates(hyperparameters).head(1 + count)
    count_of_trials = gathered["trial"].nunique()
    if ranking(gathered).empty:
        raise InputError(
            f"{model}: all {count_of_trials} trials diverged, none can be selected; "
            f"lower tune.space.{model}.learning_rate.range"
        )
    if len(best) <= count:
        raise InputError(
            f"{model}: of {count_of_trials} trials, {len(best) - 1} with configurations unlike each other and "
            f"the starting one finished, fewer than tune.candidates: {count}; lower it, or raise tune.trials"
        )
    best.insert(0, "candidate", range(1 + count))
    # The only rung that all trials have reached.
    first = gathered[(gathered["rung"] == 1) & (gathered["status"] == "finished")]
    return {
        "table": gathered.astype({"best_epoch": "Int64"}),
        "cost": concatenate(costs).sort_values("trial"),
        "importance": importance_of(settings["tune"]["space"][model], first, settings["seed"]),
        "candidates": best[["candidate", "trial", *hyperparameters]],
    }


def importance_of(space, finished, seed):
    """How much of the variance of val AUC a random forest explains by each hyperparameter (Breiman 2001).

    The importance is the drop of R² when the values of one hyperparameter are permuted. Each forest is fitted on a
    bootstrap resample of the trials and scored on the trials left out of it.

    Returns:
        DataFrame, one row a dimension: hyperparameter, importance (mean over the resamples), p5 and p95 (5th and 95th
        percentile of single resamples: their spread, which is wider than a confidence interval of the mean), oob_r2
        (the out-of-bag R² of a forest on all trials: near or below 0, the forest predicts nothing and the importance
        means nothing). Too few trials, or all of one val AUC: NaN.
    """
    from sklearn.ensemble import RandomForestRegressor

    table = pd.DataFrame({"hyperparameter": list(space)}).assign(
        importance=np.nan, p5=np.nan, p95=np.nan, oob_r2=np.nan
    )
    # Trees split by order alone, so the positions need no common unit.
    points = np.array([[position(space[name], value) for value in finished[name]] for name in space]).T
    auc = finished["val_auc"].to_numpy()
    if len(auc) < MIN_TRIALS or np.ptp(auc) == 0:
        return table
    random, drops = np.random.default_rng(seed), []
    for resample in range(RESAMPLES):
        drawn = random.integers(len(auc), size=len(auc))
        left = np.setdiff1d(np.arange(len(auc)), drawn)
        if not len(left):
            continue
        forest = RandomForestRegressor(20, random_state=resample).fit(points[drawn], auc[drawn])
        # First the points as they are, then with one column after the other permuted.
        versions = np.repeat(points[left][None], len(space) + 1, axis=0)
        for column in range(len(space)):
            versions[column + 1, :, column] = random.permutation(points[:, column])[: len(left)]
        predicted = forest.predict(versions.reshape(-1, len(space))).reshape(len(space) + 1, -1)
        error, *permuted = ((predicted - auc[left]) ** 2).mean(axis=1)
        drops.append((np.array(permuted) - error) / auc.var())
    table["importance"] = np.mean(drops, axis=0)
    table["p5"], table["p95"] = np.percentile(drops, [5, 95], axis=0)
    table["oob_r2"] = RandomForestRegressor(300, oob_score=True, random_state=seed).fit(points, auc).oob_score_
    return table


def select(model: str, table: pd.DataFrame, candidates: pd.DataFrame, confirmed: list[pd.DataFrame], settings: dict):
    """Select a candidate by the one-standard-error rule on its mean val AUC over the selection seeds.

    The score by which a trial became a candidate takes no part: as the greatest of many it is too good (the winner's
    curse), the more so the more trials there were. Among the candidates whose mean is no more than one standard error
    below the best mean, the one with the fewest parameters is selected, then the one that was trained for the fewest
    epochs, then that with the greater mean (Breiman et al. 1984; Hastie et al. 2009, section 7.10): fewer epochs fit
    train less closely, and fine-tuning lasts as many. A candidate with a diverged run is out.

    Raises:
        InputError: every candidate has a diverged run.
    """
    hyperparameters = list(settings[model]["hyperparameters"])
    scored = scores_of(candidates, pd.concat(confirmed))
    if scored["val_auc"].isna().all():
        raise InputError(
            f"{model}: each of the {len(scored)} candidates diverged with one of the selection seeds; "
            f"lower tune.space.{model}.learning_rate.range"
        )
    selection = one_standard_error(scored)
    best = selection[selection["selected"]]
    (selected,) = best.to_dict("records")
    log.info("%s: %s", model, selected)
    return {
        "selection": selection,
        "best": best[["candidate", "trial", "val_auc", "val_auc_sd", *hyperparameters]],
        "ranges": ranges_table(model, settings["tune"], table, selected),
        "rounds": rounds_table(settings["tune"]["space"][model], table),
    }


def scores_of(candidates, runs):
    """The candidates with what their runs gave: parameters, seeds (number of them), status, val_auc (mean), val_auc_sd
    and val_auc_se (standard deviation and error; none of one seed), median_best_epoch."""
    runs = runs.groupby("candidate")
    scored = candidates.set_index("candidate").assign(
        parameters=runs["parameters"].first(),
        seeds=runs.size(),
        status=runs["status"].agg(lambda status: "diverged" if (status == "diverged").any() else "finished"),
        val_auc=runs["val_auc"].mean(),
        val_auc_sd=runs["val_auc"].std(),
        median_best_epoch=runs["best_epoch"].median(),
    )
    scored.insert(scored.columns.get_loc("val_auc_sd") + 1, "val_auc_se", scored["val_auc_sd"] / scored["seeds"] ** 0.5)
    scored.loc[scored["status"] == "diverged", ["val_auc", "val_auc_sd", "val_auc_se", "median_best_epoch"]] = np.nan
    return scored.reset_index()


def one_standard_error(scored):
    """The candidates with the columns within_one_se and selected; of one seed, the standard error counts as 0."""
    top = scored.loc[scored["val_auc"].idxmax()]
    within = scored["val_auc"] >= top["val_auc"] - np.nan_to_num(top["val_auc_se"])
    order = scored[within].sort_values(["parameters", "median_best_epoch", "val_auc"], ascending=[True, True, False])
    return scored.assign(within_one_se=within, selected=scored.index == order.index[0])


def ranges_table(model, tune, trials, selected):
    """Where the search ended: one row a dimension.

    low and high are the ends of the configured range, final_low and final_high those after all rounds, extended_low
    and extended_high the numbers of extensions; best and selected are the values of the best trial and of the selected
    configuration, the columns beside them say at which edge of the final range each lies ("", low or high) and, where
    the bounds do not allow more, the reason for the bound (nature or cost); key is what to change in the configuration
    where they do. A choice has no ends.
    """
    spaces = ranges(tune["space"][model], trials, tune["max_rounds"])
    (best,) = ranking(trials).head(1).to_dict("records")
    rows = []
    for name, final in spaces[-1].items():
        row = {"name": name, "scale": final["scale"]}
        if final["scale"] != "choice":
            history = [space[name]["range"] for space in spaces]
            row |= {"low": history[0][0], "high": history[0][-1]}
            row |= {"final_low": history[-1][0], "final_high": history[-1][-1]}
            for side, end in (("low", 0), ("high", -1)):
                row[f"extended_{side}"] = len({values[end] for values in history}) - 1
        more = []
        for whose, prefix in ((best, ""), (selected, "selected_")):
            side = edge(final, whose[name])
            more.append(is_extendable(final, side))
            row |= {prefix.rstrip("_") or "best": whose[name], f"{prefix}edge": side}
            row[f"{prefix}bound"] = final["bounded_by"][ENDS[side]] if side and not more[-1] else ""
        rows.append(row | {"key": f"tune.space.{model}.{name}.range" if any(more) else ""})
    # Whole numbers stay whole beside those that are not.
    return pd.DataFrame(rows, dtype=object)


def rounds_table(space, trials):
    """What each round did: one row for each that was made.

    Returns:
        DataFrame: round; trials; epochs, which they were trained for; best, the best trial so far, its rung and
        val_auc; extended, the ends of ranges that are extended after the round, such as "learning_rate high", with
        semicolons between them.
    """
    last = int(trials["round"].max())
    spaces = ranges(space, trials, last + 1)
    rows = []
    for number, made in trials.groupby("round"):
        best = ranking(trials[trials["round"] <= number]).head(1)
        row = {"round": number, "trials": made["trial"].nunique()}
        row["epochs"] = int(made.groupby("trial")["epochs"].max().sum())
        row |= {new: best[old].item() if len(best) else None for new, old in BEST.items()}
        extended = []
        for name in space if number else ():
            before, after = (spaces[place][name]["range"] for place in (number - 1, number))
            extended += [f"{name} {side}" for side, end in ENDS.items() if after[end] != before[end]]
        rows.append(row | {"extended": "; ".join(extended)})
    return pd.DataFrame(rows)


def concatenate(results):
    """The trials of all jobs in one table; without any, an empty one."""
    made = [rows for rows in results if len(rows)]
    empty = pd.DataFrame(columns=["trial", "round", "rung", "status", "val_auc"])
    return pd.concat(made, ignore_index=True) if made else empty


if __name__ == "__main__":
    run(propose, gather, select)
