"""The protocol contract: the test split cannot reach what is fitted or chosen."""

import pytest

from tests.workflow.conftest import descendants

TEST_FILES = {
    "tables/data/index.csv",
    "tables/data/index_test.csv",
    "tables/data/duplicates.csv",
    "tables/data/duplicates_summary.csv",
    "results/data/test.npy",
    "results/data/test.npy.sha256",
    "results/data/test_masks.npy",
    "results/data/test_masks.npy.sha256",
}
CLOSED_TO_TEST = (
    "features",
    "backbone",
    "tune",
    "train",
    "finetune",
    "final",
    "ablate",
    "audit",
    "evaluate_thresholds",
)
# Read tables about test, no image, and tell only the report.
TELLING = ("audit_leakage", "audit_findings")
REPORTING = {"report", "report_cost", "report_margins"}


@pytest.fixture
def jobs(built):
    return built.graph()


def test_no_path_leads_from_test_to_fitting(jobs):
    reached = descendants(TEST_FILES, jobs)
    closed = {job: inputs for job, (inputs, _) in jobs.items() if job.startswith(CLOSED_TO_TEST) and job not in TELLING}
    assert len(closed) >= 15
    assert {job: inputs & reached for job, inputs in closed.items() if inputs & reached} == {}


def test_no_model_sees_test_before_all_thresholds_are_set(jobs):
    for model in ("baseline", "transfer"):
        assert "tables/evaluate/thresholds.csv" in jobs[f"predict_test {model}"][0]


@pytest.mark.parametrize("job", TELLING)
def test_tables_of_the_audit_about_test_read_no_image_and_only_the_report_reads_them(jobs, job):
    inputs, outputs = jobs[job]
    assert all(file.endswith(".csv") for file in inputs)
    assert {job for job, (read, _) in jobs.items() if read & outputs and not job.endswith("_findings")} <= REPORTING


def test_what_is_claimed_decides_nothing(jobs):
    """Findings are read by other findings and by the report, so that none can reach what is fitted or chosen."""
    decided = {file for job, (_, outputs) in jobs.items() if job.endswith("_findings") for file in outputs}
    readers = {job for job, (inputs, _) in jobs.items() if inputs & decided and not job.endswith("_findings")}
    assert len(decided) > 8 and readers == REPORTING


def test_only_one_rule_feeds_test_images_to_a_model_for_a_result(jobs):
    reading = {
        job
        for job, (inputs, _) in jobs.items()
        if "results/data/test.npy" in inputs and any(file.endswith(".keras") for file in inputs)
    }
    assert reading == {"predict_test baseline", "predict_test transfer", "gradcam"}


def test_only_final_knows_which_stage_made_a_final_model(jobs):
    """But for the notebook, which shows the baseline's training (and maps of a second seed, which the demo lacks)."""
    stages = ("train_", "finetune")
    made = {
        file
        for job, (_, outputs) in jobs.items()
        if job.startswith(stages)
        for file in outputs
        if file.endswith((".keras", "val_predictions.csv"))
    }
    readers = {job for job, (inputs, _) in jobs.items() if inputs & made and not job.startswith(stages)}
    assert readers - REPORTING == {"final baseline", "final transfer", "notebook"}


def test_an_external_set_is_predicted_once_by_each_final_model_and_reaches_nothing_that_is_fitted(built):
    jobs = built.graph("--config", "dataset={external: data/covid_xray.zip}")
    assert set(jobs) - set(built.graph()) == {
        "data_external",
        "predict_external baseline",
        "predict_external transfer",
        "evaluate_external",
    }
    reached = descendants({"results/data/external.npy"}, jobs)
    assert {job for job, (inputs, _) in jobs.items() if inputs & reached} == {
        "predict_external baseline",
        "predict_external transfer",
        "evaluate_external",
        "evaluate_findings",
        *(job for job in jobs if job.endswith("_findings") and jobs[job][0] & reached),
        *REPORTING,
        "all",
    }


def test_only_the_report_reads_what_explore_writes(jobs):
    explored = {file for job, (_, outputs) in jobs.items() if job == "explore" for file in outputs}
    readers = {job for job, (inputs, _) in jobs.items() if inputs & explored}
    assert {job for job in readers if not job.endswith("_findings")} == {"explore_figures", "report", "report_cost"}


def test_each_final_model_has_looked_once(built):
    ledger = (built.folder / "results/evaluate/ledger.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in sorted(ledger[1:], key=lambda line: line.split(",")[1])] == [
        "baseline",
        "transfer",
    ]
