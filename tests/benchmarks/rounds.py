"""Whether a search ends with its best trial inside the ranges: python -m tests.benchmarks.rounds [SEARCHES]

Searches by the project's own code over the baseline's space, in which a made-up response stands in for training: val
AUC falls with the squared distance from an optimum, above all that of the learning rate, and has noise of 0.002. For
optima inside and outside of the range: the share of searches whose best trial lies at an edge that can be extended, the
mean number of rounds, and the median distance of the best learning rate from the optimum.
"""

import argparse
import math

import numpy as np
import pandas as pd

from pipeline.tune import search
from tests.benchmarks import common

LIMITS = [(3, 3), (2, 8)]  # least and most rounds: a fixed number, and as many as extensions ask for
OPTIMA = [0.002, 0.03, 0.05, 0.1]  # of the learning rate; the range ends at 0.005
NOISE = 0.002


def main():
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("searches", type=int, nargs="?", default=60, metavar="SEARCHES")
    searches = command.parse_args().searches
    rows = []
    for least, most in LIMITS:
        for optimum in OPTIMA:
            found = [ended(seed, optimum, least, most) for seed in range(searches)]
            row = {"rounds": f"{least} to {most}", "optimum": optimum}
            rows.append(row | pd.DataFrame(found).agg({"open": "mean", "made": "mean", "decades": "median"}).to_dict())
    print(pd.DataFrame(rows).round(2).to_string(index=False))


def ended(seed, optimum, least, most):
    """open: whether the best trial lies at an edge that can be extended; made, rounds; decades from the optimum."""
    settings, random = common.settings() | {"seed": seed}, np.random.default_rng(seed)
    settings["tune"] |= {"min_rounds": least, "max_rounds": most}
    results = []
    for number in range(most + 1):
        earlier = results if number > 1 else []
        trials = search.propose("baseline", number, earlier, None, settings)["proposals"]
        aucs = [response(trial, optimum) + random.normal(0, NOISE) for trial in trials.to_dict("records")]
        results.append(trials.assign(rung=1, status="finished", val_auc=aucs))
    table = pd.concat(results)
    best = search.ranking(table).iloc[0]
    ranges = search.ranges_table("baseline", settings["tune"], table, best)
    distance = abs(math.log10(best["learning_rate"] / optimum))
    return {"open": (ranges["key"] != "").any(), "made": table["round"].max(), "decades": distance}


def response(trial, optimum):
    """Val AUC without noise."""
    return (
        0.99
        - 0.02 * math.log10(trial["learning_rate"] / optimum) ** 2
        - 0.02 * (trial["dropout"] - 0.3) ** 2
        - 0.002 * math.log2(trial["batch_size"] / 32) ** 2
        - 0.001 * math.log2(trial["filters"] / 24) ** 2
    )


if __name__ == "__main__":
    main()
