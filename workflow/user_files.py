"""The files of the user, which the configuration names: where they are, the digest of each, and which are missing.

They are no inputs of a rule: Snakemake compares the paths of those, and the same archive under another name would rerun
everything. Their digests count instead. The Snakefile imports this module at every start: no TensorFlow.
"""

import csv
import functools
import hashlib
import os
import sys
from pathlib import Path

from pipeline.command import InputError
from pipeline.images import archive

DEFAULT_DATASET = "data/covid_xray.zip"  # what nobody named may be absent, when a build is copied without it
UNREADABLE = "unreadable"  # in place of a digest: the stage itself says what is wrong with the archive

# Several rules state it, and each asks for it again.
_archive_digest = functools.cache(archive.digest)


def find(path, root):
    """`path`, relative to the folder of this build or, if it is not there, to `root`, the checkout."""
    path = Path(os.path.expanduser(path))
    return path if os.path.exists(path) or not os.path.exists(root / path) else root / path


def dataset_path(config, root):
    """The archive or folder of images."""
    return find(config["dataset"]["path"], root)


def external_path(config, root):
    """The external set, an archive or folder; only for a configuration that names one."""
    return find(config["dataset"]["external"], root)


def weights_path(config, root, imagenet):
    """The file of the backbone's weights: `imagenet`, where the build keeps ImageNet's, or the user's own.

    Returns:
        Path; [] for random weights, which need no file.
    """
    kind = config["transfer"]["weights"]
    return [] if kind == "random" else Path(imagenet) if kind == "imagenet" else find(kind, root)


def digest(path):
    """Digest of the content of an archive or folder: a touched archive is no new data."""
    try:
        return _archive_digest(path)
    except InputError:
        return UNREADABLE


def weights_digest(config, root):
    """SHA-256 of the user's own weights file; for others, and where the file is missing, the setting itself."""
    kind = config["transfer"]["weights"]
    if kind in ("imagenet", "random") or not os.path.isfile(find(kind, root)):
        return kind
    with open(find(kind, root), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def missing(config, root):
    """A line for each path that the configuration names and that does not exist.

    To be asked when Snakemake starts, not in an input function: where one raises, Snakemake takes existing outputs
    instead, and a mistyped path would give the result of other data.
    """
    dataset, external, weights = (
        config["dataset"]["path"],
        config["dataset"]["external"],
        config["transfer"]["weights"],
    )
    if dataset != DEFAULT_DATASET and not os.path.exists(find(dataset, root)):
        yield archive.missing(find(dataset, root))
    if external and not os.path.exists(find(external, root)):
        expected = "a zip file, a tar file or a folder, or null for none"
        yield f"dataset.external: nothing at {find(external, root).absolute()}; expected {expected}"
    if weights not in ("imagenet", "random") and not os.path.isfile(find(weights, root)):
        expected = f"imagenet, or the path of a weights file of {config['transfer']['backbone']} (.h5 or .keras)"
        yield f"transfer.weights: no file {find(weights, root).absolute()}; expected {expected}"


def absent_dataset(config, root, article, table, config_sha256):
    """The path of data that are absent, where the article can be made again without them; says so on stderr.

    Args:
        article: the tables and figures that the article is made from.
        table: the one of them that tells the digest of their configuration.
        config_sha256: the digest of this configuration.

    Raises:
        SystemExit: some of them are missing, or were made with another configuration. (Snakemake shows any other
            exception with a traceback.)
    """
    path = dataset_path(config, root)
    if not all(map(os.path.exists, article)):
        sys.exit(archive.missing(path))
    place = f"dataset.path: no data at {path.absolute()}"
    with open(table, encoding="utf-8") as file:
        made_with = dict(csv.reader(file)).get("sha256")
    if made_with != config_sha256:
        sys.exit(
            f"{place}, and the tables here were made with another configuration; expected the data, or the "
            "configuration of those tables (--configfile)"
        )
    print(f"{place}; only the report can be made again, from the tables and figures here", file=sys.stderr)
    return str(path)
