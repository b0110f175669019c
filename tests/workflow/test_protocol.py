"""The protocol contract: the test split cannot reach what is fitted or chosen."""

import re

import pytest

from tests.workflow.conftest import field, job_name

TEST_FILES = {
    "tables/data/index.csv",
    "tables/data/index_test.csv",
    "results/data/test.npy",
    "results/data/test.npy.sha256",
}
CLOSED_TO_TEST = ("features", "backbone", "tune", "train", "finetune", "ablate", "audit")


@pytest.fixture(scope="module")
def jobs(built):
    """{job: (inputs, outputs)} of a complete build."""
    output = built.snakemake("--dry-run", "--forceall", "--cores", "2")
    blocks = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", output, flags=re.MULTILINE)
    return {
        job_name(rule, block): tuple(set(field(name, block).split(", ")) - {""} for name in ("input", "output"))
        for rule, block in blocks
    }


def descendants(files, jobs):
    """`files` and all that is made from them."""
    reached = set(files)
    while True:
        further = {file for inputs, outputs in jobs.values() if inputs & reached for file in outputs} - reached
        if not further:
            return reached
        reached |= further


def test_no_path_leads_from_test_to_fitting(jobs):
    reached = descendants(TEST_FILES, jobs)
    closed = {job: inputs for job, (inputs, _) in jobs.items() if job.startswith(CLOSED_TO_TEST)}
    assert len(closed) >= 15
    assert {job: inputs & reached for job, inputs in closed.items() if inputs & reached} == {}


def test_only_one_rule_feeds_test_images_to_a_model_for_a_result(jobs):
    reading = {
        job
        for job, (inputs, _) in jobs.items()
        if "results/data/test.npy" in inputs and any(file.endswith(".keras") for file in inputs)
    }
    assert reading == {"predict_test baseline", "predict_test transfer", "gradcam"}


def test_only_the_report_reads_what_explore_writes(jobs):
    explored = {file for job, (_, outputs) in jobs.items() if job == "explore" for file in outputs}
    readers = {job for job, (inputs, _) in jobs.items() if inputs & explored}
    assert readers == {"explore_figures", "report"}


def test_each_final_model_has_looked_once(built):
    ledger = (built.folder / "results/evaluate/ledger.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in sorted(ledger[1:], key=lambda line: line.split(",")[1])] == [
        "baseline",
        "transfer",
    ]
