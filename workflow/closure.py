"""The code a rule stands on: which modules a stage imports, and what is in them.

Snakemake does not see an edit in an imported module. So each rule states its code as a parameter: a dict
{module: hash} over all local modules that the stage's module imports, directly or not. The hash is of the syntax tree
without docstrings: comments, docstrings and layout change nothing.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "pipeline"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_of(*modules):
    """{module: hash} of `modules` and everything local that they import, by dotted name, sorted.

    Raises:
        ModuleNotFoundError: one of them, or of their imports from the package, has no file.
    """
    pending, found = list(modules), {}
    while pending:
        module = pending.pop()
        if module not in found:
            found[module], imports = _read(module)
            pending += imports
    return dict(sorted(found.items()))


@cache
def _read(module):
    imports = _parents(module)
    content = _plain(ast.parse(_file_of(module).read_text()), module, imports)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12], imports


def _plain(node, module, imports):
    """A syntax tree as nested tuples without docstrings, by one walk that also gathers the imports of the package."""
    if isinstance(node, list):
        return [_plain(part, module, imports) for part in node]
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Import):
        imports += [name.name for name in node.names if _is_local(name.name)]
    elif isinstance(node, ast.ImportFrom):
        base = _resolve(module, node)
        if _is_local(base):
            imports.append(base)
            # `from package import x`: x is a module of the package, or a name inside it.
            imports += [f"{base}.{name.name}" for name in node.names if _find(f"{base}.{name.name}")]
    parts = node.__dict__
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        parts = parts | {"body": node.body[1:]}
    # Whether a name is read or set follows from where it stands.
    return type(node).__name__, [_plain(parts.get(name), module, imports) for name in node._fields if name != "ctx"]


def cells_of(notebook):
    """Digest of the cells of a notebook as they are written; their metadata and what they once put out do not count."""
    cells = json.loads(notebook.read_text())["cells"]
    sources = [[cell["cell_type"], "".join(cell["source"])] for cell in cells]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _is_local(module):
    return module == PACKAGE or module.startswith(PACKAGE + ".")


def _parents(module):
    """The packages around a module, which Python imports before it."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _resolve(module, node):
    if not node.level:
        return node.module
    package = module.split(".") if _file_of(module).name == "__init__.py" else module.split(".")[:-1]
    return ".".join(package[: len(package) - node.level + 1] + ([node.module] if node.module else []))


def _find(module):
    base = ROOT.joinpath(*module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def _file_of(module):
    file = _find(module)
    if not file:
        raise ModuleNotFoundError(f"{module}: no such module below {ROOT / PACKAGE}")
    return file
