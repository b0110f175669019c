"""Augmentation: what differs between two films of one patient, as one affine map and one grey-value map a batch.

Rotation, shift, zoom, contrast and brightness within bounds that a radiographer produces. No flip: it would put the
heart on the wrong side.
"""

import math

import tensorflow as tf

# The three types of augmentation, and the bounds that each consists of.
KINDS = {
    "rotation": ("rotation",),
    "shift and zoom": ("shift", "zoom"),
    "contrast and brightness": ("contrast", "brightness"),
}
NONE = dict.fromkeys((name for names in KINDS.values() for name in names), 0.0)


def augment(images, seed, bounds):
    """Randomly altered images; a pure function of its arguments.

    Args:
        images: float32 (batch, height, width, 1), grey values 0..255.
        seed: int (2,), stateless seed of this batch.
        bounds: dict of half-widths of uniform draws: rotation (degrees), shift and zoom (parts of the side), contrast
            (part of the contrast), brightness (part of the grey range).

    Returns:
        float32 of the same shape, clipped to 0..255. What comes in from outside continues the nearest edge: a black
        frame stays black, tissue stays tissue, and no border is invented that could tell augmented images apart.
    """
    # Where tf.data runs it anyway: on a GPU, XLA asks for more of CUDA than TensorFlow itself does.
    with tf.device("CPU"):
        draws = tf.random.stateless_uniform((6, tf.shape(images)[0]), seed, -1.0, 1.0)
        rotation, right, down, zoom, contrast, brightness = tf.unstack(draws)
        return _alter(
            images,
            rotation * math.radians(bounds["rotation"]),
            right * bounds["shift"],
            down * bounds["shift"],
            1 + zoom * bounds["zoom"],
            1 + contrast * bounds["contrast"],
            brightness * bounds["brightness"] * 255,
        )


def transform(settings):
    """Augmentation of a batch as it is cached: (uint8 (batch, height, width), seed) -> float32, with a channel axis."""
    return lambda images, seed: augment(tf.cast(images[..., None], tf.float32), seed, settings["augmentation"])


def unaugmented(images):
    """Without augmentation: as they are cached."""
    return images


# XLA makes one loop of it all, in a quarter of the time that ImageProjectiveTransformV3 alone takes.
@tf.function(jit_compile=True)
def _alter(images, angle, right, down, zoom, contrast, brightness):
    """Images moved, their contrast multiplied and `brightness` added. A parameter per change, each (batch,)."""
    images = _move(images, angle, right, down, zoom)
    contrast, brightness = contrast[:, None, None, None], brightness[:, None, None, None]
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return tf.clip_by_value((images - mean) * contrast + mean + brightness, 0.0, 255.0)


def _move(images, angle, right, down, zoom):
    """One bilinear resampling: rotation by `angle` (radians) and zoom about the centre, then the shift."""
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    rows, columns = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    angle, right, down, zoom = (values[:, None, None] for values in (angle, right, down, zoom))
    cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    centre_x, centre_y = (columns - 1) / 2, (rows - 1) / 2
    # Where each pixel comes from: shift back to the centre, then turn and shrink.
    x = tf.range(columns)[None, None, :] - centre_x - right * columns
    y = tf.range(rows)[None, :, None] - centre_y - down * rows
    x, y = cos * x - sin * y + centre_x, sin * x + cos * y + centre_y
    x, y = tf.clip_by_value(x, 0.0, columns - 1), tf.clip_by_value(y, 0.0, rows - 1)
    left, top = tf.minimum(tf.floor(x), columns - 2), tf.minimum(tf.floor(y), rows - 2)
    x, y = x - left, y - top
    corner = tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)
    pixels = tf.reshape(images, (-1, height * width))

    def row(start):
        """Between the pixel at `start` and the one to its right."""
        return (1 - x) * tf.gather(pixels, start, batch_dims=1) + x * tf.gather(pixels, start + 1, batch_dims=1)

    return ((1 - y) * row(corner) + y * row(corner + width))[..., None]
