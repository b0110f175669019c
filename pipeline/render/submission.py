"""submission: the article and the code, as they are handed in.

Reads   tables/report/checks.csv, report/report.pdf, the notebook, tables/STAGE/*.csv, the files of the code.
Writes  submission/Report_groupN.pdf, code_groupN.zip and libraries_groupN.txt, N being the group of
        report/metadata.yaml.
"""

import csv
import re
import shutil
import tomllib
import zipfile
from pathlib import Path

from pipeline.command import InputError, log, run
from pipeline.render.metadata import load

# The libraries that the assignment names.
ASSIGNED = {
    "numpy",
    "tensorflow",
    "scikit-learn",
    "pandas",
    "matplotlib",
    "seaborn",
    "imbalanced-learn",
    "pyaml",
}
# Why the code uses each of the others.
REASONS = {
    "jinja2": "fills the LaTeX templates of the report with numbers from the CSV files",
    "snakemake": "runs the steps in order, and again only those whose code or input changed",
    "snakemake-executor-plugin-slurm": "runs the steps on a cluster with Slurm; not needed on one machine",
    "snakemake-executor-plugin-cluster-generic": "runs the steps on other clusters; not needed on one machine",
    "jsonschema": "checks the configuration before anything runs",
    "pillow": "decodes and resizes the images; matplotlib installs it",
    "scipy": "confidence intervals, tests and Sobol sequences; scikit-learn installs it",
    "threadpoolctl": "fixes the number of threads, so that runs are repeatable; scikit-learn installs it",
    "tqdm": "shows progress; baseline.ipynb runs without it",
    "nbconvert": "runs baseline.ipynb from the command line; Jupyter installs it",
    "ipykernel": "runs baseline.ipynb; Jupyter installs it",
}
# What these files say of the demo, whose generated images are not handed in.
DEMO_MENTIONED = ("README.md", "CONTRIBUTING.md", "Makefile")
DEMO = re.compile(r"[^\n]*The demo begins[^\n]*\n.*?The demo ends[^\n]*\n+", re.DOTALL)

# The earliest date that a zip file can hold, so that the same files give the same bytes.
DATE = (1980, 1, 1, 0, 0, 0)


# Folders and suffixes of the code; of the tests those that are about numbers alone, and neither make nor draw images.
FOLDERS = ("config", "workflow", "pipeline", "report", "docs")
SUFFIXES = {".py", ".smk", ".yaml", ".sh", ".rst", ".ipynb", ".j2", ".tex", ".bib", ".md"}
TESTS = ("test_config", "test_statistics", "finetune/test_compare", "train/test_curves", "tune/test_search")
FILES = (
    "Snakefile",
    "Makefile",
    "Containerfile",
    ".dockerignore",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    ".python-version",
    "environment.yml",
    "pyproject.toml",
    "requirements.txt",
    "tests/__init__.py",
    "tests/workflow/test_closure.py",
    *(f"tests/{test}.py" for test in TESTS),
    *(f"tests/{stage}/__init__.py" for stage in ("finetune", "train", "tune")),
)


def code_files(root):
    """The code that is handed in, without the demo: paths below `root`, the checkout, where there may be no git."""
    found = (file for folder in FOLDERS for file in (root / folder).rglob("*") if file.suffix in SUFFIXES)
    kept = (file for file in found if file.name != "demo.yaml" and ".ipynb_checkpoints" not in file.parts)
    return sorted([*kept, *(root / file for file in FILES)])


def content(file):
    """The bytes of a file as it is handed in."""
    return DEMO.sub("", file.read_text()).encode() if file.name in DEMO_MENTIONED else file.read_bytes()


def libraries(project):
    """A text that lists the libraries beyond the assignment's, with the reason for each.

    Args:
        project: pyproject.toml.

    Raises:
        InputError: a library of `project` without a reason.
    """
    wanted = tomllib.loads(project.read_text())["project"]["dependencies"]
    names = {text: re.split(r"[^\w-]", text)[0] for text in wanted}
    others = {text: name for text, name in names.items() if name not in ASSIGNED}
    if unexplained := others.keys() - {text for text, name in others.items() if name in REASONS}:
        raise InputError(
            f"{project}: found {', '.join(sorted(unexplained))} without a reason; "
            "expected one in REASONS of pipeline/render/submission.py, for the list of libraries"
        )
    lines = [f"- {text}: {REASONS[name]}." for text, name in others.items()]
    return "\n".join(
        [
            "Libraries that the code uses beyond those that the assignment names, for approval before it is handed in.",
            "The notebook needs none of them that the named libraries and Jupyter do not install.",
            "",
            *lines,
            "",
        ]
    )


def check(checks: Path):
    """Pass where every check of the article does.

    Raises:
        InputError: one failed; all that did, a line each.
    """
    with open(checks) as file:
        failed = [row for row in csv.DictReader(file) if row["result"] == "failed"]
    if failed:
        reasons = [f"- {row['check']}: {row['found']} ({row['what_to_do']})" for row in failed]
        raise InputError("\n".join(["The article cannot be handed in as it is:", *reasons]))


def submission(pdf: Path, metadata: Path, results: list[Path], root: Path, folder: Path):
    """Copy the article, pack code and results by their places in the checkout and in the build, and list the libraries.

    Args:
        results: tables and notebooks of this build, relative to its folder.

    Raises:
        InputError: the group cannot stand in the name of a file.
    """
    group = load(metadata)["group"]
    if not re.fullmatch(r"[\w-]+", group):
        raise InputError(f"{metadata}: group: found {group!r}; expected letters and digits, for the names of the files")
    folder.mkdir(parents=True, exist_ok=True)
    article, package = folder / f"Report_group{group}.pdf", folder / f"code_group{group}.zip"
    shutil.copyfile(pdf, article)
    members = {str(file): file for file in results} | {str(file.relative_to(root)): file for file in code_files(root)}
    with zipfile.ZipFile(package, "w") as packed:
        for name, file in sorted(members.items()):
            member = zipfile.ZipInfo(f"{package.stem}/{name}", DATE)
            member.external_attr = 0o644 << 16
            packed.writestr(member, content(file), zipfile.ZIP_DEFLATED)
    (folder / f"libraries_group{group}.txt").write_text(libraries(root / "pyproject.toml"))
    log.info("%s; %s: %d files", article, package, len(members))


if __name__ == "__main__":
    run(check, submission)
