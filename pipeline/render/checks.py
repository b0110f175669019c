"""Checks of the article: those without which there is none (build), and those before it is handed in (submission)."""

import re
from collections import Counter
from typing import NamedTuple

import pandas as pd

from pipeline.command import InputError
from pipeline.render import decisions, digits, latex, metadata
from pipeline.render.questions import NUMBERS, referred
from pipeline.vocabulary import MODELS

OVERFULL = 2  # points
PAGES = range(10, 16)
FONT_SIZES = {"10pt", "11pt", "12pt"}


class Check(NamedTuple):
    """found: what is wrong, nothing where the check is passed."""

    check: str
    level: str
    found: list[str]
    what_to_do: str

    @property
    def result(self):
        return "failed" if self.found else "passed"


def of_build(source, templates, questions, figures):
    """Checks of level build.

    Args:
        source: the article as it was typeset (.tex); its log beside it.
        templates: the folder of the templates.
        questions, figures: what the templates were rendered with.
    """
    text = _text(source)
    floats = re.findall(r"\\label\{((?:fig|tab):[^}]*)\}", text)
    return [
        Check("references", "build", latex.unresolved(source), "correct the \\cref, \\cite or \\label in report/"),
        Check("questions", "build", _unanswered(questions.answers), "mark each answer by \\BLOCK{call question(...)}"),
        Check(
            "figures are shown or linked",
            "build",
            figures.unused(),
            "show it in a template by figure(...), or link it by supplement(...)",
        ),
        Check(
            "figures and tables are referred to",
            "build",
            [label for label in floats if label not in referred(text)],
            "refer to it in the text by \\cref, or leave it out",
        ),
        Check("no digit is typed", "build", digits.typed(templates), "read the number from a table by cell(...)"),
        Check(
            "templates hold no decisions",
            "build",
            decisions.find(templates),
            "decide it in pipeline/STAGE/findings.py and branch on finding(...)",
        ),
        Check("layout", "build", _layout(text), "correct the options of \\documentclass in report/article.tex.j2"),
        Check(
            "overfull boxes",
            "build",
            [f"{points} pt, {place}" for points, place in latex.overfull(source) if points > OVERFULL],
            "reword the passage, or narrow the table",
        ),
    ]


def of_submission(source, metadata_file, tables, settings):
    """Checks of level submission; `settings` as those of the rule report."""
    pages = latex.pages(source)
    stamps = {"demonstration": settings["demo"], "quick run": settings["dataset"]["draw"] is not None}
    return [
        Check(
            "pages",
            "submission",
            [] if pages in PAGES else [f"{pages} pages"],
            f"shorten or lengthen the article to {PAGES[0]} to {PAGES[-1]} pages",
        ),
        Check("metadata", "submission", metadata.placeholders(metadata_file), "fill in report/metadata.yaml"),
        Check(
            "one look at test a model",
            "submission",
            _looks(tables),
            "a look cannot be undone: say in the article why there were more, and hand the files in yourself",
        ),
        Check(
            "edges of the search",
            "submission",
            _edges(tables),
            "a best or selected value is at an edge that can be extended: raise tune.max_rounds, or widen this range",
        ),
        Check(
            "runs with early stopping",
            "submission",
            _limited(tables),
            "the limit of epochs ended it, not early stopping: raise training.max_epochs",
        ),
        Check(
            "no stamp",
            "submission",
            [f"stamped as a {name}" for name, stamped in stamps.items() if stamped],
            "build with real images and the default protocol",
        ),
    ]


def table(checks):
    """check, level, result, found, what_to_do; one row per check."""
    rows = [(check.check, check.level, check.result, "; ".join(check.found), check.what_to_do) for check in checks]
    return pd.DataFrame(rows, columns=["check", "level", "result", "found", "what_to_do"])


def enforce(checks):
    """
    Raises:
        InputError: a check of level build failed; one line each.
    """
    failed = [check for check in checks if check.level == "build" and check.found]
    if failed:
        raise InputError("\n".join(f"{check.check}: {'; '.join(check.found)} ({check.what_to_do})" for check in failed))


def _text(source):
    """The TeX of the article and its sections."""
    files = [source, *sorted((source.parent / "sections").glob("*.tex"))]
    return "\n".join(file.read_text() for file in files)


def _unanswered(answers):
    found = [f"{number} is not answered" for number in NUMBERS if number not in answers]
    for number, answer in sorted(answers.items()):
        if not answer.cells:
            found.append(f"{number} rests on no cell of a table")
        if not answer.floats:
            found.append(f"{number} refers to no figure or table")
    return found


def _layout(text):
    stated = re.search(r"\\documentclass\[(.*?)\]", text)
    options = stated[1].split(",") if stated else []
    found = [] if "twocolumn" in options else ["not in two columns"]
    if not FONT_SIZES & set(options):
        found.append(f"font size not one of {', '.join(sorted(FONT_SIZES))}")
    return found


def _looks(tables):
    looks = Counter(str(look["model"]) for look in tables.rows("evaluate/ledger"))
    return [f"{model}: {count} looks" for model, count in looks.items() if count != 1]


def _edges(tables):
    """Keys of ranges at whose final edge the best or the selected value lies although the bounds would allow more."""
    ranges = [row for model in MODELS for row in tables.rows(f"tune/{model}_ranges")]
    return [row["key"] for row in ranges if isinstance(row["key"], str)]


def _limited(tables):
    """Runs of the selected configurations that have reached the limit of epochs."""
    return [f"{run['model']}, seed {run['seed']:g}" for run in tables.rows("train/runs") if run["limited"]]
