VAL_PREDICTIONS = expand("tables/final/{model}_val_predictions.csv", model=MODELS)
# Outside the rules' outputs: Snakemake deletes those before a job runs again, and a look cannot be unlooked.
LEDGER = "results/evaluate/ledger.csv"
EXTERNAL_LEDGER = "results/evaluate/external_ledger.csv"


localrules:
    evaluate_thresholds,
    evaluate,
    evaluate_calibration,
    evaluate_compare,
    evaluate_findings,
    evaluate_figures,


rule evaluate_thresholds:
    """Operating thresholds and corrections of probabilities, from held-out val outputs alone."""
    input:
        val_predictions=VAL_PREDICTIONS,
        best=expand("tables/tune/{model}_best.csv", model=MODELS),
    output:
        thresholds=shown("tables/evaluate/thresholds.csv"),
        corrections=shown("tables/evaluate/corrections.csv"),
    log:
        "results/logs/evaluate_thresholds.log",
    benchmark:
        "results/benchmarks/evaluate_thresholds.tsv"
    params:
        code=code_of("pipeline.evaluate.thresholds"),
    shell:
        "python -m pipeline.evaluate.thresholds evaluate_thresholds --val-predictions {input.val_predictions} "
        "--best {input.best} --thresholds {output.thresholds} --corrections {output.corrections} --log {log}"


rule predict_test:
    """The one look at the test split for each final model, once its threshold is set."""
    input:
        model=tracked("results/final/{model}.keras"),
        # Only that they are there: another threshold makes no new look necessary.
        thresholds=ancient("tables/evaluate/thresholds.csv"),
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
        code=code_of("pipeline.evaluate.predict"),
    shell:
        "python -m pipeline.evaluate.predict predict_test --model {wildcards.model} --model-file {input.model[0]} "
        "--test {input.test[0]} --test-index {input.test_index} --settings {params.settings:q} "
        "--ledger {params.ledger} --logits {output.logits} --log {log}"


rule evaluate:
    """Test results with their uncertainty."""
    input:
        logits=expand("results/evaluate/{model}_logits.csv", model=MODELS),
        thresholds="tables/evaluate/thresholds.csv",
        corrections="tables/evaluate/corrections.csv",
        test=tracked("results/data/test.npy"),
        test_index="tables/data/index_test.csv",
    output:
        predictions=shown("tables/evaluate/test_predictions.csv"),
        metrics=shown("tables/evaluate/test_metrics.csv"),
        confusion=shown("tables/evaluate/confusion.csv"),
        curves=shown("tables/evaluate/curves.csv"),
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
        code=code_of("pipeline.evaluate.metrics"),
    shell:
        "python -m pipeline.evaluate.metrics evaluate --logits {input.logits} --thresholds {input.thresholds} "
        "--corrections {input.corrections} --ledger {params.ledger} --test {input.test[0]} "
        "--test-index {input.test_index} --settings {params.settings:q} --predictions {output.predictions} "
        "--test-metrics {output.metrics} --confusion {output.confusion} --curve-table {output.curves} "
        "--looks {output.looks} --samples {output.samples} --sample-images {output.sample_images} --log {log}"


rule evaluate_calibration:
    """Whether the test probabilities are calibrated, before and after a correction fitted to val logits."""
    input:
        predictions="tables/evaluate/test_predictions.csv",
        corrections="tables/evaluate/corrections.csv",
    output:
        table=shown("tables/evaluate/calibration.csv"),
        bins=shown("tables/evaluate/reliability.csv"),
    log:
        "results/logs/evaluate_calibration.log",
    benchmark:
        "results/benchmarks/evaluate_calibration.tsv"
    params:
        settings=chosen("seed"),
        code=code_of("pipeline.evaluate.calibration"),
    shell:
        "python -m pipeline.evaluate.calibration evaluate_calibration --predictions {input.predictions} "
        "--corrections {input.corrections} --settings {params.settings:q} --table {output.table} "
        "--bins {output.bins} --log {log}"


rule evaluate_compare:
    """Val against test for each model; baseline against fine-tuned on the same test images."""
    input:
        predictions="tables/evaluate/test_predictions.csv",
        thresholds="tables/evaluate/thresholds.csv",
        val_predictions=VAL_PREDICTIONS,
    output:
        val_test=shown("tables/evaluate/val_test.csv"),
        compare=shown("tables/evaluate/compare.csv"),
    log:
        "results/logs/evaluate_compare.log",
    benchmark:
        "results/benchmarks/evaluate_compare.tsv"
    params:
        code=code_of("pipeline.evaluate.compare"),
    shell:
        "python -m pipeline.evaluate.compare evaluate_compare --predictions {input.predictions} "
        "--thresholds {input.thresholds} --val-predictions {input.val_predictions} --val-test {output.val_test} "
        "--compare {output.compare} --log {log}"


