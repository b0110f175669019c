"""Articles rendered from made-up tables and blank figures, which stand in for those of a run."""

import csv
import io
import re
import shutil

from pipeline import storage
from pipeline.render import __main__ as stage
from pipeline.render.margins import margins
from tests.report.tables import ROOT, findings, made_up, text

REPORT = ROOT / "report"
WHOLE = {"draw": None, "external": None}
REAL = {"demo": False, "dataset": WHOLE, "seed": 7, "training": {"selection_seeds": [1, 2]}}
REAL |= {"transfer": {"backbone": "resnet50v2"}, "finetune": {"unfreeze_from": "all"}}
DEMO = REAL | {"demo": True}
QUICK = REAL | {"dataset": WHOLE | {"draw": {"train": 1, "val": 1, "test": 1}}}
UNFROZEN = REAL | {"finetune": {"unfreeze_from": "conv4_block1_preact_bn"}}
EXTERNAL = REAL | {"dataset": WHOLE | {"external": "other.zip"}}
FIGURES = {
    "explore/classes": (3.4, 1.9),
    "explore/samples": (7, 1.4),
    "explore/intensities": (3.4, 1.7),
    "explore/pixels": (3.4, 2.2),
    "explore/shortcuts": (3.4, 1.8),
    "explore/normalisation": (7, 2.3),
    "explore/augmentation": (3.4, 3.9),
    "ablate/resolution": (3.4, 1.2),
    "ablate/normalisation": (3.4, 1.4),
    "ablate/augmentation": (3.4, 1.6),
    "ablate/optimizer": (3.4, 1.2),
    "ablate/loss": (3.4, 1.2),
    "ablate/head": (3.4, 1.65),
    "ablate/cut": (3.4, 1.4),
    "ablate/data": (3.4, 2.0),
    "tune/baseline": (3.4, 3.05),
    "tune/transfer": (3.4, 3.05),
    "train/baseline_initial": (3.4, 2.7),
    "train/transfer_initial": (3.4, 2.7),
    "finetune/compare": (3.4, 2.9),
    "finetune/ladder": (3.4, 1.8),
    "evaluate/confusion": (3.4, 1.75),
    "evaluate/curves": (3.4, 2.1),
    "evaluate/samples": (7, 1.6),
    "audit/controls": (3.4, 2.1),
    "audit/counterfactuals": (7, 3.3),
    "gradcam/groups": (7, 4.7),
    "gradcam/means": (3.4, 1.2),
    "gradcam/regions": (3.4, 1.9),
    "gradcam/deletion": (3.4, 1.8),
}
# Linked, not shown.
SUPPLEMENT = [
    *(f"explore/{name}" for name in ("images", "samples_val", "samples_test")),
    *(f"tune/{model}_{view}" for model in ("baseline", "transfer") for view in ("progress", "importance")),
    *(f"train/{model}_final" for model in ("baseline", "transfer")),
    "finetune/compare_cost",
    "finetune/finetune",
    *(f"evaluate/{name}" for name in ("reliability", "scores")),
    "audit/markers",
]
FIGURES |= dict.fromkeys(SUPPLEMENT, (3.4, 2.0))
CELL = re.compile(r"\\cell(?:\{[^{}]*\}){3}\{((?:[^{}]|\{[^{}]*\})*)\}")


class Run:
    """A folder with tables and figures, from which articles are rendered.

    values: {(STAGE/FINDING, subject): value} of findings in place of what follows from the tables; subject None: all.
    """

    def __init__(self, folder):
        self.folder, self.tables, self.report, self.values = folder, made_up(), REPORT, {}
        self.pdf = folder / "report/report.pdf"
        self.trace, self.questions, self.checks = (
            folder / f"tables/report/{name}.csv" for name in ("trace", "questions", "checks")
        )

    def of(self, scenario):
        """The run, with what a scenario changes."""
        scenario.change(self.tables)
        self.values = scenario.values
        return self

    def write_inputs(self, settings):
        """Write the tables, with the findings that follow from them, and blank figures; their files."""
        listed = {
            name: rows
            for name, rows in self.tables.items()
            if settings["dataset"]["external"] or "external" not in name
        }
        decided = findings(listed)
        findings_tables = [made for name, made in decided.items() if name.endswith("/findings")]
        decided["report/margins"] = margins(findings_tables)["margins"]
        contents = {f"tables/{name}.csv": text(rows) for name, rows in listed.items()}
        contents |= {f"tables/{name}.csv": made.to_csv(index=False) for name, made in decided.items()}
        for name in {finding.split("/")[0] for finding, _ in self.values}:
            file = f"tables/{name}/findings.csv"
            contents[file] = text(valued(name, csv.DictReader(io.StringIO(contents[file])), self.values))
        contents |= {f"figures/{name}.pdf": blank_pdf(*size) for name, size in FIGURES.items()}
        for name, content in contents.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return [
            [self.folder / name for name in contents if name.startswith(f"{kind}/")] for kind in ("tables", "figures")
        ]

    def render(self, settings=REAL):
        tables, figures = self.write_inputs(settings)
        made = stage.render(
            article=self.report / "article.tex.j2",
            tables=tables,
            figures=figures,
            settings=settings,
            build=self.folder / "results/report",
        )
        files = {"pdf": self.pdf, "trace": self.trace, "questions": self.questions, "checks": self.checks}
        storage.write({name: [file] for name, file in files.items()}, made)

    def source(self, settings=REAL):
        """The TeX that the templates give, white space as single blanks."""
        self.render(settings)
        files = sorted((self.folder / "results/report").rglob("*.tex"))
        return unlinked(" ".join(" ".join(file.read_text() for file in files if file.name != "preamble.tex").split()))

    def edit(self, name, old, new):
        """Render from a copy of the templates in which `old` of the file `name` is `new`."""
        if self.report == REPORT:
            self.report = self.folder / "templates/report"
            shutil.copytree(REPORT, self.report)
        text = (self.report / name).read_text()
        assert old in text
        (self.report / name).write_text(text.replace(old, new, 1))


def valued(stage, rows, values):
    """The rows of a stage's table of findings, with other `values`: {(STAGE/FINDING, subject): value}."""
    rows = [dict(row) for row in rows]
    # A subject that is written out goes before all.
    for (finding, subject), value in sorted(values.items(), key=lambda item: item[0][1] is not None):
        for row in rows:
            if finding == f"{stage}/{row['finding']}" and subject in (None, row["subject"]):
                row["value"] = value
    return rows


def blank_pdf(width, height):
    """A PDF of one empty page; inches."""
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {72 * width:g} {72 * height:g}]>>",
    ]
    content, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(content)
    content += "xref\n0 4\n0000000000 65535 f \n" + "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    return content + f"trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"


def unlinked(source):
    """TeX source without the links from numbers to their cells."""
    return CELL.sub(r"\1", source)
