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
    ablate_findings,


rule ablate_images:
    """Train or val again, decoded at another size; only files of that split's index are read."""
    input:
        index="tables/data/index_{split}.csv",
    output:
        images=digested("results/ablate/{split}_{size}.npy"),
    log:
        "results/logs/ablate_images_{split}_{size}.log",
    benchmark:
        "results/benchmarks/ablate_images_{split}_{size}.tsv"
    wildcard_constraints:
        split="train|val",
        size=r"\d+",
    params:
        files=files,
        archive=dataset_path,
        content=dataset_digest,
        code=code_of("pipeline.ablate.images"),
    shell:
        "python -m pipeline.ablate.images {params.files} --archive {params.archive:q} --size {wildcards.size} --log {log}"


rule ablate:
    """One study: every variant with every seed, trained on train, scored on val."""
    input:
        train=lambda wildcards: [
            file for size in STUDY_SIZES[wildcards.study] for file in tracked(f"results/ablate/train_{size}.npy")
        ],
        val=lambda wildcards: [
            file for size in STUDY_SIZES[wildcards.study] for file in tracked(f"results/ablate/val_{size}.npy")
        ],
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
    output:
        runs=published("tables/ablate/{study}_runs.csv"),
        logits=digested("results/ablate/{study}_logits.npy"),
        cost=published("tables/ablate/{study}_cost.csv"),
    log:
        "results/logs/ablate_{study}.log",
    benchmark:
        "results/benchmarks/ablate_{study}.tsv"
    wildcard_constraints:
        study="|".join(IMAGE_STUDIES),
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys(
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
        "python -m pipeline.ablate.networks {params.files} --study {wildcards.study} --settings {params.settings:q} "
        "--log {log}"


rule ablate_features:
    """Pooled features of the plain images of train or val at every cut of the backbone."""
    input:
        backbone=tracked("results/features/backbone.keras"),
        images=tracked("results/data/{split}.npy"),
    output:
        features=digested("results/ablate/{split}_cuts.npz"),
    log:
        "results/logs/ablate_features_{split}.log",
    benchmark:
        "results/benchmarks/ablate_features_{split}.tsv"
    wildcard_constraints:
        split="train|val",
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("compute.threads", "transfer.output_layer", "ablate.variants.cut"),
        code=code_of("pipeline.ablate.features", BACKBONE),
    shell:
        "python -m pipeline.ablate.features {params.files} --settings {params.settings:q} --log {log}"


rule ablate_heads:
    """One study of the transfer model: heads of every variant with every seed, on cached features of all of train."""
    input:
        train=lambda wildcards: with_index(STUDY_FEATURES[wildcards.study].format(split="train"), "train"),
        val=lambda wildcards: with_index(STUDY_FEATURES[wildcards.study].format(split="val"), "val"),
        backbone=tracked("results/features/backbone.keras"),
    output:
        runs=published("tables/ablate/{study}_runs.csv"),
        logits=digested("results/ablate/{study}_logits.npy"),
        cost=published("tables/ablate/{study}_cost.csv"),
    log:
        "results/logs/ablate_heads_{study}.log",
    benchmark:
        "results/benchmarks/ablate_heads_{study}.tsv"
    wildcard_constraints:
        study="|".join(HEAD_STUDIES),
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys(
            "seed",
            "compute",
            "transfer.hyperparameters",
            "ablate.seeds",
            "ablate.head_epochs",
            "ablate.variants.{study}",
        ),
        code=code_of("pipeline.ablate.heads"),
    shell:
        "python -m pipeline.ablate.heads {params.files} --study {wildcards.study} --settings {params.settings:q} --log {log}"


rule ablate_data:
    """Both models on growing shares of train, for the same number of steps each, scored on val."""
    input:
        "results/data/checked",
        train_images=with_index(f"results/ablate/train_{config['ablate']['image_size']}.npy", "train"),
        val_images=with_index(f"results/ablate/val_{config['ablate']['image_size']}.npy", "val"),
        train_features=with_index("results/features/train.npy", "train"),
        val_features=with_index("results/features/val.npy", "val"),
    output:
        runs=published("tables/ablate/data_runs.csv"),
        logits=digested("results/ablate/data_logits.npy"),
        cost=published("tables/ablate/data_cost.csv"),
    log:
        "results/logs/ablate_data.log",
    benchmark:
        "results/benchmarks/ablate_data.tsv"
    priority: 1  # before its stage's other jobs: it is the longest
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys(
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
        "python -m pipeline.ablate.data {params.files} --settings {params.settings:q} --log {log}"


rule ablate_compare:
    """Differences of val AUC from a study's reference, with simultaneous intervals over val images and runs."""
    input:
        runs="tables/ablate/{study}_runs.csv",
        logits=tracked("results/ablate/{study}_logits.npy"),
        val_index="tables/data/index_val.csv",
    output:
        table=published("tables/ablate/{study}.csv"),
    log:
        "results/logs/ablate_compare_{study}.log",
    benchmark:
        "results/benchmarks/ablate_compare_{study}.tsv"
    params:
        files=files,
        settings=keys("seed"),
        code=code_of("pipeline.ablate.compare"),
    shell:
        "python -m pipeline.ablate.compare compare_variants {params.files} --settings {params.settings:q} --log {log}"


rule ablate_compare_data:
    """Both models on each share of train, compared; what the last images add to each."""
    input:
        runs="tables/ablate/data_runs.csv",
        logits=tracked("results/ablate/data_logits.npy"),
        val_index="tables/data/index_val.csv",
    output:
        table=published("tables/ablate/data.csv"),
        rise=published("tables/ablate/data_rise.csv"),
    log:
        "results/logs/ablate_compare_data.log",
    benchmark:
        "results/benchmarks/ablate_compare_data.tsv"
    params:
        files=files,
        settings=keys("seed"),
        code=code_of("pipeline.ablate.compare"),
    shell:
        "python -m pipeline.ablate.compare compare_shares {params.files} --settings {params.settings:q} --log {log}"


rule ablate_compare_views:
    """The same head on features of augmented views and of plain images, compared."""
    input:
        head_runs="tables/ablate/head_runs.csv",
        head_logits=tracked("results/ablate/head_logits.npy"),
        cut_runs="tables/ablate/cut_runs.csv",
        cut_logits=tracked("results/ablate/cut_logits.npy"),
        val_index="tables/data/index_val.csv",
    output:
        table=published("tables/ablate/views.csv"),
    log:
        "results/logs/ablate_compare_views.log",
    benchmark:
        "results/benchmarks/ablate_compare_views.tsv"
    params:
        files=files,
        settings=keys("seed"),
        code=code_of("pipeline.ablate.compare"),
    shell:
        "python -m pipeline.ablate.compare compare_views {params.files} --settings {params.settings:q} --log {log}"


rule ablate_figures:
    """Val AUC of every run of a study."""
    input:
        runs="tables/ablate/{study}_runs.csv",
        table="tables/ablate/{study}.csv",
    output:
        figure=published("figures/ablate/{study}.pdf"),
    log:
        "results/logs/ablate_figures_{study}.log",
    benchmark:
        "results/benchmarks/ablate_figures_{study}.tsv"
    params:
        files=files,
        code=code_of("pipeline.ablate.figures"),
    shell:
        "python -m pipeline.ablate.figures {params.files} --log {log}"


rule ablate_data_figures:
    """Val AUC of both models against the number of images that they are trained on."""
    input:
        runs="tables/ablate/data_runs.csv",
        table="tables/ablate/data.csv",
    output:
        figure=published("figures/ablate/data.pdf"),
    log:
        "results/logs/ablate_data_figures.log",
    benchmark:
        "results/benchmarks/ablate_data_figures.tsv"
    params:
        files=files,
        code=code_of("pipeline.ablate.data_figures"),
    shell:
        "python -m pipeline.ablate.data_figures {params.files} --log {log}"


rule ablate_findings:
    """What the studies show, each finding with its limit and margin; the effect of each variant; the time of an epoch."""
    input:
        **{study: f"tables/ablate/{study}.csv" for study in STUDIES},
        views="tables/ablate/views.csv",
        data="tables/ablate/data.csv",
        data_rise="tables/ablate/data_rise.csv",
        resolution_cost="tables/ablate/resolution_cost.csv",
        tune_baseline_best="tables/tune/baseline_best.csv",
        tune_transfer_selection="tables/tune/transfer_selection.csv",
        train_baseline_train_only="tables/train/baseline_train_only.csv",
        train_transfer_train_only="tables/train/transfer_train_only.csv",
    output:
        findings=published("tables/ablate/findings.csv"),
        effects=published("tables/ablate/effects.csv"),
        size_cost=published("tables/ablate/size_cost.csv"),
    log:
        "results/logs/ablate_findings.log",
    benchmark:
        "results/benchmarks/ablate_findings.tsv"
    params:
        files=files,
        settings=keys("dataset.image_size", "ablate.image_size", "transfer.backbone"),
        code=code_of("pipeline.ablate.findings", BACKBONE),
    shell:
        "python -m pipeline.ablate.findings {params.files} --settings {params.settings:q} --log {log}"
