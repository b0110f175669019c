"""Examples in memory and the batches that training draws from them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.images import cache


@dataclass(frozen=True)
class Examples:
    """What a model is trained on or scored on.

    values: (examples, ...) images or features, in the order of the index; labels: float32 (examples,), 1 = covid;
    files: their names.
    """

    values: np.ndarray
    labels: np.ndarray
    files: np.ndarray

    def __len__(self):
        return len(self.labels)

    def stratified(self, size, seed):
        """`size` examples (or all, if there are fewer), the ratio of the classes kept, in the order of the index."""
        order = np.random.default_rng(seed).permutation(len(self))
        share = min(1.0, size / len(self))
        chosen = [order[self.labels[order] == label] for label in (0, 1)]
        chosen = np.sort(np.concatenate([places[: round(share * len(places))] for places in chosen]))
        return Examples(self.values[chosen], self.labels[chosen], self.files[chosen])

    def subset(self, size, seed):
        """`size` examples (or all, if there are fewer), drawn once without replacement, in the order of the index."""
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:size])
        return Examples(self.values[chosen], self.labels[chosen], self.files[chosen])


def read(values_file, index_file):
    """The examples of one split: a cached array and its index."""
    index = pd.read_csv(index_file)
    labels = (index["label"] == "covid").to_numpy(np.float32)
    return Examples(cache.read(values_file), labels, index["file"].to_numpy(str))


def join(first, second):
    """The examples of both, one after the other."""
    return Examples(
        np.concatenate([first.values, second.values]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.files, second.files]),
    )


def batches(examples, *, batch_size, epochs, seed, transform):
    """Training batches of all epochs, one after the other: a pure function of its arguments.

    Epoch by epoch the examples are shuffled anew; every example occurs once an epoch. The order and all randomness of
    `transform` are stateless, keyed by (seed, epoch, step), so neither the number of threads nor where training
    resumes can change a batch.

    Args:
        transform: (values of a batch, stateless seed (2,)) -> what the model takes.

    Returns:
        tf.data.Dataset of (inputs, labels (batch, 1)), and the number of steps an epoch.
    """
    import tensorflow as tf

    count = len(examples)
    steps = -(-count // batch_size)
    values, labels = tf.constant(np.asarray(examples.values)), tf.constant(examples.labels[:, None])

    def batch(position):
        epoch, step = position // steps, position % steps
        places = tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, count))
        order_seed = tf.cast(tf.stack([seed, epoch, tf.zeros_like(epoch)]), tf.uint32)
        chosen = tf.random_index_shuffle(tf.cast(places, tf.uint64), order_seed, tf.constant(count - 1, tf.uint64))
        chosen = tf.cast(chosen, tf.int64)
        return transform(tf.gather(values, chosen), tf.stack([seed, position])), tf.gather(labels, chosen)

    dataset = tf.data.Dataset.range(steps * epochs).map(
        lambda position: batch(tf.cast(position, tf.int32)), num_parallel_calls=2, deterministic=True
    )
    return dataset.prefetch(2), steps
