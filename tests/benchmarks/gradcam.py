"""Images a second through Grad-CAM and through a plain forward pass, in turns: python -m tests.benchmarks.gradcam FILE

FILE is a saved model of a build (results/final/transfer.keras); the images are noise of its size.
"""

import statistics
import sys
import time

import keras
import numpy as np

from pipeline.models import explain, fitting, runtime

IMAGES, TURNS = 576, 5


def main():
    runtime.start({"threads": 2})
    network = keras.models.load_model(sys.argv[1])
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, *network.input_shape[1:3]), np.uint8)
    layer = explain.target_layer(network, None, "layer")
    passes = {
        "forward": lambda: fitting.logits(network, images),
        "Grad-CAM": lambda: explain.signed_maps(network, layer, images),
    }
    speeds = {name: [] for name in passes}
    for _ in range(TURNS):
        for name, run in passes.items():
            start = time.perf_counter()
            run()
            speeds[name].append(IMAGES / (time.perf_counter() - start))
    for name, values in speeds.items():
        print(f"{name:9} {statistics.median(values):6.1f} images/s ({min(values):.1f} to {max(values):.1f})")
    ratio = [cam / forward for forward, cam in zip(*speeds.values(), strict=True)]
    print(f"{'ratio':9} {statistics.median(ratio):6.2f} ({min(ratio):.2f} to {max(ratio):.2f})")


if __name__ == "__main__":
    main()
