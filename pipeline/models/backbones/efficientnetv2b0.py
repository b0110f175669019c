"""EfficientNetV2B0 of Keras (Tan and Le 2021, EfficientNetV2: smaller models and faster training).

LAYERS holds the ends of its blocks and its last activation. Within a block, squeeze-and-excitation branches off.
"""

import re

NAME = "EfficientNetV2B0"
CITATION = "tan2021"
PUBLISHED = "efficientnetv2-b0_notop.h5"
RELATIVES = "EfficientNetB0, EfficientNetV2B1 or EfficientNetV2S"
OUTPUT_LAYER = "top_activation"
CUTS = ["block3b_add", "block5e_add", "block6h_add", "top_activation"]

STAGES = {1: "a", 2: "ab", 3: "ab", 4: "abc", 5: "abcde", 6: "abcdefgh"}  # blocks of each
BLOCKS = [f"block{stage}{block}" for stage, blocks in STAGES.items() for block in blocks]
# Of the RGB channels of ImageNet, in parts of the grey range.
MEAN = [0.485, 0.456, 0.406]
DEVIATION = [0.229, 0.224, 0.225]


def _end(block):
    """The last layer of a block; the first block of a stage has no shortcut to add."""
    if block == BLOCKS[0]:
        return f"{block}_project_activation"
    return f"{block}_project_bn" if block.endswith("a") else f"{block}_add"


LAYERS = [*map(_end, BLOCKS), "top_activation"]


def up_to(cut):
    """The layers that are left where the network is cut at the layer `cut`."""
    return LAYERS[: LAYERS.index(cut) + 1]


def unfreezable(cut):
    """The layers from which on there is a convolution left to train: a block or the top lies above each."""
    return up_to(cut)[:-1]


def is_foreign(layer):
    """Whether only a relative has it. A deeper one has all layers of this network too, with weights of its own."""
    block = re.match(r"block\d+[a-z]", layer)
    return bool(block) and block[0] not in BLOCKS


def build(inputs):
    """The network without its top, with random weights; `inputs` are raw grey values, normalised as ImageNet for it."""
    import keras
    from keras import layers

    scaled = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    rgb = layers.Concatenate(name="rgb")([scaled, scaled, scaled])
    variance = [deviation**2 for deviation in DEVIATION]
    normalised = layers.Normalization(mean=MEAN, variance=variance, name="normalization")(rgb)
    # Its own layers of preprocessing Keras numbers by how many a process has made before.
    return keras.applications.EfficientNetV2B0(
        include_top=False, weights=None, input_tensor=normalised, include_preprocessing=False
    )


def download():
    """Have Keras download ImageNet's weights, and check their hash."""
    import keras

    keras.applications.EfficientNetV2B0(include_top=False, weights="imagenet")
