"""Cells and findings: read by their conditions, typed by what they hold, and recorded."""

import csv
import hashlib
import re

import pytest

from pipeline.command import InputError
from pipeline.render import filters
from pipeline.render.cells import Tables
from tests.report.article import CELL


def test_cells_are_typed_by_what_they_hold(tables):
    assert tables.cell("tune/baseline", trial=1, column="val_auc") == 0.9
    assert tables.cell("tune/baseline", trial=3, column="status") == "diverged"
    assert tables.cell("tune/baseline", status="finished", kept=False, column="trial") == 2
    assert tables.cell("tune/baseline", trial=1, column="kept") is True
    missing = tables.cell("tune/baseline", trial=3, column="val_auc")
    assert missing != missing


def test_a_finding_is_read_by_its_name_and_subject(tmp_path, tables):
    file = tmp_path / "tables/tune/findings.csv"
    file.write_text("finding,subject,value\nranking,,transfer\nedge,baseline 16,inside\nedge,16,at_edge\n")
    tables = Tables([file, tables.files["tune/baseline"]])
    assert tables.finding("tune/ranking") == "transfer"
    assert tables.finding("tune/edge", "baseline", "16") == "inside"
    sixteen = tables.cell("tune/findings", value="at_edge", column="subject")
    assert tables.finding("tune/edge", sixteen) == "at_edge"
    assert [reading.column for reading in tables.readings] == ["value", "value", "subject", "value"]
    for name, subject in {"tune/order": (), "tune/edge": ("transfer",), "tune/ranking": ("baseline",)}.items():
        with pytest.raises(InputError, match="findings.csv: 0 rows match finding=.*, subject='.*'; exactly one must"):
            tables.finding(name, *subject)


@pytest.mark.parametrize(
    "table, conditions, message",
    [
        ("tune/baseline", {"trial": 4}, r"tune/baseline.csv: 0 rows match trial=4; exactly one must"),
        (
            "tune/baseline",
            {"status": "finished", "trial": 9},
            r"baseline.csv: 0 rows match status='finished', trial=9; exact",
        ),
        ("tune/baseline", {"status": "finished"}, r"2 rows match status='finished'; exactly one must"),
        ("tune/baseline", {}, r"3 rows match no condition; exactly one must"),
        ("tune/baseline", {"model": "a"}, r"baseline.csv: no column 'model'; there are trial, status, kept, val_auc"),
        ("tune/transfer", {}, r"table 'tune/transfer': no rule makes it; known: tune/baseline"),
    ],
)
def test_cell_errors_name_table_and_conditions(tables, table, conditions, message):
    with pytest.raises(InputError, match=message):
        tables.cell(table, column="val_auc", **conditions)


def test_an_unknown_column_is_refused(tables):
    with pytest.raises(InputError, match="no column 'auc'; there are trial"):
        tables.cell("tune/baseline", trial=1, column="auc")


def test_the_trace_lists_every_reading_once(tables):
    for _ in range(2):
        filters.number(tables.cell("tune/baseline", trial=1, column="val_auc"), digits=3)
    filters.count(tables.rows("tune/baseline", status="finished").length)
    assert tables.cell("tune/baseline", trial=2, column="val_auc") < 0.9
    file = tables.files["tune/baseline"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    trace = tables.trace()
    assert list(trace) == ["file", "row", "column", "raw", "shown", "sha256"]
    assert trace.values.tolist() == [
        [file, "1", "val_auc", "0.9", "0.900", digest],
        [file, "1 2", "(rows)", "2", "2", digest],
        [file, "2", "val_auc", "0.8", "", digest],
    ]


def test_every_number_of_the_article_is_in_the_trace(untyped):
    """All \\num and \\qty of the article, but for the level of the intervals, were shown from a cell."""
    numbers = re.findall(r"\\(?:num|qty)\{(.*?)\}", untyped.source().replace(r"\qty{95}{\percent} confidence", ""))
    with open(untyped.trace) as trace:
        shown = {row["shown"].removesuffix("%") for row in csv.DictReader(trace)}
    assert numbers and set(numbers) <= shown


def test_every_number_links_to_its_cell(untyped):
    untyped.render()
    files = (untyped.folder / "results/report").rglob("*.tex")
    source = "".join(file.read_text() for file in files if file.name != "preamble.tex")
    assert r"\cell{explore/sizes}{1}{images}{\num{2688}}" in source
    outside = CELL.sub("", source).replace(r"\qty{95}{\percent} confidence", "")
    assert re.findall(r"\\(?:num|qty)\{.*?\}", outside) == []
