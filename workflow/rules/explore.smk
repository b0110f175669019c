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
        sizes=shown("tables/explore/sizes.csv"),
        classes=shown("tables/explore/classes.csv"),
        pixels=shown("tables/explore/pixels.csv"),
        intensities=shown("tables/explore/intensities.csv"),
        images=shown("tables/explore/images.csv"),
        mean_images=shown("tables/explore/mean_images.csv"),
        uniformity=shown("tables/explore/uniformity.csv"),
        shortcuts=shown("tables/explore/shortcuts.csv"),
        samples="results/explore/samples.npz",
        pixel_images="results/explore/pixels.npz",
    log:
        "results/logs/explore.log",
    benchmark:
        "results/benchmarks/explore.tsv"
    params:
        files=files,
        settings=chosen("seed"),
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
        classes=shown("figures/explore/classes.pdf"),
        intensities=shown("figures/explore/intensities.pdf"),
        images=shown("figures/explore/images.pdf"),
        shortcuts=shown("figures/explore/shortcuts.pdf"),
        samples=shown("figures/explore/samples.pdf"),
        samples_val=shown("figures/explore/samples_val.pdf"),
        samples_test=shown("figures/explore/samples_test.pdf"),
        pixels=shown("figures/explore/pixels.pdf"),
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
        table=shown("tables/explore/normalisation.csv"),
        normalised="results/explore/normalisation.npz",
        augmented="results/explore/augmentation.npz",
    log:
        "results/logs/explore_inputs.log",
    benchmark:
        "results/benchmarks/explore_inputs.tsv"
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=chosen("seed", "augmentation", "compute"),
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
        normalisation=shown("figures/explore/normalisation.pdf"),
        augmentation=shown("figures/explore/augmentation.pdf"),
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
        findings=shown("tables/explore/findings.csv"),
    log:
        "results/logs/explore_findings.log",
    benchmark:
        "results/benchmarks/explore_findings.tsv"
    params:
        files=files,
        settings=chosen("dataset.image_size"),
        code=code_of("pipeline.explore.findings"),
    shell:
        "python -m pipeline.explore.findings {params.files} --settings {params.settings:q} --log {log}"
