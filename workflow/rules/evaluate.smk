# Outside the rules' outputs: Snakemake deletes those before a job runs again, and a look cannot be unlooked.
LEDGER = "results/evaluate/ledger.csv"


rule predict_test:
    """The one look at the test split for each final model."""
    input:
        model=final_model,
        test=tracked("results/data/test.npy"),
        test_index="tables/data/index_test.csv",
    output:
        logits="results/evaluate/{model}_logits.csv",
    log:
        "results/logs/predict_test_{model}.log",
    benchmark:
        "results/benchmarks/predict_test_{model}.tsv"
    threads: config["compute"]["threads"]
    params:
        settings=chosen("compute"),
        ledger=LEDGER,
        code=code_of("pipeline.predict_test"),
    shell:
        "python -m pipeline.predict_test predict_test --model {wildcards.model} --model-file {input.model[0]} "
        "--test {input.test[0]} --test-index {input.test_index} --settings {params.settings:q} "
        "--ledger {params.ledger} --logits {output.logits} --log {log}"


rule evaluate:
    """Test results with their uncertainty; thresholds from held-out val outputs."""
    input:
        logits=expand("results/evaluate/{model}_logits.csv", model=MODELS),
        val_predictions=["tables/train/baseline_val_predictions.csv", "tables/finetune/val_predictions.csv"],
        test=tracked("results/data/test.npy"),
        test_index="tables/data/index_test.csv",
    output:
        thresholds=shown("tables/evaluate/thresholds.csv"),
        predictions=shown("tables/evaluate/test_predictions.csv"),
        metrics=shown("tables/evaluate/test_metrics.csv"),
        confusion=shown("tables/evaluate/confusion.csv"),
        looks=shown("tables/evaluate/ledger.csv"),
        samples=shown("tables/evaluate/samples.csv"),
        sample_images="results/evaluate/samples.npz",
    log:
        "results/logs/evaluate.log",
    benchmark:
        "results/benchmarks/evaluate.tsv"
    params:
        settings=chosen("seed"),
        ledger=LEDGER,
        code=code_of("pipeline.evaluate"),
    shell:
        "python -m pipeline.evaluate evaluate --logits {input.logits} --val-predictions {input.val_predictions} "
        "--ledger {params.ledger} --test {input.test[0]} --test-index {input.test_index} "
        "--settings {params.settings:q} --thresholds {output.thresholds} --predictions {output.predictions} "
        "--test-metrics {output.metrics} --confusion {output.confusion} --looks {output.looks} "
        "--samples {output.samples} --sample-images {output.sample_images} --log {log}"


rule evaluate_figures:
    """Confusion matrices, ROC curves, samples with their verdicts."""
    input:
        predictions="tables/evaluate/test_predictions.csv",
        metrics="tables/evaluate/test_metrics.csv",
        confusion="tables/evaluate/confusion.csv",
        samples="tables/evaluate/samples.csv",
        sample_images="results/evaluate/samples.npz",
    output:
        confusion=shown("figures/evaluate/confusion.pdf"),
        roc=shown("figures/evaluate/roc.pdf"),
        samples=shown("figures/evaluate/samples.pdf"),
    log:
        "results/logs/evaluate_figures.log",
    benchmark:
        "results/benchmarks/evaluate_figures.tsv"
    params:
        code=code_of("pipeline.plots.evaluate"),
    shell:
        "python -m pipeline.plots.evaluate evaluate --predictions {input.predictions} "
        "--test-metrics {input.metrics} --confusion {input.confusion} --samples {input.samples} "
        "--sample-images {input.sample_images} --confusion-figure {output.confusion} --roc-figure {output.roc} "
        "--samples-figure {output.samples} --log {log}"
