FROZEN = "results/features/backbone.keras"  # the backbone under the transfer model's head; the baseline has none
TRAIN_ONLY = train_only_models("{model}")
NETWORKS = expand(
    "results/tune/{{model}}_candidate{candidate}_seed{seed}.keras",
    candidate=TUNE_CANDIDATES,
    seed=config["training"]["selection_seeds"],
)


localrules:
    train_curves,
    train_findings,
    train_figures,


rule train_initial:
    """The initial run: starting hyperparameters, all epochs, val held out, no early stopping."""
    input:
        train=examples("train"),
        val=examples("val"),
        start=selected_start,
    output:
        history=published("tables/train/{model}_initial.csv"),
    log:
        "results/logs/train_initial_{model}.log",
    benchmark:
        "results/benchmarks/train_initial_{model}.tsv"
    priority: 2
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("seed", "compute", "training.epochs", "augmentation", "{model}.hyperparameters"),
        backup="results/backups/train/{model}_initial.npz",
        code=code_of_model("pipeline.train.runs"),
    shell:
        "python -m pipeline.train.runs initial --model {wildcards.model} {params.files} --settings {params.settings:q} "
        "--backup {params.backup} --log {log}"


rule train_only:
    """The train-only models: the selected configuration on train alone, once a selection seed; predictions of val."""
    input:
        val=examples("val"),
        best="tables/tune/{model}_best.csv",
        networks=[part for file in NETWORKS for part in tracked(file)],
        confirmed=expand("results/tune/{{model}}_candidate{candidate}.csv", candidate=TUNE_CANDIDATES),
        histories=expand("results/tune/{{model}}_candidate{candidate}_history.csv", candidate=TUNE_CANDIDATES),
        backbone=lambda wildcards: tracked(FROZEN) if wildcards.model == "transfer" else [],
    output:
        models=digested(TRAIN_ONLY),
        runs=published("tables/train/{model}_train_only.csv"),
        history=published("tables/train/{model}_train_only_history.csv"),
        predictions=published("tables/train/{model}_val_predictions.csv"),
    log:
        "results/logs/train_only_{model}.log",
    benchmark:
        "results/benchmarks/train_only_{model}.tsv"
    priority: 2
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("compute", "training.selection_seeds"),
        code=code_of_model("pipeline.train.runs"),
    shell:
        "python -m pipeline.train.runs train_only --model {wildcards.model} {params.files} --settings {params.settings:q} "
        "--log {log}"


rule train_final:
    """The final run: train + val, epochs fixed by the train-only runs, no early stopping."""
    input:
        train=examples("train"),
        val=examples("val"),
        best="tables/tune/{model}_best.csv",
        runs="tables/train/{model}_train_only.csv",
        backbone=lambda wildcards: tracked(FROZEN) if wildcards.model == "transfer" else [],
    output:
        model=digested("results/train/{model}.keras"),
        history=published("tables/train/{model}_final.csv"),
        summary=published("tables/train/{model}_model.csv"),
        layers=published("tables/train/{model}_layers.csv"),
        cost="results/train/{model}_cost.csv",
    log:
        "results/logs/train_final_{model}.log",
    benchmark:
        "results/benchmarks/train_final_{model}.tsv"
    priority: 2
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("seed", "compute", "augmentation"),
        backup="results/backups/train/{model}_final.npz",
        code=code_of_model("pipeline.train.runs"),
    shell:
        "python -m pipeline.train.runs final --model {wildcards.model} {params.files} --settings {params.settings:q} "
        "--backup {params.backup} --log {log}"


rule train_curves:
    """Smoothness of the initial run's curves, and the gap between train and val."""
    input:
        initial="tables/train/{model}_initial.csv",
        train_only="tables/train/{model}_train_only_history.csv",
    output:
        smoothness=published("tables/train/{model}_smoothness.csv"),
        gap=published("tables/train/{model}_gap.csv"),
    log:
        "results/logs/train_curves_{model}.log",
    benchmark:
        "results/benchmarks/train_curves_{model}.tsv"
    params:
        files=files,
        code=code_of("pipeline.train.curves"),
    shell:
        "python -m pipeline.train.curves {params.files} --log {log}"


rule train_findings:
    """What the article claims of the runs, each claim with its limit and margin; train-only and final runs described."""
    input:
        initial=expand("tables/train/{model}_initial.csv", model=MODELS),
        smoothness=expand("tables/train/{model}_smoothness.csv", model=MODELS),
        gap=expand("tables/train/{model}_gap.csv", model=MODELS),
        final=expand("tables/train/{model}_final.csv", model=MODELS),
        model=expand("tables/train/{model}_model.csv", model=MODELS),
    output:
        findings=published("tables/train/findings.csv"),
        runs=published("tables/train/runs.csv"),
        jumps=published("tables/train/jumps.csv"),
    log:
        "results/logs/train_findings.log",
    benchmark:
        "results/benchmarks/train_findings.tsv"
    params:
        files=files,
        settings=keys("training.max_epochs", "training.patience"),
        code=code_of("pipeline.train.findings"),
    shell:
        "python -m pipeline.train.findings {params.files} --settings {params.settings:q} --log {log}"


rule train_figures:
    """Figure of a history: cross-entropy and AUC against the epoch."""
    input:
        history="tables/train/{model}_{run}.csv",
    output:
        figure=published("figures/train/{model}_{run}.pdf"),
    log:
        "results/logs/train_figures_{model}_{run}.log",
    benchmark:
        "results/benchmarks/train_figures_{model}_{run}.tsv"
    wildcard_constraints:
        run="initial|final",
    params:
        files=files,
        code=code_of("pipeline.train.figures"),
    shell:
        "python -m pipeline.train.figures {params.files} --log {log}"
