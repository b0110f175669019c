rule explore:
    """Task 1: sizes, classes, grey values, quality and samples of each split; splits and classes compared."""
    input:
        index="tables/data/index.csv",
        train=tracked("results/data/train.npy"),
        val=tracked("results/data/val.npy"),
        test=tracked("results/data/test.npy"),
    output:
        sizes="tables/explore/sizes.csv",
        classes="tables/explore/classes.csv",
        pixels="tables/explore/pixels.csv",
        intensities="tables/explore/intensities.csv",
        images="tables/explore/images.csv",
        mean_images="tables/explore/mean_images.csv",
        uniformity="tables/explore/uniformity.csv",
        shortcuts="tables/explore/shortcuts.csv",
        samples="results/explore/samples.npz",
        pixel_images="results/explore/pixels.npz",
    log:
        "results/logs/explore.log",
    benchmark:
        "results/benchmarks/explore.tsv"
    params:
        settings=chosen("seed"),
        code=code_of("pipeline.explore"),
    shell:
        "python -m pipeline.explore explore --index {input.index} "
        "--caches {input.train[0]} {input.val[0]} {input.test[0]} --settings {params.settings:q} "
        "--sizes {output.sizes} --classes {output.classes} --pixels {output.pixels} "
        "--intensities {output.intensities} --images {output.images} --mean-images {output.mean_images} "
        "--uniformity {output.uniformity} --shortcuts {output.shortcuts} --samples {output.samples} "
        "--pixel-images {output.pixel_images} --log {log}"


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
        classes="figures/explore/classes.pdf",
        intensities="figures/explore/intensities.pdf",
        images="figures/explore/images.pdf",
        shortcuts="figures/explore/shortcuts.pdf",
        samples="figures/explore/samples.pdf",
        pixels="figures/explore/pixels.pdf",
    log:
        "results/logs/explore_figures.log",
    benchmark:
        "results/benchmarks/explore_figures.tsv"
    params:
        code=code_of("pipeline.plots.explore"),
    shell:
        "python -m pipeline.plots.explore explore --classes {input.classes} --intensities {input.intensities} "
        "--images {input.images} --shortcuts {input.shortcuts} --samples {input.samples} "
        "--pixel-images {input.pixel_images} --classes-figure {output.classes} "
        "--intensities-figure {output.intensities} --images-figure {output.images} "
        "--shortcuts-figure {output.shortcuts} --samples-figure {output.samples} "
        "--pixels-figure {output.pixels} --log {log}"


rule explore_inputs:
    """What each normalisation does to a val sample, and each augmentation to a train sample."""
    input:
        train=tracked("results/data/train.npy"),
        val=tracked("results/data/val.npy"),
    output:
        table="tables/explore/normalisation.csv",
        normalised="results/explore/normalisation.npz",
        augmented="results/explore/augmentation.npz",
    log:
        "results/logs/explore_inputs.log",
    benchmark:
        "results/benchmarks/explore_inputs.tsv"
    params:
        settings=chosen("seed", "augmentation"),
        code=code_of("pipeline.explore_inputs"),
    shell:
        "python -m pipeline.explore_inputs explore_inputs --train {input.train[0]} --val {input.val[0]} "
        "--settings {params.settings:q} --table {output.table} --normalised {output.normalised} "
        "--augmented {output.augmented} --log {log}"


rule explore_inputs_figures:
    """Figures of normalisation and augmentation."""
    input:
        normalised="results/explore/normalisation.npz",
        augmented="results/explore/augmentation.npz",
    output:
        normalisation="figures/explore/normalisation.pdf",
        augmentation="figures/explore/augmentation.pdf",
    log:
        "results/logs/explore_inputs_figures.log",
    benchmark:
        "results/benchmarks/explore_inputs_figures.tsv"
    params:
        code=code_of("pipeline.plots.explore_inputs"),
    shell:
        "python -m pipeline.plots.explore_inputs explore_inputs --normalised {input.normalised} "
        "--augmented {input.augmented} --normalisation-figure {output.normalisation} "
        "--augmentation-figure {output.augmentation} --log {log}"
