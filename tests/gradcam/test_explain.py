"""Grad-CAM against CAM, finite differences and the definition, on networks of a few weights."""

import re

import keras
import numpy as np
import pytest
import yaml
from keras import layers
from PIL import Image

from pipeline.command import InputError
from pipeline.models import baseline, explain, fitting, runtime
from tests.gradcam.networks import BIAS, CHANNELS, COVID, IMAGES, NORMAL, SIZE, activations, network

runtime.start({"threads": 2})


def cam(model, signs):
    """The activations weighted by the last layer's weights; sign +1 for covid, -1 for normal; maximum 1."""
    weights = model.get_layer("logit").get_weights()[0][:, 0].astype(np.float64)
    maps = np.maximum(np.reshape(signs, (-1, 1, 1)) * (activations(model)[0] @ weights), 0)
    assert maps.any(axis=(1, 2)).all()
    return maps / maps.max(axis=(1, 2), keepdims=True)


def explained(model, layer, images, threshold=0.0):
    """Maps of the classes predicted at a logit, at the size of the images; and the logits."""
    maps, logits = explain.signed_maps(model, layer, images)
    return explain.enlarged(explain.heat(maps, logits >= threshold), *images.shape[1:]), logits


# The maps


@pytest.mark.parametrize("prediction", [COVID, NORMAL])
def test_equals_cam_where_one_dense_layer_follows_pooling(prediction):
    model = network(BIAS[prediction])
    maps, logits = explained(model, "map", IMAGES)
    assert maps == pytest.approx(cam(model, prediction), abs=1e-3)
    assert logits == pytest.approx(activations(model)[1], abs=1e-4) and (logits * prediction > 0).all()
    assert not np.allclose(cam(model, COVID), cam(model, NORMAL), atol=0.1)


@pytest.mark.parametrize("shift", [0, 18, -18])
def test_the_threshold_decides_the_sign(shift):
    """Three images below it, three above; far from 0, where float32 cannot tell the probabilities apart, as well."""
    model = network()
    logits = activations(model)[1]
    middle = np.sort(logits)[2:4].mean()
    model.get_layer("logit").bias.assign([shift])
    signs = np.where(logits > middle, COVID, NORMAL)
    assert abs(middle + shift) > 0.01
    maps, _ = explained(model, "map", IMAGES, middle + shift)
    assert maps == pytest.approx(cam(model, signs), abs=1e-3)


def test_weights_are_finite_differences_of_the_score():
    """Where position matters and gradients depend on the activations: two dense layers, no pooling."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Conv2D(3, 3, strides=2, padding="same", name="map")(layers.Rescaling(1 / 255)(inputs))
    x = layers.Dense(1, name="logit")(layers.Dense(4, activation="tanh", name="hidden")(layers.Flatten()(x)))
    model = keras.Model(inputs, x)
    (kernel, bias), (last_kernel, last_bias) = (model.get_layer(name).get_weights() for name in ("hidden", "logit"))
    features, logits = activations(model)

    def logit(values):
        return (np.tanh(values.reshape(len(values), -1) @ kernel + bias) @ last_kernel + last_bias)[:, 0]

    step = 1e-5
    slopes = np.zeros_like(features)
    for place in np.ndindex(features.shape[1:]):
        moved = np.zeros_like(features)
        moved[:, *place] = step
        slopes[:, *place] = (logit(features + moved) - logit(features - moved)) / (2 * step)
    alpha = (np.sign(logits)[:, None, None, None] * slopes).mean(axis=(1, 2), keepdims=True)
    expected = np.maximum((alpha * features).sum(axis=-1), 0)
    expected = enlarged(expected / expected.max(axis=(1, 2), keepdims=True))
    assert {*np.sign(logits)} == {-1, 1}
    assert explained(model, "map", IMAGES)[0] == pytest.approx(expected, abs=1e-3)


def enlarged(maps):
    """Bilinear, between pixel centres, by Pillow."""
    resized = [Image.fromarray(map.astype(np.float32)).resize((SIZE, SIZE), Image.Resampling.BILINEAR) for map in maps]
    return np.stack([np.asarray(image) for image in resized])


def test_coarse_maps_are_enlarged_to_the_image():
    model = network(BIAS[COVID], strides=4)
    maps, _ = explained(model, "map", IMAGES)
    assert maps == pytest.approx(enlarged(cam(model, COVID)), abs=1e-3)


def test_a_batch_is_explained_as_one_at_a_time():
    together = explained(network(), "map", IMAGES)
    singly = [explained(network(), "map", IMAGES[place : place + 1]) for place in range(len(IMAGES))]
    for whole, parts in zip(together, zip(*singly, strict=True), strict=True):
        assert whole == pytest.approx(np.concatenate(parts), abs=1e-6)


def test_a_reloaded_and_a_frozen_model_are_explained_alike():
    fresh, frozen = network(), network()
    frozen.trainable = False
    assert not frozen.trainable_weights
    expected = explained(fresh, "map", IMAGES)[0]
    assert expected.any(axis=(1, 2)).all()
    for model in (frozen, fitting.reload(fresh), fitting.reload(frozen)):
        assert np.array_equal(explained(model, "map", IMAGES)[0], expected)


def test_nothing_that_speaks_for_the_prediction_gives_an_empty_map():
    """All channels speak against covid, which the bias alone decides for: zeros, no division by zero."""
    maps, logits = explained(network(BIAS[COVID], weights=-np.ones(CHANNELS)), "map", IMAGES)
    assert (logits > 0).all() and not maps.any() and maps.shape == IMAGES.shape


def test_a_saturated_prediction_is_explained():
    """A sigmoid's gradient would be exactly zero at a logit of 500."""
    certain, unsure = (explained(network(bias), "map", IMAGES)[0] for bias in (500.0, BIAS[COVID]))
    assert certain.any() and certain == pytest.approx(unsure, abs=1e-5)


