"""Grad-CAM against CAM, finite differences and the definition, on networks of a few weights."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from PIL import Image
from scipy.special import expit

from pipeline import gradcam
from pipeline.command import InputError
from pipeline.models import fitting, runtime

runtime.start({"threads": 2})

SIZE, CHANNELS = 8, 5
IMAGES = np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE), np.uint8)
COVID, NORMAL = 1, -1
# A last bias that decides for one class, whatever the image.
BIAS = {COVID: 50.0, NORMAL: -50.0}


def network(bias=0.0, strides=1, weights=(1, -1, 0.5, -2, 0.8)):
    """Convolution, ReLU, global average pooling, one logit: where Grad-CAM is CAM (Zhou et al. 2016)."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(CHANNELS, 3, strides=strides, padding="same", activation="relu", name="map")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(1, name="logit")(x))
    model.get_layer("map").kernel.assign(np.random.default_rng(3).normal(size=(3, 3, 1, CHANNELS)))
    model.get_layer("logit").set_weights([np.reshape(weights, (CHANNELS, 1)), np.array([bias])])
    return model


def activations(model):
    """(n, h, w, channels), and the logits (n,)."""
    tapped = keras.Model(model.input, [model.get_layer("map").output, model.output])
    maps, logits = tapped.predict(IMAGES[..., None].astype(np.float32), verbose=0)
    return maps.astype(np.float64), logits[:, 0].astype(np.float64)


def cam(model, signs):
    """The activations weighted by the last layer's weights; sign +1 for covid, -1 for normal; maximum 1."""
    weights = model.get_layer("logit").get_weights()[0][:, 0].astype(np.float64)
    maps = np.maximum(np.reshape(signs, (-1, 1, 1)) * (activations(model)[0] @ weights), 0)
    assert maps.any(axis=(1, 2)).all()
    return maps / maps.max(axis=(1, 2), keepdims=True)


# The maps


@pytest.mark.parametrize("verdict", [COVID, NORMAL])
def test_equals_cam_where_one_dense_layer_follows_pooling(verdict):
    model = network(BIAS[verdict])
    maps, logits = gradcam.explain(model, "map", IMAGES)
    assert maps == pytest.approx(cam(model, verdict), abs=1e-3)
    assert logits == pytest.approx(activations(model)[1], abs=1e-4) and (logits * verdict > 0).all()
    assert not np.allclose(cam(model, COVID), cam(model, NORMAL), atol=0.1)


@pytest.mark.parametrize("shift", [0, 18, -18])
def test_the_threshold_decides_the_sign(shift):
    """Three images below it, three above; far from 0, where float32 cannot tell the probabilities apart, as well."""
    model = network()
    logits = activations(model)[1]
    middle = np.sort(logits)[2:4].mean()
    model.get_layer("logit").bias.assign([shift])
    threshold = expit(middle + shift)
    signs = np.where(logits > middle, COVID, NORMAL)
    assert abs(threshold - 0.5) > 0.01
    maps, _ = gradcam.explain(model, "map", IMAGES, threshold)
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
    assert gradcam.explain(model, "map", IMAGES)[0] == pytest.approx(expected, abs=1e-3)


def enlarged(maps):
    """Bilinear, between pixel centres, by Pillow."""
    resized = [Image.fromarray(map.astype(np.float32)).resize((SIZE, SIZE), Image.Resampling.BILINEAR) for map in maps]
    return np.stack([np.asarray(image) for image in resized])


def test_coarse_maps_are_enlarged_to_the_image():
    model = network(BIAS[COVID], strides=4)
    maps, _ = gradcam.explain(model, "map", IMAGES)
    assert maps == pytest.approx(enlarged(cam(model, COVID)), abs=1e-3)


def test_a_batch_is_explained_as_one_at_a_time():
    together = gradcam.explain(network(), "map", IMAGES)
    singly = [gradcam.explain(network(), "map", IMAGES[place : place + 1]) for place in range(len(IMAGES))]
    for whole, parts in zip(together, zip(*singly, strict=True), strict=True):
        assert whole == pytest.approx(np.concatenate(parts), abs=1e-6)


