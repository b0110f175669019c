TUNE_MODELS = expand(
    "results/tune/{{model}}_candidate{{candidate}}_seed{seed}.keras", seed=config["training"]["selection_seeds"]
)


localrules:
    tune_propose,
    tune,
    tune_select,
    tune_gain,
    tune_findings,
    tune_figures,


rule tune_propose:
    """The trials of a round, proposed from the results of the rounds before; round 0 is the starting configuration."""
    input:
        results=tune_results_before,
        start=lambda wildcards: selected_start(wildcards) if wildcards.round == "0" else [],
    output:
        proposals=published("tables/tune/{model}_round{round}.csv"),
    log:
        "results/logs/tune_propose_{model}_{round}.log",
    benchmark:
        "results/benchmarks/tune_propose_{model}_{round}.tsv"
    wildcard_constraints:
        round=r"\d+",
    priority: 2
    params:
        files=files,
        settings=keys("seed", "tune.trials", "tune.min_rounds", "tune.space.{model}", "{model}.hyperparameters"),
        code=code_of("pipeline.tune.search"),
    shell:
        "python -m pipeline.tune.search propose --model {wildcards.model} --round {wildcards.round} {params.files} "
        "--settings {params.settings:q} --log {log}"


rule tune_trials:
    """Trials of a round, by successive halving: train on train with early stopping, score on val."""
    input:
        proposals="tables/tune/{model}_round{round}.csv",
        train=examples("train"),
        val=examples("val"),
    output:
        results="results/tune/{model}_{round}_{first}-{last}.csv",
        cost="results/tune/{model}_{round}_{first}-{last}_cost.csv",
    log:
        "results/logs/tune_trials_{model}_{round}_{first}-{last}.log",
    benchmark:
        "results/benchmarks/tune_trials_{model}_{round}_{first}-{last}.tsv"
    wildcard_constraints:
        round=r"\d+",
    priority: 2
    threads: config["compute"]["threads"]
    params:
        files=files,
        backups="results/backups/tune/{model}_{round}_{first}-{last}",
        settings=keys("seed", "compute", "tune.rungs", "training.patience", "augmentation"),
        code=code_of_model("pipeline.tune.trials"),
    shell:
        "python -m pipeline.tune.trials trials --model {wildcards.model} --first {wildcards.first} --last {wildcards.last} "
        "{params.files} --settings {params.settings:q} --backups {params.backups} --log {log}"


rule tune:
    """All trials in one table, the importance of each hyperparameter, and the candidates for selection."""
    input:
        results=lambda wildcards: [f"{job}.csv" for job in tune_jobs(wildcards.model, config["tune"]["max_rounds"])],
        costs=lambda wildcards: [f"{job}_cost.csv" for job in tune_jobs(wildcards.model, config["tune"]["max_rounds"])],
    output:
        table=published("tables/tune/{model}.csv"),
        cost=published("tables/tune/{model}_cost.csv"),
        importance=published("tables/tune/{model}_importance.csv"),
        candidates="results/tune/{model}_candidates.csv",
    log:
        "results/logs/tune_{model}.log",
    benchmark:
        "results/benchmarks/tune_{model}.tsv"
    priority: 2
    params:
        files=files,
        settings=keys("seed", "tune.candidates", "tune.space.{model}", "{model}.hyperparameters"),
        code=code_of("pipeline.tune.search"),
    shell:
        "python -m pipeline.tune.search gather --model {wildcards.model} {params.files} --settings {params.settings:q} "
        "--log {log}"


rule tune_confirm:
    """A candidate retrained on train with early stopping, once with each selection seed."""
    input:
        candidates="results/tune/{model}_candidates.csv",
        train=examples("train"),
        val=examples("val"),
    output:
        models=digested(TUNE_MODELS),
        results="results/tune/{model}_candidate{candidate}.csv",
        history="results/tune/{model}_candidate{candidate}_history.csv",
        logits="results/tune/{model}_candidate{candidate}.npy",
        cost="results/tune/{model}_candidate{candidate}_cost.csv",
    log:
        "results/logs/tune_confirm_{model}_{candidate}.log",
    benchmark:
        "results/benchmarks/tune_confirm_{model}_{candidate}.tsv"
    wildcard_constraints:
        candidate=r"\d+",
    priority: 2
    threads: config["compute"]["threads"]
    params:
        files=files,
        backups="results/backups/tune/{model}_candidate{candidate}",
        settings=keys(
            "seed",
            "compute",
            "training.max_epochs",
            "training.patience",
            "training.selection_seeds",
            "augmentation",
        ),
        code=code_of_model("pipeline.tune.trials"),
    shell:
        "python -m pipeline.tune.trials confirm --model {wildcards.model} --candidate {wildcards.candidate} {params.files} "
        "--settings {params.settings:q} --backups {params.backups} --log {log}"


