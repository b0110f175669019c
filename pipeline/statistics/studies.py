"""What the runs of a study say: means over seeds, and differences paired by seed."""

import pandas as pd

from pipeline.statistics import intervals

SCORES = ("train_auc", "val_auc", "val_loss")  # of a run, in its row


def summary(runs, kept):
    """One row a variant: mean and standard deviation of val AUC over seeds; paired difference from the reference.

    Args:
        runs: one row a run: variant, reference (of one variant true), seed, val_auc, train_auc and `kept`.
        kept: names of further columns, each with one value in all runs of a variant.
    """
    reference = runs[runs["reference"]].set_index("seed")["val_auc"]
    rows = []
    for variant, group in runs.groupby("variant", sort=False):
        rows.append(
            {
                "variant": variant,
                "reference": bool(group["reference"].iloc[0]),
                "seeds": len(group),
                "val_auc": group["val_auc"].mean(),
                "val_auc_sd": group["val_auc"].std(),
                "train_auc": group["train_auc"].mean(),
                **difference(group.set_index("seed")["val_auc"], reference),
                **{name: group[name].iloc[0] for name in kept},
            }
        )
    return pd.DataFrame(rows)


def difference(values, reference):
    """Mean of `values` - `reference`, both indexed by seed, and Student's interval of it, seed by seed."""
    differences = values - reference
    low, high = intervals.paired_t(differences.to_numpy())
    return {"difference": differences.mean(), "ci_low": low, "ci_high": high}
