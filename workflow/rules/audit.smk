AUDIT_SIZE = config["ablate"]["image_size"]


localrules:
    audit_leakage,
    audit_findings,
    audit_figures,


rule audit:
    """AUC on val of controls without diagnostic content, every control with every seed, against whole images."""
    input:
        train=with_index(f"results/ablate/train_{AUDIT_SIZE}.npy", "train"),
        val=with_index(f"results/ablate/val_{AUDIT_SIZE}.npy", "val"),
        train_masks=tracked("results/data/train_masks.npy"),
        val_masks=tracked("results/data/val_masks.npy"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
    output:
        runs=published("tables/audit/controls_runs.csv"),
        table=published("tables/audit/controls.csv"),
        cost=published("tables/audit/controls_cost.csv"),
    log:
        "results/logs/audit.log",
    benchmark:
        "results/benchmarks/audit.tsv"
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys(
            "seed",
            "compute",
            "baseline.hyperparameters",
            "ablate.seeds",
            "ablate.epochs",
            "ablate.images",
            "ablate.filters",
            "ablate.learning_rates.adam",
            "audit",
        ),
        code=code_of("pipeline.audit.controls"),
    shell:
        "python -m pipeline.audit.controls {params.files} --settings {params.settings:q} --log {log}"


rule audit_counterfactuals:
    """Predictions of train-only models on val images from which a cue was removed; text and markers on val images."""
    input:
        baseline=tracked("results/final/baseline_train_only.keras"),
        transfer=tracked("results/final/transfer_train_only.keras"),
        val=with_index("results/data/val.npy", "val"),
        val_masks=tracked("results/data/val_masks.npy"),
        val_index="tables/data/index_val.csv",
    output:
        table=published("tables/audit/counterfactuals.csv"),
        markers=published("tables/audit/markers.csv"),
        samples=published("tables/audit/samples.csv"),
        sample_images="results/audit/samples.npz",
        marker_images="results/audit/markers.npz",
    log:
        "results/logs/audit_counterfactuals.log",
    benchmark:
        "results/benchmarks/audit_counterfactuals.tsv"
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("seed", "compute"),
        code=code_of("pipeline.audit.counterfactuals"),
    shell:
        "python -m pipeline.audit.counterfactuals {params.files} --settings {params.settings:q} --log {log}"


rule audit_leakage:
    """Eight types of data leakage, each with its answer and how it is known; reads the ledger of looks at test."""
    input:
        index="tables/data/index.csv",
        duplicates="tables/data/duplicates_summary.csv",
        ledger="tables/evaluate/ledger.csv",
        controls="tables/audit/controls.csv",
    output:
        table=published("tables/audit/leakage.csv"),
    log:
        "results/logs/audit_leakage.log",
    benchmark:
        "results/benchmarks/audit_leakage.tsv"
    params:
        files=files,
        code=code_of("pipeline.audit.leakage"),
    shell:
        "python -m pipeline.audit.leakage {params.files} --log {log}"


rule audit_findings:
    """What the article claims of shortcuts, each claim with its limit and margin; reads results of maps of test images."""
    input:
        controls="tables/audit/controls.csv",
        counterfactuals="tables/audit/counterfactuals.csv",
        markers="tables/audit/markers.csv",
        gradcam_groups="tables/gradcam/groups.csv",
        gradcam_regions="tables/gradcam/regions.csv",
        gradcam_differences="tables/gradcam/differences.csv",
    output:
        findings=published("tables/audit/findings.csv"),
    log:
        "results/logs/audit_findings.log",
    benchmark:
        "results/benchmarks/audit_findings.tsv"
    params:
        files=files,
        code=code_of("pipeline.audit.findings"),
    shell:
        "python -m pipeline.audit.findings {params.files} --log {log}"


rule audit_figures:
    """Val AUC of the controls; examples of edited images; images on which text and markers were found."""
    input:
        runs="tables/audit/controls_runs.csv",
        table="tables/audit/controls.csv",
        samples="tables/audit/samples.csv",
        sample_images="results/audit/samples.npz",
        marker_images="results/audit/markers.npz",
    output:
        controls=published("figures/audit/controls.pdf"),
        counterfactuals=published("figures/audit/counterfactuals.pdf"),
        markers=published("figures/audit/markers.pdf"),
    log:
        "results/logs/audit_figures.log",
    benchmark:
        "results/benchmarks/audit_figures.tsv"
    params:
        files=files,
        code=code_of("pipeline.audit.figures"),
    shell:
        "python -m pipeline.audit.figures {params.files} --log {log}"
