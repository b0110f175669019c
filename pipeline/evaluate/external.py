"""evaluate_external: results on the external set, beside those on the test split. It belongs to the stage evaluate.

Reads   results/evaluate/MODEL_external_logits.csv and the ledger of these looks; tables/evaluate/thresholds.csv and
        test_metrics.csv.
Writes  tables/evaluate/external_metrics.csv (one row per model and metric), external_compare.csv (the AUCs of both
        models on the same images) and external_ledger.csv.
"""

from pathlib import Path

import pandas as pd

from pipeline.command import run
from pipeline.evaluate.compare import auc_row
from pipeline.evaluate.metrics import distinct, metric_rows
from pipeline.statistics import comparisons
from pipeline.vocabulary import MODELS


def evaluate_external(
    logits: list[Path],
    thresholds: Path,
    test_metrics: Path,
    ledger: Path,
    settings: dict,
    table: Path,
    compare: Path,
    looks: Path,
):
    """Every metric of the stage evaluate, at the thresholds that val gave, with its difference, external less test.

    The two sets of images are independent. Predictive values and average precision hang on the prevalence of covid,
    which need not be that of test.
    """
    limits = pd.read_csv(thresholds).set_index("model")["logit"]
    on_test = pd.read_csv(test_metrics).set_index(["model", "metric"])
    rows = []
    predictions = dict(zip(MODELS, map(pd.read_csv, logits), strict=True))
    for model, predicted in predictions.items():
        for row in metric_rows(predicted, limits[model], settings["seed"]):
            known = on_test.loc[(model, row["metric"])]
            first, second = ((part["value"], (part["ci_low"], part["ci_high"])) for part in (known, row))
            difference, (low, high) = comparisons.independent(first, second)
            row |= {"test_value": known["value"], "test_ci_low": known["ci_low"], "test_ci_high": known["ci_high"]}
            row |= {"difference": difference, "difference_ci_low": low, "difference_ci_high": high}
            rows.append({"model": model, **row})
    table.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(table, index=False)
    pd.DataFrame([auc_row(*predictions.values())]).to_csv(compare, index=False)
    distinct(pd.read_csv(ledger)).to_csv(looks, index=False)


if __name__ == "__main__":
    run(evaluate_external)
