FINETUNE_SETTINGS = ["seed", "compute", "augmentation", "finetune"]


rule finetune:
    """The final transfer model unfrozen and trained end to end on train + val; kept or rejected by train alone."""
    input:
        model=tracked("results/train/transfer.keras"),
        train=tracked("results/data/train.npy"),
        val=tracked("results/data/val.npy"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
        best="tables/tune/transfer_best.csv",
        summary="tables/train/transfer_model.csv",
    output:
        model="results/finetune/transfer.keras",
        digest="results/finetune/transfer.keras.sha256",
        attempts="tables/finetune/attempts.csv",
        history="tables/finetune/history.csv",
        summary="tables/finetune/model.csv",
    log:
        "results/logs/finetune.log",
    benchmark:
        "results/benchmarks/finetune.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen(*FINETUNE_SETTINGS),
        backups="results/backups/finetune/final",
        code=code_of("pipeline.finetune"),
    shell:
        "python -m pipeline.finetune final --model {input.model[0]} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --best {input.best} "
        "--summary {input.summary} --settings {params.settings:q} --backups {params.backups} --model-file {output.model} "
        "--attempts {output.attempts} --history {output.history} --tuned-summary {output.summary} --log {log}"


rule finetune_heldout:
    """The same schedule on train alone, from a held-out model, scored on val."""
    input:
        model=tracked(f"results/train/transfer_heldout_{config['training']['selection_seeds'][0]}.keras"),
        train=tracked("results/data/train.npy"),
        val=tracked("results/data/val.npy"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
        best="tables/tune/transfer_best.csv",
        attempts="tables/finetune/attempts.csv",
    output:
        model="results/finetune/transfer_heldout.keras",
        digest="results/finetune/transfer_heldout.keras.sha256",
        table="tables/finetune/heldout.csv",
        history="tables/finetune/heldout_history.csv",
        predictions="tables/finetune/val_predictions.csv",
    log:
        "results/logs/finetune_heldout.log",
    benchmark:
        "results/benchmarks/finetune_heldout.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen(*FINETUNE_SETTINGS, "training.selection_seeds"),
        backups="results/backups/finetune/heldout",
        code=code_of("pipeline.finetune"),
    shell:
        "python -m pipeline.finetune heldout --model {input.model[0]} --train {input.train[0]} --val {input.val[0]} "
        "--train-index {input.train_index} --val-index {input.val_index} --best {input.best} "
        "--attempts {input.attempts} --settings {params.settings:q} --backups {params.backups} "
        "--model-file {output.model} "
        "--table {output.table} --history {output.history} --predictions {output.predictions} --log {log}"
