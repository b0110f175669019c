rule explore:
    """Task 1: sizes, classes, grey values and samples of each split."""
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
        samples="results/explore/samples.npz",
    log:
        "results/logs/explore.log",
    benchmark:
        "results/benchmarks/explore.tsv"
    params:
        code=code_of("pipeline.explore"),
    shell:
        "python -m pipeline.explore explore --index {input.index} "
        "--caches {input.train[0]} {input.val[0]} {input.test[0]} --sizes {output.sizes} --classes {output.classes} "
        "--pixels {output.pixels} --intensities {output.intensities} --samples {output.samples} --log {log}"


rule explore_figures:
    """Figures of Task 1."""
    input:
        classes="tables/explore/classes.csv",
        intensities="tables/explore/intensities.csv",
        samples="results/explore/samples.npz",
    output:
        classes="figures/explore/classes.pdf",
        intensities="figures/explore/intensities.pdf",
        samples="figures/explore/samples.pdf",
    log:
        "results/logs/explore_figures.log",
    benchmark:
        "results/benchmarks/explore_figures.tsv"
    params:
        code=code_of("pipeline.plots.explore"),
    shell:
        "python -m pipeline.plots.explore explore --classes {input.classes} --intensities {input.intensities} "
        "--samples {input.samples} --classes-figure {output.classes} --intensities-figure {output.intensities} "
        "--samples-figure {output.samples} --log {log}"
