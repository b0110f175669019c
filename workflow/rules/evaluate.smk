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
    """Operating thresholds and corrections of probabilities, from val predictions of train-only models."""
    input:
        val_predictions=VAL_PREDICTIONS,
        best=expand("tables/tune/{model}_best.csv", model=MODELS),
    output:
        thresholds=published("tables/evaluate/thresholds.csv"),
        corrections=published("tables/evaluate/corrections.csv"),
    log:
        "results/logs/evaluate_thresholds.log",
    benchmark:
        "results/benchmarks/evaluate_thresholds.tsv"
    params:
        files=files,
        code=code_of("pipeline.evaluate.thresholds"),
    shell:
        "python -m pipeline.evaluate.thresholds {params.files} --log {log}"


rule predict_test:
    """The one prediction of the test split by each final model, once its threshold is set."""
    input:
        # Only that they are there: another threshold makes no new look necessary.
        ancient("tables/evaluate/thresholds.csv"),
        network=tracked("results/final/{model}.keras"),
        test=tracked("results/data/test.npy"),
        index="tables/data/index_test.csv",
    output:
        logits="results/evaluate/{model}_logits.csv",
    log:
        "results/logs/predict_test_{model}.log",
    benchmark:
        "results/benchmarks/predict_test_{model}.tsv"
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys("compute"),
        ledger=LEDGER,
        code=code_of("pipeline.evaluate.predict"),
    shell:
        "python -m pipeline.evaluate.predict {params.files} --model {wildcards.model} --ledger {params.ledger} "
        "--settings {params.settings:q} --log {log}"


rule evaluate:
    """Metrics on test with their intervals, confusion matrices, ROC and precision-recall curves, samples."""
    input:
        logits=expand("results/evaluate/{model}_logits.csv", model=MODELS),
        thresholds="tables/evaluate/thresholds.csv",
        corrections="tables/evaluate/corrections.csv",
        test=tracked("results/data/test.npy"),
        test_index="tables/data/index_test.csv",
    output:
        predictions=published("tables/evaluate/test_predictions.csv"),
        metrics=published("tables/evaluate/test_metrics.csv"),
        confusion=published("tables/evaluate/confusion.csv"),
        curves=published("tables/evaluate/curves.csv"),
        looks=published("tables/evaluate/ledger.csv"),
        samples=published("tables/evaluate/samples.csv"),
        sample_images="results/evaluate/samples.npz",
    log:
        "results/logs/evaluate.log",
    benchmark:
        "results/benchmarks/evaluate.tsv"
    params:
        files=files,
        settings=keys("seed"),
        ledger=LEDGER,
        code=code_of("pipeline.evaluate.metrics"),
    shell:
        "python -m pipeline.evaluate.metrics {params.files} --ledger {params.ledger} --settings {params.settings:q} "
        "--log {log}"


rule evaluate_calibration:
    """Calibration on test, without and with a correction fitted on val."""
    input:
        predictions="tables/evaluate/test_predictions.csv",
        corrections="tables/evaluate/corrections.csv",
    output:
        table=published("tables/evaluate/calibration.csv"),
        bins=published("tables/evaluate/reliability.csv"),
    log:
        "results/logs/evaluate_calibration.log",
    benchmark:
        "results/benchmarks/evaluate_calibration.tsv"
    params:
        files=files,
        settings=keys("seed"),
        code=code_of("pipeline.evaluate.calibration"),
    shell:
        "python -m pipeline.evaluate.calibration {params.files} --settings {params.settings:q} --log {log}"


rule evaluate_compare:
    """Val against test for each model; the baseline against the transfer model on the same test images."""
    input:
        predictions="tables/evaluate/test_predictions.csv",
        thresholds="tables/evaluate/thresholds.csv",
        val_predictions=VAL_PREDICTIONS,
    output:
        val_test=published("tables/evaluate/val_test.csv"),
        compare=published("tables/evaluate/compare.csv"),
        uncertainty=published("tables/evaluate/uncertainty.csv"),
    log:
        "results/logs/evaluate_compare.log",
    benchmark:
        "results/benchmarks/evaluate_compare.tsv"
    params:
        files=files,
        code=code_of("pipeline.evaluate.compare"),
    shell:
        "python -m pipeline.evaluate.compare {params.files} --log {log}"


