"""Runs from which articles are rendered."""

import shutil

import pytest

from pipeline.render import latex
from pipeline.render.cells import Tables
from tests.report.article import Run


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


@pytest.fixture
def untyped(run, monkeypatch):
    """A run whose articles end as TeX source."""

    def no_tex(source, epoch):
        # A copy: what is typeset is moved to its place.
        return shutil.copy(source, source.with_suffix(".pdf"))

    monkeypatch.setattr(latex, "typeset", no_tex)
    return run


@pytest.fixture
def tables(tmp_path):
    file = tmp_path / "tables/tune/baseline.csv"
    file.parent.mkdir(parents=True)
    file.write_text("trial,status,kept,val_auc\n1,finished,True,0.9\n2,finished,False,0.8\n3,diverged,False,\n")
    return Tables([file])
