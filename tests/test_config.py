"""The configuration: what is shipped is valid, and whatever is wrong is named, with its value and what is allowed."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from pipeline.models.backbones import efficientnetv2b0, resnet50v2
from workflow.settings import check, digest, fill, misread, select, unreadable

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
CONFIG = (ROOT / "config/config.yaml").read_text()
DEFAULTS = yaml.safe_load(CONFIG)
OVERLAYS = sorted(file.name for file in (ROOT / "config").glob("*.yaml") if file.name != "config.yaml")


def configured(overlay=""):
    """The defaults under an overlay given as YAML text, merged as Snakemake does."""
    config = copy.deepcopy(DEFAULTS)
    update_config(config, yaml.safe_load(overlay) or {})
    return config


def problems(overlay):
    return check(configured(overlay), SCHEMA)


def problem(overlay):
    """The one message that the overlay gives rise to."""
    (message,) = problems(overlay)
    return message


def keys(config, group=""):
    """Dotted keys of all groups and values."""
    for name, value in config.items():
        yield f"{group}{name}"
        if isinstance(value, dict):
            yield from keys(value, f"{group}{name}.")


def schema_groups(node, definitions, group=""):
    """(dotted key, its definition) of every group that the schema knows."""
    node = definitions[node["$ref"].split("/")[-1]] if "$ref" in node else node
    if "properties" in node:
        yield group.removesuffix("."), node
        for name, child in node["properties"].items():
            yield from schema_groups(child, definitions, f"{group}{name}.")


def test_a_key_that_stands_twice_is_told_with_its_lines(tmp_path):
    """YAML takes the last, and with it drops all that the first one holds."""
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("dataset: {path: x.zip}\nseed: 1\ndataset:\n  image_size: 64\n  draw: null\n  image_size: 96\n")
    assert list(misread([overlay])) == [
        f"dataset.image_size: found in lines 4 and 6 of {overlay}; expected once, with all that belongs to it",
        f"dataset: found in lines 1 and 3 of {overlay}; expected once, with all that belongs to it",
    ]
    assert list(misread((ROOT / "config").iterdir())) == []


@pytest.mark.parametrize(
    ("written", "read"), [("0644", "420"), ("010", "8"), ("1:30", "90"), ("12:00:00", "43200"), ("-017", "-15")]
)
def test_a_number_that_yaml_reads_as_another_one_is_told_with_its_line(tmp_path, written, read):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(f"seed: 1\ntraining: {{selection_seeds: [1, {written}]}}\n")
    (line,) = misread([overlay])
    assert line.startswith(
        f"training.selection_seeds.1: found {written} in line 2 of {overlay}, which YAML reads as {read};"
    )
    overlay.write_text(f"seed: 10\nfinetune: {{drop: 0.1}}\ndataset: {{classes: {{covid: ['{written}', 0]}}}}\n")
    assert list(misread([overlay])) == []


@pytest.mark.parametrize(
    ("content", "place", "told"),
    [
        (b"dataset:\n\timage_size: 96\n", ", line 2", "found a tab; expected spaces"),
        (b"seed: 1\ndataset: {path: x.zip\n\n", ", line 2", "did not find expected ',' or '}'"),
        (b"seed: 1\ndataset:\n  path: 'x.zip\n", ", line 3", "quoted scalar"),
        (b"seed: 1\ndataset\n", ", line 2", "could not find expected ':'"),
        ("seed: 3\n".encode("utf-16"), "", "UTF-16; expected UTF-8"),
        ("seed: 3\n".encode("utf-16-le"), "", "UTF-16"),
        ("seed: 3\n# caf\u00e9\n".encode("latin-1"), ", line 2", "not UTF-8"),
        (b"", "", "no keys"),
        (b"# seed: 1\n", "", "no keys"),
        (b"- seed\n", "", "expected keys with values"),
        (b"seed:3\n", "", "a space after the colon"),
        (b"PK\x03\x04\x14\x00", "", "a zip file; expected YAML"),
        (b"\x89HDF\r\n\x1a\n\x00", "", "a binary file"),
        (b"seed: 1\n---\nseed: 2\n", ", line 2", "another document"),
        (b"seed: !!python/name:os.system\n", ", line 1", "tag"),
        (None, "", "Is a directory"),
    ],
)
def test_a_file_that_is_no_configuration_is_told_in_one_line(tmp_path, content, place, told):
    overlay = tmp_path / "mine.yaml"
    overlay.mkdir() if content is None else overlay.write_bytes(content)
    line = unreadable(overlay)
    assert line.startswith(f"{overlay}{place}: ") and told in line and "expected" in line and "\n" not in line


@pytest.mark.parametrize(
    "content", [b"seed: 3\r\ndemo: true\r\n", b"\xef\xbb\xbfseed: 3\n", b'{"seed": 3,\n\t"demo": true}']
)
def test_a_file_that_snakemake_reads_is_readable(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    assert unreadable(tmp_path / "mine.yaml") is None


@pytest.mark.parametrize(
    ("overlay", "key", "told"),
    [
        ("dataset: {classes: {normal: [no]}}", "dataset.classes.normal.0: found False", "write it in quotes"),
        ("dataset: {classes: {normal: [2]}}", "dataset.classes.normal.0: found 2", "a number: write it in quotes"),
        ("dataset: {path: 2025-11-27}", "dataset.path: found 2025-11-27", "a date: write it in quotes"),
        ("seed: 2025-11-27", "seed: found 2025-11-27", "reads it as a date"),
        ("dataset: {path: }", "dataset.path: found None", "an empty value"),
        ("demo: 'true'", "demo: found 'true'", "write true or false, without quotes"),
        ("dataset: {classes: {no: [x]}}", "dataset.classes.False: unknown key", "write it in quotes"),
    ],
)
def test_a_value_that_yaml_reads_as_another_type_is_told_how_to_write(overlay, key, told):
    line = problem(overlay)
    assert line.startswith(key) and told in line and "YAML reads" in line


def test_shipped_configurations_are_valid():
    assert "quick.yaml" in OVERLAYS
    for overlay in ["", *[(ROOT / "config" / name).read_text() for name in OVERLAYS]]:
        assert problems(overlay) == []


def test_schema_and_defaults_have_the_same_keys():
    schema = yaml.safe_load(SCHEMA.read_text())
    searched = ("tune.space.baseline", "tune.space.transfer")  # a search names the hyperparameters that it varies
    known = set()
    for group, definition in schema_groups(schema, schema["$defs"]):
        names = set(definition["properties"])
        assert definition["additionalProperties"] is False, group
        assert group in searched or set(definition["required"]) == names - BOUNDS, group  # a choice has none
        known |= {f"{group}.{name}".removeprefix(".") for name in names if group not in searched}
    known = {key for key in known if not key.startswith("dataset.draw.")}  # null by default
    assert {key for key in keys(DEFAULTS) if not key.startswith(searched) or key in searched} == {
        key for key in known if not key.startswith(searched) or key in searched
    }
    for model in ("baseline", "transfer"):
        space = schema["properties"]["tune"]["properties"]["space"]["properties"][model]["properties"]
        assert space.keys() == DEFAULTS[model]["hyperparameters"].keys() - {"normalisation"}  # a choice of ablate


BOUNDS = {"bounds", "bounded_by"}
OPTIONAL = [f"tune.space.baseline.{name}" for name in ("learning_rate", "filters", "batch_size")]


@pytest.mark.parametrize("key", [key for key in keys(DEFAULTS) if key not in OPTIONAL])
def test_missing_key(key):
    config = configured()
    *groups, name = key.split(".")
    group = config
    for part in groups:
        group = group[part]
    del group[name]
    (message,) = check(config, SCHEMA)
    assert message.startswith(f"{key}: missing; expected ") and "a value" not in message


def test_several_problems_are_told_at_once_and_each_once():
    config = configured("training: {epochs: 0}\ncompute: {thread: 1}")
    for name in ("learning_rate", "filters", "l2"):
        del config["baseline"]["hyperparameters"][name]
    told = check(config, SCHEMA)
    assert len(told) == len(set(told)) == 5
    for name in ("learning_rate", "filters", "l2"):
        assert sum(line.startswith(f"baseline.hyperparameters.{name}: missing") for line in told) == 1


@pytest.mark.parametrize(
    ("overlay", "key", "value", "allowed"),
    [
        # wrong types
        ("seed: 1.5", "seed", "1.5", "integer at least 0"),
        ("seed: true", "seed", "True", "integer"),
        ("seed: x", "seed", "'x'", "integer"),
        ("demo: 1", "demo", "1", "boolean"),
        ("demo: 'yes'", "demo", "'yes'", "boolean"),
        ("training: {epochs: 30.0}", "training.epochs", "30.0", "integer"),
        ("finetune: {learning_rate: .nan}", "finetune.learning_rate", "nan", "above 0 and at most 1"),
        ("transfer: {weights: 1}", "transfer.weights", "1", "string"),
        ("gradcam: {layer: {baseline: 3}}", "gradcam.layer.baseline", "3", "string or null"),
        ("gradcam: {layer: {baseline: dense}}", "gradcam.layer.baseline", "'dense'", "conv, norm or relu with 1 to 4"),
        ("tune: null", "tune", "None", "object"),
        ("dataset: {draw: 100}", "dataset.draw", "100", "object or null"),
        ("dataset: {classes: {covid: covid}}", "dataset.classes.covid", "'covid'", "array"),
        ("training: {selection_seeds: [1, x]}", "training.selection_seeds.1", "'x'", "integer at least 0"),
        # out of range
        ("training: {epochs: 0}", "training.epochs", "0", "at least 1 and at most 1000"),
        ("dataset: {image_size: 1024}", "dataset.image_size", "1024", "at least 32 and at most 512"),
        ("compute: {threads: -1}", "compute.threads", "-1", "at least 1"),
        ("augmentation: {shift: 0.6}", "augmentation.shift", "0.6", "at least 0 and at most 0.5"),
        ("finetune: {divide_by: 1}", "finetune.divide_by", "1", "above 1"),
        ("finetune: {learning_rate: 0}", "finetune.learning_rate", "0", "above 0 and at most 1"),
        (
            "baseline: {hyperparameters: {dropout: 1}}",
            "baseline.hyperparameters.dropout",
            "1",
            "at least 0 and at most 0.95",
        ),
        ("dataset: {draw: {train: 8, val: 3, test: 8}}", "dataset.draw.val", "3", "at least 4"),
        ("dataset: {duplicates: skip}", "dataset.duplicates", "'skip'", "drop, keep, fail"),
        ("dataset: {ratios: {val: 0}}", "dataset.ratios.val", "0", "above 0 and below 1"),
        (
            "dataset: {ratios: {train: 0.8}}",
            "dataset.ratios",
            "{'train': 0.8, 'val': 0.15, 'test': 0.15}",
            "a sum of 1, not 1.1",
        ),
        (
            "dataset: {classes: {covid: [covid, Other], normal: [other]}}",
            "dataset.classes",
            "'other' twice",
            "each folder name once",
        ),
        ("training: {selection_seeds: []}", "training.selection_seeds", "[]", "1 or more items"),
        (
            "ablate: {variants: {loss: [focal, cross_entropy]}}",
            "ablate.variants.loss",
            "['focal', 'cross_entropy']",
            "weighted_cross_entropy among them",
        ),
        ("training: {selection_seeds: [1, 1]}", "training.selection_seeds", "[1, 1]", "different"),
        (
            "tune: {space: {transfer: {dropout: {scale: lin}}}}",
            "tune.space.transfer.dropout.scale",
            "'lin'",
            "linear, log, list, choice",
        ),
    ],
)
def test_wrong_value(overlay, key, value, allowed):
    message = problem(overlay)
    assert message.startswith(f"{key}: found {value}; expected ") and allowed in message


@pytest.mark.parametrize(
    ("name", "dimension", "part", "allowed"),
    [
        ("dropout", "{scale: linear, range: [0.1, 1.4]}", "range", "at least 0 and at most 0.95"),
        ("batch_size", "{scale: list, range: [16, 32.5]}", "range", "integer at least 1"),
        ("dropout", "{scale: linear, range: [0.6, 0.1]}", "range", "rising order"),
        ("dropout", "{scale: linear, range: [0.1, 0.1]}", "range", "rising order"),
        ("batch_size", "{scale: list, range: [16, 64, 32]}", "range", "rising order"),
        ("dropout", "{scale: linear, range: [0.1, 0.2, 0.6]}", "range", "two ends"),
        ("l2", "{scale: log, range: [0, 0.1], bounds: [0, 1]}", "range", "above 0"),
        ("l2", "{scale: log, range: [0.01, 0.1], bounds: [0, 1]}", "bounds", "above 0"),
        ("batch_size", "{scale: linear, range: [16, 64]}", "scale", "list"),
        ("dropout", "{bounds: [0, 1.4]}", "bounds", "at least 0 and at most 0.95"),
        ("dropout", "{bounds: [0, 0.5, 0.8]}", "bounds", "two ends"),
        ("dropout", "{bounds: [0.8, 0]}", "bounds", "rising order"),
        ("dropout", "{bounds: [0.2, 0.8]}", "bounds", "limits around the range [0.1, 0.6]"),
        ("dropout", "{bounds: [0, 0.5]}", "bounds", "limits around the range [0.1, 0.6]"),
        ("batch_size", "{bounds: [32, 64, 128]}", "bounds", "contains the range [16, 32, 64]"),
        ("batch_size", "{bounds: [8, 16, 24, 32, 64]}", "bounds", "without gaps"),
        ("dropout", "{scale: choice}", "scale", "for numbers"),
        ("optimizer", "{scale: list, range: [adam, sgd]}", "scale", "choice, for names"),
        ("optimizer", "{scale: choice, range: [adam, sgd], bounds: [1, 2]}", "bounds", "none, for scale: choice"),
        ("optimizer", "{scale: choice, range: [adam, adamw]}", "range", "one of adam, sgd, rmsprop"),
        ("optimizer", "{scale: choice, range: [adam, adam]}", "range", "different values"),
        ("loss", "{scale: choice, range: [focal, hinge]}", "range", "weighted_cross_entropy, cross_entropy, focal"),
        ("loss", "{scale: choice, range: [1, 2]}", "range", "weighted_cross_entropy, cross_entropy, focal"),
        ("dropout", "{range: [a, b]}", "range", "number at least 0"),
    ],
)
def test_search_space_that_leads_nowhere(name, dimension, part, allowed):
    message = problem(f"tune: {{space: {{transfer: {{{name}: {dimension}}}}}}}")
    found = yaml.safe_load(dimension)[part]
    assert message.startswith(f"tune.space.transfer.{name}.{part}: found {found!r}; expected ") and allowed in message


def test_a_number_has_to_have_bounds():
    message = problem("tune: {space: {transfer: {l2: {scale: log, range: [0.0001, 0.001]}}}}")
    assert message.startswith("tune.space.transfer.l2.bounds: missing; expected ") and "hard limits" in message
    message = problem("tune: {space: {transfer: {l2: {scale: log, range: [0.0001, 0.001], bounds: [0.0001, 1]}}}}")
    assert message.startswith("tune.space.transfer.l2.bounded_by: missing; expected the reasons")


def test_the_search_can_hold_what_it_starts_from():
    """The starting values, and for the transfer model all that the baseline's search may select."""
    message = problem("baseline: {hyperparameters: {filters: 20}}")
    assert message == (
        "tune.space.baseline.filters.bounds: found [4, 8, 12, 16, 24, 32, 48]; expected one that holds 20 of "
        "baseline.hyperparameters.filters, where the search starts"
    )
    message = problem("tune: {space: {transfer: {batch_size: {bounds: [8, 16, 32, 64, 128]}}}}")
    assert message.startswith("tune.space.transfer.batch_size.bounds: found ")
    assert message.endswith("holds 256 of tune.space.baseline.batch_size.bounds, where the search starts")
    message = problem("tune: {space: {transfer: {learning_rate: {bounds: [0.0001, 0.5]}}}}")
    assert message.endswith("holds 1e-05, 1 of tune.space.baseline.learning_rate.bounds, where the search starts")
    message = problem("tune: {space: {baseline: {loss: {scale: choice, range: [focal, cross_entropy]}}}}")
    assert message.startswith("tune.space.baseline.loss.range: ") and "weighted_cross_entropy" in message


