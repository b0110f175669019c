"""The backbone of the transfer model: ResNet50V2 pre-trained on ImageNet, cut at a layer, frozen.

A module apart from the head, so that no edit of that computes the features again. The network is built flat, not
nested, so that every layer of it can be reached by name, in Grad-CAM for one (He et al. 2016, Identity mappings in deep
residual networks).
"""

import difflib
import re
import zipfile

import h5py
import keras
from keras import layers

from pipeline.command import InputError
from pipeline.models import resnet50v2


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
    """Fill every layer of the backbone, by layer name, from a file of Keras: weights (.h5), or a whole model (.h5 or
    .keras) that is or contains ResNet50V2.

    Raises:
        InputError: not such a file, one of another network, or one that leaves layers unfilled, which are named.
    """
    stored = _stored_weights(path)
    needed = {
        layer.name: [weight.shape for weight in layer.get_weights()] for layer in backbone.layers if layer.weights
    }
    # A deeper network of the same family has all layers of ResNet50V2, with weights that belong to a longer chain.
    foreign = [name for name in stored if re.match(r"conv\d+_", name) and name not in resnet50v2.LAYERS]
    if foreign:
        raise InputError(
            f"transfer.weights: {path} is of another network than ResNet50V2, which has no {_listed(foreign)}; "
            "expected the weights of ResNet50V2 (not of ResNet50, ResNet101V2 or ResNet152V2)"
        )
    absent = [name for name in needed if name not in stored]
    if absent:
        raise InputError(
            f"transfer.weights: {path} leaves {len(absent)} of {len(needed)} layers up to "
            f"{backbone.layers[-1].name} unfilled: {_listed(absent)}; "
            "cut the backbone below them (transfer.output_layer) or take a complete file of ResNet50V2"
        )
    different = [name for name, shapes in needed.items() if [weight.shape for weight in stored[name]] != shapes]
    if different:
        raise InputError(
            f"transfer.weights: {path} is of another architecture than ResNet50V2: "
            f"shapes differ in {_listed(different)}"
        )
    # Not by Keras' load_weights(by_name=True), which goes by the file's name and skips what does not fit.
    for name in needed:
        backbone.get_layer(name).set_weights(stored[name])


def _listed(names):
    return ", ".join(names if len(names) <= 6 else [*names[:5], f"... ({len(names)} in all)", names[-1]])


def _stored_weights(path):
    """{layer: its weights} of a file of Keras, without layers that have none."""
    if zipfile.is_zipfile(path):
        return _of_model(path)
    try:
        with h5py.File(path) as file:
            group = file["model_weights"] if "model_weights" in file else file
            if "layer_names" not in group.attrs and "layers" in file:
                raise InputError(
                    f"transfer.weights: {path} is in Keras 3's format .weights.h5, which does not name the "
                    "layers; save the whole model where the file comes from: model.save('resnet50v2.keras')"
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


def _of_model(path):
    """Of a whole model that Keras 3 saved (.keras), models inside it included."""
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever its parts raise
        cause = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"transfer.weights: {path} cannot be read as a model of Keras ({cause}); expected ResNet50V2 as a .keras "
            "file, without layers of one's own, or its weights as .h5"
        ) from None
    return {layer.name: layer.get_weights() for layer in _layers(model) if layer.weights}


def _layers(model):
    for layer in model.layers:
        yield from _layers(layer) if hasattr(layer, "layers") else [layer]
