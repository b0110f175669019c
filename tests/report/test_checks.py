"""Checks of the article: what failed, and what to do."""

import csv

import pytest

from pipeline.command import InputError
from pipeline.render import digits, environment, latex
from tests.report.article import EXTERNAL, QUICK, REAL, REPORT
from tests.report.branches import longest
from tests.report.tables import change, complete


def test_no_digit_is_typed():
    assert digits.typed(REPORT) == []


@pytest.mark.parametrize(
    "text", ["an AUC of 0.93", r"\num{12} images", r'\VAR{"0.93"}', r'\BLOCK{set auc = "0.93"}', "COVID-19 in 3"]
)
def test_typed_digits_are_found(text):
    assert digits.typed_in(environment.parse(text), digits.ALLOWED)


@pytest.mark.parametrize(
    "name, old, new, message",
    [
        (
            "sections/baseline.tex.j2",
            "question(7)",
            "question(1)",
            "baseline.tex.j2:[0-9]+: question.1.: expected each",
        ),
        ("sections/baseline.tex.j2", r"\cref{fig:classes}", "", "questions: 7 refers to no figure or table .mark each"),
        ("sections/baseline.tex.j2", "Four blocks", "4 blocks", "no digit is typed: sections/baseline.tex.j2: 4 .read"),
        ("article.tex.j2", "twocolumn", "onecolumn", "layout: not in two columns"),
        ("article.tex.j2", "[10pt,twocolumn,a4paper]", "", "layout: not in two columns; font size not one of"),
        ("article.tex.j2", "10pt", "9pt", "layout: font size not one of 10pt, 11pt, 12pt"),
        ("sections/baseline.tex.j2", r"(\cref{tab:layers})", "", "are referred to: tab:layers .refer to it"),
        (
            "sections/evaluation.tex.j2",
            r'\includegraphics{\VAR{figure("evaluate/curves")}}',
            "",
            "figures are shown or linked: evaluate/curves .show it in a template by figure",
        ),
    ],
)
def test_a_build_check_names_what_failed_and_what_to_do(untyped, name, old, new, message):
    untyped.edit(name, old, new)
    with pytest.raises(InputError, match=message):
        untyped.render()


def test_the_checks_survive_a_failure(untyped):
    untyped.edit("sections/baseline.tex.j2", "Four blocks", "4 blocks")
    with pytest.raises(InputError):
        untyped.render()
    assert not untyped.pdf.exists()
    assert "sections/baseline.tex.j2: 4" in (untyped.folder / "results/report/checks.csv").read_text()


def test_overfull_boxes_are_found_with_their_section(tmp_path):
    (tmp_path / "sections").mkdir()
    (tmp_path / "sections/baseline.tex.lines").write_text("sections/baseline.tex.j2:1\nparts/gap.tex.j2:7\n")
    (tmp_path / "article.log").write_text(
        "(./article.tex (./sections/abstract.tex)\n(./sections/baseline.tex [1]\n"
        "Overfull \\hbox (12.3pt too wide) in paragraph at lines 2--4\n"
        "Overfull \\vbox (1.5pt too high) has occurred while \\output is active []\n"
    )
    assert latex.overfull(tmp_path / "article.tex") == [
        (12.3, "parts/gap.tex.j2:7"),
        (1.5, r"sections/baseline.tex has occurred while \output is active []"),
    ]


def test_a_submission_check_fails_no_build(untyped):
    untyped.tables["evaluate/ledger"] += untyped.tables["evaluate/ledger"][:1]
    untyped.render(QUICK | {"demo": True})
    found = results(untyped)
    assert found["pages"] == "0 pages"
    assert found["metadata"].startswith("affiliation; group; authors[1].name; authors[1].contribution; authors[2]")
    assert found["one look at test a model"] == "baseline: 2 looks"
    assert found["no stamp"] == "stamped as a demonstration; stamped as a quick run"


def test_an_edge_that_the_search_could_have_extended_bars_submission(untyped):
    """Whatever the article says of it; an edge at its bound, as of the dropout rate here, bars nothing."""
    untyped.render()
    assert results(untyped)["edges of the search"] == (
        "tune.space.baseline.learning_rate.range; tune.space.transfer.learning_rate.range"
    )
    for model in ("baseline", "transfer"):
        change(untyped.tables, f"tune/{model}_ranges", "key", "")
    untyped.render()
    assert results(untyped)["edges of the search"] == ""


def test_a_run_that_the_limit_of_epochs_ended_bars_submission(untyped):
    untyped.render()
    assert results(untyped)["runs with early stopping"] == ""
    # At epoch 150, the limit, two epochs after the best: fewer than the patience.
    for column, value in {"best_epoch": 148, "epochs": 150}.items():
        change(untyped.tables, "train/baseline_gap", column, value, seed=2)
    untyped.render()
    assert results(untyped)["runs with early stopping"] == "baseline, seed 2"


@pytest.mark.tex
@pytest.mark.parametrize("settings", [REAL, EXTERNAL], ids=["default", "external set"])
def test_the_longest_finished_article_passes_every_check(run, settings):
    """Within the pages, too: with as many rows as a default run has, filled metadata, and for each finding the value
    whose text is longest."""
    complete(run.tables)
    run.values = longest({"demo": False, "quick": False, "external": settings == EXTERNAL})
    words = "and as many more words as an author would write here in a report that is handed in"
    looks = f"Before this run, this test set was evaluated in six runs, one of which led to a change, {words}"
    text = (REPORT / "metadata.yaml").read_text()
    filled = text.replace("(placeholder)", words).replace('earlier_looks: ""', f'earlier_looks: "{looks}"')
    run.edit("metadata.yaml", text, filled)
    for model in ("baseline", "transfer"):
        change(run.tables, f"tune/{model}_ranges", "key", "")
    run.render(settings)
    assert {check: found for check, found in results(run).items() if found} == {}


def results(run):
    with open(run.checks) as file:
        return {check["check"]: check["found"] for check in csv.DictReader(file)}
