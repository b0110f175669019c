# Two train-only models that differ in their seed alone, where there are as many seeds.
TRUST_SEEDS = train_only_models("{model}")[:2] if len(config["training"]["selection_seeds"]) > 1 else []


localrules:
    gradcam_figures,


rule gradcam:
    """Task 4: Grad-CAM of the better final model on all test images, by groups of verdicts."""
    input:
        baseline=tracked("results/final/baseline.keras"),
        transfer=tracked("results/final/transfer.keras"),
        test=tracked("results/data/test.npy"),
        test_masks=tracked("results/data/test_masks.npy"),
        test_index="tables/data/index_test.csv",
        predictions="tables/evaluate/test_predictions.csv",
        metrics="tables/evaluate/test_metrics.csv",
        thresholds="tables/evaluate/thresholds.csv",
    output:
        heat=shown("tables/gradcam/heat.csv"),
        groups=shown("tables/gradcam/groups.csv"),
        regions=shown("tables/gradcam/regions.csv"),
        differences=shown("tables/gradcam/differences.csv"),
        classes=shown("tables/gradcam/classes.csv"),
        samples=shown("tables/gradcam/samples.csv"),
        maps="results/gradcam/maps.npz",
        means="results/gradcam/means.npz",
    log:
        "results/logs/gradcam.log",
    benchmark:
        "results/benchmarks/gradcam.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen("seed", "compute", "gradcam.samples", "gradcam.layer"),
        code=code_of("pipeline.gradcam.maps"),
    shell:
        "python -m pipeline.gradcam.maps gradcam --models {input.baseline[0]} {input.transfer[0]} "
        "--test {input.test[0]} --test-masks {input.test_masks[0]} "
        "--test-index {input.test_index} --predictions {input.predictions} --test-metrics {input.metrics} "
        "--thresholds {input.thresholds} --settings {params.settings:q} --heat {output.heat} "
        "--groups {output.groups} --region-table {output.regions} --differences {output.differences} "
        "--classes {output.classes} --samples {output.samples} --shown-maps {output.maps} --means {output.means} "
        "--log {log}"


rule gradcam_overlays:
    """The samples as the archive has them, each with its map laid over it."""
    input:
        samples="tables/gradcam/samples.csv",
        test_index="tables/data/index_test.csv",
        maps="results/gradcam/maps.npz",
    output:
        "results/gradcam/overlays.npz",
    log:
        "results/logs/gradcam_overlays.log",
    benchmark:
        "results/benchmarks/gradcam_overlays.tsv"
    threads: config["compute"]["threads"]
    params:
        archive=dataset_path,
        content=dataset_digest,
        settings=chosen("compute.threads"),
        code=code_of("pipeline.gradcam.overlays"),
    shell:
        "python -m pipeline.gradcam.overlays gradcam_overlays --archive {params.archive:q} --samples {input.samples} "
        "--test-index {input.test_index} --maps {input.maps} --settings {params.settings:q} --overlays {output} --log {log}"


rule gradcam_trust:
    """Whether the maps can be trusted: two seeds, shuffled weights, deletion; on val, with train-only models."""
    input:
        explained=tracked("results/final/{model}_train_only.keras"),
        seeds=ancient(TRUST_SEEDS),
        seeds_digests=[f"{file}.sha256" for file in TRUST_SEEDS],
        val=tracked("results/data/val.npy"),
        val_index="tables/data/index_val.csv",
    output:
        table=shown("tables/gradcam/{model}_trust.csv"),
        deletion=shown("tables/gradcam/{model}_deletion.csv"),
    log:
        "results/logs/gradcam_trust_{model}.log",
    benchmark:
        "results/benchmarks/gradcam_trust_{model}.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen("seed", "compute", "gradcam.val_images", "gradcam.layer.{model}"),
        code=code_of("pipeline.gradcam.trust"),
    shell:
        "python -m pipeline.gradcam.trust gradcam_trust --model {wildcards.model} --explained {input.explained[0]} "
        "--seeds {input.seeds} --val {input.val[0]} --val-index {input.val_index} --settings {params.settings:q} "
        "--table {output.table} --deletion {output.deletion} --log {log}"


rule gradcam_figures:
    """Samples beside their overlays, a row a group; mean maps; heat by region; deletion curves."""
    input:
        samples="tables/gradcam/samples.csv",
        regions="tables/gradcam/regions.csv",
        deletion=expand("tables/gradcam/{model}_deletion.csv", model=MODELS),
        overlays="results/gradcam/overlays.npz",
        means="results/gradcam/means.npz",
    output:
        groups=shown("figures/gradcam/groups.pdf"),
        means=shown("figures/gradcam/means.pdf"),
        regions=shown("figures/gradcam/regions.pdf"),
        deletion=shown("figures/gradcam/deletion.pdf"),
    log:
        "results/logs/gradcam_figures.log",
    benchmark:
        "results/benchmarks/gradcam_figures.tsv"
    params:
        settings=chosen("gradcam.samples"),
        code=code_of("pipeline.gradcam.figures"),
    shell:
        "python -m pipeline.gradcam.figures gradcam --samples {input.samples} --region-table {input.regions} "
        "--deletion {input.deletion} --overlays {input.overlays} --means {input.means} "
        "--settings {params.settings:q} --groups-figure {output.groups} --means-figure {output.means} "
        "--regions-figure {output.regions} --deletion-figure {output.deletion} --log {log}"
