"""The backbone of the transfer model: a pre-trained network (pipeline.models.backbones), cut at a layer, frozen.

A module apart from the head, so that no edit of that computes the features again. The network is built flat, not
nested, so that every layer of it can be reached by name, in Grad-CAM for one.
"""

import difflib
import zipfile

import h5py
import keras
from keras import layers

from pipeline.command import InputError


def pooled(backbone):
    """The backbone with global average pooling: raw grey values in, (channels,) out."""
    return keras.Model(backbone.input, layers.GlobalAveragePooling2D(name="average")(backbone.output))


def build(architecture, image_size, output_layer):
    """The network with random weights up to `output_layer`, all layers frozen; raw grey values in.

    Args:
        architecture: a module of pipeline.models.backbones.
        image_size: pixels, of both sides.

    Raises:
        InputError: no such layer.
    """
    inputs = keras.Input((image_size, image_size, 1), name="grey_values")
    network = architecture.build(inputs)
    backbone = keras.Model(inputs, layer_named(network, output_layer, "transfer.output_layer").output, name="backbone")
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


def load_weights(backbone, architecture, path):
    """Fill every layer of the backbone, by layer name, from a file of Keras: weights (.h5), or a whole model (.h5 or
    .keras) that is or contains the network of `architecture`.

    Raises:
        InputError: not such a file, one of another network, or one that leaves layers unfilled, which are named.
    """
    expected, stored = architecture.NAME, _stored_weights(path, architecture.NAME)
    needed = {
        layer.name: [weight.shape for weight in layer.get_weights()] for layer in backbone.layers if layer.weights
    }
    foreign = [name for name in stored if architecture.is_foreign(name)]
    if foreign:
        raise InputError(
            f"transfer.weights: {path} is of another network than {expected}, which has no {_listed(foreign)}; "
            f"expected the weights of {expected} (not of {architecture.RELATIVES})"
        )
    absent = [name for name in needed if name not in stored]
    if absent:
        raise InputError(
            f"transfer.weights: {path} leaves {len(absent)} of {len(needed)} layers up to "
            f"{backbone.layers[-1].name} unfilled: {_listed(absent)}; "
            f"cut the backbone below them (transfer.output_layer) or take a complete file of {expected}"
        )
    different = [name for name, shapes in needed.items() if [weight.shape for weight in stored[name]] != shapes]
    if different:
        raise InputError(
            f"transfer.weights: {path} is of another architecture than {expected}: "
            f"shapes differ in {_listed(different)}"
        )
    # Not by Keras' load_weights(by_name=True), which goes by the file's name and skips what does not fit.
    for name in needed:
        backbone.get_layer(name).set_weights(stored[name])


def _listed(names):
    return ", ".join(names if len(names) <= 6 else [*names[:5], f"... ({len(names)} in all)", names[-1]])


def _stored_weights(path, expected):
    """{layer: its weights} of a file of Keras, without layers that have none."""
    if zipfile.is_zipfile(path):
        return _of_model(path, expected)
    try:
        with h5py.File(path) as file:
            group = file["model_weights"] if "model_weights" in file else file
            if "layer_names" not in group.attrs and "layers" in file:
                raise InputError(
                    f"transfer.weights: {path} is in Keras 3's format .weights.h5, which does not name the layers; "
                    f"save the whole model where the file comes from: model.save('{expected.lower()}.keras')"
                )
            return _of_group(group)
    except (OSError, KeyError):
        raise InputError(
            f"transfer.weights: {path} is not a Keras weights file (.h5), or is cut short; download it again"
        ) from None


def _of_group(group):
    """Of a legacy Keras weights file. The layers of a model inside the model share a group, and are named in it."""

    def text(value):
        return value.decode() if isinstance(value, bytes) else value

    stored = {}
    for layer in map(text, group.attrs["layer_names"]):
        weights = [text(weight) for weight in group[layer].attrs["weight_names"]]
        nested = len({weight.rpartition("/")[0] for weight in weights}) > 1
        for weight in weights:
            name = weight.split("/")[-2] if nested else layer
            stored.setdefault(name, []).append(group[layer][weight][()])
    return stored


def _of_model(path, expected):
    """Of a whole model that Keras 3 saved (.keras), models inside it included."""
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever its parts raise
        cause = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"transfer.weights: {path} cannot be read as a model of Keras ({cause}); expected {expected} as a .keras "
            "file, without layers of one's own, or its weights as .h5"
        ) from None
    return {layer.name: layer.get_weights() for layer in _layers(model) if layer.weights}


def _layers(model):
    for layer in model.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else [layer]
