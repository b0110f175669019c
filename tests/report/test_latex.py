"""The PDF: stamped where it must be, and errors with their place in the templates."""

import shutil
import subprocess

import pytest
import yaml

from pipeline.command import InputError
from pipeline.render import latex, metadata
from pipeline.render.escape import escape
from tests.report.article import DEMO, QUICK, REPORT


def test_template_errors_name_file_and_line(untyped):
    untyped.edit("sections/conclusions.tex.j2", r"\label", r"\VAR{cell('explore/sizes', column='images')|count}\label")
    with pytest.raises(InputError, match=r"sections/conclusions.tex.j2:2: .*sizes.csv: 3 rows match no condition"):
        untyped.render()


@pytest.mark.parametrize(
    "typed, message",
    [
        (r"\VAR{metadata.titel}", r"abstract.tex.j2:3: .*has no attribute 'titel'"),
        (r"\VAR{nothing}", "abstract.tex.j2:3: 'nothing' is undefined"),
        (r"\BLOCK{if}", "abstract.tex.j2:3: Expected an expression"),
    ],
)
def test_unknown_names_and_syntax_errors_name_file_and_line(untyped, typed, message):
    untyped.edit("sections/abstract.tex.j2", r"\begin{abstract}", typed)
    with pytest.raises(InputError, match=message):
        untyped.render()


def page_texts(pdf):
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    return [" ".join(page.split()) for page in text.split("\f")[:-1]]


@pytest.mark.tex
@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is not installed")
@pytest.mark.parametrize(
    "settings, stamps",
    [
        (DEMO, ["Demonstration on generated phantoms and random backbone weights: no medical meaning"]),
        (QUICK, ["Quick run on images drawn from the train split: nothing here is a result"]),
        (
            QUICK | {"demo": True},
            ["Demonstration on generated phantoms and random", "Quick run on images drawn from the train split"],
        ),
    ],
    ids=["demo", "quick", "both"],
)
def test_every_page_is_stamped(run, settings, stamps):
    run.render(settings)
    pages = page_texts(run.pdf)
    assert len(pages) > 3
    assert [place for place, page in enumerate(pages) for stamp in stamps if stamp not in page] == []


def everywhere(text):
    """Metadata of which every text is `text`."""
    author = {"name": text, "contribution": text}
    others = {"authors": [author, author], "classes_from_different_sources": "yes", "data_citations": ""}
    return yaml.safe_dump(dict.fromkeys(metadata.KEYS, text) | others, allow_unicode=True)


@pytest.mark.tex
@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is not installed")
def test_a_real_run_has_no_stamp_and_hostile_metadata_is_shown(run):
    hostile = r"100 % \input{/etc/passwd} A&B_#~^ <é, ł, ß> $x$ “q” \end{document} }"
    run.edit("metadata.yaml", (REPORT / "metadata.yaml").read_text(), everywhere(hostile))
    run.render()
    text = " ".join(page_texts(run.pdf))
    assert text.count(r"100 % \input{/etc/passwd} A&B_#") >= 4
    info = subprocess.run(["pdfinfo", run.pdf], capture_output=True, text=True, check=True).stdout
    assert r"Title: 100 % \input{/etc/passwd} A&B_#" in " ".join(info.split())
    assert "Demonstration" not in text and "Quick run" not in text
    assert "??" not in text


@pytest.mark.tex
def test_every_letter_that_escape_lets_through_is_in_the_font(tmp_path):
    letters = []
    for point in range(0x20, 0x2100):
        try:
            letters.append(escape(f"x{chr(point)}x"))
        except InputError:
            continue
    shutil.copy(REPORT / "preamble.tex", tmp_path)
    lines = "\n\n".join(letters)
    (tmp_path / "a.tex").write_text(
        f"\\documentclass{{article}}\\input{{preamble}}\\begin{{document}}{lines}\\end{{document}}"
    )
    latex.typeset(tmp_path / "a.tex", epoch=0)
    assert "Missing character" not in (tmp_path / "a.log").read_text()


@pytest.mark.tex
@pytest.mark.parametrize(
    "typed, message",
    [
        (r"\nosuchcommand \label", r"report/sections/conclusions.tex.j2:2: Undefined control sequence"),
        (r"\cref{sec:nowhere}\label", r"Reference `sec:nowhere' .*undefined"),
        (r"\cite{nobody}\label", r"Citation `nobody' .*undefined"),
    ],
)
def test_the_first_tex_error_is_shown(run, typed, message):
    run.edit("sections/conclusions.tex.j2", r"\label", typed)
    with pytest.raises(InputError, match=message) as error:
        run.render()
    assert len(str(error.value).splitlines()) <= 2
    assert not run.pdf.exists()


@pytest.mark.tex
@pytest.mark.parametrize(
    "name, old",
    [
        ("parts/initial.tex.j2", "With the starting values"),
        ("sections/baseline.tex.j2", "The random numbers of Python"),
        ("sections/transfer.tex.j2", r"\toprule"),
        ("article.tex.j2", r"\maketitle"),
        ("preamble.tex", r"\captionsetup"),
    ],
)
def test_a_tex_error_is_traced_to_its_template(run, name, old):
    run.edit(name, old, rf"\nosuchcommand {old}")
    line = (run.report / name).read_text().partition(r"\nosuchcommand")[0].count("\n") + 1
    with pytest.raises(InputError, match=rf"report/{name}:{line}: Undefined control sequence"):
        run.render()


def test_without_latexmk_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="apt-get install latexmk"):
        latex.typeset(tmp_path / "article.tex", epoch=0)
