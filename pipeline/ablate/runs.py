"""ablate: what a study keeps of its runs, and which of them it compares."""

import numpy as np
import pandas as pd

from pipeline.command import InputError


def collect(runs):
    """The outputs of a study.

    Args:
        runs: of each run a row of the table of runs; its logits of val, float64 (images,); a row of the table of costs.
    """
    rows, logits, costs = zip(*runs, strict=True)
    return {"runs": pd.DataFrame(rows), "logits": np.stack(logits), "cost": pd.DataFrame(costs)}


def at_best_rates(runs):
    """The runs that are compared, with their index: where variants were tried at several learning rates, those of each
    variant at the rate with the highest mean val AUC. A rate at which a run diverged is out.

    Args:
        runs: DataFrame with variant and val_auc; learning_rate where it was tuned.

    Raises:
        InputError: a variant diverged at each of its rates.
    """
    if "learning_rate" not in runs:
        return runs
    means = runs.groupby(["variant", "learning_rate"], sort=False)["val_auc"].agg(lambda aucs: aucs.mean(skipna=False))
    kept = []
    for variant, of_variant in means.groupby("variant", sort=False):
        if of_variant.isna().all():
            rates = ", ".join(f"{rate:g}" for _, rate in of_variant.index)
            raise InputError(
                f"optimizer: {variant} diverged at each learning rate, {rates}; expected smaller ones "
                f"(ablate.learning_rates.{variant})"
            )
        kept.append(of_variant.idxmax())
    return runs[[pair in kept for pair in zip(runs["variant"], runs["learning_rate"], strict=True)]]
