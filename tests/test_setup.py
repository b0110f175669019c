"""Set-up: the pins agree, and the Makefile does what it says: once, with whole paths, in the right folder.

The Makefile runs in a copy of the checkout. Stand-ins on the PATH take the place of uv, apt-get and TeX; the one for
uv makes an environment whose python writes down what it is called with.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKED = (ROOT / "requirements.txt").read_text()
DIRECT = [Requirement(text) for text in PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]]
# The assignment's own list of libraries and versions.
ASSIGNED = {
    "numpy~=2.0.2",
    "tensorflow>=2.18",
    "scikit-learn~=1.6.1",
    "pandas~=2.2.3",
    "matplotlib~=3.10.0",
    "seaborn~=0.13.2",
    "imbalanced-learn~=0.13.0",
    "pyaml~=25.1.0",
}
# All that the Makefile and the set-up script call; a PATH of these alone has no TeX, no apt-get and no Python.
TOOLS = ["make", "sh", "echo", "sed", "tr", "cat", "rm", "mkdir", "touch", "cp", "ln", "awk"]


def pins():
    """{package: versions} of requirements.txt; a package has several where platforms differ."""
    found = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", LOCKED, re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


def entries():
    """requirements.txt as one text a pinned package, its hashes included."""
    return re.split(r"\n(?=\S)", LOCKED.strip())


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_each_dependency_is_locked_at_a_version_it_admits(requirement):
    versions = pins()[canonicalize_name(requirement.name)]
    assert all(requirement.specifier.contains(version) for version in versions), versions


def test_assigned_versions_are_stated():
    assert ASSIGNED <= {text.replace(" ", "") for text in PROJECT["project"]["dependencies"]}


def test_python_version_agrees():
    version = (ROOT / ".python-version").read_text().strip()
    admitted = SpecifierSet(PROJECT["project"]["requires-python"])
    major, minor = map(int, version.split("."))
    assert f"{version}.1" in admitted
    assert f"{major}.{minor + 1}.0" not in admitted and f"{major}.{minor - 1}.9" not in admitted
    assert f"python={version}" in conda_dependencies()
    assert f"--python-version {version} " in (ROOT / "Makefile").read_text()


def test_conda_installs_the_same_lock_and_pins_nothing_else():
    *packages, pip = conda_dependencies()
    assert pip == {"pip": ["-r requirements.txt"]}
    assert {package.split("=")[0] for package in packages} == {"python", "pip"}


def conda_dependencies():
    return yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]


def test_each_pin_has_hashes():
    for entry in entries():
        assert re.match(r"[A-Za-z0-9._-]+==\S+", entry) and "--hash=sha256:" in entry, entry[:200]


def test_lock_names_no_address():
    assert not re.search(r"://| @ |--(extra-)?index|--find-links|--trusted-host", LOCKED)


def executable(file, script):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def checkout(tmp_path):
    """A copy of what set-up needs, under a name with a space."""
    root = tmp_path / "check out"
    for name in ["Makefile", ".python-version", "workflow/setup.sh"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "requirements.txt").write_text("pinned==1.0\n")
    (root / "report").mkdir()
    (root / "report/preamble.tex").write_text(
        "% \\usepackage{unused}\n\\usepackage[T1]{fontenc}\n\\usepackage{siunitx, booktabs} % units\n"
    )
    return root


@pytest.fixture
def calls(tmp_path):
    """Folder where stand-ins write down their calls."""
    (tmp_path / "calls").mkdir()
    return tmp_path / "calls"


@pytest.fixture
def stand_in(tmp_path, calls):
    """Put a command of that name and that shell script on the PATH; it writes down its arguments, a line a call."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))

    def add(name, script="true"):
        return executable(folder / name, f'echo "$@" >> {calls}/{name}\n{script}')

    return add


@pytest.fixture
def with_uv(stand_in, calls, tmp_path):
    """A uv that makes an environment whose python writes down its arguments, one a line, the last call alone."""
    python = executable(tmp_path / "python", f'printf "%s\\n" "$@" > {calls}/python')
    stand_in("uv", f"mkdir -p .venv/bin; cp {python} .venv/bin/python")


@pytest.fixture
def with_tex(stand_in):
    stand_in("latexmk")
    stand_in("kpsewhich")


@pytest.fixture
def make(checkout, tmp_path):
    """Call make there, with the stand-ins as the whole PATH."""

    def call(*arguments, tools=tmp_path / "bin", **variables):
        environment = {"PATH": str(tools), "HOME": str(tmp_path / "home")} | variables
        return subprocess.run(["make", *arguments], cwd=checkout, env=environment, capture_output=True, text=True)

    return call