@pytest.mark.parametrize("model", ["baseline", "transfer"])
def test_search_of_all_that_can_be_searched(model):
    lines = [line.split("#", 1)[1] for line in CONFIG.splitlines() if line.startswith("  #   ")]
    space = yaml.safe_load("\n".join(lines)) | {
        "loss": {"scale": "choice", "range": ["focal", "weighted_cross_entropy"]}
    }
    assert {"l2", "dense_units", "optimizer"} < space.keys(), "the examples in the comments of config.yaml"
    assert problems(yaml.safe_dump({"tune": {"space": {model: space}}})) == []


def test_more_candidates_than_trials():
    assert problems("tune: {min_rounds: 2, trials: 2, candidates: 4}") == []
    message = problem("tune: {min_rounds: 2, trials: 2, candidates: 5}")
    assert message.startswith("tune.candidates: found 5; expected at most 4")


def test_trials_longer_than_what_they_choose_for():
    assert problems("{training: {max_epochs: 9}, tune: {rungs: [3, 9]}}") == []
    message = problem("training: {max_epochs: 9}")
    assert message == "tune.rungs: found [10, 20, 40]; expected rising numbers up to 9, training.max_epochs"
    assert problem("tune: {rungs: [10, 5]}").startswith("tune.rungs: found [10, 5]; expected rising numbers")


