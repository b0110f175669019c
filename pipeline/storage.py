"""Files of the stages: how what a stage takes is read, and how what it returns is written.

A stage's function knows tables, arrays, models and figures. The runner (pipeline.command) reads each input as its
parameter's annotation says, and writes each output as its value says:

    pandas.DataFrame            .csv, without the index; `attrs["table"]` of one that was read is "STAGE/NAME"
    numpy.ndarray               .npy, memory-mapped read-only
    dict[str, numpy.ndarray]    .npz, compressed
    keras.Model                 .keras; only written: a stage loads models itself, once TensorFlow is configured
    matplotlib.figure.Figure    .pdf, without a date
    pathlib.Path                as an output: a file that is moved there
    a class with `read(*paths)` what that returns

Beside an output that Snakemake tracks by its digest stands FILE.sha256: of its content, or of a model's weights.
"""

import errno
import hashlib
import math
import os
import shutil
import tempfile
import types
import typing
from pathlib import Path

import numpy as np
import pandas as pd

DIGEST = ".sha256"


def read(annotation, paths):
    """The value of an input: `paths` read as `annotation` says; a list of it, or None where there are no paths.

    Raises:
        ValueError: another number of paths than the annotation stands for.
    """
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list:
        return [read(parts[0], [path]) for path in paths]
    if origin in (types.UnionType, typing.Union):
        (annotation,) = set(parts) - {types.NoneType}
        return read(annotation, paths) if paths else None
    if hasattr(annotation, "read"):
        return annotation.read(*paths)
    if len(paths) != 1:
        raise ValueError(f"{len(paths)} files for one {annotation}: {', '.join(map(str, paths))}")
    (path,) = paths
    if annotation is pd.DataFrame:
        return read_table(path)
    if annotation is np.ndarray:
        return np.load(path, mmap_mode="r")
    if origin is dict:
        return dict(np.load(path))
    return path


def read_table(path):
    """The table, which knows its name."""
    table = pd.read_csv(path)
    table.attrs["table"] = f"{Path(path).parent.name}/{Path(path).stem}"
    return table


def write(files, values):
    """Write each output of a stage. A reader, or a job that is killed, never finds half a file.

    Args:
        files: {name: paths of the output, with or without their digests}.
        values: {name: value}; a list of values where the output has several files.

    Raises:
        ValueError: names or numbers of files and values differ.
        OSError: the disk is full.
    """
    if files.keys() != values.keys():
        raise ValueError(f"the stage returned {sorted(values)}; its outputs are {sorted(files)}")
    finished: list[tuple[Path, Path]] = []  # (unfinished file, its place)
    try:
        _save_all(files, values, finished)
    except BaseException:
        for unfinished, _ in finished:
            unfinished.unlink(missing_ok=True)
        raise
    for unfinished, path in finished:
        unfinished.replace(path)


def _save_all(files, values, finished):
    for name, paths in files.items():
        digested = {Path(str(path).removesuffix(DIGEST)) for path in paths if str(path).endswith(DIGEST)}
        plain = [path for path in paths if not str(path).endswith(DIGEST)]
        parts = values[name] if isinstance(values[name], list | tuple) else [values[name]]
        if len(parts) != len(plain):
            raise ValueError(f"{name}: {len(parts)} values for {len(plain)} files")
        for path, value in zip(plain, parts, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Savers go by the ending of the name.
            unfinished = path.with_name(f".unfinished.{path.name}")
            finished.append((unfinished, path))
            _save(unfinished, value)
            if path in digested:
                digest = unfinished.with_name(unfinished.name + DIGEST)
                finished.append((digest, path.with_name(path.name + DIGEST)))
                digest.write_text(_digest(unfinished, value) + "\n")


def scratch(shape, dtype):
    """An array on disk, to be filled and returned: it takes no memory, and nothing of it is left of a killed job.

    When it is returned, `write` makes a copy of it in its place, so there must be room for two.

    Raises:
        OSError: the disk is full. Found later, it would end the process with a signal (SIGBUS).
    """
    shape = tuple(map(int, shape))
    size = max(1, math.prod(shape) * np.dtype(dtype).itemsize)
    folder = Path.cwd()
    if 2 * size > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    # In the folder of the build, as /tmp may be in memory; without a name.
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):  # not on macOS; a quota shows only here
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype, "w+", shape=shape) if math.prod(shape) else np.empty(shape, dtype)


def weights_sha256(network):
    """SHA-256 of the weights' bytes in order; two .keras files with identical weights differ in their bytes."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _save(path, value):
    if isinstance(value, pd.DataFrame):
        value.to_csv(path, index=False)
    elif isinstance(value, np.ndarray):
        np.save(path, value)
    elif isinstance(value, dict):
        np.savez_compressed(path, **value)
    elif isinstance(value, Path):
        shutil.move(value, path)
    elif hasattr(value, "savefig"):
        value.savefig(path, dpi=300, metadata={"CreationDate": None})
    elif hasattr(value, "get_weights"):
        value.save(path)
    else:
        raise ValueError(f"{path}: no way is known to write a {type(value).__name__}")


def _digest(path, value):
    if hasattr(value, "get_weights"):
        return weights_sha256(value)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
