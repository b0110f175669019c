"""The branches of the templates, and the findings that they name, from the syntax trees."""

import functools
import importlib
from typing import NamedTuple

from jinja2 import nodes

from pipeline.findings import Finding
from pipeline.render import environment
from tests.report.article import REPORT
from tests.report.tables import ROOT


class Key(NamedTuple):
    """A finding as a template names it; subject: None where it is known only when the template is rendered."""

    finding: str
    subject: str | None


@functools.cache
def declared():
    """{"STAGE/FINDING": values} of all findings."""
    files = sorted((ROOT / "pipeline").glob("*/findings.py"))
    return {
        f"{file.parent.name}/{finding.name}": finding.values
        for file in files
        for finding in vars(importlib.import_module(f"pipeline.{file.parent.name}.findings")).values()
        if isinstance(finding, Finding)
    }


class Chain(NamedTuple):
    """if, elif, else: the tests (None is that of `else`), the first words of each branch, and the tests around it."""

    place: str
    tests: list
    texts: list
    around: list


@functools.cache
def templates(section):
    """{file: syntax tree} of the section and of all parts that it includes."""
    found, waiting = {}, [f"sections/{section}"]
    while waiting:
        name = waiting.pop()
        file = REPORT / name
        # With its marks of lines, which stand in what is rendered too.
        found[name] = environment.create(REPORT, None)._parse(file.read_text(), name, str(file))
        included = [node.template.value for node in found[name].find_all(nodes.Include)]
        waiting += [part for part in included if part not in found]
    return found


def aliases(trees):
    """{name: expression} of what \\BLOCK{set} gives a name once."""
    given = [(node.target.name, node.node) for tree in trees for node in tree.find_all(nodes.Assign)
             if isinstance(node.target, nodes.Name)]  # fmt: skip
    names = [name for name, _ in given]
    return {name: node for name, node in given if names.count(name) == 1}


def key(node, known):
    """The finding that an expression gives, or None."""
    if isinstance(node, nodes.Name) and node.name in known:
        return key(known[node.name], known)
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "finding":
        name, *subject = node.args
        written = all(isinstance(word, nodes.Const) for word in subject)
        return Key(name.value, " ".join(word.value for word in subject) if written else None)
    return None


def keys(tests, known):
    """The findings that tests name, each once."""
    found = []
    for test in tests:
        if isinstance(test, tuple):
            found.append(test[0])
        elif test is not None:
            found += [key(node, known) for node in [test, *test.find_all(nodes.Expr)]]
    return list(dict.fromkeys(each for each in found if each))


def loop_test(node):
    """As a test: the rows of a loop are those of findings with one value."""
    for call in [*node.iter.find_all(nodes.Call), node.iter]:
        if not isinstance(call, nodes.Call) or not isinstance(call.node, nodes.Name) or call.node.name != "rows":
            continue
        given = {each.key: each.value for each in call.kwargs}
        if {"finding", "value"} <= given.keys() and isinstance(call.args[0], nodes.Const):
            name = f"{call.args[0].value.split('/')[0]}/{given['finding'].value}"
            subject = given["subject"].value if "subject" in given else None
            return (Key(name, subject), given["value"].value)
    return None


def chains(body, name, known, around=()):
    """All chains of a template, with those inside their branches."""
    for node in body:
        if isinstance(node, nodes.If):
            tests = [node.test, *(part.test for part in node.elif_), None]
            bodies = [node.body, *(part.body for part in node.elif_), node.else_]
            yield Chain(f"{name}:{node.lineno}", tests, [first_text(part) for part in bodies], list(around))
            for place, part in enumerate(bodies):
                excluded = [nodes.Not(test) for test in tests[:place]]
                own = [tests[place]] if tests[place] is not None else []
                yield from chains(part, name, known, [*around, *excluded, *own])
        elif isinstance(node, nodes.For):
            test = loop_test(node)
            yield from chains(node.body, name, known, [*around, *([test] if test else [])])
        elif hasattr(node, "body"):
            yield from chains(node.body, name, known, around)


def first_text(body):
    """The first words that a branch itself writes, with their mark; None where only branches inside it write."""
    for node in body:
        if isinstance(node, nodes.Output):
            for part in node.nodes:
                if isinstance(part, nodes.TemplateData):
                    for line in part.data.split("\n"):
                        if environment.unmarked(line).strip():
                            return line.rstrip()
        elif isinstance(node, nodes.With | nodes.CallBlock):
            if found := first_text(node.body):
                return found
    return None


def holds(test, values, flags, known):
    """Whether a test is met: by the `values` of findings ({Key: value}) and the flags.

    Raises:
        KeyError: something else decides as well.
    """
    if isinstance(test, tuple):
        return values[test[0]] == test[1]
    match test:
        case nodes.And():
            return holds(test.left, values, flags, known) and holds(test.right, values, flags, known)
        case nodes.Or():
            return holds(test.left, values, flags, known) or holds(test.right, values, flags, known)
        case nodes.Not():
            return not holds(test.node, values, flags, known)
        case nodes.Name(name=name) if name in flags:
            return flags[name]
        case nodes.Compare(ops=[operand]):
            value, other = values[key(test.expr, known)], operand.expr.as_const()
            return {"eq": value == other, "ne": value != other, "in": value in other, "notin": value not in other}[
                operand.op
            ]
    raise KeyError(test)


def longest(flags):
    """{Key: value}: for each finding the value whose text is longest, whether or not they are possible together.

    Those that a template names for one subject after the other (both models, all variants) are left out.
    """
    sections = [templates(file.name) for file in sorted((REPORT / "sections").glob("*.tex.j2"))]
    bodies = [(tree, aliases(trees.values())) for trees in sections for tree in trees.values()]
    named = {}
    for tree, known in bodies:
        for each in keys([node.test for node in tree.find_all(nodes.If)], known):
            if each.subject is not None:
                named.setdefault(each, []).append((tree, known))
    values = {each: declared()[each.finding][0] for each in named}

    def total(each, value):
        return sum(length(tree.body, values | {each: value}, flags, known) for tree, known in named[each])

    for _ in range(2):  # The second time with what the first one chose for the others.
        for each in values:
            values[each] = max(declared()[each.finding], key=functools.partial(total, each))
    return values


def length(body, values, flags, known):
    """Letters that a body writes; of what more than findings and flags decides, those of the longest branch."""
    return sum(_length(node, values, flags, known) for node in body)


def _length(node, values, flags, known):
    match node:
        case nodes.Output():
            return sum(len(part.data.strip()) for part in node.nodes if isinstance(part, nodes.TemplateData))
        case nodes.If():
            tests = [node.test, *(part.test for part in node.elif_), None]
            bodies = [node.body, *(part.body for part in node.elif_), node.else_]
            lengths = [length(part, values, flags, known) for part in bodies]
            try:
                return next(
                    size for size, test in zip(lengths, tests, strict=True)
                    if test is None or holds(test, values, flags, known)
                )  # fmt: skip
            except KeyError:
                return max(lengths)
        case _ if hasattr(node, "body"):
            return length(node.body, values, flags, known)
    return 0
