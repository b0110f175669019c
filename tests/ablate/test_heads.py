"""ablate: heads are what their names say; features at a cut are those of a backbone that ends there."""

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.ablate.features import extract_features
from pipeline.ablate.heads import cuts, heads, train_heads
from pipeline.images.examples import Examples
from pipeline.models import pretrained, runtime, transfer
from pipeline.models.backbones import resnet50v2
from tests.phantoms import phantom

CHANNELS = 6
COUNTS = {"train": 24, "val": 12}
HEADS = [(0, 64), (1, 16), (1, 64), (2, 256), (3, 256)]
SETTINGS = {
    "seed": 4,
    "compute": {"threads": 2, "mixed_precision": False},
    "transfer": {
        "output_layer": "conv2_block2_out",
        "hyperparameters": {
            "learning_rate": 0.01,
            "dropout": 0.2,
            "batch_size": 8,
            "dense_layers": 1,
            "dense_units": 64,
            "l2": 0,
            "optimizer": "adam",
            "loss": "weighted_cross_entropy",
        },
    },
    "ablate": {
        "seeds": [1, 2],
        "head_epochs": 2,
        "variants": {
            "head": [{"dense_layers": layers, "dense_units": units} for layers, units in HEADS],
            "cut": ["conv2_block1_out", "post_relu", "pool1_pool"],
        },
    },
}

runtime.start(SETTINGS["compute"])


def with_own(**hyperparameters):
    """The settings with another head of transfer.hyperparameters."""
    own = SETTINGS["transfer"]["hyperparameters"] | hyperparameters
    return SETTINGS | {"transfer": SETTINGS["transfer"] | {"hyperparameters": own}}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    path = tmp_path_factory.mktemp("backbone") / "backbone.keras"
    keras.utils.set_random_seed(1)
    network = pretrained.build(resnet50v2, 32, SETTINGS["transfer"]["output_layer"])
    network.save(path)
    return path


@pytest.fixture(scope="module")
def images():
    """70 images are more than a batch."""
    return np.stack([phantom(np.random.default_rng(seed), "covid", 32) for seed in range(70)])


def labels(split):
    return (np.arange(COUNTS[split]) % 3 == 0).astype(np.float32)


def features(split):
    """Features of which the first is high for covid; as views, ones that differ from the plain ones."""
    values = np.random.default_rng(len(split)).normal(size=(COUNTS[split], 3, CHANNELS)).astype(np.float32)
    values[..., 0] += 4 * labels(split)[:, None]
    return values


def study(name, backbone, values):
    """The table of runs of a study, and their val logits; `values` by split."""
    sets = {split: Examples(values[split], labels(split), np.arange(COUNTS[split])) for split in COUNTS}
    outputs = train_heads(name, **sets, backbone=backbone, settings=SETTINGS)
    return outputs["runs"], outputs["logits"]


def test_each_head_has_the_layers_that_its_name_says(backbone):
    """Parameters, counted by hand, tell the architectures apart."""
    runs, logits = study("head", backbone, {split: features(split) for split in COUNTS})
    assert runs.set_index("variant")["parameters"].to_dict() == {
        "no dense layer": CHANNELS + 1,
        "16": (CHANNELS + 1) * 16 + 17,
        "64": (CHANNELS + 1) * 64 + 65,
        "256 and 128": (CHANNELS + 1) * 256 + 257 * 128 + 129,
        "256, 128 and 64": (CHANNELS + 1) * 256 + 257 * 128 + 129 * 64 + 65,
    }
    assert runs.loc[runs["reference"], "variant"].tolist() == ["64", "64"]
    assert (runs["images"] == 24).all() and (runs["epochs"] == 2).all()
    assert runs.groupby("variant")["seed"].apply(list).map(lambda seeds: seeds == [1, 2]).all()
    assert runs["val_auc"].max() > 0.9, "the first channel tells the classes apart"
    aucs = [roc_auc_score(labels("val"), of_run) for of_run in logits]
    assert runs["val_auc"].to_numpy() == pytest.approx(aucs), "logits are in the order of the runs"


@pytest.mark.parametrize(
    ("own", "reference"),
    [
        ({"dense_layers": 2, "dense_units": 256}, "256 and 128"),
        ({"dense_layers": 0, "dense_units": 8}, "no dense layer"),
        ({"dense_layers": 1, "dense_units": 48}, "no dense layer"),
    ],
    ids=["the own one", "units of no layer do not count", "the first where the own one is not among them"],
)
def test_reference_among_the_heads(own, reference):
    variants = heads(None, None, with_own(**own))
    assert [name for name, is_reference, *_ in variants if is_reference] == [reference]
    assert all(chosen["learning_rate"] == 0.01 for *_, chosen, _ in variants)


def test_features_at_a_cut_are_those_of_a_backbone_that_ends_there(backbone, images):
    """From the input to the output, whatever the order in the configuration; nothing beyond the output layer."""
    network, values = keras.models.load_model(backbone), images[..., None].astype(np.float32)
    computed = extract_features(backbone, images, SETTINGS)["features"]
    assert list(computed) == ["pool1_pool", "conv2_block1_out", "conv2_block2_out"]
    for cut in computed:
        direct = pretrained.build(resnet50v2, 32, cut)
        for layer in direct.layers:
            if layer.weights:
                layer.set_weights(network.get_layer(layer.name).get_weights())
        expected = pretrained.pooled(direct).predict(values, verbose=0)
        assert computed[cut].dtype == np.float32
        assert np.allclose(computed[cut], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()), cut


def test_features_are_the_same_each_time(backbone, images):
    first, again = (extract_features(backbone, images, SETTINGS)["features"] for _ in range(2))
    assert all(np.array_equal(first[cut], again[cut]) for cut in first)


def test_each_cut_says_how_much_of_the_backbone_it_keeps(backbone):
    names = {"pool1_pool": 3, "conv2_block2_out": CHANNELS}
    plain = {split: {name: features(split)[:, 0, :channels] for name, channels in names.items()} for split in COUNTS}
    runs, _ = study("cut", backbone, plain)
    table = runs[runs["seed"] == 1].set_index("variant")
    assert table["parameters"].to_dict() == {name: (channels + 1) * 64 + 65 for name, channels in names.items()}
    # The first convolution: 64 filters of 7 x 7 x 3, and their offsets.
    kept = {"pool1_pool": 64 * (7 * 7 * 3 + 1), "conv2_block2_out": keras.models.load_model(backbone).count_params()}
    assert table["backbone_parameters"].to_dict() == kept
    assert table.index[table["reference"]].tolist() == ["conv2_block2_out"]


def test_heads_on_a_cut_are_trained_and_scored_on_its_plain_features(backbone):
    plain = {split: features(split)[:, 0] for split in COUNTS}
    sets = [Examples({"pool1_pool": plain[split]}, labels(split), labels(split).astype(str)) for split in COUNTS]
    ((_, _, train, val, _, _),) = cuts(*sets, keras.models.load_model(backbone), SETTINGS)
    assert np.array_equal(transfer.transform(SETTINGS)(train.values, (1, 2)), plain["train"])
    assert np.array_equal(transfer.unaugmented(val.values), plain["val"])
