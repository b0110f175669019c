"""The backbone: which weights files fill it and which are refused; and cached features against uncached ones."""

import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from pipeline.command import InputError
from pipeline.features import backbone, features
from pipeline.finetune.runs import unfreeze
from pipeline.images import augment
from pipeline.images.examples import Examples
from pipeline.models import fitting, pretrained, runtime, transfer
from pipeline.models.backbones import efficientnetv2b0, resnet50v2
from tests.phantoms import phantom

SETTINGS = {
    "seed": 4,
    "dataset": {"image_size": 32},
    "transfer": {"backbone": "resnet50v2", "output_layer": "conv2_block1_out", "views": 2},
    "augmentation": {"rotation": 7, "shift": 0.05, "zoom": 0.05, "contrast": 0.1, "brightness": 0.05},
    "compute": {"threads": 2, "mixed_precision": True},
}
PUBLISHED = Path(__file__).parent.parent.parent / "shared/weights/resnet50v2_to_conv4_block6_imagenet.h5"

runtime.start(SETTINGS["compute"])


@pytest.fixture(scope="module")
def donor():
    """Keras' own ResNet50V2 up to conv2_block2_out, for RGB of [-1, 1]; every weight a random number."""
    resnet = keras.applications.ResNet50V2(include_top=False, weights=None, input_shape=(32, 32, 3))
    model = keras.Model(resnet.input, resnet.get_layer("conv2_block2_out").output)
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.01, 0.2, weight.shape) for weight in model.get_weights()])
    return model


def outputs_of(donor, cut, images):
    """Of Keras' own network at layer `cut`, by Keras' own preparation of an image."""
    rgb = keras.applications.resnet_v2.preprocess_input(images[..., None].repeat(3, axis=-1).astype(np.float32))
    return keras.Model(donor.input, donor.get_layer(cut).output).predict(rgb, verbose=0)


def saved(made, folder):
    """File of the backbone that the stage returned."""
    made["model"].save(folder / "backbone.keras")
    return folder / "backbone.keras"


@pytest.fixture(scope="module")
def complete(donor, tmp_path_factory):
    """The donor's weights as Keras writes them into a .h5 file, below a group."""
    path = tmp_path_factory.mktemp("weights") / "complete.h5"
    donor.save(path)
    return path


def refusal(path, cut="conv2_block1_out"):
    network = pretrained.build(resnet50v2, 32, cut)
    before = fitting.weights_sha256(network)
    with pytest.raises(InputError) as caught:
        pretrained.load_weights(network, resnet50v2, path)
    assert fitting.weights_sha256(network) == before, "nothing is half filled"
    assert str(path) in str(caught.value) and "transfer.weights" in str(caught.value)
    return str(caught.value)


# Weights


@pytest.mark.parametrize("layout", ["whole model", "weights alone"])
@pytest.mark.parametrize("cut", ["conv2_block1_out", "conv2_block2_out"])
def test_complete_file_fills_every_layer(complete, donor, tmp_path, cut, layout):
    """Files of weights alone, as Keras publishes them, have no group around the layers; any name will do."""
    path = complete
    if layout == "weights alone":
        path = tmp_path / "published"
        with h5py.File(complete) as whole, h5py.File(path, "w") as alone:
            for name, group in whole["model_weights"].items():
                whole.copy(group, alone, name)
            alone.attrs.update(whole["model_weights"].attrs)
    network = pretrained.build(resnet50v2, 32, cut)
    pretrained.load_weights(network, resnet50v2, path)
    filled = [layer for layer in network.layers if layer.weights]
    assert {"conv1_conv", "conv2_block1_3_conv"} <= {layer.name for layer in filled}
    for layer in filled:
        for weight, given in zip(layer.get_weights(), donor.get_layer(layer.name).get_weights(), strict=True):
            assert np.array_equal(weight, given), layer.name

    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32))
    outputs = network.predict(images[..., None].astype(np.float32), verbose=0)
    assert np.allclose(outputs, outputs_of(donor, cut, images), rtol=1e-4, atol=1e-4)


def test_file_that_ends_below_the_cut(complete):
    message = refusal(complete, cut="conv2_block3_out")
    absent = ["preact_bn", "1_conv", "1_bn", "2_conv", "2_bn", "3_conv"]
    assert all(f"conv2_block3_{part}" in message for part in absent)
    assert f"leaves {len(absent)} of " in message and "conv2_block2" not in message
    assert "transfer.output_layer" in message