def test_help_is_the_default_and_lists_each_target(make, stand_in):
    shown = make().stdout
    for target in ["report", "demo", "test", "lint", "format", "lock"]:
        assert re.search(rf"make {target} +\w", shown)
    for variable in ["DATA", "WEIGHTS", "CONFIG", "CORES"]:
        assert re.search(rf"^ +{variable} +\w", shown, re.MULTILINE)


def test_second_call_sets_nothing_up(make, with_uv, with_tex, calls):
    assert make("report").returncode == 0
    first = (calls / "uv").read_text()
    assert "--require-hashes -r requirements.txt" in first
    assert make("report").returncode == 0
    assert (calls / "uv").read_text() == first


def test_half_made_environment_is_made_anew(make, with_uv, with_tex, checkout):
    (checkout / ".venv/lib").mkdir(parents=True)
    assert make("report").returncode == 0
    assert not (checkout / ".venv/lib").exists()
    assert (checkout / ".venv/.ready").exists()


def test_failed_install_is_no_environment(make, stand_in, with_tex, checkout):
    stand_in("uv", "mkdir -p .venv; exit 1")
    assert make("report").returncode != 0
    assert not (checkout / ".venv/.ready").exists()


def test_other_pins_are_installed(make, with_uv, with_tex, checkout, calls):
    make("report")
    first = (calls / "uv").read_text()
    later = (checkout / ".venv/.ready").stat().st_mtime + 10
    os.utime(checkout / "requirements.txt", (later, later))
    make("report")
    assert (calls / "uv").read_text() == first * 2


def test_missing_python_is_one_line(make, stand_in, with_tex):
    result = make("report")
    assert result.returncode != 0
    assert "Python 3.12 not found: install it" in result.stderr


def test_pyenv_shim_without_its_version_is_passed_over(make, stand_in, with_tex, tmp_path, calls):
    stand_in("python3.12", "echo 'pyenv: python3.12: command not found'; exit 127")
    pyenv = tmp_path / "home/.pyenv/versions/3.12.9/bin/python"
    executable(pyenv, f'echo "$@" >> {calls}/pyenv; mkdir -p .venv/bin; ln -sf {pyenv} .venv/bin')
    assert make("report").returncode == 0
    assert "-m venv .venv" in (calls / "pyenv").read_text()


def python_arguments(calls):
    return (calls / "python").read_text().splitlines()


def test_paths_stay_whole_and_become_absolute(make, with_uv, with_tex, checkout, calls, tmp_path):
    assert make("report", "DATA=my data/it's x.zip", "WEIGHTS=~/my weights.h5", "CORES=3").returncode == 0
    assert python_arguments(calls) == [
        *["-m", "snakemake", "--cores", "3", "--rerun-incomplete", "--config"],
        f'dataset={{"path": "{checkout}/my data/it\'s x.zip"}}',
        f'transfer={{"weights": "{tmp_path}/home/my weights.h5"}}',
    ]
    assert make("report", "DATA=/some where/x.zip").returncode == 0
    assert python_arguments(calls)[-1] == 'dataset={"path": "/some where/x.zip"}'


def test_without_variables_the_build_is_plain_snakemake(make, with_uv, with_tex, calls):
    assert make("report").returncode == 0
    assert python_arguments(calls) == ["-m", "snakemake", "--cores", "all", "--rerun-incomplete"]


def test_variables_of_the_environment_count_and_are_told(make, with_uv, with_tex, checkout, calls):
    done = make("report", DATA="x.zip", CORES="3")
    assert python_arguments(calls)[2:] == [
        *["--cores", "3", "--rerun-incomplete", "--config"],
        f'dataset={{"path": "{checkout}/x.zip"}}',
    ]
    assert "DATA=x.zip (environment)" in done.stdout and "CORES=3 (environment)" in done.stdout
    done = make("report", "DATA=y.zip", DATA="x.zip")
    assert python_arguments(calls)[-1] == f'dataset={{"path": "{checkout}/y.zip"}}'
    assert "(environment)" not in done.stdout


