"""Grad-CAM written from scratch (Selvaraju et al. 2017), for any flat Keras model with one logit z.

With activations A of a layer (h, w, channels) and a score s, +z for covid and -z for normal (a sigmoid would saturate,
and its gradients vanish):
    alpha_k = mean over positions of ds / dA_k        (equation 1)
    map     = ReLU(sum_k alpha_k A_k)                 (equation 2)
then divided by its maximum. As alpha of -z is minus that of z, one signed sum holds the maps of both classes: its
positive part is covid's, its negative part normal's.
"""

import keras
import numpy as np
import tensorflow as tf

from pipeline.images import inputs
from pipeline.models import pretrained, runtime

AT_ONCE = 64  # images
EPSILON = 1e-7


def target_layer(network, name, key):
    """The layer `name`, or by default the last one whose output is a map: the last activation before pooling.

    Raises:
        InputError: no such layer.
    """
    if name is not None:
        return pretrained.layer_named(network, name, key).name
    return [layer.name for layer in network.layers if len(layer.output.shape) == 4][-1]


def signed_maps(network, layer, images):
    """sum_k alpha_k A_k of the score +z, before the ReLU, at the resolution of the layer.

    Args:
        images: uint8 (n, height, width), at the size that the network takes.

    Returns:
        maps: float32 (n, h, w); logits: float64 (n,).
    """
    tapped = keras.Model(network.input, [network.get_layer(layer).output, network.output])

    @tf.function(input_signature=[tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)])
    def of_batch(batch):
        with tf.GradientTape() as tape:
            # All weights may be frozen; watching the input is what makes the tape record.
            tape.watch(batch)
            activations, logits = tapped(batch, training=False)
        # As a graph: of the gradients only those above the layer are computed.
        alpha = tf.reduce_mean(tape.gradient(logits, activations), axis=(1, 2), keepdims=True)
        return tf.reduce_sum(alpha * activations, axis=-1), logits[:, 0]

    with runtime.float32():
        parts = [of_batch(batch) for batch in inputs.batches(images, batch_size=AT_ONCE)]
    maps, logits = (np.concatenate(part) for part in zip(*parts, strict=True))
    return maps, logits.astype(np.float64)


def heat(maps, covid):
    """The maps of one class each, scaled to [0, 1]; a map without any positive value stays all zero.

    Args:
        maps: float32 (n, h, w), signed.
        covid: bool (n,), whether covid's map is wanted or normal's.
    """
    positive = np.maximum(np.where(np.reshape(covid, (-1, 1, 1)), maps, -maps), 0)
    return positive / (positive.max(axis=(1, 2), keepdims=True) + EPSILON)


def enlarged(heat, height, width):
    """Maps (n, h, w) enlarged bilinearly to float32 (n, height, width)."""
    return tf.image.resize(heat[..., None], (height, width), method="bilinear")[..., 0].numpy()


def overlay(image, heat):
    """Image + 0.4 x heat map in the jet colours: uint8 (height, width, 3). Where there is no heat, the image as it is.

    Args:
        image: uint8 (height, width).
        heat: float (height, width) in [0, 1].
    """
    colours = np.stack([np.clip(1.5 - np.abs(4 * heat - centre), 0, 1) for centre in (3, 2, 1)], axis=-1)
    # Jet is blue at 0, which would tint an image about which an empty map says nothing.
    colours *= np.minimum(8 * heat, 1)[..., None]
    return np.clip(image[..., None] + 0.4 * 255 * colours, 0, 255).astype(np.uint8)
