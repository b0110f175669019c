IMAGENET = f"results/features/{config['transfer']['backbone']}_imagenet.h5"


localrules:
    fetch,


rule fetch:
    """ImageNet weights of the backbone, downloaded once a build; nodes of a cluster often have no internet, so this is local."""
    output:
        weights=digested(IMAGENET),
    log:
        "results/logs/fetch.log",
    benchmark:
        "results/benchmarks/fetch.tsv"
    # Before anything expensive runs.
    priority: 100
    params:
        files=files,
        settings=keys("transfer.backbone"),
        download="results/features/download",
    # Without `code`: its hash says that the download is right, and no edit should need the internet again.
    shell:
        "python -m pipeline.features fetch {params.files} --settings {params.settings:q} --download {params.download} "
        "--log {log}"


rule backbone:
    """The frozen backbone with its weights, cut at transfer.output_layer."""
    input:
        tracked(IMAGENET) if config["transfer"]["weights"] == "imagenet" else [],
    output:
        model=digested("results/features/backbone.keras"),
    log:
        "results/logs/backbone.log",
    benchmark:
        "results/benchmarks/backbone.tsv"
    priority: 100
    threads: config["compute"]["threads"]
    params:
        files=files,
        weights=lambda wildcards, input: user_files.weights_path(config, ROOT, IMAGENET),
        content=lambda wildcards: user_files.weights_digest(config, ROOT),
        settings=keys("seed", "compute.threads", "dataset.image_size", "transfer.backbone", "transfer.output_layer"),
        code=code_of("pipeline.features", BACKBONE),
    shell:
        "python -m pipeline.features backbone {params.files} --weights {params.weights:q} "
        "--settings {params.settings:q} --log {log}"


rule features:
    """Pooled features of the plain images and of augmented views of each, for train and for val."""
    input:
        backbone=tracked("results/features/backbone.keras"),
        images=tracked("results/data/{split}.npy"),
    output:
        features=digested("results/features/{split}.npy"),
        cost="results/features/{split}_cost.csv",
    log:
        "results/logs/features_{split}.log",
    benchmark:
        "results/benchmarks/features_{split}.tsv"
    wildcard_constraints:
        split="train|val",
    # The longest chain of jobs leads through fine-tuning: it goes first, then tune and train; studies fill the gaps.
    priority: 3
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("seed", "augmentation", "transfer.views", "compute"),
        code=code_of("pipeline.features", BACKBONE),
    shell:
        "python -m pipeline.features features {params.files} --split {wildcards.split} --settings {params.settings:q} "
        "--log {log}"
