"""A copy of the checkout, and a complete build of it from phantoms: made once, then only planned upon."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import phantoms

ROOT = Path(__file__).parents[2]
SPLITS = {"train": 48, "val": 24, "test": 24}


class Build:
    """A build in `folder` by the workflow of `checkout`."""

    def __init__(self, checkout, folder):
        self.checkout, self.folder, self._graphs = checkout, folder, {}

    def snakemake(self, *arguments, check=True, env=None):
        """Run Snakemake as a user would; stdout and stderr together as text. Its exit status is kept in `status`."""
        configs = [self.checkout / "config/demo.yaml", self.checkout / "tests/workflow/tiny.yaml"]
        command = [sys.executable, "-m", "snakemake", "--snakefile", self.checkout / "Snakefile"]
        command += ["--directory", self.folder, *arguments, "--configfile", *configs]
        done = subprocess.run(
            list(map(str, command)),
            cwd=self.checkout,
            env=os.environ | (env or {}),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=1800,  # longer than any of these builds: one that hangs fails
        )
        assert not check or done.returncode == 0, done.stdout
        self.status = done.returncode
        return done.stdout

    def jobs(self, *arguments):
        """What a dry run plans: {job: reason}, a job being named by its rule and the values of its wildcards."""
        return {job_name(rule, block): field("reason", block) for rule, block in self._dry_run(*arguments)}

    def _dry_run(self, *arguments):
        output = self.snakemake("--dry-run", "--cores", "2", *arguments)
        return re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", output, flags=re.MULTILINE)

    def graph(self, *arguments):
        """All jobs of a complete build, under further arguments: {job: (input files, output files)}."""
        if arguments not in self._graphs:
            blocks = self._dry_run("--forceall", *arguments)
            self._graphs[arguments] = {
                job_name(rule, block): tuple(set(field(name, block).split(", ")) - {""} for name in ("input", "output"))
                for rule, block in blocks
            }
        return self._graphs[arguments]

    def inputs(self, target):
        """The input files of the rule `target`, in its order, each as often as it is listed."""
        block = next(block for rule, block in self._dry_run(target, "--forcerun", target) if rule == target)
        return field("input", block).split(", ")

    def with_downstream(self, jobs):
        """`jobs` and all that read what they write, directly or not."""
        graph = dict(self.graph())
        for job in [job for job in graph if job.startswith("predict_test")]:
            # It waits for the thresholds to be set, and does not read them.
            graph[job] = (graph[job][0] - {"tables/evaluate/thresholds.csv"}, graph[job][1])
        written = descendants({file for job in jobs for file in graph[job][1]}, graph)
        return set(jobs) | {job for job, (inputs, _) in graph.items() if inputs & written}


def descendants(files, graph):
    """`files` and all that is made from them."""
    reached = set(files)
    while True:
        further = {file for inputs, outputs in graph.values() if inputs & reached for file in outputs} - reached
        if not further:
            return reached
        reached |= further


def job_name(rule, block):
    wildcards = re.findall(r"\w+=([^,\s]+)", field("wildcards", block))
    return " ".join([rule, *wildcards])


def field(name, block):
    found = re.search(rf"^    {name}: (.*)$", block, flags=re.MULTILINE)
    return found.group(1) if found else ""


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """The files that git knows, with what is changed or new in the work tree."""
    copy = tmp_path_factory.mktemp("checkout with space")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def build_anew(checkout, folder, cores, *targets):
    build = Build(checkout, folder)
    phantoms.write_archive(folder / "data/covid_xray.zip", size=40, splits=SPLITS)
    build.snakemake("--cores", cores, *targets)
    return build


@pytest.fixture(scope="session")
def built(checkout, tmp_path_factory):
    """A complete build with two cores, made once for all processes of `pytest -n`."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # its own folder is that of one process
    folder, finished = shared / "built", shared / "built.finished"
    with open(shared / "built.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)
            build_anew(checkout, folder, 2)
            finished.touch()
    return Build(checkout, folder)


@pytest.fixture
def edit(checkout):
    """Replace text in a file of the checkout, until the end of the test."""
    originals = {}

    def replace(name, old, new):
        file = checkout / name
        text = file.read_text()
        originals.setdefault(file, text)
        assert old in text, f"{old!r} is not in {name}"
        file.write_text(text.replace(old, new, 1))

    yield replace
    for file, text in originals.items():
        file.write_text(text)
