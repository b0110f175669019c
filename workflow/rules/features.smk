IMAGENET = f"results/features/{config['transfer']['backbone']}_imagenet.h5"


localrules:
    fetch,


rule fetch:
    """ImageNet weights of the backbone, downloaded once a build; nodes of a cluster often have no internet, so this is local."""
    output:
        weights=IMAGENET,
        digest=f"{IMAGENET}.sha256",
    log:
        "results/logs/fetch.log",
    benchmark:
        "results/benchmarks/fetch.tsv"
    # Before anything expensive runs.
    priority: 100
    params:
        settings=chosen("transfer.backbone"),
    # Without `code`: its hash says that the download is right, and no edit should need the internet again.
    shell:
        "python -m pipeline.features fetch --settings {params.settings:q} --weights {output.weights} --log {log}"


rule backbone:
    """The frozen backbone with its weights, cut at transfer.output_layer."""
    input:
        tracked(IMAGENET) if config["transfer"]["weights"] == "imagenet" else [],
    output:
        model="results/features/backbone.keras",
        digest="results/features/backbone.keras.sha256",
    log:
        "results/logs/backbone.log",
    benchmark:
        "results/benchmarks/backbone.tsv"
    priority: 100
    threads: config["compute"]["threads"]
    params:
        weights=lambda wildcards, input: user_files.weights_path(config, ROOT, IMAGENET),
        content=lambda wildcards: user_files.weights_digest(config, ROOT),
        settings=chosen("seed", "compute.threads", "dataset.image_size", "transfer.backbone", "transfer.output_layer"),
        code=code_of("pipeline.features", BACKBONE),
    shell:
        "python -m pipeline.features backbone --weights {params.weights:q} --settings {params.settings:q} "
        "--model-file {output.model} --log {log}"


rule features:
    """Pooled features of the plain images and of augmented views of each, for train and for val."""
    input:
        backbone=tracked("results/features/backbone.keras"),
        images=tracked("results/data/{split}.npy"),
    output:
        features="results/features/{split}.npy",
        digest="results/features/{split}.npy.sha256",
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
        settings=chosen("seed", "augmentation", "transfer.views", "compute"),
        code=code_of("pipeline.features", BACKBONE),
    shell:
        "python -m pipeline.features features --backbone {input.backbone[0]} --images {input.images[0]} "
        "--split {wildcards.split} --settings {params.settings:q} --out {output.features} --cost {output.cost} "
        "--log {log}"
