"""Examples in memory: what a model is trained on or scored on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Examples:
    """What a model is trained on or scored on.

    values: (examples, ...) images or features, in the order of the index; labels: float32 (examples,), 1 = covid;
    files: their names.
    """

    values: np.ndarray
    labels: np.ndarray
    files: np.ndarray

    @classmethod
    def read(cls, values_file, index_file):
        """The examples of one split: a cached array, memory-mapped, and its index."""
        return cls.of(np.load(values_file, mmap_mode="r"), pd.read_csv(index_file))

    @classmethod
    def of(cls, values, index):
        """The examples whose values are in the rows' order of `index`."""
        return cls(values, (index["label"] == "covid").to_numpy(np.float32), index["file"].to_numpy(str))

    def __len__(self):
        return len(self.labels)

    def stratified(self, size, seed):
        """`size` examples (or all, if there are fewer), drawn once without replacement, in the order of the index.

        The ratio of the classes is kept, so that it may be one more or less, but for a class so rare that none would be
        left of it: of that, one is.
        """
        order = np.random.default_rng(seed).permutation(len(self))
        share = min(1.0, size / len(self))
        chosen = [order[self.labels[order] == label] for label in (0, 1)]
        chosen = np.sort(np.concatenate([places[: max(1, round(share * len(places)))] for places in chosen]))
        return Examples(self.values[chosen], self.labels[chosen], self.files[chosen])


def join(first, second):
    """The examples of both, one after the other."""
    return Examples(
        np.concatenate([first.values, second.values]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.files, second.files]),
    )
