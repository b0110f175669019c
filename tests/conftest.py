"""What a test needs, by marks that `make check` and `make test` select by, and which tests share a process."""

import gc
import shutil

import pytest

NETWORKS = {"fitting", "keras", "runtime", "tf"}  # names that a file imports whose tests compute with TensorFlow
LONGEST_FIRST = ("build", "network", "tex")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "workflow" and {"built", "checkout"} & set(item.fixturenames):
            item.add_marker("build")
        if NETWORKS & vars(item.module).keys():
            item.add_marker("network")
        # One process makes the finished build, and one the networks and articles that the tests of a file share.
        item.add_marker(pytest.mark.xdist_group("built" if "built" in item.fixturenames else item.module.__name__))
    items.sort(key=lambda item: [item.get_closest_marker(mark) is None for mark in LONGEST_FIRST])


def pytest_runtest_setup(item):
    if item.get_closest_marker("tex") and not shutil.which("latexmk"):
        pytest.skip("latexmk is not installed")


@pytest.fixture(scope="module", autouse=True)
def networks_are_forgotten(request):
    """After a file, what Keras keeps of its networks: else a process of tests grows to 5 GB."""
    yield
    if NETWORKS & vars(request.module).keys():
        import keras

        keras.backend.clear_session()
        gc.collect()
