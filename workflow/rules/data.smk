rule data:
    """The archive as a checked index and one uint8 cache a split; what was found of copies."""
    input:
        archive=dataset,
    output:
        index=shown("tables/data/index.csv"),
        splits=shown(expand("tables/data/index_{split}.csv", split=SPLITS)),
        caches=expand("results/data/{split}.npy", split=SPLITS),
        masks=expand("results/data/{split}_masks.npy", split=SPLITS),
        digests=expand("results/data/{split}{kind}.npy.sha256", split=SPLITS, kind=["", "_masks"]),
        duplicates=shown("tables/data/duplicates.csv"),
        summary=shown("tables/data/duplicates_summary.csv"),
    log:
        "results/logs/data.log",
    benchmark:
        "results/benchmarks/data.tsv"
    params:
        content=dataset_digest,
        settings=chosen(
            "dataset.classes",
            "dataset.image_size",
            "dataset.ratios",
            "dataset.duplicates",
            "dataset.draw",
            "seed",
            "demo",
        ),
        code=code_of("pipeline.data"),
    shell:
        "python -m pipeline.data data --archive {input.archive:q} --settings {params.settings:q} "
        "--index {output.index} --splits {output.splits} --caches {output.caches} "
        "--masks {output.masks} --duplicates-table {output.duplicates} --summary {output.summary} --log {log}"
