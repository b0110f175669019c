FINETUNE_SETTINGS = [
    "seed",
    "compute",
    "augmentation",
    "finetune.unfreeze_from",
    "finetune.learning_rate",
    "finetune.drop",
]
FINETUNE_HEAD = train_only_models("transfer")[0]


localrules:
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
        attempts=shown("tables/finetune/attempts.csv"),
        history=shown("tables/finetune/history.csv"),
        summary=shown("tables/finetune/model.csv"),
        cost="results/finetune/final_cost.csv",
    log:
        "results/logs/finetune.log",
    benchmark:
        "results/benchmarks/finetune.tsv"
    priority: 3
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=chosen(*FINETUNE_SETTINGS, "finetune.attempts", "finetune.divide_by"),
        backups="results/backups/finetune/final",
        code=code_of("pipeline.finetune.runs"),
    shell:
        "python -m pipeline.finetune.runs final {params.files} --settings {params.settings:q} --backups {params.backups} "
        "--log {log}"


rule finetune_ahead:
    """What `finetune_heldout` trains if the first attempt is kept, side by side with that attempt."""
    input:
        model=tracked(FINETUNE_HEAD),
        train=with_index("results/data/train.npy", "train"),
        val=with_index("results/data/val.npy", "val"),
        best="tables/tune/transfer_best.csv",
        summary="tables/train/transfer_model.csv",
    output:
        finished="results/finetune/ahead.npz",
    log:
        "results/logs/finetune_ahead.log",
    benchmark:
        "results/benchmarks/finetune_ahead.tsv"
    priority: 3
    threads: config["compute"]["threads"]
    params:
        files=files,
        # The seeds, which are not read here, too: a backup is taken up where all settings are the same.
        settings=chosen(*FINETUNE_SETTINGS, "training.selection_seeds"),
        backup="results/backups/finetune/ahead.npz",
        code=code_of("pipeline.finetune.runs"),
    shell:
        "python -m pipeline.finetune.runs ahead {params.files} --settings {params.settings:q} --backup {params.backup} "
        "--log {log}"


rule finetune_heldout:
    """The schedule of `finetune` on train alone, from a held-out model, scored on val."""
    input:
        model=tracked(FINETUNE_HEAD),
        train=with_index("results/data/train.npy", "train"),
        val=with_index("results/data/val.npy", "val"),
        best="tables/tune/transfer_best.csv",
        attempts="tables/finetune/attempts.csv",
        # All that it depends on is an input or parameter here as well, or comes with the attempts.
        finished=ancient("results/finetune/ahead.npz"),
    output:
        model=digested("results/finetune/transfer_heldout.keras"),
        history=shown("tables/finetune/heldout_history.csv"),
        predictions=shown("tables/finetune/val_predictions.csv"),
        cost="results/finetune/heldout_cost.csv",
    log:
        "results/logs/finetune_heldout.log",
    benchmark:
        "results/benchmarks/finetune_heldout.tsv"
    priority: 3
    threads: config["compute"]["threads"]
    params:
        files=files,
        settings=chosen(*FINETUNE_SETTINGS, "training.selection_seeds"),
        backup="results/backups/finetune/heldout.npz",
        code=code_of("pipeline.finetune.runs"),
    shell:
        "python -m pipeline.finetune.runs heldout {params.files} --settings {params.settings:q} --backup {params.backup} "
        "--log {log}"


rule finetune_gain:
    """Val AUC of a held-out head before and after fine-tuning, paired by image."""
    input:
        head="tables/train/transfer_val_predictions.csv",
        finetuned="tables/finetune/val_predictions.csv",
        attempts="tables/finetune/attempts.csv",
    output:
        table=shown("tables/finetune/heldout.csv"),
    log:
        "results/logs/finetune_gain.log",
    benchmark:
        "results/benchmarks/finetune_gain.tsv"
    params:
        files=files,
        settings=chosen("seed"),
        code=code_of("pipeline.finetune.gain"),
    shell:
        "python -m pipeline.finetune.gain {params.files} --settings {params.settings:q} --log {log}"


rule finetune_compare:
    """Both models side by side: size, epochs to given val AUCs, seconds."""
    input:
        summaries=expand("tables/train/{model}_model.csv", model=MODELS),
        heldout=expand("tables/train/{model}_heldout_history.csv", model=MODELS),
        costs=[
            *expand("results/features/{split}_cost.csv", split=["train", "val"]),
            *expand("tables/tune/{model}_cost.csv", model=MODELS),
            *expand("results/tune/{model}_candidate{candidate}_cost.csv", model=MODELS, candidate=TUNE_CANDIDATES),
            *expand("results/train/{model}_cost.csv", model=MODELS),
            *expand("results/finetune/{run}_cost.csv", run=["final", "heldout"]),
        ],
    output:
        table=shown("tables/finetune/compare.csv"),
        epochs=shown("tables/finetune/compare_epochs.csv"),
        cost=shown("tables/finetune/compare_cost.csv"),
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
        train_baseline_heldout="tables/train/baseline_heldout.csv",
        attempts="tables/finetune/attempts.csv",
        history="tables/finetune/history.csv",
        heldout="tables/finetune/heldout.csv",
        heldout_history="tables/finetune/heldout_history.csv",
        compare="tables/finetune/compare.csv",
        compare_epochs="tables/finetune/compare_epochs.csv",
        compare_cost="tables/finetune/compare_cost.csv",
    output:
        findings=shown("tables/finetune/findings.csv"),
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
    """The scores before fine-tuning and at the end of each epoch."""
    input:
        attempts="tables/finetune/history.csv",
        heldout="tables/finetune/heldout_history.csv",
    output:
        figure=shown("figures/finetune/finetune.pdf"),
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
        heldout=expand("tables/train/{model}_heldout_history.csv", model=MODELS),
        cost="tables/finetune/compare_cost.csv",
    output:
        curves=shown("figures/finetune/compare.pdf"),
        cost=shown("figures/finetune/compare_cost.pdf"),
    log:
        "results/logs/finetune_compare_figures.log",
    benchmark:
        "results/benchmarks/finetune_compare_figures.tsv"
    params:
        files=files,
        code=code_of("pipeline.finetune.compare_figures"),
    shell:
        "python -m pipeline.finetune.compare_figures {params.files} --log {log}"
