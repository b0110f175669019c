"""evaluate_findings: what the stage evaluate claims of the final models.

Reads   tables/data/external_summary.csv and tables/evaluate/external_metrics.csv and external_compare.csv, where there
        is an external set.
Writes  tables/evaluate/findings.csv (pipeline.findings).
"""

import pandas as pd

from pipeline import findings as decide
from pipeline.command import run
from pipeline.findings import Finding
from pipeline.vocabulary import MODELS

EXTERNAL_COPIES = Finding("external_copies", ("removed", "none"), "images of the archive are dropped from the set")
EXTERNAL_CHANGE = Finding(
    "external_change",
    ("worse", "better", "undetected"),
    "the 95 % interval of the difference in AUC, external set less test set, excludes 0",
)
EXTERNAL_LOSS = Finding(
    "external_loss", ("both", "baseline", "transfer", "neither"), "the models whose AUC is lower on the external set"
)
EXTERNAL_RANKING = Finding(
    "external_ranking",
    ("transfer", "baseline", "undetected"),
    "the 95 % interval of the paired difference in AUC on the external set excludes 0",
)


def findings(
    data_external_summary: pd.DataFrame | None,
    external_metrics: pd.DataFrame | None,
    external_compare: pd.DataFrame | None,
):
    """Decide the findings; without an external set there is none of its tables."""
    decided = []
    if external_metrics is not None:
        decided += [external_copies(data_external_summary), *external_changes(external_metrics)]
        decided += [external_ranking(external_compare)]
    return {"findings": decide.table(decided)}


def external_copies(summary):
    row = decide.row(summary)
    return EXTERNAL_COPIES.of_number(row, "dropped", limit=0, above="removed", below="none", equal="none")


def external_changes(metrics):
    """The change of each model's AUC from the test set, and which models lose."""
    ends = ("difference_ci_low", "difference_ci_high")
    values = {"above": "better", "below": "worse", "neither": "undetected"}
    changes = [
        EXTERNAL_CHANGE.of_interval(decide.row(metrics, model=model, metric="auc"), ends, subject=model, **values)
        for model in MODELS
    ]
    worse = [change["subject"] for change in changes if change["value"] == "worse"]
    losing = "both" if len(worse) == len(MODELS) else worse[0] if worse else "neither"
    return [*changes, EXTERNAL_LOSS.follows(losing, changes)]


def external_ranking(compare):
    row = decide.row(compare, metric="auc")
    return EXTERNAL_RANKING.of_interval(row, above="transfer", below="baseline", neither="undetected")


if __name__ == "__main__":
    run(findings)
