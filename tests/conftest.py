"""What a test needs, by marks that `make check` and `make test` select by, and which tests share a process."""

import gc
import shutil

import pytest

NETWORKS = {"fitting", "keras", "runtime", "tf"}  # names that a file imports whose tests compute with TensorFlow
LONGEST_FIRST = ("build", "network", "tex")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "workflow" and {"built", "checkout"} & set(item.fixturenames):
            item.add_marker("build")
        if NETWORKS & vars(item.module).keys():
            item.add_marker("network")
    items.sort(key=lambda item: [item.get_closest_marker(mark) is None for mark in LONGEST_FIRST])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A process takes a whole file, and one of them all of tests/workflow, whose tests share the finished build.

    The longest of these makes a build of its own, and does so in the other process.
    The groups of pytest-xdist have no effect with pytest 9.2 (pytest-dev/pytest-xdist, issue 1386).
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            beside = "tests/workflow/test_two_builds.py"
            return "tests/workflow" if file.startswith("tests/workflow/") and file != beside else file

    return ByFile(config, log)


def pytest_runtest_setup(item):
    if item.get_closest_marker("tex") and not shutil.which("latexmk"):
        pytest.skip("latexmk is not installed")


@pytest.fixture(scope="module", autouse=True)
def networks_are_forgotten(request):
    """Drop what Keras keeps of a file's networks: a process that ran all tests grew to 5 GB."""
    yield
    if NETWORKS & vars(request.module).keys():
        import keras

        keras.backend.clear_session()
        gc.collect()