def test_more_fine_tuned_heads_than_there_are():
    message = problem("finetune: {train_only_runs: 4}")
    assert message == "finetune.train_only_runs: found 4; expected at most 3, as training.selection_seeds has"


def test_learning_rates_of_the_studies_rise():
    message = problem("ablate: {learning_rates: {sgd: [0.1, 0.01]}}")
    assert message == "ablate.learning_rates.sgd: found [0.1, 0.01]; expected values in rising order"


def test_more_rounds_than_the_limit():
    message = problem("tune: {min_rounds: 3, max_rounds: 2}")
    assert message == "tune.min_rounds: found 3; expected at most 2, tune.max_rounds"


def test_layers_of_resnet50v2_are_those_of_keras():
    """Names and order, and what is left of them by a cut anywhere."""
    import keras

    network = keras.applications.ResNet50V2(include_top=False, weights=None, input_shape=(64, 64, 3))

    def layers(model):
        return [layer.name for layer in model.layers[1:] if not layer.name.startswith("max_pooling2d")]

    assert layers(network) == resnet50v2.LAYERS
    for cut in resnet50v2.LAYERS:
        left = keras.Model(network.input, network.get_layer(cut).output)
        assert sorted(layers(left)) == sorted(resnet50v2.up_to(cut)), cut


