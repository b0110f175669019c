import json
import sys

from pipeline.command import InputError
from pipeline.render import metadata
from workflow import outputs

ARTICLE = ROOT / "report/article.tex.j2"
# What lies beside it: inputs, so that an edit of one reruns the report and nothing else.
TEMPLATES = sorted(
    str(file)
    for file in ARTICLE.parent.rglob("*")
    if file.suffix in {".j2", ".tex", ".bib", ".yaml"} and file != ARTICLE
)

if workflow.is_main_process:
    try:
        metadata.read(ROOT / "report/metadata.yaml")
    except InputError as error:
        # An exception is shown with more lines.
        sys.exit(str(error))

# Of the jobs whose tables and figures the article can read, show and link, and whose seconds it tells.
WILDCARD_VALUES = {
    "model": MODELS,
    "split": ["train", "val"],
    "study": STUDIES,
    "run": ["initial", "final"],
    "size": {config["ablate"]["image_size"], *config["ablate"]["variants"]["resolution"]},
    "round": range(config["tune"]["max_rounds"] + 1),
    "candidate": TUNE_CANDIDATES,
    "seed": FINETUNE_SEEDS,
}
TRIALS = [job for model in MODELS for job in tune_jobs(model, config["tune"]["max_rounds"])]
PUBLISHED = outputs.published(workflow.rules, WILDCARD_VALUES)
TABLES = [file for file in PUBLISHED if file.startswith("tables/")]
FIGURES = [file for file in PUBLISHED if file.startswith("figures/")]
CONFIG_SHA256 = settings.digest(config)


localrules:
    report_configuration,
    report_cost,
    report_margins,
    report,


rule report_configuration:
    """The numbers of the configuration as a table, from which the article quotes them, and the digest of all of it."""
    output:
        table=published("tables/report/configuration.csv"),
    log:
        "results/logs/report_configuration.log",
    params:
        files=files,
        settings=keys(
            "dataset.image_size",
            "augmentation",
            "training",
            "baseline.hyperparameters",
            "finetune",
            "ablate",
        ),
        config=CONFIG_SHA256,
        code=code_of("pipeline.render.configuration"),
    shell:
        "python -m pipeline.render.configuration {params.files} --settings {params.settings:q} "
        "--config-sha256 {params.config} --log {log}"


rule report_cost:
    """Seconds and memory of the jobs behind the article, those of their last run."""
    input:
        TABLES,
        FIGURES,
    output:
        table=published("tables/report/cost.csv"),
        stages=published("tables/report/cost_stages.csv"),
    log:
        "results/logs/report_cost.log",
    params:
        files=files,
        jobs=lambda wildcards: json.dumps(outputs.jobs_of_rules(workflow.rules, WILDCARD_VALUES, TRIALS)),
        benchmarks="results/benchmarks",
        code=code_of("pipeline.render.cost"),
    shell:
        "python -m pipeline.render.cost {params.files} --jobs {params.jobs:q} --benchmarks {params.benchmarks} --log {log}"


rule report_margins:
    """The findings that are closest to their limits."""
    input:
        findings=[table for table in TABLES if Path(table).name == "findings.csv"],
    output:
        margins=published("tables/report/margins.csv"),
    log:
        "results/logs/report_margins.log",
    params:
        files=files,
        code=code_of("pipeline.render.margins"),
    shell:
        "python -m pipeline.render.margins {params.files} --log {log}"


rule report:
    """The article as a PDF, and the record of every number in it, of every answer and of every check."""
    input:
        TEMPLATES,
        article=str(ARTICLE),
        tables=[
            *TABLES,
            *expand("tables/report/{table}.csv", table=["configuration", "cost", "cost_stages", "margins"]),
        ],
        figures=FIGURES,
    output:
        pdf=report("report/report.pdf", category="article"),
        trace=published("tables/report/trace.csv"),
        questions=published("tables/report/questions.csv"),
        checks=published("tables/report/checks.csv"),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    params:
        files=files,
        settings=keys(
            "demo",
            "dataset.draw",
            "dataset.external",
            "seed",
            "training.selection_seeds",
            "transfer.backbone",
            "finetune.unfreeze_from",
        ),
        build="results/report",
        code=code_of("pipeline.render.__main__", BACKBONE),
    shell:
        "python -m pipeline.render {params.files} --settings {params.settings:q} --build {params.build} --log {log}"
