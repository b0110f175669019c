localrules:
    data_check,


rule data:
    """The archive as a checked index and one uint8 cache a split; what was found of copies."""
    output:
        index=published("tables/data/index.csv"),
        splits=published(expand("tables/data/index_{split}.csv", split=SPLITS)),
        caches=digested(expand("results/data/{split}.npy", split=SPLITS)),
        masks=digested(expand("results/data/{split}_masks.npy", split=SPLITS)),
        duplicates=published("tables/data/duplicates.csv"),
        summary=published("tables/data/duplicates_summary.csv"),
    log:
        "results/logs/data.log",
    benchmark:
        "results/benchmarks/data.tsv"
    # This and the next say what is wrong with the data, before anything expensive runs.
    priority: 101
    params:
        files=files,
        # Not tracked, as it takes `output`: other shares decode nothing again, and the next rule checks them.
        shares=lambda wildcards, output: keys("ablate.shares")(wildcards),
        archive=dataset_path,
        content=dataset_digest,
        settings=keys(
            "dataset.classes",
            "dataset.image_size",
            "dataset.ratios",
            "dataset.duplicates",
            "dataset.draw",
            "seed",
            "demo",
        ),
        code=code_of("pipeline.data.index"),
    shell:
        "python -m pipeline.data.index {params.files} --archive {params.archive:q} --settings {params.settings:q} "
        "--log {log} && "
        "python -m pipeline.data.check --index {output.splits[0]} --settings {params.shares:q} "
        "--log results/logs/data_check.log"


rule data_check:
    """Whether train has enough images for the smallest share that both models are trained on."""
    input:
        index="tables/data/index_train.csv",
    output:
        "results/data/checked",
    log:
        "results/logs/data_check.log",
    benchmark:
        "results/benchmarks/data_check.tsv"
    priority: 101
    params:
        files=files,
        settings=keys("ablate.shares"),
        code=code_of("pipeline.data.check"),
    shell:
        "python -m pipeline.data.check {params.files} --settings {params.settings:q} --log {log} && touch {output}"


if config["dataset"]["external"]:

    rule data_external:
        """The external set, checked like the archive, without copies of images that the archive has."""
        input:
            index="tables/data/index.csv",
            caches=[part for split in SPLITS for part in tracked(f"results/data/{split}.npy")],
        output:
            index=published("tables/data/index_external.csv"),
            images=digested("results/data/external.npy"),
            summary=published("tables/data/external_summary.csv"),
        log:
            "results/logs/data_external.log",
        benchmark:
            "results/benchmarks/data_external.tsv"
        params:
            files=files,
            archive=lambda wildcards, input: user_files.external_path(config, ROOT),
            content=lambda wildcards: user_files.digest(user_files.external_path(config, ROOT)),
            settings=keys("dataset.classes", "dataset.image_size", "seed", "demo"),
            code=code_of("pipeline.data.external"),
        shell:
            "python -m pipeline.data.external {params.files} --archive {params.archive:q} "
            "--settings {params.settings:q} --log {log}"