def test_layers_of_efficientnetv2b0_are_the_ends_of_the_blocks_of_keras():
    import keras

    network = keras.applications.EfficientNetV2B0(include_top=False, weights=None, input_shape=(64, 64, 3))
    ends = {name.split("_")[0]: name for name in (layer.name for layer in network.layers) if name.startswith("block")}
    assert efficientnetv2b0.LAYERS == [*ends.values(), network.layers[-1].name]
    for cut in efficientnetv2b0.LAYERS:
        left = [layer.name for layer in keras.Model(network.input, network.get_layer(cut).output).layers]
        assert [name for name in efficientnetv2b0.LAYERS if name in left] == efficientnetv2b0.up_to(cut), cut
        for start in efficientnetv2b0.unfreezable(cut):
            above = left[left.index(start) :]
            assert any(isinstance(network.get_layer(name), keras.layers.Conv2D) for name in above), (start, cut)


@pytest.mark.parametrize("module", [resnet50v2, efficientnetv2b0], ids=lambda module: module.NAME)
def test_one_value_chooses_the_backbone(module):
    """Its own layers stand where the configuration names none; those named stay."""
    key = module.__name__.split(".")[-1]
    config = configured(f"transfer: {{backbone: {key}}}")
    assert check(config, SCHEMA) == []
    fill(config)
    assert config["transfer"]["output_layer"] == module.LAYERS[-1]
    assert set(config["ablate"]["variants"]["cut"]) <= set(module.LAYERS)
    assert check(config, SCHEMA) == []
    named = configured(f"transfer: {{backbone: {key}, output_layer: x}}\nablate: {{variants: {{cut: [y]}}}}")
    fill(named)
    assert (named["transfer"]["output_layer"], named["ablate"]["variants"]["cut"]) == ("x", ["y"])
    # An entry for what the article cites.
    assert f"{{{module.CITATION}," in (ROOT / "report/references.bib").read_text()


