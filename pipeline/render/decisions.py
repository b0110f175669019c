"""Decisions taken in a template: it may branch on findings and put them into words, and decides nothing itself.

A test may compare a finding, a text or a yes/no cell with texts, and take a flag, a yes/no cell or key, or `loop.first`
and `loop.last` as it is, joined by `and`, `or` and `not`. A finding or a table names the row that is told of; `min` and
`max` show an end of a range and choose no row.
"""

from jinja2 import nodes

from pipeline.render import environment

FILTERS = {"abs", "dictsort", "float", "int", "length", "round", "sort", "sum"}
EXTREMES = {"max", "min"}
READERS = {"cell", "finding", "row", "rows"}
SELECTING = {"selectattr", "rejectattr", "select", "reject"}
# Of texts; of types, which decide how a cell is shown.
TESTS = {"equalto", "eq", "==", "ne", "!=", "in", "string", "number"}
ARITHMETIC = (
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow),
    *(nodes.Neg, nodes.Pos),
)
COUNTERS = {"depth", "depth0", "index", "index0", "length", "revindex", "revindex0"}


def find(folder):
    """What the templates below `folder` decide: list of "FILE:LINE: what"."""
    return [
        f"{name}:{line}: {what}"
        for name, parsed in environment.parsed(folder).items()
        for line, what in find_in(parsed)
    ]


def find_in(parsed):
    """(line, what) of each decision of a template."""
    found = [(node.lineno, what) for node in parsed.find_all(nodes.Node) for what in [_wrong(node)] if what]
    return sorted(set(found))


def _wrong(node):
    match node:
        case _ if isinstance(node, ARITHMETIC):
            return "arithmetic"
        case nodes.Compare():
            if any(operand.op not in ("eq", "ne", "in", "notin") for operand in node.ops):
                return "comparison of numbers"
            if not any(_is_text(side) for side in [node.expr, *(operand.expr for operand in node.ops)]):
                return "comparison with something else than a text"
        case nodes.Call(node=nodes.Name(name="namespace")):
            return "namespace"
        case nodes.Call(node=nodes.Name(name="finding"), args=[first, *_]) if not _is_text(first):
            return "a finding whose name is not written out"
        case nodes.Filter(name=name) if name in FILTERS:
            return f"filter {name}"
        case nodes.Filter(name=name) if name in SELECTING and not _selects_by_text(node):
            return f"filter {name} by something else than a text"
        case nodes.Filter(name=name) if name in EXTREMES and (node.args or node.kwargs):
            return f"a row chosen by {name}"
        case nodes.Call(node=nodes.Name(name=name)) if name in READERS:
            chosen = [each.name for each in node.find_all(nodes.Filter) if each.name in EXTREMES]
            return f"a row chosen by {chosen[0]}" if chosen else None
        case nodes.Test(name=name) if name not in TESTS:
            return f"test {name}"
        case nodes.Getattr(node=nodes.Name(name="loop"), attr=attribute) if attribute in COUNTERS:
            return f"loop.{attribute}"
    return None


def _is_text(node):
    if isinstance(node, nodes.Tuple | nodes.List):
        return bool(node.items) and all(map(_is_text, node.items))
    return isinstance(node, nodes.Const) and isinstance(node.value, str)


def _selects_by_text(node):
    """selectattr("column"), or selectattr("column", "equalto", "text")."""
    tests = node.args[node.name.endswith("attr") :]
    return not tests or (tests[0].value in TESTS and all(map(_is_text, tests[1:])))
