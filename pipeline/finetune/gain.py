"""finetune: what fine-tuning is worth on val, which neither model was fitted on.

A module of its own, with little behind it, so that no edit here trains anything again.

Reads   predictions on val of the train-only heads, and of those that were fine-tuned; attempts; the index of val.
Returns one table.
"""

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.statistics import intervals, metrics, studies


def measure(
    head: pd.DataFrame, finetuned: pd.DataFrame, attempts: pd.DataFrame, val_index: pd.DataFrame, settings: dict
):
    """Compare train-only heads with themselves fine-tuned, paired by seed and image.

    One row: runs, the number of seeds; val AUC and cross-entropy of both, means over the seeds; val_auc_sd, the
    standard deviation of the fine-tuned models' (none of one run); difference of the AUCs (fine-tuned less head) with
    an interval: of several seeds over the sampling of images and of runs (`studies.differences`), of one seed by a
    bootstrap over images; the decision on the last attempt.
    """
    same = ["file", "label", "seed"]
    both = finetuned.merge(head, on=same, suffixes=("_finetuned", "_head"), validate="1:1")
    row = {"decision": attempts["decision"].iloc[-1], "runs": both["seed"].nunique()}
    labels = (val_index["label"] == "covid").to_numpy(float)
    scores = {
        name: both.pivot(index="seed", columns="file", values=f"logit_{name}")[val_index["file"]].to_numpy()
        for name in ("head", "finetuned")
    }
    for name, runs in scores.items():
        row[f"val_auc_{name}"] = np.mean([metrics.auc(labels, run) for run in runs])
        row[f"val_loss_{name}"] = np.mean([metrics.cross_entropy(labels, run) for run in runs])
    row["val_auc_sd"] = pd.Series([metrics.auc(labels, run) for run in scores["finetuned"]]).std()
    return {"table": pd.DataFrame([row | difference(labels, val_index["group"].to_numpy(), scores, settings["seed"])])}


def difference(labels, groups, scores, seed):
    """difference, ci_low and ci_high of the AUCs, fine-tuned less head: dict."""
    if len(scores["head"]) > 1:
        return studies.differences(labels, groups, scores, {"head": ["finetuned"]}, seed)["finetuned"]
    logits = np.stack([scores["head"][0], scores["finetuned"][0]], axis=1)
    low, high = intervals.bootstrap(labels, logits, auc_gain, seed)
    return {"difference": auc_gain(labels, logits), "ci_low": low, "ci_high": high}


def auc_gain(labels, logits):
    """AUC of the second column of logits (n, 2) less that of the first."""
    return metrics.auc(labels, logits[:, 1]) - metrics.auc(labels, logits[:, 0])


if __name__ == "__main__":
    run(measure)
