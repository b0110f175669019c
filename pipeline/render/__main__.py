"""report: the article, typeset only from the tables and figures of the run.

Reads   templates, preamble, references and metadata beside the article's template; tables/STAGE/*.csv and
        figures/STAGE/*.pdf that it is given.
Returns pdf; trace, one row per number or text read from a table; questions, one row per question: where it is
        answered, and on what the answer rests; checks, one row per check: level, result, what was found, what to do.
"""

import importlib
import shutil
from pathlib import Path

from pipeline.command import log, run
from pipeline.render import checks, environment, latex, metadata, provenance
from pipeline.render.cells import Tables
from pipeline.render.figures import Figures
from pipeline.render.questions import Questions

# The article may have 15 pages. These figures are in the supplement, and with an external set further ones.
MOVED_FIGURES = ("tune/transfer",)
MOVED_WITH_EXTERNAL = ("gradcam/deletion", "gradcam/regions", "train/transfer_initial")
MADE_HERE = [Path(f"tables/report/{name}.csv") for name in ("trace", "questions", "checks")]


def render(article: Path, tables: list[Path], figures: list[Path], settings: dict, build: Path):
    """Render the templates, run LaTeX in the folder `build`, and check the article.

    Args:
        article: its template; the other templates, preamble, references and metadata are beside it.

    Raises:
        InputError: a template, the metadata or a table is not as it must be, TeX fails, or a check of level build.
    """
    # Leftovers of a failed run could decide what LaTeX makes of this one.
    shutil.rmtree(build, ignore_errors=True)
    cells = Tables(tables)
    moved = MOVED_FIGURES + (MOVED_WITH_EXTERNAL if settings["dataset"]["external"] else ())
    drawings = Figures(figures, [*tables, *MADE_HERE], build, moved)
    answers = Questions(cells.readings)
    people = article.parent / "metadata.yaml"
    origin = provenance.of(article.parent)
    templates = environment.create(
        article.parent, build, **names(settings, people, cells, drawings, answers), provenance=origin
    )
    environment.write(templates, article.name, build)
    for file in ("preamble.tex", "references.bib"):
        shutil.copyfile(article.parent / file, build / file)
    source = build / article.stem
    typeset = latex.typeset(source, origin.epoch)

    results = checks.of_build(source, article.parent, answers, drawings)
    results += checks.of_submission(source, people, cells, settings)
    # Of a failed job there are no outputs; this file stays.
    checks.table(results).to_csv(build / "checks.csv", index=False)
    checks.enforce(results)
    if open_checks := [check.check for check in results if check.found]:
        log.info("Before it is handed in (tables/report/checks.csv): %s", ", ".join(open_checks))
    return {
        "pdf": typeset,
        "trace": cells.trace(),
        "questions": answers.table(latex.labels(source)),
        "checks": checks.table(results),
    }


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
