rule gradcam:
    """Task 4: Grad-CAM of the better final model on test images of four groups."""
    input:
        baseline=tracked(FINAL_MODELS["baseline"]),
        transfer=tracked(FINAL_MODELS["transfer"]),
        test=tracked("results/data/test.npy"),
        test_index="tables/data/index_test.csv",
        predictions="tables/evaluate/test_predictions.csv",
        metrics="tables/evaluate/test_metrics.csv",
        thresholds="tables/evaluate/thresholds.csv",
    output:
        groups=shown("tables/gradcam/groups.csv"),
        samples=shown("tables/gradcam/samples.csv"),
        overlays="results/gradcam/overlays.npz",
    log:
        "results/logs/gradcam.log",
    benchmark:
        "results/benchmarks/gradcam.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen("compute", "gradcam"),
        code=code_of("pipeline.gradcam"),
    shell:
        "python -m pipeline.gradcam gradcam --models {input.baseline[0]} {input.transfer[0]} --test {input.test[0]} "
        "--test-index {input.test_index} --predictions {input.predictions} --test-metrics {input.metrics} "
        "--thresholds {input.thresholds} --settings {params.settings:q} --groups {output.groups} "
        "--samples {output.samples} --overlays {output.overlays} --log {log}"


rule gradcam_figures:
    """Each sample beside its overlay, a row a group."""
    input:
        samples="tables/gradcam/samples.csv",
        overlays="results/gradcam/overlays.npz",
    output:
        shown("figures/gradcam/groups.pdf"),
    log:
        "results/logs/gradcam_figures.log",
    benchmark:
        "results/benchmarks/gradcam_figures.tsv"
    params:
        settings=chosen("gradcam.samples"),
        code=code_of("pipeline.plots.gradcam"),
    shell:
        "python -m pipeline.plots.gradcam gradcam --samples {input.samples} --overlays {input.overlays} "
        "--settings {params.settings:q} --out {output} --log {log}"