rule evaluate_findings:
    """What the article claims of the test results, each claim with its limit and margin."""
    input:
        data_external_summary=["tables/data/external_summary.csv"] if config["dataset"]["external"] else [],
        external_metrics=["tables/evaluate/external_metrics.csv"] if config["dataset"]["external"] else [],
        external_compare=["tables/evaluate/external_compare.csv"] if config["dataset"]["external"] else [],
    output:
        findings=shown("tables/evaluate/findings.csv"),
    log:
        "results/logs/evaluate_findings.log",
    benchmark:
        "results/benchmarks/evaluate_findings.tsv"
    params:
        files=files,
        code=code_of("pipeline.evaluate.findings"),
    shell:
        "python -m pipeline.evaluate.findings {params.files} --log {log}"


rule evaluate_figures:
    """Confusion matrices, ROC and precision-recall curves, reliability, scores by class, samples with their verdicts."""
    input:
        predictions="tables/evaluate/test_predictions.csv",
        thresholds="tables/evaluate/thresholds.csv",
        metrics="tables/evaluate/test_metrics.csv",
        confusion="tables/evaluate/confusion.csv",
        curves="tables/evaluate/curves.csv",
        reliability="tables/evaluate/reliability.csv",
        samples="tables/evaluate/samples.csv",
        sample_images="results/evaluate/samples.npz",
    output:
        confusion=shown("figures/evaluate/confusion.pdf"),
        curves=shown("figures/evaluate/curves.pdf"),
        reliability=shown("figures/evaluate/reliability.pdf"),
        scores=shown("figures/evaluate/scores.pdf"),
        samples=shown("figures/evaluate/samples.pdf"),
    log:
        "results/logs/evaluate_figures.log",
    benchmark:
        "results/benchmarks/evaluate_figures.tsv"
    params:
        code=code_of("pipeline.evaluate.figures"),
    shell:
        "python -m pipeline.evaluate.figures evaluate --predictions {input.predictions} --thresholds {input.thresholds} "
        "--test-metrics {input.metrics} --confusion {input.confusion} --curve-table {input.curves} "
        "--reliability {input.reliability} --samples {input.samples} --sample-images {input.sample_images} "
        "--confusion-figure {output.confusion} --curves-figure {output.curves} "
        "--reliability-figure {output.reliability} --scores-figure {output.scores} "
        "--samples-figure {output.samples} --log {log}"


if config["dataset"]["external"]:

    rule predict_external:
        """The one look at the external set for each final model, in a ledger of its own."""
        input:
            model=tracked("results/final/{model}.keras"),
            external=tracked("results/data/external.npy"),
            external_index="tables/data/index_external.csv",
        output:
            logits="results/evaluate/{model}_external_logits.csv",
        log:
            "results/logs/predict_external_{model}.log",
        benchmark:
            "results/benchmarks/predict_external_{model}.tsv"
        threads: config["compute"]["threads"]
        params:
            settings=chosen("compute"),
            ledger=EXTERNAL_LEDGER,
            code=code_of("pipeline.evaluate.predict"),
        shell:
            "python -m pipeline.evaluate.predict predict_test --model {wildcards.model} --model-file {input.model[0]} "
            "--test {input.external[0]} --test-index {input.external_index} --settings {params.settings:q} "
            "--ledger {params.ledger} --logits {output.logits} --log {log}"

    localrules:
        evaluate_external,

    rule evaluate_external:
        """The metrics on the external set, beside those on the test split, at the same thresholds."""
        input:
            logits=expand("results/evaluate/{model}_external_logits.csv", model=MODELS),
            thresholds="tables/evaluate/thresholds.csv",
            test_metrics="tables/evaluate/test_metrics.csv",
        output:
            table=shown("tables/evaluate/external_metrics.csv"),
            compare=shown("tables/evaluate/external_compare.csv"),
            looks=shown("tables/evaluate/external_ledger.csv"),
        log:
            "results/logs/evaluate_external.log",
        benchmark:
            "results/benchmarks/evaluate_external.tsv"
        params:
            settings=chosen("seed"),
            ledger=EXTERNAL_LEDGER,
            code=code_of("pipeline.evaluate.external"),
        shell:
            "python -m pipeline.evaluate.external evaluate_external --logits {input.logits} "
            "--thresholds {input.thresholds} --test-metrics {input.test_metrics} --ledger {params.ledger} "
            "--settings {params.settings:q} --table {output.table} --compare {output.compare} --looks {output.looks} "
            "--log {log}"
