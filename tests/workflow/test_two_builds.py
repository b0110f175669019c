"""Equal bytes of two builds, by one core and by two: apart from the other tests of the build (tests/conftest.py)."""

import shutil

import pytest

from tests.workflow.conftest import build_anew


@pytest.mark.slow
def test_one_core_or_two_give_the_same_tables(checkout, tmp_path, request):
    again = build_anew(checkout, tmp_path, 1, "report")
    built = request.getfixturevalue("built")  # not before: another process may make it meanwhile
    # Seconds differ; with equal ones the article, which tells those of three tables, is equal too.
    for table in ("tables/ablate/resolution_cost.csv", "tables/finetune/compare_cost.csv"):
        shutil.copyfile(built.folder / table, tmp_path / table)
    again.snakemake("report_cost", "--cores", "2")
    shutil.copyfile(built.folder / "tables/report/cost_stages.csv", tmp_path / "tables/report/cost_stages.csv")
    again.snakemake("report", "--cores", "2")
    tables = {
        file.relative_to(built.folder) for file in built.folder.glob("tables/**/*.csv") if "cost" not in file.name
    }
    assert len(tables) > 30
    different = [
        str(table) for table in tables if (built.folder / table).read_bytes() != (tmp_path / table).read_bytes()
    ]
    assert different == []
    assert (built.folder / "report/report.pdf").read_bytes() == (again.folder / "report/report.pdf").read_bytes()
