"""Figures of the article and of its supplement."""

import pytest

from pipeline.command import InputError
from pipeline.render.figures import Figures


@pytest.fixture
def figure(tmp_path):
    files = [tmp_path / f"figures/tune/{name}.pdf" for name in ("baseline", "progress", "transfer")]
    return Figures(files, [tmp_path / "tables/a/b.csv"], tmp_path / "results/report", moved=("tune/transfer",))


def test_a_figure_that_no_rule_makes_is_refused(figure):
    assert figure("tune/baseline") == "../../figures/tune/baseline.pdf"
    with pytest.raises(InputError, match="figure 'tune/other': no rule makes it; known: tune/baseline, tune/prog"):
        figure("tune/other")
    with pytest.raises(InputError, match="'figures/tune/other.pdf': no rule makes it"):
        figure.link("figures/tune/other.pdf")


def test_what_the_article_has_no_room_for_is_linked(figure):
    assert figure.see("tune/baseline", "fig:a") == r"\cref{fig:a}"
    assert figure.see("tune/transfer", "fig:b") == r"\supplement{figures/tune/transfer.pdf}"
    assert "tune/baseline" in figure and "tune/transfer" not in figure


def test_a_figure_is_shown_or_linked(figure):
    assert figure.unused() == ["tune/baseline", "tune/progress", "tune/transfer"]
    figure("tune/baseline")
    figure.link("figures/tune/transfer.pdf")
    figure.link("tables/a/b.csv")
    assert figure.unused() == ["tune/progress"]
