"""evaluate: results on the external set, beside those on the test split.

Reads   the logits of the external set and the ledger of these looks; thresholds and test metrics.
Returns the tables of metrics (one row per model and metric), of the comparison (the AUCs of both models on the same
        images) and of the looks.
"""

from pathlib import Path

import pandas as pd

from pipeline.command import run
from pipeline.evaluate.compare import auc_row
from pipeline.evaluate.metrics import distinct_looks, metric_rows
from pipeline.statistics import comparisons
from pipeline.vocabulary import MODELS


def evaluate_external(
    logits: list[pd.DataFrame], thresholds: pd.DataFrame, test_metrics: pd.DataFrame, ledger: Path, settings: dict
):
    """Every metric of the stage evaluate, at the thresholds that val gave, with its difference, external less test.

    The two sets of images are independent. Predictive values and average precision hang on the prevalence of covid,
    which need not be that of test.

    Args:
        logits: in the order of the vocabulary.
    """
    limits = thresholds.set_index("model")["logit"]
    on_test = test_metrics.set_index(["model", "metric"])
    rows = []
    for model, of_model in zip(MODELS, logits, strict=True):
        for row in metric_rows(of_model, limits[model], settings["seed"]):
            known = on_test.loc[(model, row["metric"])]
            first, second = ((part["value"], (part["ci_low"], part["ci_high"])) for part in (known, row))
            difference, (low, high) = comparisons.independent(first, second)
            row |= {"test_value": known["value"], "test_ci_low": known["ci_low"], "test_ci_high": known["ci_high"]}
            row |= {"difference": difference, "difference_ci_low": low, "difference_ci_high": high}
            rows.append({"model": model, **row})
    return {
        "table": pd.DataFrame(rows),
        "compare": pd.DataFrame([auc_row(*logits)]),
        "looks": distinct_looks(pd.read_csv(ledger)),
    }


if __name__ == "__main__":
    run(evaluate_external)
