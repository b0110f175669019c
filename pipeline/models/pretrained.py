"""The backbone of the transfer model: ResNet50V2 pre-trained on ImageNet, cut at a layer, frozen.

A module apart from the head, so that no edit of that computes the features again. The network is built flat, not
nested, so that every layer of it can be reached by name, in Grad-CAM for one (He et al. 2016, Identity mappings in deep
residual networks).
"""

import difflib

import h5py
import keras
from keras import layers

from pipeline.command import InputError


def pooled(backbone):
    """The backbone with global average pooling: raw grey values in, (channels,) out."""
    return keras.Model(backbone.input, layers.GlobalAveragePooling2D(name="average")(backbone.output))


def build(image_size, output_layer):
    """ResNet50V2 with random weights up to `output_layer`, all layers frozen; raw grey values in.

    Raises:
        InputError: no such layer.
    """
    inputs = keras.Input((image_size, image_size, 1), name="grey_values")
    scaled = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    rgb = layers.Concatenate(name="rgb")([scaled, scaled, scaled])
    resnet = keras.applications.ResNet50V2(include_top=False, weights=None, input_tensor=rgb)
    backbone = keras.Model(inputs, layer_named(resnet, output_layer, "transfer.output_layer").output, name="backbone")
    backbone.trainable = False
    return backbone


def layer_named(model, name, key):
    """The layer `name`.

    Raises:
        InputError: it does not exist; the message names the configuration's `key` and layers with similar names.
    """
    names = [layer.name for layer in model.layers]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3) or names[-3:]
        raise InputError(f"{key}: {model.name} has no layer {name!r}; did you mean {' or '.join(near)}?")
    return model.get_layer(name)


def load_weights(backbone, path):
    """Fill every layer of the backbone from a Keras .h5 weights file, by layer name.

    Raises:
        InputError: not such a file, or one that leaves layers unfilled, which are named.
    """
    try:
        with h5py.File(path) as file:
            stored = _stored_weights(file["model_weights"] if "model_weights" in file else file)
    except (OSError, KeyError):
        raise InputError(
            f"transfer.weights: {path} is not a Keras weights file (.h5), or is cut short; download it again"
        ) from None
    needed = {
        layer.name: [weight.shape for weight in layer.get_weights()] for layer in backbone.layers if layer.weights
    }
    absent = [name for name in needed if name not in stored]
    if absent:
        raise InputError(
            f"transfer.weights: {path} leaves {len(absent)} of {len(needed)} layers up to "
            f"{backbone.layers[-1].name} unfilled: {', '.join(absent)}; "
            "cut the backbone below them (transfer.output_layer) or take a complete file of ResNet50V2"
        )
    different = [name for name, shapes in needed.items() if [weight.shape for weight in stored[name]] != shapes]
    if different:
        raise InputError(
            f"transfer.weights: {path} is of another architecture than ResNet50V2: "
            f"shapes differ in {', '.join(different[:5])}"
        )
    # Not by Keras' load_weights(by_name=True), which goes by the file's name and skips what does not fit.
    for name in needed:
        backbone.get_layer(name).set_weights(stored[name])


def _stored_weights(group):
    """{layer: its weights} of a legacy Keras weights file."""

    def text(value):
        return value.decode() if isinstance(value, bytes) else value

    return {
        text(layer): [group[text(layer)][text(weight)][()] for weight in group[text(layer)].attrs["weight_names"]]
        for layer in group.attrs["layer_names"]
    }
