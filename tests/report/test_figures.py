"""Figures of the article and of its supplement."""

import re
from pathlib import Path

import pytest

from pipeline.command import InputError
from pipeline.render.figures import Figures
from tests.report.article import EXTERNAL, MOVED, REAL, ROOT


def test_a_figure_that_is_no_input_is_refused(tmp_path):
    figure = Figures([tmp_path / "figures/tune/baseline.pdf"], [], tmp_path / "results/report")
    assert figure("tune/baseline") == "../../figures/tune/baseline.pdf"
    with pytest.raises(InputError, match="figure 'tune/other' is not an input of the rule report; known: tune/base"):
        figure("tune/other")


def test_a_figure_in_the_supplement_is_linked_and_must_be(tmp_path):
    article, supplement = (
        [tmp_path / "figures/tune/baseline.pdf"],
        [Path("figures/tune/transfer.pdf"), Path("a/b/c.csv")],
    )
    figure = Figures(article, supplement, tmp_path / "results/report")
    assert figure.unused() == ["tune/baseline", "figures/tune/transfer.pdf"]
    assert figure.see("tune/baseline", "fig:a") == r"\cref{fig:a}"
    assert figure.see("tune/transfer", "fig:b") == r"\supplement{figures/tune/transfer.pdf}"
    figure("tune/baseline")
    assert figure.unused() == []
    with pytest.raises(InputError, match="'figures/tune/other.pdf' is not in the supplement"):
        figure.link("figures/tune/other.pdf")


def moved_figures(settings):
    """What moves to the supplement, by workflow/rules/report.smk."""
    rules = (ROOT / "workflow/rules/report.smk").read_text()
    lines = re.search(r"^MOVABLE_FIGURES = .*?^MOVED_FIGURES = .*?$", rules, re.MULTILINE | re.DOTALL)[0]
    exec(lines, names := {"config": settings})
    return [file.removeprefix("figures/").removesuffix(".pdf") for file in names["MOVED_FIGURES"]]


def test_figures_move_in_the_stated_order():
    assert moved_figures(REAL) == [] and moved_figures(EXTERNAL) == MOVED
