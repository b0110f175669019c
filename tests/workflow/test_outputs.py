"""What the article can show, and whose seconds it tells."""

from types import SimpleNamespace

from snakemake.io import flag

from workflow.outputs import jobs_of_rules, published


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


def test_what_rules_show_is_found_by_their_wildcards_and_constraints():
    def rule(*output):
        return SimpleNamespace(name="any", output=output)

    rules = [
        rule(flag("tables/tune/{model}.csv", "report"), "results/tune/{model}.csv"),
        rule(flag("figures/train/{model,transfer}_{run,initial|final}.pdf", "report")),
    ]
    values = {"model": ["transfer", "baseline"], "run": ["initial", "other"]}
    assert published(rules, values) == [
        "tables/tune/transfer.csv",
        "tables/tune/baseline.csv",
        "figures/train/transfer_initial.pdf",
    ]
