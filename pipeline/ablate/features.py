"""ablate: what the backbone gives at each of the layers where it may be cut.

One pass over the images serves all cuts. A module of its own, so that no edit of a study computes features again.

Reads   results/features/backbone.keras; the cache of train or val.
Returns features: of each cut, from the input to the output, the pooled features of the plain images, float32
        (images, channels).
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pipeline.command import log, run
from pipeline.models import runtime

BATCH = 64


def extract_features(backbone: Path, images: np.ndarray, settings: dict):
    """The backbone's pooled features of one split at every cut.

    Args:
        images: uint8 (images, height, width).
    """
    runtime.start(settings["compute"])
    network = keras.models.load_model(backbone)
    cuts = cuts_of(network, settings["ablate"]["variants"]["cut"], settings["transfer"]["output_layer"])
    pooled = {cut: keras.layers.GlobalAveragePooling2D()(network.get_layer(cut).output) for cut in cuts}
    model = keras.Model(network.input, pooled)
    features = {cut: np.empty((len(images), pooled[cut].shape[-1]), np.float32) for cut in cuts}

    @tf.function(input_signature=[tf.TensorSpec(model.inputs[0].shape)])
    def forward(batch):
        return model(batch, training=False)

    with tqdm(total=len(images), unit="image", disable=None) as progress:
        for start in range(0, len(images), BATCH):
            batch = tf.constant(images[start : start + BATCH, ..., None], tf.float32)
            for cut, values in forward(batch).items():
                features[cut][start : start + BATCH] = values
            progress.update(len(batch))
    return {"features": features}


def cuts_of(backbone, layers, output_layer):
    """Those of the named layers that the backbone has, and its own output layer, in their order from the input on."""
    reached = [layer.name for layer in backbone.layers]
    beyond = [cut for cut in layers if cut not in reached]
    if beyond:
        # The user's weights may end at the output layer. Names that are none are refused with the configuration.
        log.info("ablate.variants.cut: left out beyond transfer.output_layer %s: %s", output_layer, ", ".join(beyond))
    return [name for name in reached if name in layers or name == output_layer]


if __name__ == "__main__":
    run(extract_features)