@pytest.mark.parametrize("cores", ["0", "-2", "two", "1.5", "", "4; true"])
def test_cores_that_are_no_number_are_told(make, with_uv, with_tex, calls, cores):
    for target in ("report", "demo"):
        done = make(target, f"CORES={cores}")
        assert done.returncode and f"CORES: found {cores}; expected all, or a whole number from 1" in done.stderr
    assert not (calls / "python").exists()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["report", "DTA=x.zip"], "DTA, which make report"),
        (["report", "data=x.zip", "CORES=2"], "data, which make report"),
        (["demo", "DATA=x.zip"], "DATA, which make demo"),
        (["test", "CORES=2"], "CORES, which make test"),
        (["DATA=x.zip"], "DATA, which make "),
    ],
)
def test_a_variable_that_nothing_reads_is_refused(make, with_uv, with_tex, calls, arguments, found):
    done = make(*arguments)
    (line,) = done.stderr.splitlines()
    assert done.returncode and f"found {found}" in line and "expected DATA, WEIGHTS, CONFIG or CORES" in line
    assert list(calls.iterdir()) == []


def test_text_files_have_the_line_ends_of_unix_on_every_system():
    """Git for Windows writes others, with which `set -eu` of the set-up script fails in WSL."""
    text = ["Makefile", "workflow/setup.sh", "Snakefile", "report/preamble.tex", "config/config.yaml"]
    told = subprocess.run(["git", "check-attr", "eol", *text], cwd=ROOT, capture_output=True, text=True)
    if told.returncode:
        pytest.skip("no repository")
    assert told.stdout.splitlines() == [f"{name}: eol: lf" for name in text]


def test_overlays_build_in_a_folder_of_their_own(make, with_uv, with_tex, checkout, calls):
    (checkout / "config").mkdir()
    for overlay in ("config/quick.yaml", "mine.yaml"):
        (checkout / overlay).touch()
    assert make("report", "CONFIG=config/quick.yaml mine.yaml").returncode == 0
    assert python_arguments(calls) == [
        *["-m", "snakemake", "--cores", "all", "--rerun-incomplete", "--directory", "build/quick"],
        *["--configfile", "config/quick.yaml", "mine.yaml"],
    ]


def test_an_overlay_that_is_not_there_is_named(make, with_uv, with_tex, calls):
    done = make("report", "CONFIG=mine.yaml")
    assert done.returncode and "CONFIG: no file mine.yaml; expected an overlay of" in done.stderr
    assert not (calls / "python").exists()


def with_snakemake(checkout, tmp_path):
    """Call make in a copy of the checkout with the real snakemake; the names have spaces."""
    for name in ["config", "workflow", "pipeline", "report"]:
        shutil.copytree(ROOT / name, checkout / name, dirs_exist_ok=True)
    shutil.copy(ROOT / "Snakefile", checkout)
    executable(checkout / ".venv/bin/python", f'exec "{sys.executable}" "$@"')
    (checkout / ".venv/.ready").touch()
    return {"tools": f"{tmp_path / 'bin'}:/usr/bin:/bin"}


def test_an_overlay_that_cannot_be_read_is_told_in_one_line(make, with_tex, checkout, tmp_path):
    (checkout / "mine.yaml").write_text("seed: 1\ndataset: {image_size: 96\n")
    environment = with_snakemake(checkout, tmp_path)
    done = make("report", "CONFIG=mine.yaml", **environment)
    line, of_make = done.stderr.splitlines()
    assert line.startswith("mine.yaml, line 2: ") and of_make.startswith("make: ***")
    (checkout / "config/config.yaml").write_text("seed: 1\n\tdemo: true\n")
    done = make("report", **environment)
    assert f"{checkout}/config/config.yaml, line 2: found a tab" in done.stderr and "Traceback" not in done.stderr


def test_make_names_the_machine_that_builds_here(make, with_tex, checkout, tmp_path):
    environment = with_snakemake(checkout, tmp_path)
    (checkout / ".snakemake/locks").mkdir(parents=True)
    (checkout / ".snakemake/locks/0.output.lock").touch()
    (checkout / ".snakemake/holder").write_text("123 elsewhere\n")
    line, of_make = make("report", **environment).stderr.splitlines()
    assert "process 123 on the machine elsewhere" in line and of_make.startswith("make: ***")


def test_tests_run_without_tex(make, with_uv, calls):
    done = make("test")
    assert done.returncode == 0 and "TeX lacks latexmk" in done.stderr
    assert python_arguments(calls)[:2] == ["-m", "pytest"] and python_arguments(calls)[-2:] == ["-m", "not slow"]


def test_demo_builds_from_phantoms_in_a_folder_of_its_own(make, with_uv, with_tex, checkout, calls):
    (checkout / "tests").mkdir()
    (checkout / "tests/phantoms.py").touch()
    assert "-m tests.phantoms build/demo/data/covid_xray.zip" in make("--dry-run", "demo").stdout
    assert make("demo").returncode == 0
    assert python_arguments(calls)[5:] == ["--directory", "build/demo", "--configfile", "config/demo.yaml"]


