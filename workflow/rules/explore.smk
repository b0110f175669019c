localrules:
    explore_figures,
    explore_inputs_figures,
    explore_findings,


rule explore:
    """Task 1: sizes, classes, grey values, quality and samples of each split; splits and classes compared."""
    input:
        index="tables/data/index.csv",
        train=tracked("results/data/train.npy"),
        val=tracked("results/data/val.npy"),
        test=tracked("results/data/test.npy"),
    output:
        sizes=published("tables/explore/sizes.csv"),
        classes=published("tables/explore/classes.csv"),
        pixels=published("tables/explore/pixels.csv"),
        intensities=published("tables/explore/intensities.csv"),
        images=published("tables/explore/images.csv"),
        mean_images=published("tables/explore/mean_images.csv"),
        uniformity=published("tables/explore/uniformity.csv"),
        shortcuts=published("tables/explore/shortcuts.csv"),
        samples="results/explore/samples.npz",
        pixel_images="results/explore/pixels.npz",
    log:
        "results/logs/explore.log",
    benchmark:
        "results/benchmarks/explore.tsv"
    params:
        files=files,
        settings=keys("seed"),
        code=code_of("pipeline.explore.describe"),
    shell:
        "python -m pipeline.explore.describe {params.files} --settings {params.settings:q} --log {log}"


rule explore_figures:
    """Figures of Task 1."""
    input:
        classes="tables/explore/classes.csv",
        intensities="tables/explore/intensities.csv",
        images="tables/explore/images.csv",
        shortcuts="tables/explore/shortcuts.csv",
        samples="results/explore/samples.npz",
        pixel_images="results/explore/pixels.npz",
    output:
        classes=published("figures/explore/classes.pdf"),
        intensities=published("figures/explore/intensities.pdf"),
        images=published("figures/explore/images.pdf"),
        shortcuts=published("figures/explore/shortcuts.pdf"),
        samples=published("figures/explore/samples.pdf"),
        samples_val=published("figures/explore/samples_val.pdf"),
        samples_test=published("figures/explore/samples_test.pdf"),
        pixels=published("figures/explore/pixels.pdf"),
    log:
        "results/logs/explore_figures.log",
    benchmark:
        "results/benchmarks/explore_figures.tsv"
    params:
        files=files,
        code=code_of("pipeline.explore.figures"),
    shell:
        "python -m pipeline.explore.figures {params.files} --log {log}"


rule explore_inputs:
    """What each normalisation does to a val sample, and each augmentation to a train sample."""
    input:
        train=tracked("results/data/train.npy"),
        val=tracked("results/data/val.npy"),
    output:
        table=published("tables/explore/normalisation.csv"),
        normalised="results/explore/normalisation.npz",
        augmented="results/explore/augmentation.npz",
    log:
        "results/logs/explore_inputs.log",
    benchmark:
        "results/benchmarks/explore_inputs.tsv"
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("seed", "augmentation", "compute"),
        code=code_of("pipeline.explore.inputs"),
    shell:
        "python -m pipeline.explore.inputs {params.files} --settings {params.settings:q} --log {log}"


rule explore_inputs_figures:
    """Figures of normalisation and augmentation."""
    input:
        normalised="results/explore/normalisation.npz",
        augmented="results/explore/augmentation.npz",
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
    output:
        normalisation=published("figures/explore/normalisation.pdf"),
        augmentation=published("figures/explore/augmentation.pdf"),
    log:
        "results/logs/explore_inputs_figures.log",
    benchmark:
        "results/benchmarks/explore_inputs_figures.tsv"
    params:
        files=files,
        code=code_of("pipeline.explore.input_figures"),
    shell:
        "python -m pipeline.explore.input_figures {params.files} --log {log}"


rule explore_findings:
    """What the exploration shows of copies, classes, cues and splits, each finding with its limit and margin."""
    input:
        data_duplicates_summary="tables/data/duplicates_summary.csv",
        sizes="tables/explore/sizes.csv",
        classes="tables/explore/classes.csv",
        pixels="tables/explore/pixels.csv",
        mean_images="tables/explore/mean_images.csv",
        uniformity="tables/explore/uniformity.csv",
        shortcuts="tables/explore/shortcuts.csv",
    output:
        findings=published("tables/explore/findings.csv"),
    log:
        "results/logs/explore_findings.log",
    benchmark:
        "results/benchmarks/explore_findings.tsv"
    params:
        files=files,
        settings=keys("dataset.image_size"),
        code=code_of("pipeline.explore.findings"),
    shell:
        "python -m pipeline.explore.findings {params.files} --settings {params.settings:q} --log {log}"
