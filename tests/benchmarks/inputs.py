"""Images a second through the training pipeline, without and with augmentation: python -m tests.benchmarks.inputs

Random grey values stand in for images: the cost does not depend on what they show.
"""

import time

import numpy as np
import tensorflow as tf
import yaml

from pipeline.images import augment, inputs

COUNT, SIZE, BATCH, EPOCHS, TURNS = 2688, 128, 32, 3, 3


def main():
    with open("config/config.yaml") as file:
        settings = yaml.safe_load(file)
    values = np.random.default_rng(0).integers(0, 256, (COUNT, SIZE, SIZE)).astype(np.uint8)
    labels = np.zeros(COUNT, np.float32)
    transforms = {
        "none": lambda images, seed: tf.cast(images[..., None], tf.float32),
        "all": augment.transform(settings),
    }
    for _ in range(TURNS):
        for name, transform in transforms.items():
            training = inputs.Training(transform, seed=1, epochs=EPOCHS)
            batches = iter(inputs.batches(values, labels, batch_size=BATCH, training=training))
            next(batches)  # tracing
            start = time.perf_counter()
            for _ in batches:
                pass
            print(f"augmentation {name}: {(COUNT * EPOCHS - BATCH) / (time.perf_counter() - start):,.0f} images/s")


if __name__ == "__main__":
    main()
