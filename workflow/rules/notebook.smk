from workflow.closure import cells_of

NOTEBOOK = ROOT / "workflow/notebooks/baseline.ipynb"


rule notebook:
    """Task 2 step by step: the notebook, run from its first cell to its last; no model sees the test split in it."""
    input:
        notebook=ancient(str(NOTEBOOK)),
        train=tracked("results/data/train.npy"),
        val=tracked("results/data/val.npy"),
        indices=expand("tables/data/index_{split}.csv", split=["train", "val"]),
        histories=expand("tables/train/baseline_{run}.csv", run=["initial", "train_only_history", "final"]),
        trials="tables/tune/baseline.csv",
        importance="tables/tune/baseline_importance.csv",
        candidates="results/tune/baseline_candidates.csv",
        confirmed=expand("results/tune/baseline_candidate{candidate}.csv", candidate=TUNE_CANDIDATES),
        best="tables/tune/baseline_best.csv",
        runs="tables/train/baseline_train_only.csv",
        val_predictions="tables/train/baseline_val_predictions.csv",
        model=tracked("results/train/baseline.keras"),
        summary="tables/train/baseline_model.csv",
        test_results=expand(
            "tables/evaluate/{table}.csv",
            table=["ledger", "thresholds", "test_metrics", "confusion", "samples", "test_predictions"],
        ),
        sample_images="results/evaluate/samples.npz",
    output:
        "results/notebooks/baseline.ipynb",
    log:
        "results/logs/notebook.log",
    benchmark:
        "results/benchmarks/notebook.tsv"
    threads: config["compute"]["threads"]
    params:
        cells=cells_of(NOTEBOOK),
        settings=keys(
            "seed",
            "compute",
            "augmentation",
            "training",
            "baseline.hyperparameters",
            "tune.min_rounds",
            "tune.max_rounds",
            "tune.trials",
            "tune.rungs",
            "tune.trials_per_job.baseline",
            "tune.candidates",
            "tune.space.baseline",
        ),
        code=code_of(
            "pipeline.train.runs",
            "pipeline.train.curves",
            "pipeline.tune.search",
            "pipeline.tune.trials",
            "pipeline.evaluate.thresholds",
            "pipeline.models.baseline",
        ),
    # By --stdin the notebook runs in the folder of the build, as every stage does. What a user has configured for
    # Jupyter has no say, and a home that cannot be written to does no harm. What TensorFlow says goes to the log.
    shell:
        "own=$(mktemp -d); trap 'rm -r \"$own\"' EXIT; "
        "export JUPYTER_CONFIG_DIR=$own JUPYTER_DATA_DIR=$own JUPYTER_RUNTIME_DIR=$own IPYTHONDIR=$own "
        "JUPYTER_PREFER_ENV_PATH=1 NOTEBOOK_SETTINGS={params.settings:q}; "
        "jupyter nbconvert --to notebook --execute --stdin --stdout --ExecutePreprocessor.kernel_name=python3 "
        "--ExecutePreprocessor.extra_arguments=--IPKernelApp.capture_fd_output=False "
        "--ExecutePreprocessor.extra_arguments=--InteractiveShell.colors=nocolor "
        "--ExecutePreprocessor.startup_timeout=600 --ExecutePreprocessor.record_timing=False "
        "<{input.notebook:q} >{output} 2>{log} || {{ cat {log} >&2; exit 1; }}"
