from pipeline.images import archive


def dataset(wildcards):
    """The archive or folder; looked for here and not at the start, so that the report alone builds without it."""
    path = config["dataset"]["path"]
    if not Path(path).exists():
        # An exception is shown with a traceback; where nothing was built yet, there is nothing that could go on.
        if not Path("tables/data/index.csv").exists():
            sys.exit(archive.missing(path))
        raise WorkflowError(archive.missing(path))
    return ancient(path)


def dataset_digest(wildcards):
    """Digest of the archive's content: a touched archive is no new data."""
    try:
        return archive.digest(config["dataset"]["path"])
    except InputError:
        return "unreadable"  # the stage itself says what is wrong with it


rule data:
    """The archive as a checked index and one uint8 cache a split."""
    input:
        archive=dataset,
    output:
        index="tables/data/index.csv",
        splits=expand("tables/data/index_{split}.csv", split=SPLITS),
        caches=expand("results/data/{split}.npy", split=SPLITS),
        digests=expand("results/data/{split}.npy.sha256", split=SPLITS),
    params:
        content=dataset_digest,
        settings=chosen("dataset.classes", "dataset.image_size", "dataset.draw", "seed", "demo"),
        code=code_of("pipeline.data"),
    log:
        "results/logs/data.log",
    benchmark:
        "results/benchmarks/data.tsv"
    shell:
        "python -m pipeline.data data --archive {input.archive:q} --settings {params.settings:q} "
        "--index {output.index} --splits {output.splits} --caches {output.caches} --log {log}"