def test_file_of_another_network(tmp_path):
    inputs = keras.Input((8, 8, 1))
    keras.Model(inputs, keras.layers.Conv2D(2, 3, name="other")(inputs)).save(tmp_path / "other.h5")
    assert "conv1_conv" in refusal(tmp_path / "other.h5")


def test_file_of_another_architecture_with_the_same_names(complete, tmp_path):
    altered = tmp_path / "altered.h5"
    altered.write_bytes(complete.read_bytes())
    with h5py.File(altered, "r+") as file:
        layer = file["model_weights/conv1_conv"]
        kernel = layer.attrs["weight_names"][0]
        del layer[kernel]
        layer[kernel] = np.zeros((3, 3, 3, 64), np.float32)
    message = refusal(altered)
    assert "another architecture" in message and message.endswith("shapes differ in conv1_conv")


@pytest.mark.parametrize("spoil", [lambda whole: whole[: len(whole) // 2], lambda whole: b"<html>not found</html>"])
def test_file_that_is_cut_short_or_no_weights(complete, tmp_path, spoil):
    spoilt = tmp_path / "spoilt.h5"
    spoilt.write_bytes(spoil(complete.read_bytes()))
    assert "cut short" in refusal(spoilt)


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_whole_saved_model_fills_every_layer(donor, tmp_path, ending, nested):
    """Also one that has the network as a layer, below a head."""
    model = donor
    if nested:
        inputs = keras.Input(donor.input_shape[1:])
        model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(donor(inputs)))
    model.save(tmp_path / f"model.{ending}")
    network = pretrained.build(resnet50v2, 32, "conv2_block2_out")
    pretrained.load_weights(network, resnet50v2, tmp_path / f"model.{ending}")
    for layer in (layer for layer in network.layers if layer.weights):
        assert all(map(np.array_equal, layer.get_weights(), donor.get_layer(layer.name).get_weights())), layer.name


def test_weights_in_the_format_of_keras_3_are_told_how_to_be_saved(donor, tmp_path):
    donor.save_weights(tmp_path / "model.weights.h5")
    message = refusal(tmp_path / "model.weights.h5")
    assert "format .weights.h5" in message and "model.save('resnet50v2.keras')" in message


@pytest.mark.parametrize("name", ["model.pth", "cut.keras"])
def test_a_zip_file_that_is_no_whole_model(donor, tmp_path, name):
    path = tmp_path / name
    if name == "cut.keras":
        donor.save(path)
        path.write_bytes(path.read_bytes()[:-500])
        assert "cut short" in refusal(path)
    else:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("archive/data.pkl", b"weights of PyTorch")
        assert "cannot be read as a model of Keras" in refusal(path)


@pytest.mark.parametrize(
    ("network", "foreign"), [("ResNet101V2", "conv4_block7_preact_bn"), ("ResNet152V2", "conv3_block5_preact_bn")]
)
def test_a_deeper_network_of_the_family_is_refused(network, foreign, tmp_path):
    """It has all layers of ResNet50V2, with the shapes of ResNet50V2's."""
    deeper = getattr(keras.applications, network)(include_top=False, weights=None, input_shape=(32, 32, 3))
    # Without weights: the names alone are wrong, and the file stays small.
    with h5py.File(tmp_path / "deeper.h5", "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in deeper.layers if layer.weights]
        for layer in deeper.layers:
            if layer.weights:
                weights = file.create_group(layer.name)
                weights.attrs["weight_names"] = [f"{layer.name}/weight"]
                weights[f"{layer.name}/weight"] = np.zeros(1)
    message = refusal(tmp_path / "deeper.h5")
    assert f"ResNet50V2, which has no {foreign}" in message and "expected the weights of ResNet50V2" in message


@pytest.mark.parametrize(("wrong", "near"), [("conv2_block1_outt", "conv2_block1_out"), ("post_rellu", "post_relu")])
def test_cut_at_an_unknown_layer(wrong, near):
    with pytest.raises(InputError, match=f"transfer.output_layer: .*'{wrong}'; did you mean .*{near}"):
        pretrained.build(resnet50v2, 32, wrong)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published weights are not on this machine")
def test_published_weights():
    network = pretrained.build(resnet50v2, 32, "conv4_block6_out")
    pretrained.load_weights(network, resnet50v2, PUBLISHED)
    kernel = network.get_layer("conv4_block6_3_conv").get_weights()[0]
    with h5py.File(PUBLISHED) as file:
        group = (file["model_weights"] if "model_weights" in file else file)["conv4_block6_3_conv"]
        assert np.array_equal(kernel, group[group.attrs["weight_names"][0]])
    message = refusal(PUBLISHED, cut="post_relu").replace(str(PUBLISHED), "")
    assert "conv5_block1_preact_bn" in message and "post_bn" in message and "conv4" not in message


def test_backbone_without_a_file_follows_from_the_seed():
    networks = [backbone([], SETTINGS | {"seed": seed})["model"] for seed in (4, 4, 5)]
    digests = list(map(fitting.weights_sha256, networks))
    assert digests[0] == digests[1] != digests[2]


# Another backbone


EFFICIENT = SETTINGS | {"transfer": {"backbone": "efficientnetv2b0", "output_layer": "block4c_add", "views": 1}}


@pytest.fixture(scope="module")
def efficient():
    """Keras' own EfficientNetV2B0 with its own preprocessing, for RGB of 0 to 255; weights that let values through."""
    model = keras.applications.EfficientNetV2B0(include_top=False, weights=None, input_shape=(32, 32, 3))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1.5, weight.shape) * weight + 0.01 for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("cut", ["block1a_project_activation", "block4a_project_bn", "top_activation"])
def test_efficientnet_takes_raw_grey_values(efficient, tmp_path, cut):
    """Filled from a whole model, and the same outputs as Keras' own on the three equal channels."""
    efficient.save(tmp_path / "efficient.keras")
    network = pretrained.build(efficientnetv2b0, 32, cut)
    pretrained.load_weights(network, efficientnetv2b0, tmp_path / "efficient.keras")
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 1)).astype(np.float32)
    expected = keras.Model(efficient.input, efficient.get_layer(cut).output).predict(images.repeat(3, -1), verbose=0)
    assert np.ptp(expected) > 0
    assert np.allclose(network.predict(images, verbose=0), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_weights_of_a_relative_of_efficientnet_are_refused(tmp_path):
    """EfficientNetV2B1 has all layers of EfficientNetV2B0, with their shapes."""
    deeper = keras.applications.EfficientNetV2B1(include_top=False, weights=None, input_shape=(32, 32, 3))
    deeper.save(tmp_path / "deeper.keras")
    network = pretrained.build(efficientnetv2b0, 32, "block2b_add")
    with pytest.raises(InputError, match="than EfficientNetV2B0, which has no block1b_project_conv"):
        pretrained.load_weights(network, efficientnetv2b0, tmp_path / "deeper.keras")


def test_head_on_efficientnet(tmp_path):
    """Features, the head on them, the whole network saved and loaded again, and what fine-tuning trains of it."""
    images = np.stack([phantom(np.random.default_rng(seed), "covid", 32) for seed in range(8)])
    below = saved(backbone([], EFFICIENT), tmp_path)
    values = features(below, images, "train", EFFICIENT)["features"]
    assert values.shape == (8, 2, 96)
    head = transfer.build({"dense_layers": 1, "dense_units": 4, "dropout": 0.2, "l2": 0.001}, values)
    transfer.assemble(head, [below]).save(tmp_path / "whole.keras")
    network = keras.models.load_model(tmp_path / "whole.keras")
    logits = network.predict(images[..., None].astype(np.float32), verbose=0)
    assert np.allclose(logits, head.predict(values[:, 0], verbose=0), rtol=1e-3, atol=1e-3)

    unfreeze(network, "block3b_add")
    place = network.layers.index(network.get_layer("block3b_add"))
    trained = {layer.name for layer in network.layers if layer.trainable_weights}
    assert {"block4a_expand_conv", "block4c_se_reduce", "block4c_project_conv", "logit"} <= trained
    assert not trained & {layer.name for layer in network.layers[:place]}
    assert not [name for name in trained if name.endswith("bn")]


# Features


def test_features_are_those_of_the_images(complete, donor, tmp_path):
    """70 images are more than a batch."""
    images = np.stack([phantom(np.random.default_rng(seed), "covid", 32) for seed in range(70)])
    below = saved(backbone([complete], SETTINGS), tmp_path)
    train, again, val = (features(below, images, split, SETTINGS)["features"] for split in ("train", "train", "val"))
    assert train.shape == (70, 3, 256) and train.dtype == np.float32

    expected = outputs_of(donor, "conv2_block1_out", images).mean(axis=(1, 2))
    assert np.allclose(train[:, 0], expected, rtol=1e-4)
    assert np.array_equal(train, again)
    assert np.array_equal(train[:, 0], val[:, 0])
    # Views are mild variations: unlike the image and one another, but nearer to it than another image is.
    assert not np.any(np.all(train[:, 1] == train[:, 2], axis=1) | np.all(train[:, 0] == train[:, 1], axis=1))
    assert not np.allclose(train[:, 1], val[:, 1]), "each split has draws of its own"
    to_view = np.linalg.norm(train[:, 1] - train[:, 0], axis=1)
    to_others = np.linalg.norm(np.roll(train[:, 0], 1, axis=0) - train[:, 0], axis=1)
    assert np.median(to_view) < np.median(to_others)


@pytest.mark.parametrize(
    "altered",
    [lambda weights: weights[:-1], lambda weights: [*weights, weights[-1]], lambda weights: weights[::-1]],
    ids=["fewer", "more", "in another order"],
)
def test_file_whose_weights_do_not_match_one_by_one(complete, tmp_path, altered):
    """Keras' own loading by name would skip such a layer with a warning and leave it random."""
    path = tmp_path / "altered.h5"
    path.write_bytes(complete.read_bytes())
    with h5py.File(path, "r+") as file:
        layer = file["model_weights/conv2_block1_3_conv"]
        layer.attrs["weight_names"] = altered(list(layer.attrs["weight_names"]))
    assert refusal(path).endswith("shapes differ in conv2_block1_3_conv")


def test_views_are_of_the_image_in_their_row(tmp_path):
    """Without any bounds a view is the plain image."""
    images = np.stack([phantom(np.random.default_rng(seed), "covid", 32) for seed in range(70)])
    still = SETTINGS | {"augmentation": dict.fromkeys(SETTINGS["augmentation"], 0)}
    still["compute"] = {"threads": 2, "mixed_precision": False}
    values = features(saved(backbone([], still), tmp_path), images, "train", still)["features"]
    for view in (1, 2):
        assert np.allclose(values[:, view], values[:, 0], rtol=1e-3, atol=1e-4 * np.abs(values).max())


def test_training_on_cached_features_is_training_on_images(tmp_path):
    """Without augmentation: the same weights, but for rounding, after the same batches and the same dropout."""
    rng = np.random.default_rng(0)
    labels = (np.arange(40) % 3 == 0).astype(np.float32)
    images = np.stack([phantom(rng, "covid" if label else "normal", 32) for label in labels])
    compute = {"threads": 2, "mixed_precision": False}
    still = SETTINGS | {"augmentation": dict.fromkeys(SETTINGS["augmentation"], 0), "compute": compute}
    made = saved(backbone([], still), tmp_path)
    values = features(made, images, "train", still)["features"]

    chosen = {"dense_layers": 2, "dense_units": 8, "dropout": 0.4, "l2": 0.001, "batch_size": 16, "learning_rate": 0.01}
    chosen |= {"optimizer": "adam", "loss": "weighted_cross_entropy"}
    cached = Examples(values, labels, np.arange(40).astype(str))
    uncached = Examples(images, labels, cached.files)

    def head():
        keras.utils.set_random_seed(1)
        return transfer.build(chosen, cached.values)

    untrained, alone, below = head(), head(), head()
    network = transfer.assemble(below, [made])
    frozen = network.get_layer("conv1_conv").get_weights()
    histories = [
        fitting.fit(trained, chosen, data, source, still, seed=2, epochs=3)
        for trained, data, source in ((alone, cached, transfer), (network, uncached, augment))
    ]
    assert np.allclose(*histories, rtol=1e-3, atol=1e-4)
    for trained, weight, start in zip(alone.get_weights(), below.get_weights(), untrained.get_weights(), strict=True):
        assert np.allclose(trained, weight, atol=1e-3)
        assert not np.allclose(trained, start, atol=5e-3)
    assert all(map(np.array_equal, frozen, network.get_layer("conv1_conv").get_weights()))
