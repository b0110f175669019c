"""Which code made the article: read when it is rendered, never typed."""

import os
import platform
import subprocess
from importlib import metadata
from typing import NamedTuple

PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn")
# Where there is no commit whose date could be taken: 1 January 2025.
NO_COMMIT = 1735689600


class Provenance(NamedTuple):
    """commit: abbreviated hash, `-dirty` added where tracked files were changed, or `unknown`; epoch: its time, in
    seconds since 1970, which is all that the PDF knows of dates; versions: "NAME VERSION" of Python and packages."""

    commit: str
    epoch: int
    versions: list[str]


def of(folder):
    """The provenance of the checkout in whose folder `folder` lies, at its top."""
    commit = _git(folder, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    epoch = _git(folder, "log", "-1", "--format=%ct")
    versions = [f"Python {platform.python_version()}", *map(_version, PACKAGES)]
    return Provenance(commit or "unknown", int(epoch or NO_COMMIT), versions)


def _git(folder, *command):
    """What git says, or nothing: no git, no checkout, or one that is not ours but an enclosing folder's."""
    top = folder.resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", top, *command],
            capture_output=True,
            text=True,
            env=os.environ | {"GIT_CEILING_DIRECTORIES": str(top.parent), "GIT_OPTIONAL_LOCKS": "0"},
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(package):
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} unknown"
