"""The notebook of Task 2 in a build: it runs, trains the same model when told to, and reruns for its cells alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from snakemake.utils import update_config
from yaml import safe_dump, safe_load

from tests.workflow.conftest import Build

NOTEBOOK = "workflow/notebooks/baseline.ipynb"
EXECUTED = "results/notebooks/baseline.ipynb"


@pytest.fixture
def inputs_alone(built, tmp_path):
    """A folder with what the rule reads, and nothing else of the build: no test images."""
    files = {Path(file) for file in built.graph()["notebook"][0]}
    for file in files:
        if not file.is_absolute():
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(built.folder / file, tmp_path / file)
    assert not (tmp_path / "results/data/test.npy").exists()
    return tmp_path


@pytest.fixture
def clone(built, inputs_alone):
    """A build in that folder, to run the rule again; without data none but the report's jobs may run."""
    (inputs_alone / "data").mkdir(exist_ok=True)
    (inputs_alone / "data/covid_xray.zip").symlink_to(built.folder / "data/covid_xray.zip")
    return Build(built.checkout, inputs_alone)


def run_notebook(clone, **options):
    return clone.snakemake("notebook", "--cores", "2", "--allowed-rules", "notebook", **options)


def outputs(file):
    """What the cells put out, but for warnings; every cell has been run, and none has failed."""
    cells = [cell for cell in nbformat.read(file, as_version=nbformat.NO_CONVERT).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    shown = [output for cell in cells for output in cell.outputs if output.get("name") != "stderr"]
    assert [output for output in shown if output.output_type == "error"] == []
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 8
    joined = []
    for output in shown:
        # On a busy machine the kernel sends one text in several parts.
        if joined and output["output_type"] == joined[-1]["output_type"] == "stream":
            joined[-1] = joined[-1] | {"text": joined[-1]["text"] + output["text"]}
        else:
            joined.append(output)
    return joined


def weights_sha256(folder):
    return pd.read_csv(folder / "tables/train/baseline_model.csv")["weights_sha256"].item()


def test_it_has_run_and_trained_nothing(built):
    assert outputs(built.folder / EXECUTED)
    assert [file.name for file in (built.folder / "results/notebooks").iterdir()] == ["baseline.ipynb"]


@pytest.mark.slow
def test_it_shows_the_same_again_where_home_cannot_be_written_to(built, clone):
    home = clone.folder / "home"
    home.touch()  # a file: root may write to any folder
    # Snakemake itself needs a place for its cache.
    run_notebook(clone, env={"HOME": str(home), "XDG_CACHE_HOME": str(clone.folder / "cache")})
    assert outputs(clone.folder / EXECUTED) == outputs(built.folder / EXECUTED)


@pytest.mark.slow
def test_retraining_gives_the_same_model(built, clone, edit):
    edit(NOTEBOOK, "RETRAIN = False", "RETRAIN = True")
    run_notebook(clone)
    assert outputs(clone.folder / EXECUTED)
    assert weights_sha256(clone.folder / "results/notebooks/retrained") == weights_sha256(built.folder)


def test_a_failed_cell_fails_the_rule_and_is_shown(clone, edit):
    edit(NOTEBOOK, '"import yaml\\n"', '"import yaml, no_such_module\\n"')
    output = run_notebook(clone, check=False)
    assert "ModuleNotFoundError: No module named 'no_such_module'" in output
    assert "Error in rule notebook" in output
    assert not (clone.folder / EXECUTED).exists()


@pytest.mark.slow
def test_it_runs_when_it_is_opened_by_itself(built, inputs_alone):
    """In a checkout with a finished build and a default configuration, without what the rule passes."""
    config = {}
    for name in ("config/config.yaml", "config/demo.yaml", "tests/workflow/tiny.yaml"):
        update_config(config, safe_load((built.checkout / name).read_text()))
    for name in ("Snakefile", "pipeline", "workflow"):
        (inputs_alone / name).symlink_to(built.checkout / name)
    (inputs_alone / "config").mkdir()
    (inputs_alone / "config/config.yaml").write_text(safe_dump(config))
    shutil.copy(built.checkout / NOTEBOOK, inputs_alone)
    without = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NOTEBOOK_SETTINGS")}
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "baseline.ipynb"]
    done = subprocess.run(
        [*command, "--output", "executed"], cwd=inputs_alone, env=without, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert outputs(inputs_alone / "executed.ipynb") == outputs(built.folder / EXECUTED)


@pytest.mark.parametrize(
    "old, new",
    [("# Task 2: the baseline", "# Another title"), ('settings[\\"seed\\"])', 'settings[\\"seed\\"] + 1)')],
    ids=["markdown", "code"],
)
def test_an_edited_cell_reruns_the_notebook_alone(built, edit, old, new):
    edit(NOTEBOOK, old, new)
    assert set(built.jobs()) == {"notebook", "all"}


def test_metadata_and_saved_outputs_rerun_nothing(built, edit, checkout):
    text = (checkout / NOTEBOOK).read_text()
    notebook = json.loads(text)
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    cell |= {"metadata": {"collapsed": True}, "execution_count": 1}
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["anything\n"]}]
    notebook["metadata"]["kernelspec"]["display_name"] = "another"
    edit(NOTEBOOK, text, json.dumps(notebook))
    assert built.jobs() == {}
