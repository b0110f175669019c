"""ablate_compare: what the runs of the studies say, from their val logits. It belongs to the stage ablate.

A module of its own, without TensorFlow, so that no edit of a comparison trains anything again.

Reads   tables/ablate/STUDY_runs.csv and results/ablate/STUDY_logits.npy of each study; the index of val.
Writes  tables/ablate/STUDY.csv (one row per variant); data.csv (one row per model and share), data_rise.csv (one row
        per model); views.csv (one row, or none).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.images import cache
from pipeline.statistics import studies


def study(runs: Path, logits: Path, val_index: Path, settings: dict, table: Path):
    """Each variant of a study against the study's reference."""
    labels, groups = truth(val_index)
    studies.summary(pd.read_csv(runs), cache.read(logits), labels, groups, settings["seed"]).to_csv(table, index=False)


def data(runs: Path, logits: Path, val_index: Path, settings: dict, table: Path, rise: Path):
    """The transfer model against the baseline at each share of train; each model's gain from the last images.

    Rows of the transfer model in `table` have its difference from the baseline at that share; the intervals hold for
    all shares at once. `rise` has, for each model, the difference of the largest share from the second largest.
    """
    labels, groups = truth(val_index)
    runs = pd.read_csv(runs)
    scores = studies.by_seed(runs, cache.read(logits), ["model", "share"])
    of_each = {("baseline", share): [("transfer", share)] for share in runs["share"].unique()}
    found = studies.differences(labels, groups, scores, of_each, settings["seed"])
    rows = []
    for (model, share), group in runs.groupby(["model", "share"], sort=False):
        row = {"model": model, "share": share, "images": group["images"].iloc[0], **studies.means(group)}
        rows.append(row | found.get((model, share), {}))
    pd.DataFrame(rows).to_csv(table, index=False)
    before, most = sorted(runs["share"].unique())[-2:]
    rows = []
    for model in runs["model"].unique():
        last = {(model, before): [(model, most)]}
        found = studies.differences(labels, groups, scores, last, settings["seed"])[model, most]
        rows.append({"model": model, "share_before": before, "share": most} | found)
    pd.DataFrame(rows).to_csv(rise, index=False)


def views(
    head_runs: Path, head_logits: Path, cut_runs: Path, cut_logits: Path, val_index: Path, settings: dict, table: Path
):
    """The same head trained on features of augmented views, and on those of plain images: the difference.

    The table has no row where the references of the studies head and cut are not the same head, trained as long on as
    many images with the same seeds.
    """
    references, scores, rows = {}, {}, []
    for name, file, logits in (("plain", cut_runs, cut_logits), ("views", head_runs, head_logits)):
        runs = pd.read_csv(file)
        runs = runs[runs["reference"]].sort_values("seed")
        references[name], scores[name] = runs, cache.read(logits)[runs.index]
    same = [runs[["parameters", "images", "epochs", "seed"]].to_numpy() for runs in references.values()]
    if np.array_equal(*same):
        labels, groups = truth(val_index)
        found = studies.differences(labels, groups, scores, {"plain": ["views"]}, settings["seed"])["views"]
        rows.append({f"{name}_val_auc": runs["val_auc"].mean() for name, runs in references.items()} | found)
    columns = ["plain_val_auc", "views_val_auc", "difference", "ci_low", "ci_high"]
    pd.DataFrame(rows, columns=columns).to_csv(table, index=False)


def truth(val_index):
    """Labels, 1 = covid, and groups of near-duplicates of val: (images,) each."""
    index = pd.read_csv(val_index)
    return (index["label"] == "covid").to_numpy(float), index["group"].to_numpy()


if __name__ == "__main__":
    run(study, data, views)
