"""Every question is answered once, and it is recorded on what the answer rests."""

import csv

import pytest

from pipeline.command import InputError
from pipeline.render import filters
from pipeline.render.questions import Questions
from tests.report.article import unlinked
from tests.report.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_every_question_is_answered_once_from_a_cell_and_a_float(untyped, scenario):
    untyped.of(scenario).render(scenario.settings)
    with open(untyped.questions) as file:
        answers = list(csv.DictReader(file))
    assert [int(answer["question"]) for answer in answers] == list(range(1, 25))
    assert [answer["question"] for answer in answers if not (answer["cells"] and answer["floats"])] == []


def test_an_answer_rests_on_what_it_shows_decides_by_and_refers_to(tables):
    question = Questions(tables.readings)
    read_before = tables.cell("tune/baseline", trial=1, column="val_auc")
    tables.cell("tune/baseline", trial=1, column="status")

    def answer():
        assert tables.cell("tune/baseline", trial=1, column="kept")
        return filters.number(read_before, digits=2) + r" (\cref{fig:a,sec:b,tab:c}). \Cref{fig:a}."

    assert unlinked(question(7, answer)).startswith(r"\question{7}\num{0.90} (")
    cells, floats = question.answers[7]
    assert [cell.column for cell in cells] == ["val_auc", "kept"]
    assert floats == ["fig:a", "tab:c"]


@pytest.mark.parametrize("number", [0, 25, 7])
def test_an_unknown_or_second_answer_is_refused(number):
    question = Questions([])
    question(7, lambda: "")
    with pytest.raises(InputError, match=rf"question\({number}\): expected each of 1 to 24 once"):
        question(number, lambda: "")


@pytest.mark.tex
def test_answers_are_found_by_section_and_page(run):
    run.render()
    with open(run.questions) as file:
        answers = {int(answer["question"]): answer for answer in csv.DictReader(file)}
    assert (answers[1]["section"], answers[7]["section"], answers[24]["section"]) == ("2", "3", "6")
    pages = [int(answer["page"]) for answer in answers.values()]
    assert min(pages) >= 1 and max(pages) > 3
