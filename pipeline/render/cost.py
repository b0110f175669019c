"""report: what the jobs behind the article took.

Reads   results/benchmarks/*.tsv, which Snakemake writes, one file per job.
Returns table, one row per rule, and stages, one row per stage and one for all.
"""

from pathlib import Path

import pandas as pd

from pipeline.command import run


def cost(jobs: dict, benchmarks: Path):
    """Sum the jobs' seconds; a job that has no benchmark (yet) is left out.

    Args:
        jobs: {stage: {rule: names of its jobs}}.
        benchmarks: the folder with a file per job.
    """
    taken = read(jobs, benchmarks)
    stages = [summary(taken, ["stage"]), summary(taken.assign(stage="all"), ["stage"])]
    return {"table": summary(taken, ["stage", "rule"]), "stages": pd.concat(stages)}


def read(jobs, benchmarks):
    """One row a job: stage, rule, seconds (wall clock), cpu_seconds, memory (peak, MB)."""
    tables = [pd.DataFrame({"stage": [], "rule": [], "s": [], "cpu_time": [], "max_rss": []})]
    for stage, rules in jobs.items():
        for rule, names in rules.items():
            found = [file for name in names if (file := benchmarks / f"{name}.tsv").exists()]
            tables += [pd.read_csv(file, sep="\t").assign(stage=stage, rule=rule) for file in found]
    read = pd.concat(tables).rename(columns={"s": "seconds", "cpu_time": "cpu_seconds", "max_rss": "memory"})
    return read[["stage", "rule", "seconds", "cpu_seconds", "memory"]]


def summary(jobs, by):
    """One row a rule or stage: jobs, seconds and cpu_seconds in all, longest job (seconds), peak memory of one (MB)."""
    return (
        jobs.groupby(by, sort=False)
        .agg(
            jobs=("seconds", "size"),
            seconds=("seconds", "sum"),
            cpu_seconds=("cpu_seconds", "sum"),
            longest=("seconds", "max"),
            memory=("memory", "max"),
        )
        .round(2)
        .reset_index()
    )


if __name__ == "__main__":
    run(cost)