rule tune_select:
    """The selected configuration, by the one-standard-error rule; ranges and rounds of the search."""
    input:
        table="tables/tune/{model}.csv",
        candidates="results/tune/{model}_candidates.csv",
        confirmed=expand("results/tune/{{model}}_candidate{candidate}.csv", candidate=TUNE_CANDIDATES),
    output:
        selection=published("tables/tune/{model}_selection.csv"),
        best=published("tables/tune/{model}_best.csv"),
        ranges=published("tables/tune/{model}_ranges.csv"),
        rounds=published("tables/tune/{model}_rounds.csv"),
    log:
        "results/logs/tune_select_{model}.log",
    benchmark:
        "results/benchmarks/tune_select_{model}.tsv"
    priority: 2
    params:
        files=files,
        settings=keys("tune.max_rounds", "tune.space.{model}", "{model}.hyperparameters"),
        code=code_of("pipeline.tune.search"),
    shell:
        "python -m pipeline.tune.search select --model {wildcards.model} {params.files} --settings {params.settings:q} "
        "--log {log}"


rule tune_gain:
    """Val AUC of each candidate against the starting configuration, paired by seed and image."""
    input:
        selection="tables/tune/{model}_selection.csv",
        logits=expand("results/tune/{{model}}_candidate{candidate}.npy", candidate=TUNE_CANDIDATES),
        val_index="tables/data/index_val.csv",
    output:
        table=published("tables/tune/{model}_gain.csv"),
    log:
        "results/logs/tune_gain_{model}.log",
    benchmark:
        "results/benchmarks/tune_gain_{model}.tsv"
    params:
        files=files,
        settings=keys("seed"),
        code=code_of("pipeline.tune.gain"),
    shell:
        "python -m pipeline.tune.gain {params.files} --settings {params.settings:q} --log {log}"


rule tune_findings:
    """What the article claims of the search, each claim with its limit and margin; all hyperparameters side by side."""
    input:
        baseline="tables/tune/baseline.csv",
        transfer="tables/tune/transfer.csv",
        rounds=expand("tables/tune/{model}_rounds.csv", model=MODELS),
        ranges=expand("tables/tune/{model}_ranges.csv", model=MODELS),
        importance=expand("tables/tune/{model}_importance.csv", model=MODELS),
        selection=expand("tables/tune/{model}_selection.csv", model=MODELS),
        gain=expand("tables/tune/{model}_gain.csv", model=MODELS),
        best=expand("tables/tune/{model}_best.csv", model=MODELS),
    output:
        findings=published("tables/tune/findings.csv"),
        hyperparameters=published("tables/tune/hyperparameters.csv"),
        summary=published("tables/tune/summary.csv"),
    log:
        "results/logs/tune_findings.log",
    benchmark:
        "results/benchmarks/tune_findings.tsv"
    params:
        files=files,
        settings=keys("baseline.hyperparameters", "transfer.hyperparameters", "tune.min_rounds"),
        code=code_of("pipeline.tune.findings"),
    shell:
        "python -m pipeline.tune.findings {params.files} --settings {params.settings:q} --log {log}"


rule tune_figures:
    """Figures of the search: val AUC against each hyperparameter and against the trial; importances."""
    input:
        table="tables/tune/{model}.csv",
        best="tables/tune/{model}_best.csv",
        ranges="tables/tune/{model}_ranges.csv",
        importance="tables/tune/{model}_importance.csv",
    output:
        axes=published("figures/tune/{model}.pdf"),
        progress=published("figures/tune/{model}_progress.pdf"),
        importance=published("figures/tune/{model}_importance.pdf"),
    log:
        "results/logs/tune_figures_{model}.log",
    benchmark:
        "results/benchmarks/tune_figures_{model}.tsv"
    params:
        files=files,
        code=code_of("pipeline.tune.figures"),
    shell:
        "python -m pipeline.tune.figures --model {wildcards.model} {params.files} --log {log}"
