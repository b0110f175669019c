"""Helpers of the rule files: no rule stands here."""

import os

from pipeline.command import InputError
from workflow import settings
from workflow.closure import code_of

SPLITS = ["train", "val", "test"]
MODELS = ["baseline", "transfer"]

problems = settings.check(config, ROOT / "workflow/schemas/config.schema.yaml")
if problems:
    raise WorkflowError("The configuration is not valid:", *problems)

# Every stage is `python -m pipeline.STAGE`, run by the interpreter that runs Snakemake, from any working directory.
shell.prefix(f"export PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={ROOT}; ")


def chosen(*keys):
    """The keys of the configuration that a rule uses, as one parameter."""
    return settings.chosen(config, *keys)


def tracked(path):
    """A large file as an input: itself whatever its age, and the digest of its content, whose change counts.

    Snakemake compares files of more than 1 MB by their time stamps alone; [0] is the file.
    """
    return [ancient(path), f"{path}.sha256"]
