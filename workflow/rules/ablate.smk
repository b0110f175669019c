# The sizes of images that a study needs, in rising order.
STUDY_SIZES = dict.fromkeys(IMAGE_STUDIES, [config["ablate"]["image_size"]])
STUDY_SIZES["resolution"] = sorted(config["ablate"]["variants"]["resolution"])
# What the heads of a study are trained or scored on: views of each image, or the plain images at every cut.
STUDY_FEATURES = {"head": "results/features/{split}.npy", "cut": "results/ablate/{split}_cuts.npz"}


localrules:
    ablate_compare,
    ablate_compare_data,
    ablate_compare_views,
    ablate_figures,
    ablate_data_figures,


rule ablate_images:
    """Train or val again, decoded at another size; only files of that split's index are read."""
    input:
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
        archive=dataset_path,
        content=dataset_digest,
        code=code_of("pipeline.ablate.images"),
    shell:
        "python -m pipeline.ablate.images ablate_images --archive {params.archive:q} --index {input.index} "
        "--size {wildcards.size} --out {output.images} --log {log}"


rule ablate:
    """One study: every variant with every seed, trained on train, scored on val."""
    input:
        train=lambda wildcards: ancient(expand("results/ablate/train_{size}.npy", size=STUDY_SIZES[wildcards.study])),
        train_digests=lambda wildcards: expand(
            "results/ablate/train_{size}.npy.sha256", size=STUDY_SIZES[wildcards.study]
        ),
        val=lambda wildcards: ancient(expand("results/ablate/val_{size}.npy", size=STUDY_SIZES[wildcards.study])),
        val_digests=lambda wildcards: expand("results/ablate/val_{size}.npy.sha256", size=STUDY_SIZES[wildcards.study]),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
    output:
        runs=shown("tables/ablate/{study}_runs.csv"),
        logits="results/ablate/{study}_logits.npy",
        digest="results/ablate/{study}_logits.npy.sha256",
        cost=shown("tables/ablate/{study}_cost.csv"),
    log:
        "results/logs/ablate_{study}.log",
    benchmark:
        "results/benchmarks/ablate_{study}.tsv"
    wildcard_constraints:
        study="|".join(IMAGE_STUDIES),
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
        code=code_of("pipeline.ablate.networks"),
    shell:
        "python -m pipeline.ablate.networks ablate --study {wildcards.study} --train {input.train} --val {input.val} "
        "--train-index {input.train_index} --val-index {input.val_index} --settings {params.settings:q} "
        "--runs {output.runs} --logits {output.logits} --cost {output.cost} --log {log}"


rule ablate_features:
    """Pooled features of the plain images of train or val at every cut of the backbone."""
    input:
        backbone=tracked("results/features/backbone.keras"),
        images=tracked("results/data/{split}.npy"),
    output:
        features="results/ablate/{split}_cuts.npz",
        digest="results/ablate/{split}_cuts.npz.sha256",
    log:
        "results/logs/ablate_features_{split}.log",
    benchmark:
        "results/benchmarks/ablate_features_{split}.tsv"
    wildcard_constraints:
        split="train|val",
    threads: config["compute"]["threads"]
    params:
        settings=chosen("compute.threads", "transfer.output_layer", "ablate.variants.cut"),
        code=code_of("pipeline.ablate.features", BACKBONE),
    shell:
        "python -m pipeline.ablate.features ablate_features --backbone {input.backbone[0]} --images {input.images[0]} "
        "--settings {params.settings:q} --out {output.features} --log {log}"


rule ablate_heads:
    """One study of the transfer model: heads of every variant with every seed, on cached features of all of train."""
    input:
        train=lambda wildcards: tracked(STUDY_FEATURES[wildcards.study].format(split="train")),
        val=lambda wildcards: tracked(STUDY_FEATURES[wildcards.study].format(split="val")),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
        backbone=tracked("results/features/backbone.keras"),
    output:
        runs=shown("tables/ablate/{study}_runs.csv"),
        logits="results/ablate/{study}_logits.npy",
        digest="results/ablate/{study}_logits.npy.sha256",
        cost=shown("tables/ablate/{study}_cost.csv"),
    log:
        "results/logs/ablate_heads_{study}.log",
    benchmark:
        "results/benchmarks/ablate_heads_{study}.tsv"
    wildcard_constraints:
        study="|".join(HEAD_STUDIES),
    threads: config["compute"]["threads"]
    params:
        settings=chosen(
            "seed",
            "compute",
            "transfer.hyperparameters",
            "ablate.seeds",
            "ablate.head_epochs",
            "ablate.variants.{study}",
        ),
        code=code_of("pipeline.ablate.heads"),
    shell:
        "python -m pipeline.ablate.heads ablate_heads --study {wildcards.study} --train {input.train[0]} "
        "--val {input.val[0]} --train-index {input.train_index} --val-index {input.val_index} "
        "--backbone {input.backbone[0]} --settings {params.settings:q} --runs {output.runs} --logits {output.logits} "
        "--cost {output.cost} --log {log}"


