FINETUNE_SETTINGS = [
    "seed",
    "compute",
    "augmentation",
    "finetune.unfreeze_from",
    "finetune.warm_up",
    "finetune.drop",
    "finetune.tolerance",
]


localrules:
    finetune_gather,
    finetune_gain,
    finetune_compare,
    finetune_findings,
    finetune_figures,
    finetune_compare_figures,


rule finetune:
    """The final transfer model unfrozen and trained end to end on train + val; kept or rejected by train alone."""
    input:
        model=tracked("results/train/transfer.keras"),
        train=with_index("results/data/train.npy", "train"),
        val=with_index("results/data/val.npy", "val"),
        best="tables/tune/transfer_best.csv",
        summary="tables/train/transfer_model.csv",
    output:
        model=digested("results/finetune/transfer.keras"),
        attempts=published("tables/finetune/attempts.csv"),
        history=published("tables/finetune/history.csv"),
        summary=published("tables/finetune/model.csv"),
        cost="results/finetune/final_cost.csv",
    log:
        "results/logs/finetune.log",
    benchmark:
        "results/benchmarks/finetune.tsv"
    priority: 3
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys(
            *FINETUNE_SETTINGS,
            "finetune.epochs",
            "finetune.learning_rate",
            "finetune.attempts",
            "finetune.divide_by",
        ),
        backups="results/backups/finetune/final",
        code=code_of("pipeline.finetune.runs"),
    shell:
        "python -m pipeline.finetune.runs final {params.files} --settings {params.settings:q} --backups {params.backups} "
        "--log {log}"


rule finetune_train_only:
    """The schedule of `finetune` on train alone, from the train-only head of a seed, scored on val."""
    input:
        model=lambda wildcards: tracked(f"results/train/transfer_train_only_{wildcards.seed}.keras"),
        train=with_index("results/data/train.npy", "train"),
        val=with_index("results/data/val.npy", "val"),
        best="tables/tune/transfer_best.csv",
        attempts="tables/finetune/attempts.csv",
    output:
        model=digested("results/finetune/transfer_train_only_{seed}.keras"),
        history="results/finetune/train_only_{seed}_history.csv",
        predictions="results/finetune/train_only_{seed}_predictions.csv",
        cost="results/finetune/train_only_{seed}_cost.csv",
    log:
        "results/logs/finetune_train_only_{seed}.log",
    benchmark:
        "results/benchmarks/finetune_train_only_{seed}.tsv"
    wildcard_constraints:
        seed=r"\d+",
    priority: 3
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=keys(*FINETUNE_SETTINGS),
        backup="results/backups/finetune/train_only_{seed}.npz",
        code=code_of("pipeline.finetune.runs"),
    shell:
        "python -m pipeline.finetune.runs train_only --seed {wildcards.seed} {params.files} "
        "--settings {params.settings:q} --backup {params.backup} --log {log}"


rule finetune_gather:
    """Histories and predictions on val of the fine-tuned train-only models, each in one table."""
    input:
        histories=finetune_runs("history"),
        parts=finetune_runs("predictions"),
    output:
        history=published("tables/finetune/train_only_history.csv"),
        predictions=published("tables/finetune/val_predictions.csv"),
    log:
        "results/logs/finetune_gather.log",
    benchmark:
        "results/benchmarks/finetune_gather.tsv"
    params:
        files=files,
        code=code_of("pipeline.finetune.gather"),
    shell:
        "python -m pipeline.finetune.gather {params.files} --log {log}"


rule finetune_gain:
    """Val AUC of the train-only heads before and after fine-tuning, paired by seed and image."""
    input:
        head="tables/train/transfer_val_predictions.csv",
        finetuned="tables/finetune/val_predictions.csv",
        attempts="tables/finetune/attempts.csv",
        val_index="tables/data/index_val.csv",
    output:
        table=published("tables/finetune/gain.csv"),
    log:
        "results/logs/finetune_gain.log",
    benchmark:
        "results/benchmarks/finetune_gain.tsv"
    params:
        files=files,
        settings=keys("seed"),
        code=code_of("pipeline.finetune.gain"),
    shell:
        "python -m pipeline.finetune.gain {params.files} --settings {params.settings:q} --log {log}"


