"""Large arrays on disk: one .npy each, memory-mapped by its readers, beside a small digest that Snakemake tracks."""

import hashlib
from pathlib import Path

import numpy as np


def create(path, shape, dtype):
    """A new memory-mapped .npy file to be filled; `seal` it when it is full."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=tuple(map(int, shape)))


def seal(path):
    """Write PATH.sha256 with the SHA-256 of the file's content."""
    with open(path, "rb") as file:
        write_digest(path, hashlib.file_digest(file, "sha256").hexdigest())


def write_digest(path, digest):
    Path(f"{path}.sha256").write_text(digest + "\n")


def read(path):
    """The array, memory-mapped read-only."""
    return np.load(path, mmap_mode="r")
