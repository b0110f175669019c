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
        bounds = yaml.safe_load(file)["augmentation"]
    values = np.random.default_rng(0).integers(0, 256, (COUNT, SIZE, SIZE)).astype(np.uint8)
    examples = inputs.Examples(values, np.zeros(COUNT, np.float32), np.arange(COUNT).astype(str))
    transforms = {
        "none": lambda images, seed: tf.cast(images[..., None], tf.float32),
        "all": augment.of_cached(bounds),
    }
    for _ in range(TURNS):
        for name, transform in transforms.items():
            dataset, steps = inputs.batches(examples, batch_size=BATCH, epochs=EPOCHS, seed=1, transform=transform)
            batches = iter(dataset)
            next(batches)  # tracing
            start = time.perf_counter()
            for _ in batches:
                pass
            print(f"augmentation {name}: {BATCH * (steps * EPOCHS - 1) / (time.perf_counter() - start):,.0f} images/s")


if __name__ == "__main__":
    main()