rule ablate_data:
    """Both models on growing shares of train, for the same number of steps each, scored on val."""
    input:
        train_images=tracked(f"results/ablate/train_{config['ablate']['image_size']}.npy"),
        val_images=tracked(f"results/ablate/val_{config['ablate']['image_size']}.npy"),
        train_features=tracked("results/features/train.npy"),
        val_features=tracked("results/features/val.npy"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
        checked="results/data/checked",
    output:
        runs=shown("tables/ablate/data_runs.csv"),
        logits="results/ablate/data_logits.npy",
        digest="results/ablate/data_logits.npy.sha256",
        cost=shown("tables/ablate/data_cost.csv"),
    log:
        "results/logs/ablate_data.log",
    benchmark:
        "results/benchmarks/ablate_data.tsv"
    priority: 1  # before its stage's other jobs: it is the longest
    threads: config["compute"]["threads"]
    params:
        settings=chosen(
            "seed",
            "compute",
            "augmentation",
            "baseline.hyperparameters",
            "transfer.hyperparameters",
            "ablate.seeds",
            "ablate.filters",
            "ablate.learning_rates.adam",
            "ablate.shares",
            "ablate.data_epochs",
        ),
        code=code_of("pipeline.ablate.data"),
    shell:
        "python -m pipeline.ablate.data ablate_data --train-images {input.train_images[0]} "
        "--val-images {input.val_images[0]} --train-features {input.train_features[0]} "
        "--val-features {input.val_features[0]} --train-index {input.train_index} --val-index {input.val_index} "
        "--settings {params.settings:q} --runs {output.runs} --logits {output.logits} --cost {output.cost} --log {log}"


rule ablate_compare:
    """Differences of val AUC from a study's reference, with simultaneous intervals over val images and runs."""
    input:
        runs="tables/ablate/{study}_runs.csv",
        logits=tracked("results/ablate/{study}_logits.npy"),
        val_index="tables/data/index_val.csv",
    output:
        shown("tables/ablate/{study}.csv"),
    log:
        "results/logs/ablate_compare_{study}.log",
    benchmark:
        "results/benchmarks/ablate_compare_{study}.tsv"
    params:
        settings=chosen("seed"),
        code=code_of("pipeline.ablate.compare"),
    shell:
        "python -m pipeline.ablate.compare study --runs {input.runs} --logits {input.logits[0]} "
        "--val-index {input.val_index} --settings {params.settings:q} --table {output} --log {log}"


rule ablate_compare_data:
    """Both models on each share of train, compared; what the last images add to each."""
    input:
        runs="tables/ablate/data_runs.csv",
        logits=tracked("results/ablate/data_logits.npy"),
        val_index="tables/data/index_val.csv",
    output:
        table=shown("tables/ablate/data.csv"),
        rise=shown("tables/ablate/data_rise.csv"),
    log:
        "results/logs/ablate_compare_data.log",
    benchmark:
        "results/benchmarks/ablate_compare_data.tsv"
    params:
        settings=chosen("seed"),
        code=code_of("pipeline.ablate.compare"),
    shell:
        "python -m pipeline.ablate.compare data --runs {input.runs} --logits {input.logits[0]} "
        "--val-index {input.val_index} --settings {params.settings:q} --table {output.table} --rise {output.rise} "
        "--log {log}"


rule ablate_compare_views:
    """The same head on features of augmented views and of plain images, compared."""
    input:
        head_runs="tables/ablate/head_runs.csv",
        head_logits=tracked("results/ablate/head_logits.npy"),
        cut_runs="tables/ablate/cut_runs.csv",
        cut_logits=tracked("results/ablate/cut_logits.npy"),
        val_index="tables/data/index_val.csv",
    output:
        shown("tables/ablate/views.csv"),
    log:
        "results/logs/ablate_compare_views.log",
    benchmark:
        "results/benchmarks/ablate_compare_views.tsv"
    params:
        settings=chosen("seed"),
        code=code_of("pipeline.ablate.compare"),
    shell:
        "python -m pipeline.ablate.compare views --head-runs {input.head_runs} --head-logits {input.head_logits[0]} "
        "--cut-runs {input.cut_runs} --cut-logits {input.cut_logits[0]} --val-index {input.val_index} "
        "--settings {params.settings:q} --table {output} --log {log}"


rule ablate_figures:
    """Val AUC of every run of a study."""
    input:
        runs="tables/ablate/{study}_runs.csv",
        table="tables/ablate/{study}.csv",
    output:
        shown("figures/ablate/{study}.pdf"),
    log:
        "results/logs/ablate_figures_{study}.log",
    benchmark:
        "results/benchmarks/ablate_figures_{study}.tsv"
    params:
        code=code_of("pipeline.ablate.figures"),
    shell:
        "python -m pipeline.ablate.figures ablate --runs {input.runs} --table {input.table} --out {output} --log {log}"


rule ablate_data_figures:
    """Val AUC of both models against the number of images that they are trained on."""
    input:
        runs="tables/ablate/data_runs.csv",
        table="tables/ablate/data.csv",
    output:
        shown("figures/ablate/data.pdf"),
    log:
        "results/logs/ablate_data_figures.log",
    benchmark:
        "results/benchmarks/ablate_data_figures.tsv"
    params:
        code=code_of("pipeline.ablate.data_figures"),
    shell:
        "python -m pipeline.ablate.data_figures ablate_data --runs {input.runs} --table {input.table} --out {output} "
        "--log {log}"
