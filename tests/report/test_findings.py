"""Branches on findings: with each value of each finding, the text of its branch is there and that of no other.

Nothing is made up for it: the branches and the findings that they name are taken from the templates' syntax trees, the
values from their declarations.
"""

import csv
import itertools

import pytest
from jinja2 import nodes

from pipeline.render import __main__ as stage
from pipeline.render import environment, provenance
from pipeline.render.cells import Tables
from pipeline.render.figures import Figures
from pipeline.render.questions import Questions
from tests.report.article import DEMO, EXTERNAL, QUICK, REAL, REPORT, Run, valued
from tests.report.branches import aliases, chains, declared, holds, key, keys, templates
from tests.report.tables import text

SECTIONS = sorted(file.name for file in (REPORT / "sections").glob("*.tex.j2"))
SETTINGS = {"external": EXTERNAL, "real": REAL, "demo": DEMO, "quick": QUICK}
FLAGS = {name: {"demo": name == "demo", "quick": name == "quick", "external": name == "external"} for name in SETTINGS}


class Sections:
    """Sections rendered from made-up tables, in which findings get other values."""

    def __init__(self, folder):
        self.folder, self.origin = folder, provenance.of(REPORT)
        self.inputs, self.findings, self.environments = {}, {}, {}

    def render(self, section, settings, values):
        """The section as TeX, with its marks."""
        if settings not in self.inputs:
            run = Run(self.folder / settings)
            tables, _ = self.inputs[settings] = run.write_inputs(SETTINGS[settings])
            self.findings[settings] = {
                file: read(file) for file in tables if file.stem in ("findings", "cost_findings")
            }
            self.environments[settings] = environment.create(REPORT, run.folder)
        tables, figures = self.inputs[settings]
        for file, decided in self.findings[settings].items():
            file.write_text(text(valued(file.parent.name, decided, values)))
        cells = Tables(tables)
        names = stage.names(
            SETTINGS[settings],
            REPORT / "metadata.yaml",
            cells,
            Figures(figures, tables, self.folder),
            Questions(cells.readings),
        )
        self.environments[settings].globals |= names | {"provenance": self.origin}
        return self.environments[settings].get_template(f"sections/{section}").render()


def read(file):
    with open(file) as table:
        return list(csv.DictReader(table))


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    return Sections(tmp_path_factory.mktemp("sections"))


@pytest.mark.parametrize("section", SECTIONS)
def test_each_value_of_a_finding_gives_its_text_and_no_other(sections, section):
    trees = templates(section)
    known = aliases(trees.values())
    wrong, reached, expected = [], set(), set()
    for name, tree in trees.items():
        for chain in chains(tree.body, name, known):
            named = keys([*chain.tests, *chain.around], known)
            found = check(sections, section, chain, named, known)
            if found is None:
                continue
            wrong += found[0]
            expected |= {(chain.place, line) for line in chain.texts if line}
            reached |= {(chain.place, line) for line in found[1]}
    assert wrong == []
    assert sorted(expected - reached) == []


def check(sections, section, chain, named, known):
    """What is wrong of a chain, and the texts reached; None where more than findings and flags decides it."""
    wrong, reached = [], set()
    for settings, flags in FLAGS.items():
        if section == "external.tex.j2" and not flags["external"]:
            continue
        for values in itertools.product(*(declared()[each.finding] for each in named)):
            values = dict(zip(named, values, strict=True))
            try:
                inside = all(holds(test, values, flags, known) for test in chain.around)
                branch = next(
                    place for place, test in enumerate(chain.tests) if test is None or holds(test, values, flags, known)
                )
            except KeyError:
                return None
            if not inside:
                continue
            source = sections.render(section, settings, values)
            there = {line for line in chain.texts if line and line in source}
            if there - {chain.texts[branch]}:
                wrong.append(f"{chain.place}: {values}: {there}, not {chain.texts[branch]}")
            reached |= there
        if not any(isinstance(test, nodes.Node) and uses_flag(test) for test in [*chain.tests, *chain.around]):
            break
    return wrong, reached


def uses_flag(test):
    return any(
        node.name in FLAGS["real"] for node in [test, *test.find_all(nodes.Name)] if isinstance(node, nodes.Name)
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_templates_name_declared_findings_and_values(section):
    trees = templates(section)
    known = aliases(trees.values())
    wrong = []
    for name, tree in trees.items():
        for node in tree.find_all(nodes.Call):
            if (named := key(node, known)) and named.finding not in declared():
                wrong.append(f"{name}:{node.lineno}: {named.finding}")
        for node in tree.find_all(nodes.Compare):
            named = key(node.expr, known)
            if named and named.finding in declared():
                other = node.ops[0].expr.as_const()
                other = {other} if isinstance(other, str) else set(other)
                wrong += [f"{name}:{node.lineno}: {named.finding}: {value}"
                          for value in other - set(declared()[named.finding])]  # fmt: skip
    assert wrong == []
