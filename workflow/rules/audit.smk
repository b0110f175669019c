AUDIT_SIZE = config["ablate"]["image_size"]


localrules:
    audit_leakage,
    audit_verdict,
    audit_figures,


rule audit:
    """What a network reaches that lacks what a diagnosis needs: every control with every seed, scored on val."""
    input:
        train=tracked(f"results/ablate/train_{AUDIT_SIZE}.npy"),
        val=tracked(f"results/ablate/val_{AUDIT_SIZE}.npy"),
        train_masks=tracked("results/data/train_masks.npy"),
        val_masks=tracked("results/data/val_masks.npy"),
        train_index="tables/data/index_train.csv",
        val_index="tables/data/index_val.csv",
    output:
        runs=shown("tables/audit/controls_runs.csv"),
        table=shown("tables/audit/controls.csv"),
        cost=shown("tables/audit/controls_cost.csv"),
    log:
        "results/logs/audit.log",
    benchmark:
        "results/benchmarks/audit.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen(
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
        "python -m pipeline.audit.controls audit --train {input.train[0]} --val {input.val[0]} "
        "--train-masks {input.train_masks[0]} --val-masks {input.val_masks[0]} --train-index {input.train_index} "
        "--val-index {input.val_index} --settings {params.settings:q} --runs {output.runs} --table {output.table} "
        "--cost {output.cost} --log {log}"


rule audit_counterfactuals:
    """What train-only models make of val images from which a cue was taken; text and markers found on them."""
    input:
        baseline=tracked("results/final/baseline_train_only.keras"),
        transfer=tracked("results/final/transfer_train_only.keras"),
        val=tracked("results/data/val.npy"),
        val_masks=tracked("results/data/val_masks.npy"),
        val_index="tables/data/index_val.csv",
    output:
        table=shown("tables/audit/counterfactuals.csv"),
        markers=shown("tables/audit/markers.csv"),
        samples=shown("tables/audit/samples.csv"),
        sample_images="results/audit/samples.npz",
        marker_images="results/audit/markers.npz",
    log:
        "results/logs/audit_counterfactuals.log",
    benchmark:
        "results/benchmarks/audit_counterfactuals.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen("seed", "compute"),
        code=code_of("pipeline.audit.counterfactuals"),
    shell:
        "python -m pipeline.audit.counterfactuals audit_counterfactuals --baseline {input.baseline[0]} "
        "--transfer {input.transfer[0]} --val {input.val[0]} --val-masks {input.val_masks[0]} "
        "--val-index {input.val_index} --settings {params.settings:q} --table {output.table} "
        "--marker-table {output.markers} --samples {output.samples} --sample-images {output.sample_images} "
        "--marker-images {output.marker_images} --log {log}"


rule audit_leakage:
    """Eight types of leakage, answered; reads the ledger of looks at test, no image, and feeds the report alone."""
    input:
        index="tables/data/index.csv",
        duplicates="tables/data/duplicates_summary.csv",
        ledger="tables/evaluate/ledger.csv",
        controls="tables/audit/controls.csv",
    output:
        shown("tables/audit/leakage.csv"),
    log:
        "results/logs/audit_leakage.log",
    benchmark:
        "results/benchmarks/audit_leakage.tsv"
    params:
        code=code_of("pipeline.audit.leakage"),
    shell:
        "python -m pipeline.audit.leakage audit_leakage --index {input.index} --duplicates {input.duplicates} "
        "--ledger {input.ledger} --controls {input.controls} --table {output} --log {log}"


rule audit_verdict:
    """What the audit says, in sentences for the abstract and the discussion."""
    input:
        controls="tables/audit/controls.csv",
        counterfactuals="tables/audit/counterfactuals.csv",
        markers="tables/audit/markers.csv",
    output:
        shown("tables/audit/verdict.csv"),
    log:
        "results/logs/audit_verdict.log",
    benchmark:
        "results/benchmarks/audit_verdict.tsv"
    params:
        code=code_of("pipeline.audit.verdict"),
    shell:
        "python -m pipeline.audit.verdict audit_verdict --controls {input.controls} "
        "--counterfactuals {input.counterfactuals} --markers {input.markers} --table {output} --log {log}"


rule audit_figures:
    """Val AUC of the controls; examples of edited images; images on which text and markers were found."""
    input:
        runs="tables/audit/controls_runs.csv",
        table="tables/audit/controls.csv",
        samples="tables/audit/samples.csv",
        sample_images="results/audit/samples.npz",
        marker_images="results/audit/markers.npz",
    output:
        controls=shown("figures/audit/controls.pdf"),
        counterfactuals=shown("figures/audit/counterfactuals.pdf"),
        markers=shown("figures/audit/markers.pdf"),
    log:
        "results/logs/audit_figures.log",
    benchmark:
        "results/benchmarks/audit_figures.tsv"
    params:
        code=code_of("pipeline.audit.figures"),
    shell:
        "python -m pipeline.audit.figures audit --runs {input.runs} --table {input.table} --samples {input.samples} "
        "--sample-images {input.sample_images} --marker-images {input.marker_images} "
        "--controls-figure {output.controls} --counterfactuals-figure {output.counterfactuals} "
        "--markers-figure {output.markers} --log {log}"
