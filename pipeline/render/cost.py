"""cost: what the jobs behind the article took. It belongs to the stage report.

Reads   results/benchmarks/*.tsv, which Snakemake writes, one file a job.
Writes  tables/report/cost.csv, one row a rule; tables/report/cost_stages.csv, one row a stage and one for all.
"""

from pathlib import Path

import pandas as pd

from pipeline.command import run


def cost(jobs: dict, benchmarks: Path, table: Path, stages_table: Path):
    """Sum the jobs' seconds; a job that has no benchmark (yet) is left out.

    Args:
        jobs: {stage: {rule: names of its jobs}}.
        benchmarks: the folder with a file a job.
    """
    taken = read(jobs, benchmarks)
    table.parent.mkdir(parents=True, exist_ok=True)
    summary(taken, ["stage", "rule"]).to_csv(table, index=False)
    stages = [summary(taken, ["stage"]), summary(taken.assign(stage="all"), ["stage"])]
    pd.concat(stages).to_csv(stages_table, index=False)


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
