"""Metrics on the external set beside those on the test split."""

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluate.external import evaluate_external
from pipeline.evaluate.metrics import metric_rows
from pipeline.statistics import comparisons


def test_metrics_stand_beside_those_of_test_at_the_thresholds_of_val(tmp_path):
    rng = np.random.default_rng(4)
    thresholds = {"baseline": 0.7, "transfer": -0.2}
    logits, on_test = {}, []
    for model, threshold in thresholds.items():
        for name, shift, count in (("external", 0.8, 120), ("test", 2.5, 200)):
            labels = np.where(np.arange(count) % 4 == 0, "covid", "normal")
            logit = rng.normal(size=count) + shift * (labels == "covid")
            logits[model, name] = pd.DataFrame({"file": range(count), "label": labels, "model": model, "logit": logit})
        on_test += [{"model": model, **row} for row in metric_rows(logits[model, "test"], threshold, 1)]
    on_test = pd.DataFrame(on_test)
    ledger = pd.DataFrame(
        {"time": [1, 2, 3], "model": ["transfer", "baseline", "transfer"], "weights_sha256": "w", "data_sha256": "d"}
    )
    ledger.to_csv(tmp_path / "ledger.csv", index=False)
    limits = pd.DataFrame(thresholds.items(), columns=["model", "logit"])
    external = [logits[model, "external"] for model in thresholds]
    tables = evaluate_external(external, limits, on_test, tmp_path / "ledger.csv", {"seed": 1})
    rows = tables["table"].set_index(["model", "metric"])
    for model, threshold in thresholds.items():
        row = rows.loc[(model, "sensitivity")]
        covid = logits[model, "external"].query("label == 'covid'")
        assert row["value"] == pytest.approx((covid["logit"] >= threshold).mean()) and row["n"] == 30
        known = on_test.set_index(["model", "metric"]).loc[(model, "auc")]
        row = rows.loc[(model, "auc")]
        sides = [(known["value"], (known["ci_low"], known["ci_high"])), (row["value"], (row["ci_low"], row["ci_high"]))]
        difference, interval = comparisons.independent(*sides)
        assert row["difference"] == pytest.approx(difference) and difference < 0
        assert (row["difference_ci_low"], row["difference_ci_high"]) == pytest.approx(interval)
    (paired,) = tables["compare"].to_dict("records")
    aucs = [rows.loc[(model, "auc"), "value"] for model in ("baseline", "transfer")]
    assert paired["difference"] == pytest.approx(aucs[1] - aucs[0])
    assert paired["ci_low"] < paired["difference"] < paired["ci_high"] and paired["n"] == 120
    assert tables["looks"]["model"].tolist() == ["baseline", "transfer"]
