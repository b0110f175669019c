"""The layers of Keras' ResNet50V2 without its top, by name, for a check that cannot wait for TensorFlow's import.

He et al. 2016, Identity mappings in deep residual networks. Its few max_pooling2d layers, on the shortcuts, are left
out: Keras numbers them by how many a process has made before.
"""

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


LAYERS = list(_layers())  # in the order of Keras' model.layers


def up_to(cut):
    """The layers that are left where the network is cut at the layer `cut`: all that its output depends on."""
    layers = LAYERS[: LAYERS.index(cut) + 1]
    # Inside a block, a cut on the residual branch leaves the shortcut out, and the other way round.
    block, part = cut[: len("conv2_block1_")], cut[len("conv2_block1_") :]
    unused = RESIDUAL if part == SHORTCUT else [SHORTCUT] if part in [*RESIDUAL, "3_conv"] else []
    return [name for name in layers if name not in [block + other for other in unused]]
