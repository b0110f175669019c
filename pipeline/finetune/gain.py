"""finetune: what fine-tuning is worth on val, which neither model was fitted on.

A module of its own, with little behind it, so that no edit here trains anything again.

Reads   predictions on val of the train-only heads, and of the first of them, fine-tuned; attempts.
Returns one table.
"""

import pandas as pd

from pipeline.command import run
from pipeline.statistics import intervals, metrics


def measure(head: pd.DataFrame, finetuned: pd.DataFrame, attempts: pd.DataFrame, settings: dict):
    """Compare a train-only head with itself fine-tuned, image by image.

    One row: val AUC and cross-entropy of both; difference of the AUCs (fine-tuned less head) with a bootstrap interval,
    for which images are resampled for both at once; the decision on the last attempt.
    """
    same = ["file", "label", "seed"]
    both = finetuned.merge(head, on=same, suffixes=("_finetuned", "_head"), validate="1:1")
    labels = (both["label"] == "covid").to_numpy(float)
    logits = both[["logit_head", "logit_finetuned"]].to_numpy()
    row = {"decision": attempts["decision"].iloc[-1]}
    for name, column in zip(("head", "finetuned"), logits.T, strict=True):
        row |= {f"val_auc_{name}": metrics.auc(labels, column)}
        row |= {f"val_loss_{name}": metrics.cross_entropy(labels, column)}
    row["difference"] = auc_gain(labels, logits)
    row["ci_low"], row["ci_high"] = intervals.bootstrap(labels, logits, auc_gain, settings["seed"])
    return {"table": pd.DataFrame([row])}


def auc_gain(labels, logits):
    """AUC of the second column of logits (n, 2) less that of the first."""
    return metrics.auc(labels, logits[:, 1]) - metrics.auc(labels, logits[:, 0])


if __name__ == "__main__":
    run(measure)
