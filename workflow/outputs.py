"""What the rules of the workflow make, as the article needs it: the tables and figures that they show, and their jobs,
by the names of the benchmarks that Snakemake writes, one file per job.

A rule's pattern is filled with all values of its wildcards that its constraints let through.
"""

import itertools
import re
from pathlib import Path

from snakemake.io import is_flagged

WILDCARD = re.compile(r"{(\w+)(?:,([^{}]*))?}")
AFTER_THE_TABLES = {"notebook", "report", "submission"}  # stages whose seconds the article does not tell


def published(rules, values):
    """The tables and figures that the rules show, which are flagged for the results page.

    Args:
        rules: those of the workflow, each with `name` and `output`, a list of patterns.
        values: {wildcard: all its values}.
    """
    return [
        file
        for rule in rules
        for pattern in rule.output
        if is_flagged(pattern, "report")
        for file in filled(str(pattern), values)
    ]


def jobs_of_rules(rules, values, trials):
    """The jobs of each rule that has a benchmark.

    Args:
        rules: those of the workflow, each with `name`, `snakefile` and `benchmark`, its pattern or None.
        values: {wildcard: all its values}.
        trials: the jobs of `tune_trials`, each by the beginning of its files. Trials of another configuration are none
            of them, though their benchmarks may be there.

    Returns:
        {stage: {rule: names of benchmarks, without folder and suffix}}
    """
    jobs: dict[str, dict[str, list[str]]] = {}
    for rule in rules:
        stage = Path(rule.snakefile).stem
        if not rule.benchmark or stage in AFTER_THE_TABLES:
            continue
        if rule.name == "tune_trials":
            names = [f"tune_trials_{Path(job).name}" for job in trials]
        else:
            names = sorted(filled(Path(rule.benchmark).stem, values))
        jobs.setdefault(stage, {})[rule.name] = names
    return jobs


def filled(pattern, values):
    """`pattern` with each combination of the values that the constraints in it, {wildcard,constraint}, let through."""
    constraints = dict(WILDCARD.findall(pattern))
    plain = WILDCARD.sub(r"{\1}", pattern)
    allowed = [
        [value for value in values[name] if not constraint or re.fullmatch(constraint, str(value))]
        for name, constraint in constraints.items()
    ]
    return [plain.format(**dict(zip(constraints, chosen, strict=True))) for chosen in itertools.product(*allowed)]