# The layer


def test_default_layer_is_the_last_map():
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.ReLU(name="relu4")(layers.Conv2D(2, 3, name="conv4")(inputs))
    model = keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D(name="average")(x)), name="baseline")
    assert explain.target_layer(model, None, "gradcam.layer.baseline") == "relu4"
    assert explain.target_layer(model, "conv4", "gradcam.layer.baseline") == "conv4"
    with pytest.raises(InputError, match="gradcam.layer.baseline.*'relu5'.*relu4"):
        explain.target_layer(model, "relu5", "gradcam.layer.baseline")


def test_layers_that_a_configuration_may_name_are_those_with_a_map():
    """All of the baseline but what comes before its first convolution."""
    chosen = {"filters": 2, "dense_units": 2, "dropout": 0.1, "l2": 0, "normalisation": "fixed"}
    network = baseline.build(chosen, np.zeros((1, 32, 32), np.uint8))
    names = [layer.name for layer in network.layers]
    maps = [layer.name for layer in network.layers[names.index("conv1") :] if len(layer.output.shape) == 4]
    with open("workflow/schemas/config.schema.yaml") as file:
        schema = yaml.safe_load(file)
    pattern = schema["properties"]["gradcam"]["properties"]["layer"]["properties"]["baseline"]["pattern"]
    assert [name for name in names if re.search(pattern, name)] == maps and len(maps) == 15


def test_a_pass_in_batches_is_one_pass(monkeypatch):
    whole = explain.signed_maps(network(), "map", IMAGES)
    monkeypatch.setattr(explain, "AT_ONCE", 4)
    for parts, all_at_once in zip(explain.signed_maps(network(), "map", IMAGES), whole, strict=True):
        assert parts == pytest.approx(all_at_once, abs=1e-6)


def test_maps_of_the_two_classes_share_no_cell():
    maps, _ = explain.signed_maps(network(), "map", IMAGES)
    covid, normal = (explain.heat(maps, np.full(len(maps), prediction)) for prediction in (True, False))
    assert covid.any() and normal.any() and not ((covid > 0) & (normal > 0)).any()


def test_overlay_is_the_image_where_there_is_no_heat():
    image = IMAGES[0]
    assert np.array_equal(explain.overlay(image, np.zeros(image.shape)), np.stack([image] * 3, axis=-1))
    hot = explain.overlay(np.zeros((1, 1), np.uint8), np.array([[0.75]]))
    assert hot.tolist() == [[[102, 51, 0]]]  # 0.4 x 255 x jet's (1, 0.5, 0)
