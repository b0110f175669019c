"""Templates put findings into words and decide nothing."""

import pytest

from pipeline.render import decisions, environment
from tests.report.article import REPORT


def test_the_templates_hold_no_decisions():
    assert decisions.find(REPORT) == []


def test_the_check_of_decisions_names_file_and_line(run):
    folder = run.folder / "report/sections"
    folder.mkdir(parents=True)
    (folder / "baseline.tex.j2").write_text("A line.\n\\BLOCK{if best.auc > other.auc}\nbetter\n\\BLOCK{endif}\n")
    assert decisions.find(folder.parent) == ["sections/baseline.tex.j2:2: comparison of numbers"]


@pytest.mark.parametrize(
    "expression, what",
    {
        "a.value > 0.9": "comparison of numbers",
        "a.value == 0": "comparison with something else than a text",
        "a.value == b.value": "comparison with something else than a text",
        "a.value != a.value": "comparison with something else than a text",
        "a.value - b.value": "arithmetic",
        "-a.value": "arithmetic",
        "namespace(any=false)": "namespace",
        "looks|length": "filter length",
        "looks|sum(attribute='images')": "filter sum",
        "looks|selectattr('ci_low', 'gt', 0)|list": "filter selectattr by something else than a text",
        "looks|rejectattr('images', 'equalto', 1)|list": "filter rejectattr by something else than a text",
        "looks|sort(attribute='images')|last": "filter sort",
        "looks|max(attribute='images')": "a row chosen by max",
        "(looks|min(attribute='images')).model": "a row chosen by min",
        "row('train/final', train_loss=looks|map(attribute='train_loss')|min)": "a row chosen by min",
        "a.value is odd": "test odd",
        "loop.index": "loop.index",
        "finding('train/' ~ name)": "a finding whose name is not written out",
    }.items(),
)
def test_decisions_are_found_wherever_they_stand(expression, what):
    for template in (r"\BLOCK{if %s}x\BLOCK{endif}", r"\BLOCK{set x = %s}", r"\VAR{'a' if %s else 'b'}"):
        assert (1, what) in decisions.find_in(environment.parse(template % expression))


@pytest.mark.parametrize(
    "test",
    [
        "finding('train/smoothness', model) == 'smooth'",
        "finding('evaluate/ranking') not in ('transfer', 'baseline') and not demo",
        "metadata.different_sources or best.loss == 'weighted_cross_entropy'",
        "candidate.selected",
        "'tune/transfer' in figure",
        "loop.last",
        "(rows('train/final')|last).train_auc",
        "rows('explore/sizes')|map(attribute='max_width')|max",
        "rows('train/findings', finding='gap', value='wide')|selectattr('subject', 'equalto', 'baseline')|list",
    ],
)
def test_branches_on_findings_flags_and_words_are_allowed(test):
    parsed = environment.parse(rf"\BLOCK{{if {test}}}x\BLOCK{{endif}}")
    assert decisions.find_in(parsed) == []
