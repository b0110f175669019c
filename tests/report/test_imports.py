"""What the report imports, and what imports it."""

import json
import subprocess
import sys

from tests.report.article import ROOT


def test_render_imports_neither_tensorflow_nor_compute_nor_plots():
    code = "import json, sys, pipeline.render.__main__; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    heavy = {"tensorflow", "keras", "matplotlib", "seaborn", "sklearn", "scipy"}
    assert heavy.isdisjoint(loaded)
    allowed = ("pipeline.command", "pipeline.names", "pipeline.render", "pipeline.vocabulary")
    assert [name for name in loaded if name.startswith("pipeline.") and not name.startswith(allowed)] == []


def test_no_other_part_imports_render():
    files = [file for file in (ROOT / "pipeline").rglob("*.py") if "render" not in file.parts]
    assert [file for file in files if "pipeline.render" in file.read_text()] == []
