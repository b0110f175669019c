rule ablate_images:
    """Train or val again, decoded at another size; only files of that split's index are read."""
    input:
        archive=dataset,
        index="tables/data/index_{split}.csv",
    output:
        images="results/ablate/{split}_{size}.npy",
        digest="results/ablate/{split}_{size}.npy.sha256",
    log:
        "results/logs/ablate_images_{split}_{size}.log",
    benchmark:
        "results/benchmarks/ablate_images_{split}_{size}.tsv"
    wildcard_constraints:
        split="train|val",
        size=r"\d+",
    params:
        content=dataset_digest,
        code=code_of("pipeline.ablate_images"),
    shell:
        "python -m pipeline.ablate_images ablate_images --archive {input.archive:q} --index {input.index} "
        "--size {wildcards.size} --out {output.images} --log {log}"


rule ablate:
    """One study: every variant with every seed, trained on train, scored on val."""
    input:
        train=ablate_images("train"),
        train_digests=ablate_digests("train"),
        val=ablate_images("val"),
        val_digests=ablate_digests("val"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
    output:
        runs="tables/ablate/{study}_runs.csv",
        table="tables/ablate/{study}.csv",
        cost="tables/ablate/{study}_cost.csv",
    log:
        "results/logs/ablate_{study}.log",
    benchmark:
        "results/benchmarks/ablate_{study}.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen(
            "seed",
            "compute",
            "augmentation",
            "baseline.hyperparameters",
            "ablate.seeds",
            "ablate.epochs",
            "ablate.images",
            "ablate.filters",
            "ablate.learning_rates",
            "ablate.variants.{study}",
        ),
        code=code_of("pipeline.ablate"),
    shell:
        "python -m pipeline.ablate ablate --study {wildcards.study} --train {input.train} --val {input.val} "
        "--train-index {input.train_index} --val-index {input.val_index} --settings {params.settings:q} "
        "--runs {output.runs} --table {output.table} --cost {output.cost} --log {log}"


rule ablate_figures:
    """Val AUC of every run of a study."""
    input:
        runs="tables/ablate/{study}_runs.csv",
        table="tables/ablate/{study}.csv",
    output:
        "figures/ablate/{study}.pdf",
    log:
        "results/logs/ablate_figures_{study}.log",
    benchmark:
        "results/benchmarks/ablate_figures_{study}.tsv"
    params:
        code=code_of("pipeline.plots.ablate"),
    shell:
        "python -m pipeline.plots.ablate ablate --runs {input.runs} --table {input.table} --out {output} --log {log}"