rule finetune_compare:
    """Both models side by side: size, epochs to given val AUCs, seconds."""
    input:
        summaries=expand("tables/train/{model}_model.csv", model=MODELS),
        train_only=expand("tables/train/{model}_train_only_history.csv", model=MODELS),
        costs=[
            *expand("results/features/{split}_cost.csv", split=["train", "val"]),
            *expand("tables/tune/{model}_cost.csv", model=MODELS),
            *expand("results/tune/{model}_candidate{candidate}_cost.csv", model=MODELS, candidate=TUNE_CANDIDATES),
            *expand("results/train/{model}_cost.csv", model=MODELS),
            "results/finetune/final_cost.csv",
            *finetune_runs("cost"),
        ],
    output:
        table=published("tables/finetune/compare.csv"),
        epochs=published("tables/finetune/compare_epochs.csv"),
        cost=published("tables/finetune/compare_cost.csv"),
    log:
        "results/logs/finetune_compare.log",
    benchmark:
        "results/benchmarks/finetune_compare.tsv"
    params:
        files=files,
        code=code_of("pipeline.finetune.compare"),
    shell:
        "python -m pipeline.finetune.compare {params.files} --log {log}"


rule finetune_findings:
    """What is claimed of both models' curves and costs, and of fine-tuning: each finding with its limit and margin."""
    input:
        tune_transfer_best="tables/tune/transfer_best.csv",
        train_final=expand("tables/train/{model}_final.csv", model=MODELS),
        train_gap=expand("tables/train/{model}_gap.csv", model=MODELS),
        train_baseline_train_only="tables/train/baseline_train_only.csv",
        attempts="tables/finetune/attempts.csv",
        history="tables/finetune/history.csv",
        gain="tables/finetune/gain.csv",
        compare="tables/finetune/compare.csv",
        compare_epochs="tables/finetune/compare_epochs.csv",
        compare_cost="tables/finetune/compare_cost.csv",
        train_transfer_model="tables/train/transfer_model.csv",
    output:
        findings=published("tables/finetune/findings.csv"),
        cost_findings=published("tables/finetune/cost_findings.csv"),
    log:
        "results/logs/finetune_findings.log",
    benchmark:
        "results/benchmarks/finetune_findings.tsv"
    params:
        files=files,
        code=code_of("pipeline.finetune.findings"),
    shell:
        "python -m pipeline.finetune.findings {params.files} --log {log}"


rule finetune_figures:
    """The outcome of each attempt by its learning rate; the scores before fine-tuning and at the end of each epoch."""
    input:
        attempts="tables/finetune/attempts.csv",
        history="tables/finetune/history.csv",
        train_only="tables/finetune/train_only_history.csv",
    output:
        ladder=published("figures/finetune/ladder.pdf"),
        figure=published("figures/finetune/finetune.pdf"),
    log:
        "results/logs/finetune_figures.log",
    benchmark:
        "results/benchmarks/finetune_figures.tsv"
    params:
        files=files,
        code=code_of("pipeline.finetune.figures"),
    shell:
        "python -m pipeline.finetune.figures {params.files} --log {log}"


rule finetune_compare_figures:
    """Training curves of both models on one scale; seconds by part."""
    input:
        finals=expand("tables/train/{model}_final.csv", model=MODELS),
        train_only=expand("tables/train/{model}_train_only_history.csv", model=MODELS),
        cost="tables/finetune/compare_cost.csv",
    output:
        curves=published("figures/finetune/compare.pdf"),
        cost=published("figures/finetune/compare_cost.pdf"),
    log:
        "results/logs/finetune_compare_figures.log",
    benchmark:
        "results/benchmarks/finetune_compare_figures.tsv"
    params:
        files=files,
        code=code_of("pipeline.finetune.compare_figures"),
    shell:
        "python -m pipeline.finetune.compare_figures {params.files} --log {log}"
