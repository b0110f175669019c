TUNE_JOBS = [f"{first}-{last}" for first, last in tune_jobs()]


rule tune_propose:
    """Every trial, written down before any of them runs."""
    output:
        proposals="results/tune/{model}_proposals.csv",
    log:
        "results/logs/tune_propose_{model}.log",
    benchmark:
        "results/benchmarks/tune_propose_{model}.tsv"
    params:
        settings=chosen("seed", "tune.trials", "tune.space.{model}", "{model}.hyperparameters"),
        code=code_of("pipeline.tune"),
    shell:
        "python -m pipeline.tune propose --model {wildcards.model} --settings {params.settings:q} "
        "--proposals {output.proposals} --log {log}"


rule tune_trials:
    """Some of the trials: each trains on train with early stopping and is scored on val."""
    input:
        proposals="results/tune/{model}_proposals.csv",
        train=examples("train"),
        val=examples("val"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
    output:
        results="results/tune/{model}_{first}-{last}.csv",
        cost="results/tune/{model}_{first}-{last}_cost.csv",
    log:
        "results/logs/tune_trials_{model}_{first}-{last}.log",
    benchmark:
        "results/benchmarks/tune_trials_{model}_{first}-{last}.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen("seed", "compute", "training.epochs", "training.patience", "augmentation"),
        code=code_of_model("pipeline.tune", "pipeline.models.fitting"),
    shell:
        "python -m pipeline.tune trials --model {wildcards.model} --proposals {input.proposals} "
        "--first {wildcards.first} --last {wildcards.last} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --settings {params.settings:q} "
        "--results {output.results} --cost {output.cost} --log {log}"


rule tune:
    """All trials in one table, and the configuration that is selected."""
    input:
        results=expand("results/tune/{{model}}_{job}.csv", job=TUNE_JOBS),
        costs=expand("results/tune/{{model}}_{job}_cost.csv", job=TUNE_JOBS),
    output:
        table="tables/tune/{model}.csv",
        best="tables/tune/{model}_best.csv",
        cost="tables/tune/{model}_cost.csv",
    log:
        "results/logs/tune_{model}.log",
    benchmark:
        "results/benchmarks/tune_{model}.tsv"
    params:
        settings=chosen("{model}.hyperparameters"),
        code=code_of("pipeline.tune"),
    shell:
        "python -m pipeline.tune select --results {input.results} --costs {input.costs} "
        "--settings {params.settings:q} --model {wildcards.model} --table {output.table} --best {output.best} "
        "--cost {output.cost} --log {log}"


rule tune_figures:
    """Val AUC against each hyperparameter."""
    input:
        table="tables/tune/{model}.csv",
        best="tables/tune/{model}_best.csv",
    output:
        "figures/tune/{model}.pdf",
    log:
        "results/logs/tune_figures_{model}.log",
    benchmark:
        "results/benchmarks/tune_figures_{model}.tsv"
    params:
        settings=chosen("tune.space.{model}"),
        code=code_of("pipeline.plots.tune"),
    shell:
        "python -m pipeline.plots.tune tune --model {wildcards.model} --table {input.table} --best {input.best} "
        "--settings {params.settings:q} --out {output} --log {log}"