def test_missing_tex_is_installed_as_root_on_debian(make, with_uv, stand_in, calls, tmp_path):
    stand_in("id", "echo 0")
    tex = executable(tmp_path / "tex", "true")
    stand_in("apt-get", f"cp {tex} {tmp_path}/bin/latexmk; cp {tex} {tmp_path}/bin/kpsewhich")
    assert make("report").returncode == 0
    update, install = (calls / "apt-get").read_text().splitlines()
    assert update.startswith("update") and "texlive-science" in install


@pytest.mark.parametrize(
    "system, advice",
    [
        ("apt-get", "sudo apt-get install latexmk"),
        ("dnf", "sudo dnf"),
        ("pacman", "sudo pacman"),
        ("brew", "brew install"),
    ],
)
def test_missing_tex_elsewhere_is_one_line_before_anything_runs(make, with_uv, stand_in, calls, system, advice):
    stand_in("id", "echo 1000")
    stand_in(system)
    result = make("report")
    assert result.returncode != 0
    assert "TeX lacks latexmk" in result.stderr and advice in result.stderr
    assert not (calls / system).exists() and not (calls / "python").exists()


def test_missing_style_is_named(make, with_uv, stand_in):
    stand_in("id", "echo 1000")
    stand_in("latexmk")
    stand_in("kpsewhich", '[ "$1" != booktabs.sty ]')
    assert "TeX lacks booktabs.sty;" in make("report").stderr


def recipe(instruction):
    """Arguments of that instruction in the Containerfile, a list per line."""
    lines = [line.split() for line in (ROOT / "Containerfile").read_text().splitlines()]
    return [line[1:] for line in lines if line[:1] == [instruction]]


def test_container_is_set_up_from_the_files_that_it_copies(stand_in, calls, tmp_path):
    """Its RUN lines, in a folder with those files only; the stand-ins are what its base, Debian with Python, has."""
    image = tmp_path / "image"
    for *files, folder in recipe("COPY"):
        (image / folder).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(ROOT / file, image / folder)
    stand_in("id", "echo 0")
    stand_in("apt-get", f"cp {tmp_path}/bin/kpsewhich {tmp_path}/bin/latexmk")
    stand_in("kpsewhich")
    python = executable(tmp_path / "python", f"cat requirements.txt > {calls}/installed")
    stand_in("python3.12", f"[ $2 != venv ] || {{ mkdir -p .venv/bin; cp {python} .venv/bin/python; }}")
    for command in recipe("RUN"):
        assert command[:2] == ["sh", "workflow/setup.sh"]
        subprocess.run(command, cwd=image, env={"PATH": f"{tmp_path}/bin", "HOME": "/root"}, check=True)
    assert (calls / "installed").read_text() == LOCKED
    assert "texlive-science" in (calls / "apt-get").read_text()
    assert "siunitx.sty" in (calls / "kpsewhich").read_text()


def test_container_has_the_environment_of_the_lock_for_every_user_and_is_sent_only_what_it_copies():
    version = (ROOT / ".python-version").read_text().strip()
    [[base]], [[folder]] = recipe("FROM"), recipe("WORKDIR")
    assert f"/python:{version}-slim-" in base
    variables = dict(pair.split("=", 1) for line in recipe("ENV") for pair in line)
    assert variables["PATH"].split(":")[0] == f"{folder}/.venv/bin" and variables["PYTHONUTF8"] == "1"
    # Snakemake asks for both, and the user may be one whom the image does not know.
    assert {"USER", "HOME"} <= variables.keys()
    sent = re.findall("^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(sent) == sorted(file for *files, _ in recipe("COPY") for file in files)


def test_missing_poppler_stops_no_test(make, with_uv, with_tex, stand_in, calls):
    stand_in("id", "echo 1000")
    result = make("test")
    assert result.returncode == 0 and "skipped" in result.stdout
    assert python_arguments(calls)[:2] == ["-m", "pytest"] and python_arguments(calls)[-2:] == ["-m", "not slow"]


def test_missing_archive_is_told_through_make(checkout, make, with_uv, with_tex, tmp_path):
    result = make("report", "DATA=my data/x.zip", "CONFIG=config/quick.yaml", **with_snakemake(checkout, tmp_path))
    assert result.returncode != 0
    assert f"no data at {checkout}/my data/x.zip" in result.stderr + result.stdout
    assert "make demo" in result.stderr + result.stdout
    assert not (checkout / "build/quick/results").exists()
