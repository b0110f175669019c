"""Digits typed in a template: a result that nobody computed could hide in them."""

import re

import jinja2

from pipeline.render import environment

# Names, the document's own format, and the level of the intervals, none of which a run could change; with them the
# keys of references.bib.
ALLOWED = [
    "COVID-19",
    "10pt,twocolumn,a4paper",
    r"\frac{1}{n}",
    r"\qty{95}{\percent} confidence",
    r"height=0.8\textheight",
    r"\setlength{\tabcolsep}{3pt}",
]


def typed(folder):
    """What is typed in the templates below `folder`: list of "FILE: word with a digit"."""
    allowed = ALLOWED + re.findall(r"@\w+\{(\w+),", (folder / "references.bib").read_text())
    return [
        f"{name}: {word}" for name, parsed in environment.parsed(folder).items() for word in typed_in(parsed, allowed)
    ]


def typed_in(parsed, allowed):
    """Words of a template with a digit that is not in a text of `allowed`: in its text, and in texts of expressions."""
    texts = [data.data for data in parsed.find_all(jinja2.nodes.TemplateData)]
    for constant in parsed.find_all(jinja2.nodes.Const):
        # Names of columns, metrics and templates are no numbers, whatever is in them; every other text could be shown.
        if isinstance(constant.value, str) and not re.fullmatch(r"[a-z]\w*|\S+\.tex\.j2", constant.value):
            texts.append(constant.value)
    found = []
    for text in texts:
        for known in allowed:
            text = text.replace(known, "")
        found += re.findall(r"\S*\d\S*", text)
    return found
