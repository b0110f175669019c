"""Chest X-rays in, a two-column article out. `snakemake --cores 4` builds everything; README.md says more."""

import functools
import gc
import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.25")

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))
# What Snakemake has loaded stays: garbage collection need not look at it again, which took a quarter of a second.
gc.freeze()

from workflow import lock, settings, user_files

if problem := settings.unreadable(ROOT / "config/config.yaml"):
    sys.exit(problem)


configfile: str(ROOT / "config/config.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


wildcard_constraints:
    model="|".join(MODELS),
    study="|".join(STUDIES),
    first=r"\d+",
    last=r"\d+",


include: "workflow/rules/data.smk"
include: "workflow/rules/explore.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/tune.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/final.smk"
include: "workflow/rules/ablate.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/gradcam.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/notebook.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/submission.smk"


rule all:
    """The article, with it all tables and figures, and the notebook of Task 2."""
    default_target: True
    input:
        "report/report.pdf",
        "results/notebooks/baseline.ipynb",


# Kept open until Snakemake ends. Snakemake takes its own lock later.
if workflow.is_main_process:
    folder_held = lock.take(Path.cwd())

# A build that was copied without its data, to a machine with TeX for one: no job may run but those of the article.
if workflow.is_main_process and not os.path.exists(user_files.dataset_path(config, ROOT)):
    article = [*rules.report.input.tables, *rules.report.input.figures]
    made_with = rules.report_configuration.output.table
    absent_dataset = functools.cache(lambda: user_files.absent_dataset(config, ROOT, article, made_with, CONFIG_SHA256))
    for each in workflow.rules:
        if each.name not in {"report", "submission_check", "submission", "all"}:
            each.set_input(dataset=lambda wildcards: absent_dataset())