def test_a_reloaded_and_a_frozen_model_are_explained_alike(tmp_path):
    fresh, frozen = network(), network()
    frozen.trainable = False
    assert not frozen.trainable_weights
    expected = gradcam.explain(fresh, "map", IMAGES)[0]
    assert expected.any(axis=(1, 2)).all()
    for model in (
        frozen,
        fitting.save(fresh, tmp_path / "fresh.keras"),
        fitting.save(frozen, tmp_path / "frozen.keras"),
    ):
        assert np.array_equal(gradcam.explain(model, "map", IMAGES)[0], expected)


def test_nothing_that_speaks_for_the_verdict_gives_an_empty_map():
    """All channels speak against covid, which the bias alone decides for: zeros, no division by zero."""
    maps, logits = gradcam.explain(network(BIAS[COVID], weights=-np.ones(CHANNELS)), "map", IMAGES)
    assert (logits > 0).all() and not maps.any() and maps.shape == IMAGES.shape


def test_a_saturated_verdict_is_explained():
    """A sigmoid's gradient would be exactly zero at a logit of 500."""
    certain, unsure = (gradcam.explain(network(bias), "map", IMAGES)[0] for bias in (500.0, BIAS[COVID]))
    assert certain.any() and certain == pytest.approx(unsure, abs=1e-5)


# The layer


def test_default_layer_is_the_last_map():
    inputs = keras.Input((SIZE, SIZE, 1))
    x = layers.ReLU(name="relu4")(layers.Conv2D(2, 3, name="conv4")(inputs))
    model = keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D(name="average")(x)), name="baseline")
    assert gradcam.target_layer(model, None, "gradcam.layer.baseline") == "relu4"
    assert gradcam.target_layer(model, "conv4", "gradcam.layer.baseline") == "conv4"
    with pytest.raises(InputError, match="gradcam.layer.baseline.*'relu5'.*relu4"):
        gradcam.target_layer(model, "relu5", "gradcam.layer.baseline")


# The samples


def table(logits, threshold):
    """Predictions in a fixed disorder, every other one covid."""
    rows = pd.DataFrame({"logit": logits, "label": np.where(np.arange(len(logits)) % 2, "covid", "normal")})
    rows["probability"] = expit(rows["logit"])
    rows["predicted"] = np.where(rows["probability"] >= threshold, "covid", "normal")
    return rows.assign(file=[f"{place}.png" for place in range(len(rows))], model="baseline")


@pytest.mark.parametrize("threshold", [0.5, 0.02, 0.98])
@pytest.mark.parametrize("samples", [1, 3, 100])
def test_samples_are_the_farthest_from_the_threshold(threshold, samples):
    """In logits: probabilities near 0 and 1 would all be as far."""
    rows = table(np.random.default_rng(5).permutation(np.linspace(-30, 30, 40)), threshold)
    chosen = gradcam.choose(rows, threshold, samples)
    expected = []
    for label, predicted in [("covid", "covid"), ("normal", "normal"), ("covid", "normal"), ("normal", "covid")]:
        group = [row for row in rows.itertuples() if (row.label, row.predicted) == (label, predicted)]
        group.sort(key=lambda row: -abs(row.logit - np.log(threshold / (1 - threshold))))
        expected += [row.file for row in group[:samples]]
    assert chosen["file"].tolist() == expected
    groups = {"true covid": "covid", "true normal": "normal", "missed covid": "covid", "false alarm": "normal"}
    assert chosen["group"].drop_duplicates().tolist() == list(groups)
    assert (chosen["label"] == chosen["group"].map(groups)).all()
    assert ((chosen["label"] == chosen["predicted"]) == chosen["group"].str.startswith("true")).all()


def test_an_empty_group_is_no_error():
    chosen = gradcam.choose(table(np.array([-4.0, 3.0, -2.0, 1.0]), 0.5), 0.5, 3)
    assert list(zip(chosen["group"], chosen["file"], strict=True)) == [
        ("true covid", "1.png"),
        ("true covid", "3.png"),
        ("true normal", "0.png"),
        ("true normal", "2.png"),
    ]
