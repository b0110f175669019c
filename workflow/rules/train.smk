HELDOUT = expand("results/train/{{model}}_heldout_{seed}.keras", seed=config["training"]["heldout_seeds"])


rule train_initial:
    """The initial run: starting hyperparameters, all epochs, val held out, no early stopping."""
    input:
        train=examples("train"),
        val=examples("val"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
    output:
        history="tables/train/{model}_initial.csv",
    log:
        "results/logs/train_initial_{model}.log",
    benchmark:
        "results/benchmarks/train_initial_{model}.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen("seed", "compute", "training.epochs", "augmentation", "{model}.hyperparameters"),
        code=code_of_model("pipeline.train"),
    shell:
        "python -m pipeline.train initial --model {wildcards.model} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --settings {params.settings:q} "
        "--history {output.history} --log {log}"


rule train_heldout:
    """The selected configuration on train alone, once a seed: the source of honest val outputs."""
    input:
        train=examples("train"),
        val=examples("val"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
        best="tables/tune/{model}_best.csv",
        backbone=backbone,
        backbone_digest=backbone_digest,
    output:
        models=HELDOUT,
        digests=[f"{model}.sha256" for model in HELDOUT],
        runs="tables/train/{model}_heldout.csv",
        predictions="tables/train/{model}_val_predictions.csv",
    log:
        "results/logs/train_heldout_{model}.log",
    benchmark:
        "results/benchmarks/train_heldout_{model}.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen("seed", "compute", "training", "augmentation"),
        code=code_of_model("pipeline.train"),
    shell:
        "python -m pipeline.train heldout --model {wildcards.model} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --best {input.best} "
        "--backbone {input.backbone} --settings {params.settings:q} --models {output.models} --runs {output.runs} "
        "--predictions {output.predictions} --log {log}"


rule train_final:
    """The final run: train + val, epochs fixed by the held-out runs, no early stopping."""
    input:
        train=examples("train"),
        val=examples("val"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
        best="tables/tune/{model}_best.csv",
        runs="tables/train/{model}_heldout.csv",
        backbone=backbone,
        backbone_digest=backbone_digest,
    output:
        model="results/train/{model}.keras",
        digest="results/train/{model}.keras.sha256",
        history="tables/train/{model}_final.csv",
        summary="tables/train/{model}_model.csv",
    log:
        "results/logs/train_final_{model}.log",
    benchmark:
        "results/benchmarks/train_final_{model}.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen("seed", "compute", "augmentation"),
        code=code_of_model("pipeline.train"),
    shell:
        "python -m pipeline.train final --model {wildcards.model} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --best {input.best} --runs {input.runs} "
        "--backbone {input.backbone} --settings {params.settings:q} --model-file {output.model} "
        "--history {output.history} --summary {output.summary} --log {log}"


rule train_figures:
    """Cross-entropy and AUC at the end of each epoch."""
    input:
        history="tables/train/{model}_{run}.csv",
    output:
        "figures/train/{model}_{run}.pdf",
    log:
        "results/logs/train_figures_{model}_{run}.log",
    benchmark:
        "results/benchmarks/train_figures_{model}_{run}.tsv"
    wildcard_constraints:
        run="initial|final",
    params:
        code=code_of("pipeline.plots.train"),
    shell:
        "python -m pipeline.plots.train train --history {input.history} --out {output} --log {log}"
