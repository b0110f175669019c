"""The promises of a whole build: the report by itself, messages before anything runs."""

import json
import re
import shutil

import pandas as pd
import pytest
from scipy.integrate import trapezoid

from tests import phantoms
from tests.workflow.conftest import Build


def test_the_report_alone_needs_neither_data_nor_models_nor_tensorflow(built, tmp_path):
    for folder in ("tables", "figures"):
        shutil.copytree(built.folder / folder, tmp_path / folder)
    clone = Build(built.checkout, tmp_path)
    assert set(clone.jobs("report")) == {"report"}
    assert "only the report can be made again" in clone.snakemake("report", "--dry-run", "--cores", "1")
    output = clone.snakemake("report", "--cores", "1", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert "jinja2" in output
    assert "tensorflow" not in output.split("jinja2")[0] + output.split("jinja2")[-1]
    assert (tmp_path / "report/report.pdf").read_bytes() == (built.folder / "report/report.pdf").read_bytes()


def test_the_cost_counts_each_job_once(built):
    jobs = [file.stem for file in built.folder.glob("results/benchmarks/*.tsv")]
    before_the_article = [job for job in jobs if job.split("_")[0] not in {"notebook", "report", "submission"}]
    assert pd.read_csv(built.folder / "tables/report/cost.csv")["jobs"].sum() == len(before_the_article) > 50


def test_the_html_report_shows_every_figure_and_table_and_needs_no_network(built):
    built.snakemake("--report", "results/report.html")
    html = (built.folder / "results/report.html").read_text()
    stages = json.loads(re.search(r"var categories = (.*);$", html, flags=re.MULTILINE)[1])
    shown = {file for kinds in stages.values() for files in kinds.values() for file in files}
    made = {file for _, outputs in built.graph().values() for file in outputs if file.startswith(("figures", "tables"))}
    assert shown == made | {"report/report.pdf"}
    assert {"explore", "tune", "train", "evaluate", "gradcam"} <= set(stages)
    assert re.findall(r'(?:src|href)="https?:[^"]*"', html) == []
    assert len(html) < 20e6


def test_no_data_is_said_before_anything_runs(checkout, tmp_path):
    output = Build(checkout, tmp_path).snakemake("--cores", "2", check=False)
    place = f"no data at {tmp_path / 'data/covid_xray.zip'}"
    for hint in (place, "make report DATA=", "Radiography Database", "make demo"):
        assert hint in output
    assert "Traceback" not in output
    assert not (tmp_path / "results").exists()
    assert "no data" not in Build(checkout, tmp_path).snakemake("--lint", check=False)


def test_without_data_the_report_is_not_made_from_tables_of_another_configuration(built, tmp_path):
    for folder in ("tables", "figures"):
        shutil.copytree(built.folder / folder, tmp_path / folder)
    clone = Build(built.checkout, tmp_path)
    output = clone.snakemake("report", "--cores", "1", "--config", "seed=7", check=False)
    assert clone.status == 1 and "made with another configuration" in output.splitlines()[-1]
    assert not (tmp_path / "report").exists()


def test_without_data_no_job_but_the_report_runs_again(built, tmp_path):
    """Nor where results are there: they would be of two states of the code."""
    shutil.copytree(built.folder, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "tables/tune/baseline.csv").write_text("changed")
    assert set(Build(built.checkout, tmp_path).jobs()) == {"report", "all"}


@pytest.mark.parametrize(
    ("named", "told", "arguments"),
    [
        ("dataset={path: /no/such/typo.zip}", "dataset.path: no data at /no/such/typo.zip", []),
        ("dataset={path: data/typo.zip}", "dataset.path: no data at {folder}/data/typo.zip", ["--dry-run"]),
        ("dataset={path: ~no-such-user/x.zip}", "dataset.path: no data at {folder}/~no-such-user/x.zip", ["report"]),
        ("dataset={external: typo}", "dataset.external: nothing at {folder}/typo", []),
        ("transfer={weights: typo.h5}", "transfer.weights: no file {folder}/typo.h5", ["report"]),
        ("transfer={weights: data}", "transfer.weights: no file {folder}/data", ["--dry-run"]),
    ],
)
def test_a_named_path_that_is_absent_ends_every_run_of_a_finished_build(built, named, told, arguments):
    before = {file: file.stat().st_mtime_ns for file in built.folder.glob("[!.]*/**/*")}
    output = built.snakemake(*arguments, "--cores", "2", "--config", named, "seed=7", check=False)
    assert built.status == 1
    assert output.splitlines()[-1].startswith(told.format(folder=built.folder))
    assert "Traceback" not in output
    assert {file: file.stat().st_mtime_ns for file in built.folder.glob("[!.]*/**/*")} == before


def test_a_wrong_key_is_said_before_anything_runs(checkout, tmp_path):
    output = Build(checkout, tmp_path).snakemake("--cores", "2", "--config=training={epoch: 3}", check=False)
    assert "training.epoch: unknown key" in output
    assert output.splitlines()[-1].endswith("did you mean training.epochs?")
    assert "Traceback" not in output


def test_wrong_metadata_is_said_before_anything_runs(checkout, tmp_path, edit):
    edit("report/metadata.yaml", "group:", "grop:")
    output = Build(checkout, tmp_path).snakemake("--cores", "2", check=False)
    assert "metadata.yaml: the file: unknown key grop; expected the keys title" in output.splitlines()[-1]
    assert "Traceback" not in output and not (tmp_path / "results").exists()


def test_shares_too_small_for_a_class_stop_the_build_after_the_data(checkout, tmp_path):
    phantoms.write_archive(tmp_path / "data/covid_xray.zip", size=32, splits={"train": 24, "val": 8, "test": 8})
    output = Build(checkout, tmp_path).snakemake("--cores", "1", check=False)
    assert "ablate.shares: 0.5 of train has 3 of its 6 covid images; expected at least 4 of each class" in output
    assert {file.stem for file in (tmp_path / "results/logs").glob("*.log")} == {"data", "data_check"}


def test_the_diagram_of_the_readme_is_the_graph_of_the_rules(built):
    rules = {}  # {file: rule}
    for job, (_, outputs) in built.graph().items():
        rules |= dict.fromkeys(outputs, job.split()[0])
    edges = {
        (rules[file], job.split()[0]) for job, (inputs, _) in built.graph().items() for file in inputs if file in rules
    }
    drawn = set()
    diagram = re.search(r"```mermaid\n(.*?)```", (built.checkout / "README.md").read_text(), flags=re.DOTALL)[1]
    for before, after in re.findall(r"^ +(\w+) --> (.+)$", diagram, flags=re.MULTILINE):
        drawn |= {(before, rule) for rule in after.split(" & ")}
    # Figures, findings, the notebook, settings, costs and the check of the data are left out of it, and what follows
    # from other arrows.
    shown = {rule for edge in drawn for rule in edge}
    assert {rule for rule in set(rules.values()) - shown if not rule.endswith(("_figures", "_findings"))} == {
        "data_check",
        "notebook",
        "report_configuration",
        "report_cost",
        "report_margins",
    }
    assert {edge for edge in leads_to(edges) if set(edge) <= shown} == leads_to(drawn)


def leads_to(edges):
    """All pairs of which the second is reached from the first."""
    while further := {(a, d) for a, b in edges for c, d in edges if b == c} - edges:
        edges = edges | further
    return edges


def test_areas_under_the_deletion_curves_are_those_of_their_table(built):
    for model in ("baseline", "transfer"):
        curves = pd.read_csv(built.folder / f"tables/gradcam/{model}_deletion.csv")
        checks = pd.read_csv(built.folder / f"tables/gradcam/{model}_trust.csv").set_index("check")["value"]
        for order, curve in curves.groupby("order"):
            area = trapezoid(curve["probability"], curve["deleted"])
            assert checks[f"deletion, {order} first"] == pytest.approx(area, abs=1e-6)
