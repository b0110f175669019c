"""The notebook as it is committed: clean, and closed to the test split; the kernel that it runs in.

tests/workflow/test_notebook.py runs it.
"""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from jupyter_client import KernelManager

from pipeline.render.submission import ASSIGNED
from workflow.closure import code_of

ROOT = Path(__file__).parent.parent
NOTEBOOK = nbformat.read(ROOT / "workflow/notebooks/baseline.ipynb", as_version=nbformat.NO_CONVERT)
RULE = (ROOT / "workflow/rules/notebook.smk").read_text()
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
TREE = ast.parse("\n".join(cell.source for cell in CODE))
# What makes a model, or lets one see values.
MODEL_CALLS = {"logits", "predict", "predict_on_batch", "predict_test", "load_model", "fit", "run", "build", "describe"}


def dotted(node):
    """a.b.c as text; of anything but names and attributes, its last part."""
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def calls(tree):
    """The dotted names of all that is called."""
    return [dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def texts(tree):
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_it_is_valid_and_its_cells_have_ids_of_their_own():
    nbformat.validate(NOTEBOOK)
    assert (NOTEBOOK.nbformat, NOTEBOOK.nbformat_minor) >= (4, 5)
    assert len({cell.id for cell in NOTEBOOK.cells}) == len(NOTEBOOK.cells)


def test_it_is_committed_without_outputs():
    assert [cell.id for cell in CODE if cell.outputs or cell.execution_count is not None] == []


def test_no_cell_holds_an_absolute_path():
    absolute = re.compile(r"""(?:^|[\s"'(`=])(?:/|~/|[A-Za-z]:\\)\w""", re.MULTILINE)
    assert [cell.id for cell in NOTEBOOK.cells if absolute.search(cell.source)] == []


def test_no_result_is_typed_by_hand():
    """No number in the text, but for those of the sections and of the task."""
    allowed = re.compile(r"COVID-19|Task 2|^## \d\.", re.MULTILINE)
    text = {cell.id: allowed.sub("", cell.source) for cell in NOTEBOOK.cells if cell.cell_type == "markdown"}
    assert [name for name, source in text.items() if re.search(r"\b\d", source)] == []


def test_it_trains_nothing_unless_told_to():
    assert "RETRAIN = False" in CODE[0].source
    trained = {"search.propose", "tuning.trials", "search.gather", "tuning.confirm", "search.select"}
    trained |= {"training.initial", "training.train_only", "training.final"}
    told = [node for node in TREE.body if isinstance(node, ast.If) and dotted(node.test) == "RETRAIN"]
    assert trained <= {name for node in told for name in calls(node)}
    otherwise = ast.Module([node for node in TREE.body if node not in told], [])
    assert not trained & set(calls(otherwise))


def test_no_cell_reads_the_test_split():
    assert [text for text in texts(TREE) if re.search(r"data/(index_)?test|_logits", text)] == []


def test_no_model_is_called_where_test_results_are_shown():
    (first,) = (place for place, cell in enumerate(NOTEBOOK.cells) if cell.source.startswith("**Test.**"))
    after = [ast.parse(cell.source) for cell in NOTEBOOK.cells[first:] if cell.cell_type == "code"]
    called = [name for tree in after for name in calls(tree)]
    assert [name for name in called if name.split(".")[-1] in MODEL_CALLS] == []
    assert not {"network", "final", "reloaded"} & set(called)
    reading = [text for cell in CODE for text in texts(ast.parse(cell.source)) if text.startswith("results/evaluate")]
    assert reading == ["results/evaluate/samples.npz"]
    images = [
        dotted(node.func)
        for tree in after
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "sample_images" in {dotted(argument) for argument in node.args}
    ]
    assert images == ["show_images"]


def test_the_rule_states_all_code_that_is_imported():
    imported = {
        f"{node.module}.{name.name}"
        for node in ast.walk(TREE)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("pipeline")
        for name in node.names
    }
    stated = re.findall(r'"(pipeline\.[\w.]+)"', RULE)
    assert {name.replace("pipeline.command.log", "pipeline.command") for name in imported} <= set(code_of(*stated))


def test_its_imports_need_only_what_the_assigned_libraries_and_jupyter_install():
    installed, pending = set(), [*ASSIGNED, "ipykernel"]
    while pending:
        name = re.match(r"[\w.-]+", pending.pop())[0].lower().replace("_", "-")
        if name not in installed:
            installed.add(name)
            try:
                wanted = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:  # of another platform
                continue
            pending += [text for text in wanted if "extra ==" not in text]
    assert "tqdm" not in installed
    others = [
        module
        for module, packages in importlib.metadata.packages_distributions().items()
        if not {package.lower().replace("_", "-") for package in packages} & installed
    ]
    imports = "\n".join(ast.unparse(node) for node in TREE.body if isinstance(node, ast.Import | ast.ImportFrom))
    blocked = f"import sys\nsys.modules |= dict.fromkeys({others})\n"
    subprocess.run([sys.executable, "-c", blocked + imports], cwd=ROOT, check=True)


def test_its_kernel_is_the_python_that_runs_snakemake(monkeypatch, tmp_path):
    for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    assert KernelManager(kernel_name="python3").format_kernel_cmd()[0] == sys.executable
