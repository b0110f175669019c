TUNE_MODELS = expand(
    "results/tune/{{model}}_candidate{{candidate}}_seed{seed}.keras", seed=config["training"]["selection_seeds"]
)


localrules:
    tune_propose,
    tune,
    tune_select,
    tune_figures,


rule tune_propose:
    """The trials of a round, from the results of the rounds before, written down before any of them runs."""
    input:
        results=lambda wildcards: [f"{job}.csv" for job in tune_jobs(wildcards.model, int(wildcards.round) - 1)],
    output:
        proposals=shown("tables/tune/{model}_round{round}.csv"),
    log:
        "results/logs/tune_propose_{model}_{round}.log",
    benchmark:
        "results/benchmarks/tune_propose_{model}_{round}.tsv"
    wildcard_constraints:
        round=r"\d+",
    priority: 2
    params:
        settings=chosen("seed", "tune.trials", "tune.space.{model}", "{model}.hyperparameters"),
        code=code_of("pipeline.tune.search"),
    shell:
        "python -m pipeline.tune.search propose --model {wildcards.model} --round {wildcards.round} "
        "--results {input.results} --settings {params.settings:q} --proposals {output.proposals} --log {log}"


rule tune_trials:
    """Some trials of a round: each trains on train with early stopping and is scored on val."""
    input:
        proposals="tables/tune/{model}_round{round}.csv",
        train=examples("train"),
        val=examples("val"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
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
        settings=chosen("seed", "compute", "tune.epochs", "training.patience", "augmentation"),
        code=code_of_model("pipeline.tune.trials"),
    shell:
        "python -m pipeline.tune.trials trials --model {wildcards.model} --proposals {input.proposals} "
        "--first {wildcards.first} --last {wildcards.last} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --settings {params.settings:q} "
        "--backups results/backups/tune --results {output.results} --cost {output.cost} --log {log}"


rule tune:
    """All trials in one table, the importance of each hyperparameter, and the candidates for selection."""
    input:
        results=lambda wildcards: [f"{job}.csv" for job in tune_jobs(wildcards.model, config["tune"]["rounds"])],
        costs=lambda wildcards: [f"{job}_cost.csv" for job in tune_jobs(wildcards.model, config["tune"]["rounds"])],
    output:
        table=shown("tables/tune/{model}.csv"),
        cost=shown("tables/tune/{model}_cost.csv"),
        importance=shown("tables/tune/{model}_importance.csv"),
        candidates="results/tune/{model}_candidates.csv",
    log:
        "results/logs/tune_{model}.log",
    benchmark:
        "results/benchmarks/tune_{model}.tsv"
    priority: 2
    params:
        settings=chosen("seed", "tune.candidates", "tune.space.{model}", "{model}.hyperparameters"),
        code=code_of("pipeline.tune.search"),
    shell:
        "python -m pipeline.tune.search gather --model {wildcards.model} --results {input.results} --costs {input.costs} "
        "--settings {params.settings:q} --table {output.table} --cost {output.cost} "
        "--importance {output.importance} --candidates {output.candidates} --log {log}"


rule tune_confirm:
    """A candidate's configuration on train alone, with early stopping, once with each selection seed."""
    input:
        candidates="results/tune/{model}_candidates.csv",
        train=examples("train"),
        val=examples("val"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
    output:
        models=TUNE_MODELS,
        digests=[f"{model}.sha256" for model in TUNE_MODELS],
        results="results/tune/{model}_candidate{candidate}.csv",
        history="results/tune/{model}_candidate{candidate}_history.csv",
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
        settings=chosen("seed", "compute", "training", "augmentation"),
        code=code_of_model("pipeline.tune.trials"),
    shell:
        "python -m pipeline.tune.trials confirm --model {wildcards.model} --candidates {input.candidates} "
        "--candidate {wildcards.candidate} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --settings {params.settings:q} "
        "--backups results/backups/tune --models {output.models} --results {output.results} "
        "--history {output.history} --cost {output.cost} --log {log}"


rule tune_select:
    """The configuration that is selected among the candidates, and where in the searched ranges it lies."""
    input:
        table="tables/tune/{model}.csv",
        candidates="results/tune/{model}_candidates.csv",
        confirmed=expand("results/tune/{{model}}_candidate{candidate}.csv", candidate=TUNE_CANDIDATES),
    output:
        selection=shown("tables/tune/{model}_selection.csv"),
        best=shown("tables/tune/{model}_best.csv"),
        ranges=shown("tables/tune/{model}_ranges.csv"),
    log:
        "results/logs/tune_select_{model}.log",
    benchmark:
        "results/benchmarks/tune_select_{model}.tsv"
    priority: 2
    params:
        settings=chosen("tune.rounds", "tune.space.{model}", "{model}.hyperparameters"),
        code=code_of("pipeline.tune.search"),
    shell:
        "python -m pipeline.tune.search select --model {wildcards.model} --table {input.table} "
        "--candidates {input.candidates} --confirmed {input.confirmed} --settings {params.settings:q} "
        "--selection {output.selection} --best {output.best} --searched {output.ranges} --log {log}"


rule tune_figures:
    """Val AUC against each hyperparameter and against the number of trials; what matters how much."""
    input:
        table="tables/tune/{model}.csv",
        best="tables/tune/{model}_best.csv",
        ranges="tables/tune/{model}_ranges.csv",
        importance="tables/tune/{model}_importance.csv",
    output:
        axes=shown("figures/tune/{model}.pdf"),
        progress=shown("figures/tune/{model}_progress.pdf"),
        importance=shown("figures/tune/{model}_importance.pdf"),
    log:
        "results/logs/tune_figures_{model}.log",
    benchmark:
        "results/benchmarks/tune_figures_{model}.tsv"
    params:
        code=code_of("pipeline.tune.figures"),
    shell:
        "python -m pipeline.tune.figures tune --model {wildcards.model} --table {input.table} --best {input.best} "
        "--ranges {input.ranges} --importance {input.importance} --axes-figure {output.axes} "
        "--progress-figure {output.progress} --importance-figure {output.importance} --log {log}"
