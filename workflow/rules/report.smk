import json
import sys

from pipeline.command import InputError
from pipeline.render import metadata
from workflow import benchmarks

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

# The article may have 15 pages. Where an optional section needs the room, figures move to the supplement in this order.
MOVABLE_FIGURES = [
    "figures/gradcam/regions.pdf",
    "figures/tune/transfer.pdf",
]
MOVED_FIGURES = MOVABLE_FIGURES if config["dataset"]["external"] else []

# What the article has no room for is shown by `snakemake --report` and handed in with the article, which links to every
# figure of it.
SUPPLEMENT_FIGURES = [
    *expand("figures/explore/{figure}.pdf", figure=["images", "samples_val", "samples_test"]),
    *expand("figures/tune/{model}_{view}.pdf", model=MODELS, view=["progress", "importance"]),
    *expand("figures/train/{model}_final.pdf", model=MODELS),
    "figures/finetune/compare_cost.pdf",
    *expand("figures/evaluate/{figure}.pdf", figure=["reliability", "scores"]),
    "figures/audit/markers.pdf",
    *MOVED_FIGURES,
]
SUPPLEMENT_TABLES = [
    *expand("tables/data/{table}.csv", table=["index", "duplicates"]),
    *expand("tables/data/index_{split}.csv", split=SPLITS),
    *expand("tables/explore/{table}.csv", table=["intensities", "images"]),
    *expand("tables/ablate/{study}_runs.csv", study=[*STUDIES, "data"]),
    *expand("tables/ablate/{study}_cost.csv", study=[*STUDIES, "data"]),
    *expand("tables/tune/{model}_round{round}.csv", model=MODELS, round=range(1, config["tune"]["rounds"] + 1)),
    *expand("tables/tune/{model}_cost.csv", model=MODELS),
    *expand("tables/train/{model}_{table}.csv", model=MODELS, table=["heldout_history", "val_predictions"]),
    "tables/train/transfer_layers.csv",
    "tables/finetune/val_predictions.csv",
    *expand("tables/final/{model}_val_predictions.csv", model=MODELS),
    *expand(
        "tables/evaluate/{table}.csv", table=["corrections", "test_predictions", "curves", "reliability", "samples"]
    ),
    "tables/gradcam/heat.csv",
    *expand("tables/gradcam/{model}_deletion.csv", model=MODELS),
    *expand("tables/audit/{table}.csv", table=["controls_runs", "controls_cost", "markers", "samples"]),
    *(["tables/data/index_external.csv"] if config["dataset"]["external"] else []),
    *expand("tables/report/{table}.csv", table=["trace", "questions", "checks", "cost"]),
]

EXTERNAL_TABLES = (
    [
        "tables/data/external_summary.csv",
        *expand("tables/evaluate/external_{table}.csv", table=["metrics", "compare", "ledger"]),
    ]
    if config["dataset"]["external"]
    else []
)


localrules:
    report_configuration,
    report_cost,
    report,


