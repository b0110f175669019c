"""Whose seconds the article tells."""

from types import SimpleNamespace

from workflow.benchmarks import jobs_of_rules


def rule(stage, name, pattern):
    benchmark = pattern and f"results/benchmarks/{pattern}.tsv"
    return SimpleNamespace(name=name, snakefile=f"/checkout/workflow/rules/{stage}.smk", benchmark=benchmark)


def test_jobs_are_named_by_stage_and_rule_as_their_benchmarks_are():
    rules = [
        rule("data", "data", "data"),
        rule("tune", "tune_trials", "tune_trials_{model}_{first}-{last}"),
        rule("tune", "tune", r"tune_{model,\w+}"),
        rule("final", "final", None),
        rule("report", "report", "report"),
    ]
    jobs = jobs_of_rules(rules, {"model": ["transfer", "baseline"]}, ["results/tune/baseline_1-8"])
    assert jobs == {
        "data": {"data": ["data"]},
        "tune": {"tune_trials": ["tune_trials_baseline_1-8"], "tune": ["tune_baseline", "tune_transfer"]},
    }
