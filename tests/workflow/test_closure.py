"""Which code a rule stands on, and the import contracts: who may import whom."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workflow import closure

ROOT = Path(closure.__file__).parent.parent
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in (ROOT / "pipeline").rglob("*.py")
)
PLOTS = [module for module in MODULES if module.endswith("figures") and not module.startswith("pipeline.render")]
RENDER = [module for module in MODULES if module.startswith("pipeline.render")]
LIGHT = [*PLOTS, *RENDER, "pipeline.data.index", "pipeline.images.archive", "pipeline.ablate.compare"]


class Project:
    """A checkout of its own: workflow/closure.py beside a package `pipeline` made of given sources."""

    SOURCES = {
        "pipeline/__init__.py": "",
        "pipeline/stage.py": "import json\n\nimport pipeline.deep.shallow\n\n\ndef run():\n    return json\n",
        "pipeline/other.py": "VALUE = 1\n",
        "pipeline/deep/__init__.py": '"""A package."""\n\nfrom . import shallow\n',
        "pipeline/deep/shallow.py": "from .bottom import f\nfrom .. import sideways\n",
        "pipeline/deep/bottom.py": "def f(x):\n    return x + 1\n\n\nclass C:\n    y = 1\n",
        "pipeline/sideways.py": "def late():\n    from pipeline.lazy import g\n    return g\n",
        "pipeline/lazy.py": "def g():\n    pass\n",
    }

    def __init__(self, root):
        self.root = root
        for name, source in self.SOURCES.items():
            self.write(name, source)
        (root / "workflow").mkdir()
        shutil.copy(closure.__file__, root / "workflow/closure.py")

    def write(self, name, source):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(source)

    def code_of(self, *modules):
        """As a new Snakemake process would find it."""
        spec = importlib.util.spec_from_file_location("closure_of_project", self.root / "workflow/closure.py")
        fresh = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(fresh)
        return fresh.code_of(*modules)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_closure_is_all_that_is_imported_and_nothing_else(project):
    assert set(project.code_of("pipeline.stage")) == {
        "pipeline",
        "pipeline.stage",
        "pipeline.deep",
        "pipeline.deep.shallow",
        "pipeline.deep.bottom",
        "pipeline.sideways",
        "pipeline.lazy",
    }


@pytest.mark.parametrize(
    ("importer", "statement", "imported"),
    [
        ("pipeline/other.py", "import pipeline.deep.bottom", "pipeline.deep.bottom"),
        ("pipeline/other.py", "import json, pipeline.lazy as l", "pipeline.lazy"),
        ("pipeline/other.py", "from pipeline import lazy", "pipeline.lazy"),
        ("pipeline/other.py", "from pipeline.lazy import g", "pipeline.lazy"),
        ("pipeline/other.py", "from pipeline.lazy import *", "pipeline.lazy"),
        ("pipeline/other.py", "from . import lazy", "pipeline.lazy"),
        ("pipeline/other.py", "from .lazy import g", "pipeline.lazy"),
        ("pipeline/other.py", "from .deep import bottom as b", "pipeline.deep.bottom"),
        (
            "pipeline/other.py",
            "if True:\n    try:\n        from .lazy import g\n    finally:\n        pass",
            "pipeline.lazy",
        ),
        ("pipeline/deep/bottom.py", "from .. import lazy", "pipeline.lazy"),
        ("pipeline/deep/bottom.py", "from ..lazy import g", "pipeline.lazy"),
        ("pipeline/deep/bottom.py", "from . import shallow", "pipeline.deep.shallow"),
        ("pipeline/deep/__init__.py", "from . import bottom", "pipeline.deep.bottom"),
        ("pipeline/deep/__init__.py", "from .bottom import f", "pipeline.deep.bottom"),
        ("pipeline/deep/__init__.py", "from .. import lazy", "pipeline.lazy"),
        ("pipeline/__init__.py", "from .lazy import g", "pipeline.lazy"),
    ],
)
def test_every_way_to_import(project, importer, statement, imported):
    project.write(importer, statement + "\n")
    module = importer.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert imported in project.code_of(module)


LAYOUT_ONLY = {
    "comment": "# A comment.\ndef f(x):  # another\n    return x + 1\n\n\nclass C:\n    y = 1\n",
    "docstrings": '"""Module."""\n\n\ndef f(x):\n    """f."""\n    return x + 1\n\n\nclass C:\n    "C."\n\n    y = 1\n',
    "blank lines": "\n\n\ndef f(x):\n\n    return x + 1\nclass C:\n    y = 1",
    "parentheses": "def f(\n    x,\n):\n    return (x + 1)\n\n\nclass C:\n    y = (1)\n",
}
MEANING = {
    "constant": "def f(x):\n    return x + 2\n\n\nclass C:\n    y = 1\n",
    "name": "def f(z):\n    return z + 1\n\n\nclass C:\n    y = 1\n",
    "order": "class C:\n    y = 1\n\n\ndef f(x):\n    return x + 1\n",
    "type": "def f(x):\n    return x + 1.0\n\n\nclass C:\n    y = 1\n",
    "string that is no docstring": "def f(x):\n    return x + 1\n\n\nclass C:\n    y = 1\n    z = 'text'\n",
}


@pytest.mark.parametrize("edit", LAYOUT_ONLY)
def test_edits_without_meaning_change_nothing(project, edit):
    before = project.code_of("pipeline.stage")
    project.write("pipeline/deep/bottom.py", LAYOUT_ONLY[edit])
    assert project.code_of("pipeline.stage") == before


@pytest.mark.parametrize("edit", MEANING)
def test_edit_of_a_deep_import_names_that_module_alone(project, edit):
    before = project.code_of("pipeline.stage")
    project.write("pipeline/deep/bottom.py", MEANING[edit])
    after = project.code_of("pipeline.stage")
    assert {module for module in before if after[module] != before[module]} == {"pipeline.deep.bottom"}
    assert project.code_of("pipeline.other").keys() == {"pipeline", "pipeline.other"}


@pytest.mark.parametrize(
    "statement", ["from .absent import f", "import pipeline.absent", "from pipeline.absent.deeper import f"]
)
def test_missing_module_raises(project, statement):
    with pytest.raises(ModuleNotFoundError, match="pipeline.nowhere"):
        project.code_of("pipeline.nowhere")
    project.write("pipeline/deep/bottom.py", statement + "\n")
    with pytest.raises(ModuleNotFoundError, match="absent"):
        project.code_of("pipeline.stage")


# A notebook


def test_what_a_notebook_put_out_is_no_code(tmp_path):
    def digest(source, **more):
        cell = {"cell_type": "code", "source": source, "outputs": [], "execution_count": None}
        (tmp_path / "n.ipynb").write_text(json.dumps({"cells": [cell | more], "metadata": {}}))
        return closure.cells_of(tmp_path / "n.ipynb")

    assert digest(["a = 1\n", "b"]) == digest("a = 1\nb", outputs=["1"], execution_count=7)
    assert len({digest("a = 1"), digest("a = 2"), digest("a = 1", cell_type="markdown")}) == 3


# The real package


@pytest.fixture(scope="module")
def imported():
    """{module: {"local": pipeline.* modules its import brings, "tensorflow": whether that or keras is loaded by then}}.

    One process imports one after the other and forgets pipeline.* in between: tensorflow is loaded once, after LIGHT.
    """
    script = (
        "import importlib, json, sys\n"
        "def local(): return [name for name in sys.modules if name.split('.')[0] == 'pipeline']\n"
        "found = {}\n"
        "for module in sys.argv[1:]:\n"
        "    for name in local(): del sys.modules[name]\n"
        "    importlib.import_module(module)\n"
        "    found[module] = {'local': local(), 'tensorflow': bool({'tensorflow', 'keras'} & set(sys.modules))}\n"
        "print(json.dumps(found))\n"
    )
    modules = [*LIGHT, *sorted(set(MODULES) - set(LIGHT))]
    done = subprocess.run([sys.executable, "-c", script, *modules], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_closure_holds_whatever_python_imports(imported):
    missing = {module: set(imported[module]["local"]) - set(closure.code_of(module)) for module in MODULES}
    assert {module: names for module, names in missing.items() if names} == {}


def test_compute_never_imports_plots():
    found = {module: set(closure.code_of(module)) & set(PLOTS) for module in MODULES if module not in PLOTS}
    assert {module: names for module, names in found.items() if names} == {}


def test_render_is_imported_by_no_other_part():
    found = {module: set(closure.code_of(module)) & set(RENDER) for module in MODULES if module not in RENDER}
    assert {module: names for module, names in found.items() if names} == {}


def test_plots_render_data_and_comparisons_never_import_tensorflow(imported):
    assert [module for module in LIGHT if imported[module]["tensorflow"]] == []
    assert imported["pipeline.models.fitting"]["tensorflow"]
