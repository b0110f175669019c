"""finetune_gain: what fine-tuning is worth on val, which neither model was fitted on. It belongs to the stage finetune.

A module of its own, with little behind it, so that no edit here trains anything again.

Reads   tables/train/transfer_val_predictions.csv (held-out heads), tables/finetune/val_predictions.csv (the first of
        them, fine-tuned), attempts.csv.
Writes  tables/finetune/heldout.csv.
"""

from pathlib import Path

import pandas as pd

from pipeline.command import run
from pipeline.statistics import intervals, metrics


def finetune_gain(head: Path, finetuned: Path, attempts: Path, settings: dict, table: Path):
    """Compare a held-out head with itself fine-tuned, image by image.

    One row: val AUC and cross-entropy of both; difference of the AUCs (fine-tuned less head) with a bootstrap interval,
    for which images are resampled for both at once; the verdict on the last attempt.
    """
    tuned = pd.read_csv(finetuned)
    same = ["file", "label", "seed"]
    both = tuned.merge(pd.read_csv(head), on=same, suffixes=("_finetuned", "_head"), validate="1:1")
    labels = (both["label"] == "covid").to_numpy(float)
    logits = both[["logit_head", "logit_finetuned"]].to_numpy()
    row = {"verdict": pd.read_csv(attempts)["verdict"].iloc[-1]}
    for name, column in zip(("head", "finetuned"), logits.T, strict=True):
        row |= {f"val_auc_{name}": metrics.auc(labels, column)}
        row |= {f"val_loss_{name}": metrics.cross_entropy(labels, column)}
    row["difference"] = auc_gain(labels, logits)
    row["ci_low"], row["ci_high"] = intervals.bootstrap(labels, logits, auc_gain, settings["seed"])
    pd.DataFrame([row]).to_csv(table, index=False)


def auc_gain(labels, logits):
    """AUC of the second column of logits (n, 2) less that of the first."""
    return metrics.auc(labels, logits[:, 1]) - metrics.auc(labels, logits[:, 0])


if __name__ == "__main__":
    run(finetune_gain)
