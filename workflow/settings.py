"""The configuration: checked against the schema before anything runs, with messages that say what to change."""

import contextlib
import difflib
import json
import math
import os
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators

from pipeline.models import resnet50v2

# JSON Schema takes 3.0 for an integer, which Python's range() refuses, and .nan for a number within any limits.
Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: type(value) in (int, float) and math.isfinite(value),
        }
    ),
)


def check(config, schema_file):
    """All that is wrong with `config`, one line each: the key, its value, what is allowed, the key probably meant.

    Returns:
        list of str, empty where the configuration is valid.
    """
    with open(schema_file) as file:
        schema = yaml.load(file, yaml.CSafeLoader)
    schema = _inlined(schema, schema["$defs"])
    errors = sorted(Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    lines = [line for error in errors for line in _lines(error, schema)]
    # `required` gives an error, and so all its lines, for each of several absent keys.
    return list(dict.fromkeys(lines)) or [
        *_class_lines(config),
        *_ratio_lines(config),
        *_layer_lines(config),
        *_space_lines(config, schema),
    ]


def repeated(files):
    """Keys that stand twice in one of the configuration's files, a line each: YAML takes the last without a word."""
    for file in files:
        # One that is JSON and no YAML, such as with tabs, was read all the same.
        with contextlib.suppress(yaml.YAMLError):
            yield from _repeated(yaml.compose(Path(file).read_text(encoding="utf-8"), yaml.CSafeLoader), "", file)


def _repeated(node, key, file):
    lines = {}
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        lines.setdefault(_join(key, name.value), []).append(str(name.start_mark.line + 1))
        yield from _repeated(value, _join(key, name.value), file)
    for name, places in lines.items():
        if len(places) > 1:
            yield f"{name}: found in lines {' and '.join(places)} of {file}; expected once, with all that belongs to it"


def chosen(config, *keys):
    """The part of `config` that the dotted `keys` name, in the shape of the configuration, as a JSON text.

    A rule states what it uses as this one text: Snakemake compares parameters as a set of values without names, so
    that two of them swapped would go unnoticed.
    """
    part = {}
    for key in keys:
        *groups, last = key.split(".")
        source, target = config, part
        for group in groups:
            source, target = source[group], target.setdefault(group, {})
        target[last] = source[last]
    return json.dumps(part, sort_keys=True)


def _inlined(node, definitions):
    """The schema with each $ref replaced by what it stands for, which messages quote."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = definitions[node["$ref"].removeprefix("#/$defs/")]
    return {name: _inlined(value, definitions) for name, value in node.items()}


def _class_lines(config):
    folders = [folder.lower() for folders in config["dataset"]["classes"].values() for folder in folders]
    for folder in sorted({folder for folder in folders if folders.count(folder) > 1}):
        yield f"dataset.classes: found {folder!r} twice; expected each folder name once, in upper or lower case"


def _ratio_lines(config):
    ratios = config["dataset"]["ratios"]
    total = sum(ratios.values())
    if not math.isclose(total, 1, abs_tol=1e-6):
        yield f"dataset.ratios: found {ratios}; expected a sum of 1, not {total:g}"


def _layer_lines(config):
    """Layers that ResNet50V2 does not have, or not below its cut: the stages themselves would say so hours later."""
    of_network = "a layer of ResNet50V2"
    for place, name in enumerate(config["ablate"]["variants"]["cut"]):
        yield from _layer_line(f"ablate.variants.cut.{place}", name, resnet50v2.LAYERS, of_network)
    cut, mapped = config["transfer"]["output_layer"], config["gradcam"]["layer"]["transfer"]
    if cut not in resnet50v2.LAYERS:
        yield from _layer_line("transfer.output_layer", cut, resnet50v2.LAYERS, of_network)
        return
    left = resnet50v2.up_to(cut)
    # BatchNormalization stays frozen: with no convolution among them, nothing of the backbone would be trained.
    convolutions = [place for place, name in enumerate(left) if name.endswith("_conv")]
    yield from _layer_line(
        "finetune.unfreeze_from",
        config["finetune"]["unfreeze_from"],
        ["all", *left[: max(convolutions, default=-1) + 1]],
        f"all, or a layer up to the last convolution below transfer.output_layer ({cut})",
    )
    if mapped is not None:
        below = f"null, or a layer up to transfer.output_layer ({cut})"
        yield from _layer_line("gradcam.layer.transfer", mapped, left, below)


def _layer_line(key, name, allowed, expected):
    if name not in allowed:
        # One that exists is no typing error.
        hint = "" if name in resnet50v2.LAYERS else _did_you_mean(name, allowed)
        yield f"{key}: found {name!r}; expected {expected}{hint}"


def _space_lines(config, schema):
    """What a schema cannot say of the search: its values are ones that the hyperparameter may have, in order, and the
    range of each can be extended to its bounds."""
    tune = config["tune"]
    trials = tune["rounds"] * tune["trials"]
    if tune["candidates"] > trials:
        yield f"tune.candidates: found {tune['candidates']}; expected at most {trials}, all trials of all rounds"
    if tune["epochs"] > config["training"]["epochs"]:
        most = config["training"]["epochs"]
        yield f"tune.epochs: found {tune['epochs']}; expected at most {most}, training.epochs"
    for model, space in tune["space"].items():
        hyperparameters = schema["properties"][model]["properties"]["hyperparameters"]["properties"]
        for name, dimension in space.items():
            # The first thing wrong is told: what follows it may be a consequence.
            wrong = next(_dimension_lines(dimension, hyperparameters[name]), None)
            if wrong:
                yield f"tune.space.{model}.{name}.{wrong}"


def _dimension_lines(dimension, definition):
    """All that is wrong with a dimension of the search space, beginning with the part that is."""
    scale = dimension["scale"]
    if "enum" in definition and scale != "choice":
        yield f"scale: found {scale!r}; expected choice, for names"
    if "enum" not in definition and scale == "choice":
        yield "scale: found 'choice'; expected linear, log or list, for numbers"
    if scale == "choice" and "bounds" in dimension:
        yield f"bounds: found {dimension['bounds']}; expected none, for scale: choice"
    if scale != "choice" and "bounds" not in dimension:
        yield "bounds: missing; expected the hard limits of the range (for scale: list, all values that it may take)"
    for part in ("range", "bounds"):
        values = dimension.get(part, [])
        if not all(Validator(definition).is_valid(value) for value in values):
            yield f"{part}: found {values}; expected each {_allowed(definition)}"
        elif scale == "choice" and len(set(values)) < len(values):
            yield f"{part}: found {values}; expected different values"
        elif scale != "choice" and values != sorted(set(values)):
            yield f"{part}: found {values}; expected values in rising order"
        elif scale in ("linear", "log") and definition["type"] == "integer":
            yield f"scale: found {scale!r}; expected list, for whole numbers"
        elif scale in ("linear", "log") and len(values) != 2:
            yield f"{part}: found {values}; expected its two ends (or scale: list)"
        elif scale == "log" and values[0] <= 0:
            yield f"{part}: found {values}; expected ends above 0 (or scale: linear)"
    values, bounds = dimension["range"], dimension.get("bounds")
    if scale == "list" and values not in (bounds[first:][: len(values)] for first in range(len(bounds))):
        yield f"bounds: found {bounds}; expected a list in which the range {values} stands, without gaps"
    if scale in ("linear", "log") and not bounds[0] <= values[0] < values[1] <= bounds[1]:
        yield f"bounds: found {bounds}; expected limits around the range {values}"


def _lines(error, schema):
    key = ".".join(map(str, error.path))
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return [_unknown(key, name, error.instance[name], schema) for name in error.instance if name not in known]
    if error.validator == "required":
        absent = [name for name in error.validator_value if name not in error.instance]
        return [
            f"{_join(key, name)}: missing; expected {_allowed(error.schema['properties'][name])}" for name in absent
        ]
    if error.validator == "not":
        return [f"{key}: {error.schema['description']}"]
    line = f"{key}: found {error.instance!r}; expected {_allowed(error.schema)}"
    if (
        error.schema.get("type") in ("integer", "number")
        and isinstance(error.instance, str)
        and _number(error.instance)
    ):
        line += f" (YAML reads it as text: write {_number(error.instance)})"
    return [line]


def _unknown(key, name, value, schema):
    wrong = _join(key, str(name))
    known = list(_keys(schema))
    return f"{wrong}: unknown key (value {value!r}){_did_you_mean(wrong, known)}"


def _did_you_mean(word, known):
    """The known key most like `word`: above all in its last part, since a key may be right but in the wrong group."""

    def likeness(key):
        parts, wanted = key.split("."), word.split(".")
        shared_groups = len(os.path.commonprefix([parts, wanted]))
        return _likeness(wanted[-1], parts[-1]), shared_groups, _likeness(word, key)

    best = max(known, key=likeness)
    return f"; did you mean {best}?" if likeness(best)[0] > 0.7 else ""


def _likeness(word, other):
    return difflib.SequenceMatcher(None, word, other).ratio()


def _keys(schema, prefix=""):
    """Every dotted key that the schema knows, with what its definition says."""
    for name, definition in schema.get("properties", {}).items():
        key = _join(prefix, name)
        yield key
        yield from _keys(definition, key)


def _allowed(definition):
    """The schema's limits in words."""
    words = []
    if "enum" in definition:
        words.append("one of " + ", ".join(map(str, definition["enum"])))
    elif "const" in definition:
        words.append(str(definition["const"]))
    elif "oneOf" in definition:
        words.append(" or ".join(_allowed(option) for option in definition["oneOf"]))
    else:
        kind = definition.get("type", "a value")
        words.append(" or ".join(kind) if isinstance(kind, list) else kind)
    limits = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    bounds = [f"{text} {definition[limit]}" for limit, text in limits.items() if limit in definition]
    if bounds:
        words.append(" and ".join(bounds))
    if "minItems" in definition:
        words.append(f"with {definition['minItems']} or more items")
    if "description" in definition:
        words.append(f"({definition['description']})")
    return " ".join(words)


def _join(group, name):
    return f"{group}.{name}" if group else name


def _number(text):
    """The finite number that `text` was meant as, in a form that YAML reads as one (not 1e-05); None for other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return yaml.safe_dump(int(value) if value.is_integer() else value).split()[0]