def test_backbone_that_is_not_there():
    message = problem("transfer: {backbone: resnet50}")
    assert message == (
        "transfer.backbone: found 'resnet50'; expected one of efficientnetv2b0, resnet50v2; did you mean resnet50v2?"
    )


def test_layers_are_judged_by_the_backbone():
    overlay = "transfer: {backbone: efficientnetv2b0}\nablate: {variants: {cut: [block2b_add, post_relu]}}"
    assert problem(overlay).startswith(
        "ablate.variants.cut.1: found 'post_relu'; expected a layer where EfficientNetV2B0 can be cut"
    )


CUT = "transfer: {output_layer: conv4_block6_out}\n"
LAYER = "a layer where ResNet50V2 can be cut"
UNFREEZE = f"all, or {LAYER}, up to the last convolution below transfer.output_layer"
MAP = f"null, or {LAYER}, up to transfer.output_layer"


@pytest.mark.parametrize(
    ("overlay", "key", "value", "said"),
    [
        # mistyped
        ("transfer: {output_layer: conv4_block6_ot}", "transfer.output_layer", "conv4_block6_ot", "conv4_block6_out"),
        ("transfer: {output_layer: Post_Relu}", "transfer.output_layer", "Post_Relu", "post_relu"),
        ("finetune: {unfreeze_from: al}", "finetune.unfreeze_from", "al", "all"),
        (
            f"{CUT}finetune: {{unfreeze_from: conv4_blok1_preact_bn}}",
            "finetune.unfreeze_from",
            "conv4_blok1_preact_bn",
            "conv4_block1_preact_bn",
        ),
        ("ablate: {variants: {cut: [post_relu, post_rellu]}}", "ablate.variants.cut.1", "post_rellu", "post_relu"),
        ("gradcam: {layer: {transfer: post_rel}}", "gradcam.layer.transfer", "post_rel", "post_relu"),
        # like no other
        ("transfer: {output_layer: x}", "transfer.output_layer", "x", f"null, or {LAYER}"),
        ("ablate: {variants: {cut: [x, post_relu]}}", "ablate.variants.cut.0", "x", LAYER),
        ("finetune: {unfreeze_from: x}", "finetune.unfreeze_from", "x", f"{UNFREEZE} (post_relu)"),
        ("gradcam: {layer: {transfer: x}}", "gradcam.layer.transfer", "x", f"{MAP} (post_relu)"),
        # there, but not below the cut
        (
            f"{CUT}finetune: {{unfreeze_from: conv5_block1_out}}",
            "finetune.unfreeze_from",
            "conv5_block1_out",
            f"{UNFREEZE} (conv4_block6_out)",
        ),
        (
            f"{CUT}gradcam: {{layer: {{transfer: post_relu}}}}",
            "gradcam.layer.transfer",
            "post_relu",
            f"{MAP} (conv4_block6_out)",
        ),
        # below it, but with nothing but frozen layers in between
        ("finetune: {unfreeze_from: post_bn}", "finetune.unfreeze_from", "post_bn", f"{UNFREEZE} (post_relu)"),
        (
            f"{CUT}finetune: {{unfreeze_from: conv4_block6_out}}",
            "finetune.unfreeze_from",
            "conv4_block6_out",
            f"{UNFREEZE} (conv4_block6_out)",
        ),
    ],
)
def test_layer_that_is_not_there(overlay, key, value, said):
    message = problem(overlay)
    assert message.startswith(f"{key}: found '{value}'; expected ")
    if said in ["all", *resnet50v2.LAYERS]:
        assert message.endswith(f"; did you mean {said}?")
    else:
        assert message.endswith(f"; expected {said}")


