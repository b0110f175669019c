"""ablate: what the runs of the studies say, from their val logits.

A module of its own, without TensorFlow, so that no edit of a comparison trains anything again.

Reads   runs and logits of each study, float64 (runs, val images); the index of val.
Returns tables with one row per variant; per model and share, and per model; of the views, one row or none.
"""

import numpy as np
import pandas as pd

from pipeline.ablate.runs import at_best_rates
from pipeline.command import run
from pipeline.statistics import studies


def compare_variants(runs: pd.DataFrame, logits: np.ndarray, val_index: pd.DataFrame, settings: dict):
    """Each variant of a study against the study's reference, each at the best of its learning rates."""
    compared = at_best_rates(runs)
    logits = logits[compared.index]
    compared = compared.reset_index(drop=True)
    return {"table": studies.summary(compared, logits, *labels_and_groups(val_index), settings["seed"])}


def compare_shares(runs: pd.DataFrame, logits: np.ndarray, val_index: pd.DataFrame, settings: dict):
    """The transfer model against the baseline at each share of train; each model's gain from the last images.

    Rows of the transfer model in `table` have its difference from the baseline at that share; the intervals hold for
    all shares at once. `rise` has, for each model, the difference of the largest share from the second largest.
    """
    labels, groups = labels_and_groups(val_index)
    scores = studies.by_seed(runs, logits, ["model", "share"])
    of_each = {("baseline", share): [("transfer", share)] for share in runs["share"].unique()}
    differences = studies.differences(labels, groups, scores, of_each, settings["seed"])
    rows = []
    for (model, share), group in runs.groupby(["model", "share"], sort=False):
        row = {"model": model, "share": share, "images": group["images"].iloc[0], **studies.means(group)}
        rows.append(row | differences.get((model, share), {}))
    before, most = sorted(runs["share"].unique())[-2:]
    rises = []
    for model in runs["model"].unique():
        last = {(model, before): [(model, most)]}
        rise = studies.differences(labels, groups, scores, last, settings["seed"])[model, most]
        rises.append({"model": model, "share_before": before, "share": most} | rise)
    return {"table": pd.DataFrame(rows), "rise": pd.DataFrame(rises)}


def compare_views(
    head_runs: pd.DataFrame,
    head_logits: np.ndarray,
    cut_runs: pd.DataFrame,
    cut_logits: np.ndarray,
    val_index: pd.DataFrame,
    settings: dict,
):
    """The same head trained on features of augmented views, and on those of plain images: the difference.

    The table has no row where the references of the studies head and cut are not the same head, trained as long on as
    many images with the same seeds.
    """
    references, scores, rows = {}, {}, []
    for name, runs, logits in (("plain", cut_runs, cut_logits), ("views", head_runs, head_logits)):
        references[name] = runs[runs["reference"]].sort_values("seed")
        scores[name] = logits[references[name].index]
    same = [runs[["parameters", "images", "epochs", "seed"]].to_numpy() for runs in references.values()]
    if np.array_equal(*same):
        labels, groups = labels_and_groups(val_index)
        difference = studies.differences(labels, groups, scores, {"plain": ["views"]}, settings["seed"])["views"]
        rows.append({f"{name}_val_auc": runs["val_auc"].mean() for name, runs in references.items()} | difference)
    columns = ["plain_val_auc", "views_val_auc", "difference", "ci_low", "ci_high"]
    return {"table": pd.DataFrame(rows, columns=columns)}


def labels_and_groups(index):
    """Labels, 1 = covid, and groups of near-duplicates: (images,) each."""
    return (index["label"] == "covid").to_numpy(float), index["group"].to_numpy()


if __name__ == "__main__":
    run(compare_variants, compare_shares, compare_views)
