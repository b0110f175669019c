"""What is handed in: nothing while a check fails, with all reasons; no demo; of the same files the same bytes."""

import csv
import tomllib
import zipfile
from pathlib import Path

import pytest

from pipeline.command import InputError
from pipeline.render.submission import ASSIGNED, FILES, REASONS, check, content, submission

ROOT = Path(__file__).parents[2]

PASSED = ("pages", "submission", "passed", "", "shorten or lengthen")
STAMPED = ("no stamp", "submission", "failed", "stamped as a quick run", "build with real images")
OPEN = ("metadata", "submission", "failed", "group", "fill in report/metadata.yaml")


@pytest.fixture
def hand_in(tmp_path, monkeypatch):
    """Hand in a small build in a folder beside its checkout, as group `group`."""
    build, root = tmp_path / "build", tmp_path / "checkout"
    texts = {build / "report/report.pdf": "pdf", build / "tables/tune/baseline.csv": "trial\n1\n"}
    texts |= {root / "pipeline/tune/search.py": "pass\n", root / "report/metadata.yaml": "group: 21\n"}
    texts |= {root / file: "" for file in FILES} | {root / "config/demo.yaml": "", root / "results/a.py": ""}
    texts[root / "pyproject.toml"] = '[project]\ndependencies = ["numpy~=2.0.2", "jinja2>=3.1"]\n'
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(build)

    def run(group="21"):
        (root / "report/metadata.yaml").write_text(f"group: {group}\n")
        submission(
            pdf=Path("report/report.pdf"),
            metadata=root / "report/metadata.yaml",
            results=[Path("tables/tune/baseline.csv")],
            root=root,
            folder=Path("submission"),
        )
        return {file.name: file for file in Path("submission").iterdir()}

    return run


def test_files_are_named_by_the_group_and_laid_out_as_in_the_checkout(hand_in):
    files = hand_in()
    assert set(files) == {"Report_group21.pdf", "code_group21.zip", "libraries_group21.txt"}
    assert files["Report_group21.pdf"].read_text() == "pdf"
    with zipfile.ZipFile(files["code_group21.zip"]) as package:
        expected = {*FILES, "pipeline/tune/search.py", "report/metadata.yaml", "tables/tune/baseline.csv"}
        assert package.namelist() == sorted(f"code_group21/{name}" for name in expected)
        assert package.read("code_group21/tables/tune/baseline.csv") == b"trial\n1\n"


def test_libraries_beyond_the_assignment_are_listed_with_a_reason(hand_in):
    listed = hand_in()["libraries_group21.txt"].read_text()
    assert f"- jinja2>=3.1: {REASONS['jinja2']}." in listed
    assert "numpy" not in listed


def test_a_library_without_a_reason_is_refused(hand_in, tmp_path):
    (tmp_path / "checkout/pyproject.toml").write_text('[project]\ndependencies = ["opencv-python>=4"]\n')
    with pytest.raises(InputError, match="found opencv-python>=4 without a reason"):
        hand_in()


def test_each_library_of_the_project_is_named_by_the_assignment_or_has_a_reason():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {text.partition("~")[0].partition(">")[0] for text in wanted}
    assert names == ASSIGNED | REASONS.keys()


@pytest.mark.parametrize("name", ["README.md", "Makefile"])
def test_the_demo_is_not_offered_where_its_images_are_not_handed_in(name):
    handed_in = content(ROOT / name).decode()
    assert "make demo" not in handed_in and "tests.phantoms" not in handed_in and "\ndemo:" not in handed_in


def test_the_same_files_give_the_same_bytes(hand_in):
    first = hand_in()["code_group21.zip"].read_bytes()
    Path("tables/tune/baseline.csv").touch()
    assert hand_in()["code_group21.zip"].read_bytes() == first


def checked(folder, *rows):
    with open(folder / "checks.csv", "w") as file:
        csv.writer(file).writerows([("check", "level", "result", "found", "what_to_do"), *rows])
    check(folder / "checks.csv")


def test_an_article_is_refused_with_all_reasons(tmp_path):
    checked(tmp_path, PASSED)
    with pytest.raises(InputError) as error:
        checked(tmp_path, PASSED, OPEN, STAMPED)
    assert str(error.value).splitlines()[1:] == [
        "- metadata: group (fill in report/metadata.yaml)",
        "- no stamp: stamped as a quick run (build with real images)",
    ]


@pytest.mark.parametrize("group", ["../21", "'2 1'", "(21)"])
def test_a_group_that_names_no_file_is_refused(hand_in, group):
    with pytest.raises(InputError, match=r"metadata.yaml: group: found .*expected letters and digits"):
        hand_in(group=group)
