"""Large arrays on disk: one .npy each, memory-mapped by its readers, beside a small digest that Snakemake tracks."""

import errno
import hashlib
import math
import os
import shutil
from pathlib import Path

import numpy as np


def create(path, shape, dtype):
    """A new memory-mapped .npy file to be filled; `seal` it when it is full.

    Raises:
        OSError: the disk is full. Found later, it would end the process with a signal (SIGBUS).
    """
    shape = tuple(map(int, shape))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if math.prod(shape) * np.dtype(dtype).itemsize > shutil.disk_usage(Path(path).parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):  # not on macOS; a quota shows here alone
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.path.getsize(path))
    return array


def seal(path):
    """Write PATH.sha256 with the SHA-256 of the file's content."""
    with open(path, "rb") as file:
        write_digest(path, hashlib.file_digest(file, "sha256").hexdigest())


def write_digest(path, digest):
    Path(f"{path}.sha256").write_text(digest + "\n")


def read(path):
    """The array, memory-mapped read-only."""
    return np.load(path, mmap_mode="r")