rule evaluate_findings:
    """What the article claims of the test results, each claim with its limit and margin."""
    input:
        test_metrics="tables/evaluate/test_metrics.csv",
        compare="tables/evaluate/compare.csv",
        uncertainty="tables/evaluate/uncertainty.csv",
        val_test="tables/evaluate/val_test.csv",
        calibration="tables/evaluate/calibration.csv",
        thresholds="tables/evaluate/thresholds.csv",
        ledger="tables/evaluate/ledger.csv",
        explore_shortcuts="tables/explore/shortcuts.csv",
        explore_findings="tables/explore/findings.csv",
        explore_sizes="tables/explore/sizes.csv",
        finetune_compare="tables/finetune/compare.csv",
        data_external_summary=["tables/data/external_summary.csv"] if config["dataset"]["external"] else [],
        external_metrics=["tables/evaluate/external_metrics.csv"] if config["dataset"]["external"] else [],
        external_compare=["tables/evaluate/external_compare.csv"] if config["dataset"]["external"] else [],
    output:
        findings=published("tables/evaluate/findings.csv"),
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
    """Confusion matrices, ROC and precision-recall curves, reliability, logits by class, samples."""
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
        confusion=published("figures/evaluate/confusion.pdf"),
        curves=published("figures/evaluate/curves.pdf"),
        reliability=published("figures/evaluate/reliability.pdf"),
        scores=published("figures/evaluate/scores.pdf"),
        samples=published("figures/evaluate/samples.pdf"),
    log:
        "results/logs/evaluate_figures.log",
    benchmark:
        "results/benchmarks/evaluate_figures.tsv"
    params:
        files=files,
        code=code_of("pipeline.evaluate.figures"),
    shell:
        "python -m pipeline.evaluate.figures {params.files} --log {log}"


if config["dataset"]["external"]:

    rule predict_external:
        """The one prediction of the external set by each final model, in a ledger of its own."""
        input:
            network=tracked("results/final/{model}.keras"),
            test=tracked("results/data/external.npy"),
            index="tables/data/index_external.csv",
        output:
            logits="results/evaluate/{model}_external_logits.csv",
        log:
            "results/logs/predict_external_{model}.log",
        benchmark:
            "results/benchmarks/predict_external_{model}.tsv"
        threads: config["compute"]["threads"]
        params:
            files=files,
            settings=keys("compute"),
            ledger=EXTERNAL_LEDGER,
            code=code_of("pipeline.evaluate.predict"),
        shell:
            "python -m pipeline.evaluate.predict {params.files} --model {wildcards.model} --ledger {params.ledger} "
            "--settings {params.settings:q} --log {log}"

    localrules:
        evaluate_external,

    rule evaluate_external:
        """Metrics on the external set beside those on test, at the same thresholds."""
        input:
            logits=expand("results/evaluate/{model}_external_logits.csv", model=MODELS),
            thresholds="tables/evaluate/thresholds.csv",
            test_metrics="tables/evaluate/test_metrics.csv",
        output:
            table=published("tables/evaluate/external_metrics.csv"),
            compare=published("tables/evaluate/external_compare.csv"),
            looks=published("tables/evaluate/external_ledger.csv"),
        log:
            "results/logs/evaluate_external.log",
        benchmark:
            "results/benchmarks/evaluate_external.tsv"
        params:
            files=files,
            settings=keys("seed"),
            ledger=EXTERNAL_LEDGER,
            code=code_of("pipeline.evaluate.external"),
        shell:
            "python -m pipeline.evaluate.external {params.files} --ledger {params.ledger} --settings {params.settings:q} "
            "--log {log}"