@pytest.mark.parametrize(
    "overlay",
    [
        "finetune: {unfreeze_from: conv5_block3_3_conv}",
        f"{CUT}finetune: {{unfreeze_from: conv4_block6_3_conv}}\ngradcam: {{layer: {{transfer: conv4_block6_out}}}}",
        f"{CUT}ablate: {{variants: {{cut: [conv4_block6_out, post_relu]}}}}",
        "transfer: {output_layer: conv1_pad}",
    ],
)
def test_layer_that_is_there(overlay):
    assert problems(overlay) == []


def test_layers_are_judged_by_a_cut_that_exists():
    """What lies below a mistyped cut is not known."""
    message = problem("transfer: {output_layer: post_rel}\ngradcam: {layer: {transfer: post_relu}}")
    assert message.startswith("transfer.output_layer: ")


@pytest.mark.parametrize(
    ("overlay", "key", "value", "meant"),
    [
        # a near miss
        ("sede: 1", "sede", "1", "seed"),
        ("training: {epoch: 3}", "training.epoch", "3", "training.epochs"),
        ("trainig: {epochs: 3}", "trainig", "{'epochs': 3}", "training"),
        (
            "transfer: {hyperparameters: {dropuot: 0.2}}",
            "transfer.hyperparameters.dropuot",
            "0.2",
            "transfer.hyperparameters.dropout",
        ),
        (
            "tune: {space: {transfer: {dropout: {scal: log}}}}",
            "tune.space.transfer.dropout.scal",
            "'log'",
            "tune.space.transfer.dropout.scale",
        ),
        # right, but in the wrong group
        ("patience: 3", "patience", "3", "training.patience"),
        ("weights: imagenet", "weights", "'imagenet'", "transfer.weights"),
        ("compute: {patience: 3}", "compute.patience", "3", "training.patience"),
        ("baseline: {views: 3}", "baseline.views", "3", "transfer.views"),
        ("baseline: {dropout: 0.2}", "baseline.dropout", "0.2", "baseline.hyperparameters.dropout"),
        ("transfer: {dropout: 0.2}", "transfer.dropout", "0.2", "transfer.hyperparameters.dropout"),
    ],
)
def test_unknown_key(overlay, key, value, meant):
    assert problem(overlay) == f"{key}: unknown key (value {value}); did you mean {meant}?"


