FROZEN = "results/features/backbone.keras"  # the backbone under the transfer model's head; the baseline has none
TRAIN_ONLY = train_only_models("{model}")
NETWORKS = expand(
    "results/tune/{{model}}_candidate{candidate}_seed{seed}.keras",
    candidate=TUNE_CANDIDATES,
    seed=config["training"]["selection_seeds"],
)


localrules:
    train_curves,
    train_figures,


rule train_initial:
    """The initial run: starting hyperparameters, all epochs, val held out, no early stopping."""
    input:
        train=examples("train"),
        val=examples("val"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
        # The transfer model starts from what the search has found for the baseline.
        start=lambda wildcards: "tables/tune/baseline_best.csv" if wildcards.model == "transfer" else [],
    output:
        history=shown("tables/train/{model}_initial.csv"),
    log:
        "results/logs/train_initial_{model}.log",
    benchmark:
        "results/benchmarks/train_initial_{model}.tsv"
    priority: 2
    threads: config["compute"]["threads"]
    params:
        settings=chosen("seed", "compute", "training.epochs", "augmentation", "{model}.hyperparameters"),
        backup="results/backups/train/{model}_initial.npz",
        code=code_of_model("pipeline.train.runs"),
    shell:
        "python -m pipeline.train.runs initial --model {wildcards.model} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --start {input.start} "
        "--settings {params.settings:q} --backup {params.backup} --history {output.history} --log {log}"


rule train_heldout:
    """The selected configuration on train alone, once a selection seed: the source of honest val outputs."""
    input:
        val=examples("val"),
        val_index="tables/data/index_val.csv",
        best="tables/tune/{model}_best.csv",
        networks=[ancient(file) for file in NETWORKS],
        digests=[f"{file}.sha256" for file in NETWORKS],
        confirmed=expand("results/tune/{{model}}_candidate{candidate}.csv", candidate=TUNE_CANDIDATES),
        histories=expand("results/tune/{{model}}_candidate{candidate}_history.csv", candidate=TUNE_CANDIDATES),
        backbone=lambda wildcards: ancient(FROZEN) if wildcards.model == "transfer" else [],
        backbone_digest=lambda wildcards: f"{FROZEN}.sha256" if wildcards.model == "transfer" else [],
    output:
        models=TRAIN_ONLY,
        digests=[f"{file}.sha256" for file in TRAIN_ONLY],
        runs=shown("tables/train/{model}_heldout.csv"),
        history=shown("tables/train/{model}_heldout_history.csv"),
        predictions=shown("tables/train/{model}_val_predictions.csv"),
    log:
        "results/logs/train_heldout_{model}.log",
    benchmark:
        "results/benchmarks/train_heldout_{model}.tsv"
    priority: 2
    threads: config["compute"]["threads"]
    params:
        settings=chosen("compute", "training.selection_seeds"),
        code=code_of_model("pipeline.train.runs"),
    shell:
        "python -m pipeline.train.runs heldout --model {wildcards.model} --val {input.val[0]} "
        "--val-index {input.val_index} --best {input.best} --networks {input.networks} "
        "--confirmed {input.confirmed} --histories {input.histories} --backbone {input.backbone} "
        "--settings {params.settings:q} --models {output.models} --runs {output.runs} "
        "--history {output.history} --predictions {output.predictions} --log {log}"


rule train_final:
    """The final run: train + val, epochs fixed by the held-out runs, no early stopping."""
    input:
        train=examples("train"),
        val=examples("val"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
        best="tables/tune/{model}_best.csv",
        runs="tables/train/{model}_heldout.csv",
        backbone=lambda wildcards: ancient(FROZEN) if wildcards.model == "transfer" else [],
        backbone_digest=lambda wildcards: f"{FROZEN}.sha256" if wildcards.model == "transfer" else [],
    output:
        model="results/train/{model}.keras",
        digest="results/train/{model}.keras.sha256",
        history=shown("tables/train/{model}_final.csv"),
        summary=shown("tables/train/{model}_model.csv"),
        layers=shown("tables/train/{model}_layers.csv"),
        cost="results/train/{model}_cost.csv",
    log:
        "results/logs/train_final_{model}.log",
    benchmark:
        "results/benchmarks/train_final_{model}.tsv"
    priority: 2
    threads: config["compute"]["threads"]
    params:
        settings=chosen("seed", "compute", "augmentation"),
        backup="results/backups/train/{model}_final.npz",
        code=code_of_model("pipeline.train.runs"),
    shell:
        "python -m pipeline.train.runs final --model {wildcards.model} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --best {input.best} --runs {input.runs} "
        "--backbone {input.backbone} --settings {params.settings:q} --backup {params.backup} "
        "--model-file {output.model} --history {output.history} --summary {output.summary} "
        "--layers {output.layers} --cost {output.cost} --log {log}"


rule train_curves:
    """Whether the loss fell smoothly, and the gap between train and val."""
    input:
        initial="tables/train/{model}_initial.csv",
        heldout="tables/train/{model}_heldout_history.csv",
    output:
        smoothness=shown("tables/train/{model}_smoothness.csv"),
        gap=shown("tables/train/{model}_gap.csv"),
    log:
        "results/logs/train_curves_{model}.log",
    benchmark:
        "results/benchmarks/train_curves_{model}.tsv"
    params:
        code=code_of("pipeline.train.curves"),
    shell:
        "python -m pipeline.train.curves train_curves --initial {input.initial} --heldout {input.heldout} "
        "--smoothness {output.smoothness} --gap {output.gap} --log {log}"


rule train_figures:
    """The scores at the end of each epoch."""
    input:
        history="tables/train/{model}_{run}.csv",
    output:
        shown("figures/train/{model}_{run}.pdf"),
    log:
        "results/logs/train_figures_{model}_{run}.log",
    benchmark:
        "results/benchmarks/train_figures_{model}_{run}.tsv"
    wildcard_constraints:
        run="initial|final",
    params:
        code=code_of("pipeline.train.figures"),
    shell:
        "python -m pipeline.train.figures train --history {input.history} --out {output} --log {log}"
