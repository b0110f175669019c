# Two train-only models that differ in their seed alone, where there are as many seeds.
TRUST_SEEDS = train_only_models("{model}")[:2] if len(config["training"]["selection_seeds"]) > 1 else []


localrules:
    gradcam_figures,
    gradcam_findings,


rule gradcam:
    """Task 4: Grad-CAM of the better final model on all test images, by label and prediction."""
    input:
        baseline=tracked("results/final/baseline.keras"),
        transfer=tracked("results/final/transfer.keras"),
        test=with_index("results/data/test.npy", "test"),
        test_masks=tracked("results/data/test_masks.npy"),
        predictions="tables/evaluate/test_predictions.csv",
        metrics="tables/evaluate/test_metrics.csv",
        thresholds="tables/evaluate/thresholds.csv",
    output:
        heat=published("tables/gradcam/heat.csv"),
        groups=published("tables/gradcam/groups.csv"),
        regions=published("tables/gradcam/regions.csv"),
        differences=published("tables/gradcam/differences.csv"),
        classes=published("tables/gradcam/classes.csv"),
        samples=published("tables/gradcam/samples.csv"),
        maps="results/gradcam/maps.npz",
        means="results/gradcam/means.npz",
    log:
        "results/logs/gradcam.log",
    benchmark:
        "results/benchmarks/gradcam.tsv"
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("seed", "compute", "gradcam.samples", "gradcam.layer"),
        code=code_of("pipeline.gradcam.maps"),
    shell:
        "python -m pipeline.gradcam.maps {params.files} --settings {params.settings:q} --log {log}"


rule gradcam_overlays:
    """The samples as the archive has them, each with its map laid over it."""
    input:
        samples="tables/gradcam/samples.csv",
        test_index="tables/data/index_test.csv",
        maps="results/gradcam/maps.npz",
    output:
        overlays="results/gradcam/overlays.npz",
    log:
        "results/logs/gradcam_overlays.log",
    benchmark:
        "results/benchmarks/gradcam_overlays.tsv"
    threads: config["compute"]["threads"]
    params:
        files=files,
        archive=dataset_path,
        content=dataset_digest,
        settings=keys("compute.threads"),
        code=code_of("pipeline.gradcam.overlays"),
    shell:
        "python -m pipeline.gradcam.overlays {params.files} --archive {params.archive:q} "
        "--settings {params.settings:q} --log {log}"


rule gradcam_trust:
    """Checks on the maps of train-only models on val: agreement of two seeds, shuffled weights, deletion curves."""
    input:
        explained=tracked("results/final/{model}_train_only.keras"),
        seeds=[path for file in TRUST_SEEDS for path in tracked(file)],
        val=with_index("results/data/val.npy", "val"),
    output:
        table=published("tables/gradcam/{model}_trust.csv"),
        deletion=published("tables/gradcam/{model}_deletion.csv"),
    log:
        "results/logs/gradcam_trust_{model}.log",
    benchmark:
        "results/benchmarks/gradcam_trust_{model}.tsv"
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("seed", "compute", "gradcam.val_images", "gradcam.layer.{model}"),
        code=code_of("pipeline.gradcam.trust"),
    shell:
        "python -m pipeline.gradcam.trust {params.files} --model {wildcards.model} "
        "--settings {params.settings:q} --log {log}"


rule gradcam_findings:
    """What the article claims of the maps, each claim with its limit and margin."""
    input:
        groups="tables/gradcam/groups.csv",
        classes="tables/gradcam/classes.csv",
        regions="tables/gradcam/regions.csv",
        differences="tables/gradcam/differences.csv",
        trust=expand("tables/gradcam/{model}_trust.csv", model=MODELS),
        evaluate_test_metrics="tables/evaluate/test_metrics.csv",
    output:
        findings=published("tables/gradcam/findings.csv"),
    log:
        "results/logs/gradcam_findings.log",
    benchmark:
        "results/benchmarks/gradcam_findings.tsv"
    params:
        files=files,
        code=code_of("pipeline.gradcam.findings"),
    shell:
        "python -m pipeline.gradcam.findings {params.files} --log {log}"


rule gradcam_figures:
    """Samples beside their overlays, a row a group; mean maps; heat by region; deletion curves."""
    input:
        samples="tables/gradcam/samples.csv",
        regions="tables/gradcam/regions.csv",
        deletion=expand("tables/gradcam/{model}_deletion.csv", model=MODELS),
        overlays="results/gradcam/overlays.npz",
        means="results/gradcam/means.npz",
    output:
        groups=published("figures/gradcam/groups.pdf"),
        means=published("figures/gradcam/means.pdf"),
        regions=published("figures/gradcam/regions.pdf"),
        deletion=published("figures/gradcam/deletion.pdf"),
    log:
        "results/logs/gradcam_figures.log",
    benchmark:
        "results/benchmarks/gradcam_figures.tsv"
    params:
        files=files,
        settings=keys("gradcam.samples"),
        code=code_of("pipeline.gradcam.figures"),
    shell:
        "python -m pipeline.gradcam.figures {params.files} --settings {params.settings:q} --log {log}"
