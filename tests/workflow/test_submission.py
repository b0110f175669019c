"""What `snakemake submission` hands in: complete by itself, and nothing that has no place in it."""

import csv
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from pipeline.render.submission import submission
from tests import phantoms


@pytest.fixture(scope="module")
def listed(built):
    """The files that the rule lists, once for each time that it does."""
    return built.inputs("submission")


@pytest.fixture(scope="module")
def unpacked(built, listed, tmp_path_factory):
    """The zip as it would be once no check fails, unpacked elsewhere."""
    folder = tmp_path_factory.mktemp("handed in")
    with open(built.folder / "tables/report/checks.csv") as file:
        assert {row["result"] for row in csv.DictReader(file) if row["level"] == "build"} == {"passed"}
    (folder / "metadata.yaml").write_text(yaml.safe_dump({"group": 21}))
    results = [Path(file) for file in listed if file.startswith(("tables/", "figures/", "results/notebooks/"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(built.folder)
        submission(
            pdf=Path("report/report.pdf"),
            metadata=folder / "metadata.yaml",
            results=results,
            root=built.checkout,
            folder=folder,
        )
    with zipfile.ZipFile(folder / "code_group21.zip") as package:
        package.extractall(folder)
    return folder / "code_group21"


def test_every_figure_and_table_is_read_by_the_report_or_written_by_it_and_handed_in(built, listed):
    made = {file for _, outputs in built.graph().values() for file in outputs if file.startswith(("figures", "tables"))}
    read, written = built.graph()["report"]
    assert made <= read | written
    assert sorted(file for file in listed if file.startswith(("figures", "tables"))) == sorted(made)


def test_a_demonstration_is_refused_with_the_reasons(built):
    output = built.snakemake("submission", "--cores", "1", check=False)
    assert "- metadata: affiliation" in output
    assert "- no stamp: stamped as a demonstration" in output
    assert "Traceback" not in output and "--results" not in output
    assert not (built.folder / "submission").exists()


def test_code_notebooks_tables_and_figures_are_in_it_and_nothing_else(unpacked, listed):
    names = {str(file.relative_to(unpacked)) for file in unpacked.rglob("*") if file.is_file()}
    assert {
        "Snakefile",
        "README.md",
        "pipeline/tune/search.py",
        "report/metadata.yaml",
        "workflow/notebooks/baseline.ipynb",
        "results/notebooks/baseline.ipynb",
        "tables/tune/baseline.csv",
        "tables/report/checks.csv",
        "tests/tune/test_search.py",
    } <= names
    kinds = {Path(name).suffix or name for name in names}
    figures = {name for name in names if name.endswith(".pdf")}
    assert figures == {file for file in listed if file.startswith("figures/")} and len(figures) > 5
    assert kinds & {".png", ".npy", ".npz", ".keras", ".h5", ".zip"} == set()
    assert [name for name in names if "phantom" in name or "demo" in name or "benchmarks" in name] == []
    assert [file.name for file in unpacked.glob("*.md") if "make demo" in file.read_text()] == []


def test_its_plan_without_data_offers_no_demo(unpacked):
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1"], cwd=unpacked, text=True, capture_output=True
    )
    assert done.returncode == 1
    assert "dataset.path: no data at" in done.stderr and "demo" not in done.stdout + done.stderr


@pytest.mark.slow
def test_it_plans_a_build_and_its_tests_pass(unpacked):
    phantoms.write_archive(unpacked / "data/covid_xray.zip", size=40, splits={"train": 8, "val": 4, "test": 4})
    for command in (["snakemake", "--dry-run", "--cores", "1"], ["pytest", "-q"]):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=unpacked,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
