"""The jobs that the article rests on, by the names of their benchmarks, which Snakemake writes, one file a job."""

import re
from pathlib import Path

from snakemake.io import expand

AFTER_THE_TABLES = {"notebook", "report", "submission"}  # stages whose seconds the article does not tell


def jobs_of_rules(rules, values, trials):
    """The jobs of each rule that has a benchmark; some of them do not exist.

    Args:
        rules: those of the workflow, each with `name`, `snakefile` and `benchmark`, its pattern or None.
        values: {wildcard: all its values}.
        trials: the jobs of `tune_trials`, each by the beginning of its files. Trials of another configuration are none
            of them, though their benchmarks may be there.

    Returns:
        {stage: {rule: names of benchmarks, without folder and suffix}}
    """
    jobs = {}
    for rule in rules:
        stage = Path(rule.snakefile).stem
        if not rule.benchmark or stage in AFTER_THE_TABLES:
            continue
        if rule.name == "tune_trials":
            names = [f"tune_trials_{Path(job).name}" for job in trials]
        else:
            # Without the constraints of the wildcards.
            pattern = re.sub(r"{(\w+),[^{}]*}", r"{\1}", Path(rule.benchmark).stem)
            names = sorted(expand(pattern, **values))
        jobs.setdefault(stage, {})[rule.name] = names
    return jobs
