"""Made-up tables of a run, and the findings that the stages decide from them."""

import csv
import importlib
import inspect
import io
from pathlib import Path

import pandas as pd

from pipeline.vocabulary import MODELS

ROOT = Path(__file__).parents[2]
STAGES = ["data", "explore", "features", "tune", "train", "finetune", "final", "ablate", "evaluate", "gradcam", "audit"]


def text(rows):
    """The rows (dicts) as a CSV file."""
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def findings(tables, settings=None):
    """{"STAGE/findings": rows} of each stage that has findings, decided from `tables` ({STAGE/NAME: rows}).

    A parameter of a stage's function `findings` is the table of that name: `compare`; of another stage with the stage's
    name in front: `audit_controls`; for tables of each model, the list of both: `selection` for
    `{model}_selection`. A table that is not there is None. `settings` is the configuration.
    """
    frames, decided = {name: frame(name, rows) for name, rows in tables.items()}, {}
    for stage in STAGES:
        if not (ROOT / f"pipeline/{stage}/findings.py").exists():
            continue
        decide = importlib.import_module(f"pipeline.{stage}.findings").findings
        given = {name: _given(stage, name, frames, settings) for name in inspect.signature(decide).parameters}
        made = decide(**given)["findings"]
        name = f"{stage}/findings"
        if len(made):
            decided[name] = list(csv.DictReader(io.StringIO(made.to_csv(index=False))))
            frames[name] = frame(name, decided[name])
    return decided


def frame(name, rows):
    """The table as a stage's function gets it."""
    made = pd.read_csv(io.StringIO(text(rows)))
    made.attrs["table"] = name
    return made


def _given(stage, name, frames, settings):
    if name == "settings":
        return settings
    other, _, rest = name.partition("_")
    of_models = [f"{stage}/{model}_{name}" for model in MODELS]
    if of_models[0] in frames:
        return [frames[table] for table in of_models]
    return frames.get(f"{stage}/{name}", frames.get(f"{other}/{rest}"))