@pytest.mark.parametrize("overlay", ["DATA: x", "dataset: {classes: {pneumonia: [x]}}", "true: 3"])
def test_unknown_key_like_no_other(overlay):
    message = problem(overlay)
    assert "unknown key" in message and "did you mean" not in message


@pytest.mark.parametrize("text", ["1e-3", "1e-5", "3E-05", "'0.001'", "'1'"])
def test_number_that_yaml_reads_as_text(text):
    """YAML 1.1 wants a point in 1e-3; what the message says to write has to be read as that number."""
    message = problem(f"finetune: {{learning_rate: {text}}}")
    assert message.startswith(f"finetune.learning_rate: found {yaml.safe_load(text)!r}; expected number above 0")
    advised = message.split("write ")[1].rstrip(")")
    assert yaml.safe_load(advised) == float(text.strip("'"))
    assert problems(f"finetune: {{learning_rate: {advised}}}") == []


def test_number_in_quotes_for_an_integer():
    advised = problem("dataset: {image_size: '128'}").split("write ")[1].rstrip(")")
    assert problems(f"dataset: {{image_size: {advised}}}") == []


def test_number_where_none_is_wanted():
    assert "YAML" not in problem("demo: '1'")


def test_random_weights_are_for_the_demo_alone():
    message = problem("transfer: {weights: random}")
    assert message.startswith("transfer.weights: found 'random'")
    assert "demo: true" in message and "imagenet" in message
    assert problems("demo: true\ntransfer: {weights: random}") == []
    assert problems("transfer: {weights: some/random.h5}") == []


def test_chosen_holds_what_is_named_and_nothing_else():
    config = configured()
    text = select(config, "seed", "training.epochs", "transfer.hyperparameters")
    assert json.loads(text) == {
        "seed": config["seed"],
        "training": {"epochs": config["training"]["epochs"]},
        "transfer": {"hyperparameters": config["transfer"]["hyperparameters"]},
    }
    changed = configured("training: {patience: 9}\nbaseline: {hyperparameters: {dropout: 0.9}}\ndemo: true")
    assert select(changed, "seed", "training.epochs", "transfer.hyperparameters") == text
    with pytest.raises(KeyError):
        select(config, "training.epoch")


def test_the_digest_is_that_of_all_keys_but_for_where_files_are():
    default = digest(configured())
    same = ("dataset: {path: other.zip}", "transfer: {weights: other.h5}")
    assert {digest(configured(overlay)) for overlay in same} == {default}
    others = ("seed: 7", "dataset: {external: other.zip}", "transfer: {weights: random}", "finetune: {divide_by: 6}")
    assert len({default, *(digest(configured(overlay)) for overlay in others)}) == 1 + len(others)


def test_chosen_tells_two_swapped_values_apart():
    before = configured("baseline: {hyperparameters: {dropout: 0.2, l2: 0.5}}")
    after = configured("baseline: {hyperparameters: {dropout: 0.5, l2: 0.2}}")
    for named in (["baseline.hyperparameters"], ["baseline.hyperparameters.dropout", "baseline.hyperparameters.l2"]):
        assert select(before, *named) != select(after, *named)
        assert select(before, *named) == select(before, *reversed(named)), "the order of naming is no change"
