"""ResNet50V2 of Keras (He et al. 2016, Identity mappings in deep residual networks).

LAYERS leaves its few max_pooling2d layers, on the shortcuts, out: Keras numbers them by how many a process has made
before.
"""

import re

NAME = "ResNet50V2"
CITATION = "he2016"
PUBLISHED = "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5"
RELATIVES = "ResNet50, ResNet101V2 or ResNet152V2"
OUTPUT_LAYER = "post_relu"
CUTS = ["conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "post_relu"]

BLOCKS = {2: 3, 3: 4, 4: 6, 5: 3}  # blocks of each stage
PREACTIVATION = ["preact_bn", "preact_relu"]
RESIDUAL = ["1_conv", "1_bn", "1_relu", "2_pad", "2_conv", "2_bn", "2_relu"]
SHORTCUT = "0_conv"  # of a stage's first block alone
END = ["3_conv", "out"]


def _layers():
    yield from ["conv1_pad", "conv1_conv", "pool1_pad", "pool1_pool"]
    for stage, blocks in BLOCKS.items():
        for block in range(1, blocks + 1):
            shortcut = [SHORTCUT] if block == 1 else []
            for part in [*PREACTIVATION, *RESIDUAL, *shortcut, *END]:
                yield f"conv{stage}_block{block}_{part}"
    yield from ["post_bn", "post_relu"]


LAYERS = list(_layers())


def up_to(cut):
    """The layers that are left where the network is cut at the layer `cut`: all that its output depends on."""
    layers = LAYERS[: LAYERS.index(cut) + 1]
    # Inside a block, a cut on the residual branch leaves the shortcut out, and the other way round.
    block, part = cut[: len("conv2_block1_")], cut[len("conv2_block1_") :]
    unused = RESIDUAL if part == SHORTCUT else [SHORTCUT] if part in [*RESIDUAL, "3_conv"] else []
    return [name for name in layers if name not in [block + other for other in unused]]


def unfreezable(cut):
    """The layers from which on there is a convolution left to train, as BatchNormalization stays frozen."""
    left = up_to(cut)
    convolutions = [place for place, name in enumerate(left) if name.endswith("_conv")]
    return left[: max(convolutions, default=-1) + 1]


def is_foreign(layer):
    """Whether only a relative has it. A deeper one has all layers of this network too, with weights of its own."""
    return bool(re.match(r"conv\d+_", layer)) and layer not in LAYERS


def build(inputs):
    """The network without its top, with random weights; `inputs` are raw grey values, scaled to [-1, 1] for it."""
    import keras
    from keras import layers

    scaled = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    rgb = layers.Concatenate(name="rgb")([scaled, scaled, scaled])
    return keras.applications.ResNet50V2(include_top=False, weights=None, input_tensor=rgb)


def download():
    """Have Keras download ImageNet's weights, and check their hash."""
    import keras

    keras.applications.ResNet50V2(include_top=False, weights="imagenet")
