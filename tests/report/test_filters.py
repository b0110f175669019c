"""How numbers and words look: with the digits that their uncertainty decides, and every text escaped."""

import re

import pytest

from pipeline.command import InputError
from pipeline.render import environment, filters
from pipeline.render.cells import Tables
from pipeline.render.escape import escape
from tests.report.article import unlinked


@pytest.mark.parametrize(
    "expression",
    [
        "0.93",
        "3",
        "none",
        "demo",
        "0.93|number(digits=2)",
        "3|count",
        '(cell("s/t", column="a") + 1)|count',
        'cell("s/t", column="a")',
        'row("s/t").a',
        'rows("s/t")|length',
        'rows("s/t")|length|count',
    ],
)
def test_a_number_that_was_not_read_or_has_no_filter_is_refused(tmp_path, expression):
    with pytest.raises(InputError, match="article.tex.j2:2: .*(no text|not read from a table)"):
        show(tmp_path, expression)


@pytest.mark.parametrize(
    "raw, expression, tex, shown",
    [
        ("0.93149", "|number(digits=3)", r"\num{0.931}", "0.931"),
        ("-0.0001", "|number(digits=2)", r"\num{0.00}", "0.00"),
        ("", "|number(digits=2)", "--", "--"),
        ("0.0000942", "|significant", r"\num{9.4e-5}", "9.4e-5"),
        ("0.3149", "|significant", r"\num{0.31}", "0.31"),
        ("2016", "|count", r"\num{2016}", "2016"),
        ("32.0", "|count", r"\num{32}", "32"),
        ("0.3149", "|setting", r"\num{0.31}", "0.31"),
        ("128.0", "|setting", r"\num{128}", "128"),
        ("training_global", "|setting", "training global", "training global"),
        ("", "|setting", "--", "--"),
        ("0.254", "|percent", r"\qty{25}{\percent}", "25%"),
        ("abcdefabcdefabc", "|digest", r"\texttt{abcdefabcdef}", "abcdefabcdef"),
        ("true covid_", "", r"true covid\_", "true covid_"),
        ("1", '|counted("image was", "images were")', r"\num{1} image was", "1"),
        ("0", '|counted("image was", "images were")', r"\num{0} images were", "0"),
        ("learning_rate", "|name", "learning rate", "learning rate"),
        ("training global", "|name", "global", "global"),
        ("kernel_size", "|name", "kernel size", "kernel size"),
    ],
)
def test_filters(tmp_path, raw, expression, tex, shown):
    text, tables = show(tmp_path, f'cell("s/t", column="a"){expression}', f"a\n{raw},\n" if not raw else f"a\n{raw}\n")
    assert text == tex
    assert tables.readings[-1].shown == [shown]


@pytest.mark.parametrize(
    "content, expression, tex",
    [
        ("a\nbaseline\n", "", "baseline"),
        ("a\nbaseline\ntransfer\n", "", "baseline and transfer model"),
        ("a\nbaseline\ntransfer\nauc\n", "", "baseline, transfer model and AUC"),
        ("a\nbaseline\ntransfer\n", '(before="the")', "the baseline and the transfer model"),
    ],
)
def test_items_are_listed(tmp_path, content, expression, tex):
    assert show(tmp_path, f'rows("s/t")|map(attribute="a")|map("name")|listed{expression}', content)[0] == tex


@pytest.mark.parametrize(
    "value, low, high, shown",
    [
        ("0.93", "0.91", "0.95", "0.93 0.91 0.95"),
        ("0.9312", "0.918", "0.943", "0.931 0.918 0.943"),
        ("0.6312", "0.49", "0.75", "0.63 0.49 0.75"),
        ("0.5", "0.1", "0.9", "0.5 0.1 0.9"),
        ("0.9991", "0.9972", "0.9997", "0.9991 0.9972 0.9997"),
        ("1.0", "0.96", "1.0", "1.00 0.96 1.00"),
        ("1.0", "1.0", "1.0", "1.000 1.000 1.000"),
        ("-0.12", "-0.31", "0.07", "-0.12 -0.31 0.07"),
        ("-0.0303", "-0.0581", "-0.0025", "-0.030 -0.058 -0.003"),
        ("0.0105", "0.0002", "0.0208", "0.0105 0.0002 0.0208"),
        ("-0.0064", "-0.0131", "0.0002", "-0.0064 -0.0131 0.0002"),
        ("0.01", "0.0", "0.02", "0.010 0.000 0.020"),
        ("0.01", "-1e-17", "0.02", "0.010 0.000 0.020"),
        ("0.0002", "-0.05", "0.05", "0.00 -0.05 0.05"),
        ("0.9312", "", "", "0.93"),
        ("0.016666666666666663", "0.01666666666666596", "0.016666666666667367", "0.017 0.017 0.017"),
    ],
)
def test_the_uncertainty_decides_the_digits(tmp_path, value, low, high, shown):
    text, _ = show(tmp_path, 'row("s/t")|interval', f"value,ci_low,ci_high\n{value},{low},{high}\n")
    assert re.findall(r"\\num\{(.*?)\}", text) == shown.split()


def test_another_column_has_its_own_interval_or_that_of_the_row(tmp_path):
    content = "value,ci_low,ci_high,change,change_ci_low,change_ci_high\n0.93,0.91,0.95,-0.1,-0.15,-0.05\n"
    text, _ = show(tmp_path, 'row("s/t")|interval("change")', content)
    assert text == r"\num{-0.10} (\num{-0.15} to \num{-0.05})"
    (tmp_path / "s/t.csv").write_text("difference,ci_low,ci_high\n0.02,-0.02,0.06\n")
    assert filters.interval(Tables([tmp_path / "s/t.csv"]).row("s/t"), "difference").count("cell{s/t}") == 3


def test_a_count_must_be_whole(tmp_path):
    with pytest.raises(InputError, match=r"t.csv, row 1, column a: 2.5 is not a whole number"):
        show(tmp_path, 'cell("s/t", column="a")|count', "a\n2.5\n")


def show(folder, expression, content="a\n7\n"):
    """What a template makes of `expression`, with a table s/t of the given content."""
    table = folder / "s/t.csv"
    table.parent.mkdir()
    table.write_text(content)
    (folder / "article.tex.j2").write_text(f"\\BLOCK{{set begin = none}}\n\\VAR{{{expression}}}")
    tables = Tables([table])
    templates = environment.create(
        folder, folder / "build", cell=tables.cell, row=tables.row, rows=tables.rows, demo=True
    )
    environment.write(templates, "article.tex.j2", folder / "build")
    return unlinked((folder / "build/article.tex").read_text()), tables


def test_what_tex_would_read_as_commands_is_shown_literally():
    assert escape(r"50 % of A&B_1 #2 \input{/etc/passwd} $x^2$ ~") == (
        r"50 \% of A\&B\_1 \#2 \textbackslash{}input\{/etc/passwd\} \$x\textasciicircum{}2\$ \textasciitilde{}"
    )
    assert escape("a -- b\n\n<c>") == r"a -{}- b \textless{}c\textgreater{}"
    assert escape("Zoë Müller-Łukasz") == "Zoë Müller-Łukasz"


@pytest.mark.parametrize(
    "text, name", [("Ω", "GREEK CAPITAL LETTER OMEGA"), ("😀", "GRINNING FACE"), ("\x07", "control")]
)
def test_characters_without_a_glyph_are_refused_by_name(text, name):
    with pytest.raises(InputError, match=name):
        escape(f"a {text} b")
