"""The tables of the configuration and of the cost, which the article quotes."""

import numpy as np
import pytest

from pipeline.render import configuration, cost


def test_the_numbers_of_the_configuration_are_a_table():
    settings = {"seed": 1, "demo": False, "tune": {"space": {"scale": "log", "range": [0, 1]}, "share": 0.5}}
    made = configuration.configuration(settings, "ab12")["table"]
    assert made.to_csv(index=False) == "key,value\nseed,1\ntune.share,0.5\nsha256,ab12\n"


def test_the_cost_of_the_jobs_is_summed_by_rule_and_stage(tmp_path):
    header = "s\th:m:s\tmax_rss\tcpu_time\n"
    (tmp_path / "trial_1.tsv").write_text(header + "10.5\t0:00:10\t900\t20.25\n")
    (tmp_path / "trial_2.tsv").write_text(header + "30\t0:00:30\t1100.5\tNA\n")
    (tmp_path / "propose.tsv").write_text(header + "1\t0:00:01\tNA\t0.5\n")
    (tmp_path / "of_another_configuration.tsv").write_text(header + "999\t0:16:39\t9999\t999\n")
    jobs = {"tune": {"propose": ["propose"], "trial": ["trial_1", "trial_2"]}, "train": {"final": ["never_run"]}}
    rules, stages = cost.cost(jobs, tmp_path).values()
    assert rules.values.tolist() == [
        ["tune", "propose", 1, 1.0, 0.5, 1.0, pytest.approx(np.nan, nan_ok=True)],
        ["tune", "trial", 2, 40.5, 20.25, 30.0, 1100.5],
    ]
    assert stages.values.tolist() == [[name, 3, 41.5, 20.75, 30.0, 1100.5] for name in ("tune", "all")]
