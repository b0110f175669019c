# What is final, by the stage that made it: the baseline as it is trained, the transfer model after fine-tuning. The
# stages that follow read results/final and tables/final, and need not know.
FINAL = {
    "baseline": {
        "model": "results/train/baseline.keras",
        "train_only": train_only_models("baseline")[0],
        "predictions": "tables/train/baseline_val_predictions.csv",
        "summary": "tables/train/baseline_model.csv",
    },
    "transfer": {
        "model": "results/finetune/transfer.keras",
        "train_only": f"results/finetune/transfer_train_only_{FINETUNE_SEEDS[0]}.keras",
        "predictions": "tables/finetune/val_predictions.csv",
        "summary": "tables/finetune/model.csv",
    },
}


localrules:
    final,


rule final:
    """Each model under one address: fitted on train + val, and on train alone with its outputs on val."""
    input:
        model=lambda wildcards: tracked(FINAL[wildcards.model]["model"]),
        train_only=lambda wildcards: tracked(FINAL[wildcards.model]["train_only"]),
        predictions=lambda wildcards: FINAL[wildcards.model]["predictions"],
        summary=lambda wildcards: FINAL[wildcards.model]["summary"],
    output:
        model=digested("results/final/{model}.keras"),
        train_only=digested("results/final/{model}_train_only.keras"),
        predictions=published("tables/final/{model}_val_predictions.csv"),
        summary=published("tables/final/{model}_model.csv"),
    log:
        "results/logs/final_{model}.log",
    shell:
        "inputs=({input}) outputs=({output}); "
        "for i in ${{!inputs[@]}}; do cp ${{inputs[i]}} ${{outputs[i]}}; done 2>&1 | tee {log}"