# What the article reads and shows.
TABLES = [
    "tables/data/duplicates_summary.csv",
    "tables/explore/sizes.csv",
    "tables/explore/classes.csv",
    "tables/explore/pixels.csv",
    "tables/explore/mean_images.csv",
    "tables/explore/uniformity.csv",
    "tables/explore/shortcuts.csv",
    "tables/explore/normalisation.csv",
    "tables/explore/findings.csv",
    *expand("tables/ablate/{study}.csv", study=STUDIES),
    *expand("tables/ablate/{table}.csv", table=["data", "data_rise", "views", "findings", "effects", "times"]),
    *expand("tables/tune/{model}.csv", model=MODELS),
    *expand("tables/tune/{model}_{table}.csv", model=MODELS, table=["ranges", "importance", "selection", "best"]),
    *expand(
        "tables/train/{model}_{table}.csv",
        model=MODELS,
        table=["initial", "smoothness", "gap", "heldout", "final", "model"],
    ),
    "tables/train/baseline_layers.csv",
    "tables/finetune/attempts.csv",
    "tables/finetune/history.csv",
    "tables/finetune/model.csv",
    "tables/finetune/heldout.csv",
    "tables/finetune/heldout_history.csv",
    *expand("tables/finetune/{table}.csv", table=["compare", "compare_epochs", "compare_cost", "findings"]),
    *expand("tables/final/{model}_model.csv", model=MODELS),
    "tables/evaluate/thresholds.csv",
    "tables/evaluate/test_metrics.csv",
    "tables/evaluate/confusion.csv",
    "tables/evaluate/ledger.csv",
    "tables/evaluate/calibration.csv",
    "tables/evaluate/val_test.csv",
    "tables/evaluate/compare.csv",
    "tables/evaluate/findings.csv",
    *EXTERNAL_TABLES,
    *expand("tables/audit/{table}.csv", table=["controls", "counterfactuals", "leakage", "verdict"]),
    "tables/gradcam/groups.csv",
    "tables/gradcam/regions.csv",
    "tables/gradcam/differences.csv",
    "tables/gradcam/classes.csv",
    "tables/gradcam/samples.csv",
    *expand("tables/gradcam/{model}_trust.csv", model=MODELS),
]
ARTICLE_FIGURES = [
    "figures/explore/classes.pdf",
    "figures/explore/samples.pdf",
    "figures/explore/intensities.pdf",
    "figures/explore/pixels.pdf",
    "figures/explore/shortcuts.pdf",
    "figures/explore/normalisation.pdf",
    "figures/explore/augmentation.pdf",
    *expand("figures/ablate/{study}.pdf", study=STUDIES),
    "figures/ablate/data.pdf",
    *expand("figures/tune/{model}.pdf", model=MODELS),
    *expand("figures/train/{model}_initial.pdf", model=MODELS),
    "figures/finetune/finetune.pdf",
    "figures/finetune/compare.pdf",
    "figures/evaluate/confusion.pdf",
    *expand("figures/evaluate/{figure}.pdf", figure=["curves", "samples"]),
    *expand("figures/audit/{figure}.pdf", figure=["controls", "counterfactuals"]),
    *expand("figures/gradcam/{figure}.pdf", figure=["groups", "means", "regions", "deletion"]),
]
FIGURES = [figure for figure in ARTICLE_FIGURES if figure not in MOVED_FIGURES]
CONFIG_SHA256 = settings.digest(config)
# Of the jobs whose seconds the article tells.
WILDCARD_VALUES = {
    "model": MODELS,
    "split": ["train", "val"],
    "study": STUDIES,
    "run": ["initial", "final"],
    "size": {config["ablate"]["image_size"], *config["ablate"]["variants"]["resolution"]},
    "round": range(1, config["tune"]["rounds"] + 1),
    "candidate": TUNE_CANDIDATES,
}
TRIALS = [job for model in MODELS for job in tune_jobs(model, config["tune"]["rounds"])]


rule report_configuration:
    """The numbers of the configuration as a table, from which the article quotes them, and the digest of all of it."""
    output:
        table=shown("tables/report/configuration.csv"),
    log:
        "results/logs/report_configuration.log",
    params:
        settings=chosen(
            "dataset.image_size",
            "augmentation",
            "training",
            "baseline.hyperparameters",
            "tune.epochs",
            "finetune",
            "ablate",
        ),
        config=CONFIG_SHA256,
        code=code_of("pipeline.render.configuration"),
    shell:
        "python -m pipeline.render.configuration configuration --settings {params.settings:q} "
        "--config-sha256 {params.config} --table {output.table} --log {log}"


rule report_cost:
    """Seconds and memory of the jobs behind the article, those of their last run."""
    input:
        TABLES,
        FIGURES,
    output:
        table=shown("tables/report/cost.csv"),
        stages=shown("tables/report/cost_stages.csv"),
    log:
        "results/logs/report_cost.log",
    params:
        jobs=lambda wildcards: json.dumps(benchmarks.jobs_of_rules(workflow.rules, WILDCARD_VALUES, TRIALS)),
        benchmarks="results/benchmarks",
        code=code_of("pipeline.render.cost"),
    shell:
        "python -m pipeline.render.cost cost --jobs {params.jobs:q} --benchmarks {params.benchmarks} --table {output.table} "
        "--stages-table {output.stages} --log {log}"


rule report:
    """The article as a PDF, and the record of every number in it, of every answer and of every check."""
    input:
        article=str(ARTICLE),
        templates=TEMPLATES,
        tables=[*TABLES, *expand("tables/report/{table}.csv", table=["configuration", "cost_stages"])],
        figures=FIGURES,
    output:
        pdf=report("report/report.pdf", category="article"),
        trace=shown("tables/report/trace.csv"),
        questions=shown("tables/report/questions.csv"),
        checks=shown("tables/report/checks.csv"),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    params:
        settings=chosen(
            "demo",
            "dataset.draw",
            "dataset.external",
            "seed",
            "training.selection_seeds",
            "transfer.backbone",
            "finetune.unfreeze_from",
        ),
        supplement=[*SUPPLEMENT_FIGURES, *SUPPLEMENT_TABLES],
        config=CONFIG_SHA256,
        build="results/report",
        code=code_of("pipeline.render.__main__", BACKBONE),
    shell:
        "python -m pipeline.render render --settings {params.settings:q} --article {input.article:q} "
        "--tables {input.tables} --figures {input.figures} --supplement {params.supplement} --config-sha256 {params.config} "
        "--build {params.build} --pdf {output.pdf} "
        "--trace {output.trace} --questions {output.questions} --checks-table {output.checks} --log {log}"
