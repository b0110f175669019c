"""report: the article, typeset from the run's tables and figures alone.

Reads   templates, preamble, references and metadata beside the article's template; tables/STAGE/*.csv and
        figures/STAGE/*.pdf that it is given.
Writes  report/report.pdf; tables/report/trace.csv, one row a number or text read from a table;
        tables/report/questions.csv, one row a question: where it is answered, and on what the answer rests;
        tables/report/checks.csv, one row a check: level, verdict, what was found, what to do.
"""

import importlib
import shutil
from pathlib import Path

from pipeline.command import log, run
from pipeline.render import checks, environment, latex, metadata, provenance
from pipeline.render.cells import Tables
from pipeline.render.figures import Figures
from pipeline.render.questions import Questions


def render(
    settings: dict,
    article: Path,
    tables: list[Path],
    figures: list[Path],
    supplement: list[Path],
    config_sha256: str,
    build: Path,
    pdf: Path,
    trace: Path,
    questions: Path,
    checks_table: Path,
):
    """Render the templates, run LaTeX in the folder `build`, and put the PDF in its place.

    `supplement` lists the figures and tables that the article can link to; `config_sha256` is the digest of the whole
    configuration.

    Raises:
        InputError: a template, the metadata or a table is not as it must be, TeX fails, or a check of level build.
    """
    # Leftovers of a failed run could decide what LaTeX makes of this one.
    shutil.rmtree(build, ignore_errors=True)
    cells = Tables(tables)
    drawings = Figures(figures, supplement, build)
    answers = Questions(cells.readings)
    people = article.parent / "metadata.yaml"
    origin = provenance.of(article.parent)
    templates = environment.create(
        article.parent,
        build,
        **names(settings, people, cells, drawings, answers),
        provenance=origin,
        config_sha256=config_sha256,
    )
    environment.write(templates, article.name, build)
    for file in ("preamble.tex", "references.bib"):
        shutil.copyfile(article.parent / file, build / file)
    source = build / article.stem
    typeset = latex.typeset(source, origin.epoch)

    cells.write_trace(trace)
    answers.write(questions, latex.labels(source))
    results = checks.of_build(source, article.parent, answers, cells, drawings)
    results += checks.of_submission(source, people, cells, settings)
    checks.write(results, checks_table)
    # Of a failed job Snakemake removes the outputs; this copy stays.
    shutil.copyfile(checks_table, build / checks_table.name)
    checks.enforce(results)
    pdf.parent.mkdir(parents=True, exist_ok=True)
    # A reader never finds half a PDF.
    unfinished = pdf.with_suffix(".pdf.part")
    shutil.copyfile(typeset, unfinished)
    unfinished.replace(pdf)
    open_checks = [check.check for check in results if check.found]
    log.info("%s: %d readings of tables in %s", pdf, len(cells.readings), trace)
    if open_checks:
        log.info("Before it is handed in (%s): %s", checks_table, ", ".join(open_checks))


def names(settings, people, cells, drawings, answers):
    """What templates see of the run: {name: value}; `people` is the file of the metadata."""
    backbone = importlib.import_module(f"pipeline.models.backbones.{settings['transfer']['backbone']}")
    return {
        "cell": cells.cell,
        "row": cells.row,
        "rows": cells.rows,
        "finding": cells.finding,
        "figure": drawings,
        "supplement": drawings.link,
        "question": answers,
        "metadata": metadata.read(people),
        "seeds": [str(seed) for seed in (settings["seed"], *settings["training"]["selection_seeds"])],
        "demo": settings["demo"],
        "quick": settings["dataset"]["draw"] is not None,
        "external": settings["dataset"]["external"] is not None,
        "backbone": {"name": backbone.NAME, "citation": backbone.CITATION},
        "unfreeze_from": settings["finetune"]["unfreeze_from"],
    }


if __name__ == "__main__":
    run(render)
