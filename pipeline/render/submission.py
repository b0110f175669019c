"""submission: the article and the code, as they are handed in.

Reads   tables/report/checks.csv, report/report.pdf, the notebook, tables/STAGE/*.csv, the files of the code.
Writes  submission/Report_groupN.pdf and submission/code_groupN.zip, N being the group of report/metadata.yaml.
"""

import csv
import re
import shutil
import zipfile
from pathlib import Path

from pipeline.command import InputError, log, run
from pipeline.render.metadata import load

# The earliest date that a zip file can hold, so that the same files give the same bytes.
DATE = (1980, 1, 1, 0, 0, 0)


# Folders and suffixes of the code; of the tests those that are about numbers alone, and neither make nor draw images.
FOLDERS = ("config", "workflow", "pipeline", "report")
SUFFIXES = {".py", ".smk", ".yaml", ".sh", ".rst", ".ipynb", ".j2", ".tex", ".bib"}
TESTS = ("test_config", "test_statistics", "test_train_compare", "test_train_curves", "test_tune")
FILES = (
    "Snakefile",
    "Makefile",
    "README.md",
    "LICENSE",
    ".python-version",
    "environment.yml",
    "pyproject.toml",
    "requirements.txt",
    "tests/__init__.py",
    "tests/workflow/test_closure.py",
    *(f"tests/{test}.py" for test in TESTS),
)


def code_files(root):
    """The code that is handed in, without the demo: paths below `root`, the checkout, where there may be no git."""
    found = (file for folder in FOLDERS for file in (root / folder).rglob("*") if file.suffix in SUFFIXES)
    kept = (file for file in found if file.name != "demo.yaml" and ".ipynb_checkpoints" not in file.parts)
    return sorted([*kept, *(root / file for file in FILES)])


def check(checks: Path):
    """Pass where every check of the article does.

    Raises:
        InputError: one failed; all that did, a line each.
    """
    with open(checks) as file:
        failed = [row for row in csv.DictReader(file) if row["verdict"] == "failed"]
    if failed:
        reasons = [f"- {row['check']}: {row['found']} ({row['what_to_do']})" for row in failed]
        raise InputError("\n".join(["The article cannot be handed in as it is:", *reasons]))


def submission(pdf: Path, metadata: Path, results: list[Path], root: Path, folder: Path):
    """Copy the article, and pack code and results, by their places in the checkout and in the build.

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
            packed.writestr(member, file.read_bytes(), zipfile.ZIP_DEFLATED)
    log.info("%s; %s: %d files", article, package, len(members))


if __name__ == "__main__":
    run(check, submission)
