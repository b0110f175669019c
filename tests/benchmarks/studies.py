"""Intervals of the studies, by simulation: python -m tests.benchmarks.studies [REPEATS]

Variants with equal population AUCs, and, for the power, with one that is lower by 0.01: how often does an interval of a
difference from the reference exclude 0, of any variant (equal) or of that one? Student's interval over the seeds is set
against that of pipeline.statistics.studies. A score is a class effect plus normal noise, of which a half is the
difficulty of the image, alike for all runs, a quarter is of image and variant, a quarter of image and run. The class
effect differs from run to run such that the AUC has the given standard deviation over seeds.
"""

import argparse
import itertools

import numpy as np
from scipy.stats import norm, ttest_rel

from pipeline.statistics import metrics, studies

LABELS = np.repeat([1.0, 0.0], [144, 432])
NOISE = {"image": 0.5, "variant": 0.25, "run": 0.25}  # shares of the variance
LOSS = 0.01


def main():
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("repeats", nargs="?", type=int, default=400, metavar="REPEATS")
    repeats = command.parse_args().repeats
    print("AUC    seeds  variants  sd over seeds | equal: Student  studies | one lower: Student  studies")
    for auc, seeds, others, seed_sd in itertools.product((0.97, 0.99), (2, 3), (1, 4), (0, 0.005, 0.01)):
        equal = detected(repeats, auc, 0, seeds, others, seed_sd).any(axis=2).mean(axis=0)
        lower = detected(repeats, auc, LOSS, seeds, others, seed_sd)[:, :, -1].mean(axis=0)
        shown = " ".join(f"{share:9.3f}" for share in (*equal, *lower))
        print(f"{auc:.2f} {seeds:6} {1 + others:9} {seed_sd:14.3f} | {shown}", flush=True)


def detected(repeats, auc, loss, seeds, others, seed_sd):
    """Whether Student's interval and ours exclude 0: bool (repeats, 2, others); the last variant is lower by `loss`."""
    generator = np.random.default_rng(0)
    aucs = np.repeat([auc, auc - loss], [others, 1])
    found = []
    for _ in range(repeats):
        scores = simulated(generator, 1 + others, seeds, LABELS, auc=aucs, seed_sd=seed_sd)
        reference, *compared = scores
        intervals = studies.differences(LABELS, np.arange(len(LABELS)), scores, {reference: compared}, seed=0)
        first, *areas = [[metrics.auc(LABELS, run) for run in runs] for runs in scores.values()]
        student = [ttest_rel(of_variant, first).pvalue < 1 - studies.LEVEL for of_variant in areas]
        found.append([student, [row["ci_low"] > 0 or row["ci_high"] < 0 for row in intervals.values()]])
    return np.array(found)


def simulated(generator, variants, seeds, labels, auc, seed_sd=0.002):
    """Scores {variant: float (seeds, images)}.

    Args:
        auc: of the population of images and runs, for all variants or for each.
        seed_sd: standard deviation of a run's population AUC over seeds.
    """
    distance = np.sqrt(2) * norm.ppf(np.broadcast_to(auc, variants))
    slope = norm.pdf(distance / np.sqrt(2)) / np.sqrt(2)  # of the AUC, by the distance of the classes
    of_run = distance[:, None] + seed_sd / slope[:, None] * generator.normal(size=(variants, seeds))
    sizes = {"image": (1, 1), "variant": (variants, 1), "run": (variants, seeds)}
    noise = sum(share**0.5 * generator.normal(size=(*sizes[of], len(labels))) for of, share in NOISE.items())
    return {f"variant {place}": scores for place, scores in enumerate(noise + of_run[:, :, None] * labels)}


if __name__ == "__main__":
    main()
