"""The batches of examples that a model is trained on or scored on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Training:
    """How the batches of a training run are drawn: epochs `start` (from 0) to `epochs`, each in an order of its own.

    transform: (values of a batch, stateless seed int (2,)) -> what the model takes; the place of the augmentation.
    """

    transform: Callable
    seed: int
    epochs: int
    start: int = 0


def steps(count, batch_size):
    """Batches an epoch, of which the last may not be full."""
    return -(-count // batch_size)


def batches(values, labels=None, *, batch_size, training=None):
    """Batches of one split: a pure function of its arguments, whatever the number of threads.

    Without `training` (val, test): every example once, in order, as it is. With it (train): every example once an
    epoch, in a new order, through `training.transform`. Order and augmentation are stateless, keyed by (seed, epoch,
    step), so that a resumed run sees the batches that it would have seen.

    Args:
        values: uint8 (examples, height, width), or float32 features (examples, ...).
        labels: float32 (examples,), or None.

    Returns:
        tf.data.Dataset of float32 (batch, ...), images with a channel axis; with labels, of (that, labels (batch, 1)).
    """
    values = tf.constant(np.asarray(values))
    labels = labels if labels is None else tf.constant(labels[:, None])
    count, epoch_steps = len(values), steps(len(values), batch_size)

    def places(step):
        return tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, count))

    def in_order(step):
        chosen = places(step)
        taken = tf.gather(values, chosen)
        return tf.cast(taken[..., None] if taken.shape.rank == 3 else taken, tf.float32), chosen

    def shuffled(position):
        epoch, step = position // epoch_steps, position % epoch_steps
        seed = tf.cast(tf.stack([training.seed, epoch, tf.zeros_like(epoch)]), tf.uint32)
        chosen = tf.random_index_shuffle(tf.cast(places(step), tf.uint64), seed, tf.constant(count - 1, tf.uint64))
        chosen = tf.cast(chosen, tf.int64)
        return training.transform(tf.gather(values, chosen), tf.stack([training.seed, position])), chosen

    def batch(position):
        taken, chosen = (shuffled if training else in_order)(tf.cast(position, tf.int32))
        return taken if labels is None else (taken, tf.gather(labels, chosen))

    first, last = (training.start, training.epochs) if training else (0, 1)
    positions = tf.data.Dataset.range(first * epoch_steps, last * epoch_steps)
    return positions.map(batch, num_parallel_calls=2, deterministic=True).prefetch(2)
