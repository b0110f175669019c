"""The configuration: checked against the schema before anything runs, with messages that say what to change.

    python -m workflow.settings FILE...

tells what keeps Snakemake from reading the files, which it does before the Snakefile can check anything.
"""

import contextlib
import copy
import datetime
import difflib
import hashlib
import importlib
import json
import math
import os
import re
import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators

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

# Of YAML 1.1: octal, and in base 60.
NOT_DECIMAL = r"[-+]?0[0-7_]*[0-7]|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"

BACKBONES = sorted(
    file.stem
    for file in (Path(__file__).parent.parent / "pipeline/models/backbones").glob("*.py")
    if file.stem[0] != "_"
)

READ_AS = {
    bool: "true or false, as it does no, yes, on and off",
    int: "a number",
    float: "a number",
    datetime.date: "a date",
    datetime.datetime: "a date",
}


def check(config, schema_file):
    """All that is wrong with `config`, one line each: the key, its value, what is allowed, the key probably meant.

    Returns:
        list of str, empty where the configuration is valid.
    """
    schema = read_schema(schema_file)
    errors = sorted(Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    lines = [line for error in errors for line in _lines(error, schema)]
    # `required` gives an error, and so all its lines, for each of several absent keys.
    return list(dict.fromkeys(lines)) or [
        *_class_lines(config),
        *_ratio_lines(config),
        *_layer_lines(config),
        *_space_lines(config, schema),
        *_run_lines(config),
        *_rate_lines(config),
    ]


def read_schema(file):
    """The schema with each $ref replaced by the definition that it names; keys beside the $ref take precedence."""
    schema = yaml.load(Path(file).read_text(), yaml.CSafeLoader)
    return _inlined(schema, schema["$defs"])


def unreadable(file):
    """What keeps `file` from being read as keys with values, in one line: file, line and cause; None where nothing."""
    try:
        text = _text(Path(file).read_bytes())
        values = _values(text)
    except OSError as error:
        return f"{file}: {error.strerror}; expected a YAML file, such as config/quick.yaml"
    except _NoText as error:
        return f"{file}{error}"
    except yaml.YAMLError as error:
        return f"{file}{_place_and_cause(text, error)}"
    if values is None:
        return f"{file}: found no keys; expected those that it changes, such as seed: 1"
    if not isinstance(values, dict):
        return (
            f"{file}: found {str(values)[:40]!r}; expected keys with values, such as seed: 1 (a space after the colon)"
        )
    return None


class _NoText(Exception):
    """Where and what was found in place of text in UTF-8, and what was expected."""


def _text(content):
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _NoText(": found text in UTF-16; expected UTF-8: save the file in that encoding")
    if content.startswith(b"PK\x03\x04"):
        raise _NoText(": found a zip file; expected YAML (DATA or dataset.path names an archive of images)")
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", content):
        raise _NoText(": found a binary file, or text in UTF-16; expected YAML in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _NoText(
            f", line {line}: found bytes that are not UTF-8; expected UTF-8: save the file in that encoding"
        ) from None


def _values(text):
    """What Snakemake reads: JSON, or else YAML."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.load(text, yaml.CSafeLoader)


def _place_and_cause(text, error):
    if not isinstance(error, yaml.MarkedYAMLError):
        return f": found text that is not YAML: {str(error).splitlines()[0]}"
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return f", line {number}: found a tab; expected spaces before the key"
    # Where a bracket or quote opens, not where the file ends without its counterpart.
    opened = error.context and ("flow" in error.context or "scanning" in error.context)
    mark = error.context_mark if opened else error.problem_mark
    told = ", ".join(part for part in (error.context, error.problem) if part)
    line = f", line {mark.line + 1}" if mark else ""
    return f"{line}: {told}; expected YAML: check brackets, quotes, colons and indentation"


def misread(files):
    """What YAML reads otherwise than it is written, a line each: keys that stand twice, of which the last is taken,
    and numbers such as 0644, which is 420, or 1:30, which is 90."""
    for file in files:
        # One that is JSON and no YAML, such as with tabs, was read all the same.
        with contextlib.suppress(yaml.YAMLError):
            yield from _misread(yaml.compose(Path(file).read_text(encoding="utf-8-sig"), yaml.CSafeLoader), "", file)


def _misread(node, key, file):
    if isinstance(node, yaml.ScalarNode) and not node.style and re.fullmatch(NOT_DECIMAL, node.value):
        value = yaml.safe_load(node.value)
        yield (
            f"{key}: found {node.value} in line {node.start_mark.line + 1} of {file}, which YAML reads as {value}; "
            "expected a decimal number without leading zeros, or a text in quotes"
        )
    if isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from _misread(item, _join(key, str(place)), file)
    lines: dict[str, list[str]] = {}
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        lines.setdefault(_join(key, str(name.value)), []).append(str(name.start_mark.line + 1))
        yield from _misread(value, _join(key, str(name.value)), file)
    for name, places in lines.items():
        if len(places) > 1:
            yield f"{name}: found in lines {' and '.join(places)} of {file}; expected once, with all that belongs to it"


def select(config, *keys):
    """The part of `config` that the dotted `keys` name, in the shape of the configuration, as a JSON text.

    A rule states what it uses as this one text: Snakemake compares parameters as a set of values without names, so
    that two of them swapped would go unnoticed.
    """
    part: dict = {}
    for key in keys:
        *groups, last = key.split(".")
        source, target = config, part
        for group in groups:
            source, target = source[group], target.setdefault(group, {})
        target[last] = source[last]
    return json.dumps(part, sort_keys=True)


def backbone_module(config):
    """The name of the module of the backbone."""
    return f"pipeline.models.backbones.{config['transfer']['backbone']}"


def fill(config):
    """Put the backbone's own layers where a valid configuration names none (null)."""
    backbone = importlib.import_module(backbone_module(config))
    transfer, variants = config["transfer"], config["ablate"]["variants"]
    transfer["output_layer"] = transfer["output_layer"] or backbone.OUTPUT_LAYER
    variants["cut"] = variants["cut"] or backbone.CUTS


def digest(config):
    """SHA-256 of the whole configuration, but for where the files of the user are: that says nothing of a result."""
    dataset = config["dataset"] | {"path": None, "external": bool(config["dataset"]["external"])}
    transfer = config["transfer"] | {"weights": config["transfer"]["weights"] == "random"}
    text = json.dumps(config | {"dataset": dataset, "transfer": transfer}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _inlined(node, definitions):
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = definitions[node["$ref"].removeprefix("#/$defs/")] | {key: node[key] for key in node if key != "$ref"}
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
    """A backbone that does not exist, and layers that it does not have, or not below its cut: the stages themselves
    would say so hours later."""
    name = config["transfer"]["backbone"]
    if name not in BACKBONES:
        hint = _did_you_mean(name, BACKBONES)
        yield f"transfer.backbone: found {name!r}; expected one of {', '.join(BACKBONES)}{hint}"
        return
    backbone = importlib.import_module(backbone_module(config))
    layer = f"a layer where {backbone.NAME} can be cut"
    filled = copy.deepcopy(config)
    fill(filled)
    for place, name in enumerate(filled["ablate"]["variants"]["cut"]):
        yield from _layer_line(f"ablate.variants.cut.{place}", name, backbone, backbone.LAYERS, layer)
    cut, mapped = filled["transfer"]["output_layer"], config["gradcam"]["layer"]["transfer"]
    if cut not in backbone.LAYERS:
        yield from _layer_line("transfer.output_layer", cut, backbone, backbone.LAYERS, f"null, or {layer}")
        return
    yield from _layer_line(
        "finetune.unfreeze_from",
        config["finetune"]["unfreeze_from"],
        backbone,
        ["all", *backbone.unfreezable(cut)],
        f"all, or {layer}, up to the last convolution below transfer.output_layer ({cut})",
    )
    if mapped is not None:
        below = f"null, or {layer}, up to transfer.output_layer ({cut})"
        yield from _layer_line("gradcam.layer.transfer", mapped, backbone, backbone.up_to(cut), below)


def _layer_line(key, name, backbone, allowed, expected):
    if name not in allowed:
        # One that exists is no typing error.
        hint = "" if name in backbone.LAYERS else _did_you_mean(name, allowed)
        yield f"{key}: found {name!r}; expected {expected}{hint}"


def _run_lines(config):
    runs, seeds = config["finetune"]["train_only_runs"], config["training"]["selection_seeds"]
    if runs > len(seeds):
        yield f"finetune.train_only_runs: found {runs}; expected at most {len(seeds)}, as training.selection_seeds has"


def _rate_lines(config):
    for optimizer, rates in config["ablate"]["learning_rates"].items():
        if rates != sorted(rates):
            yield f"ablate.learning_rates.{optimizer}: found {rates}; expected values in rising order"


def _space_lines(config, schema):
    """What a schema cannot say of the search: its values are ones that the hyperparameter may have, in order, and the
    range of each can be extended to its bounds."""
    tune, most = config["tune"], config["training"]["max_epochs"]
    trials = tune["min_rounds"] * tune["trials"]
    if tune["candidates"] > trials:
        yield f"tune.candidates: found {tune['candidates']}; expected at most {trials}, all trials of tune.min_rounds"
    if tune["min_rounds"] > tune["max_rounds"]:
        yield f"tune.min_rounds: found {tune['min_rounds']}; expected at most {tune['max_rounds']}, tune.max_rounds"
    if tune["rungs"] != sorted(tune["rungs"]) or tune["rungs"][-1] > most:
        yield f"tune.rungs: found {tune['rungs']}; expected rising numbers up to {most}, training.max_epochs"
    for model, space in tune["space"].items():
        hyperparameters = schema["properties"][model]["properties"]["hyperparameters"]["properties"]
        for name, dimension in space.items():
            # The first thing wrong is told: what follows it may be a consequence.
            wrong = next(_dimension_lines(dimension, hyperparameters[name]), None)
            wrong = wrong or next(_start_lines(config, model, name), None)
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
            yield f"{part}: found {values}; expected each {_expected(definition)}"
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
        yield f"bounds: found {bounds}; expected a list that contains the range {values} without gaps"
    if scale in ("linear", "log") and not bounds[0] <= values[0] < values[1] <= bounds[1]:
        yield f"bounds: found {bounds}; expected limits around the range {values}"
    if scale == "choice" and "bounded_by" in dimension:
        yield f"bounded_by: found {dimension['bounded_by']}; expected none, for scale: choice"
    if scale != "choice" and "bounded_by" not in dimension:
        yield "bounded_by: missing; expected the reasons for the lower and the upper bound, such as [nature, cost]"


def _start_lines(config, model, name):
    """A value that the search of a model starts from and that its dimension cannot hold. The transfer model starts from
    those of the baseline."""
    dimension = config["tune"]["space"][model][name]
    starts = {f"{model}.hyperparameters.{name}": [config[model]["hyperparameters"][name]]}
    if model == "transfer" and name in (baseline := config["tune"]["space"]["baseline"]):
        part, values = _reach(baseline[name])
        starts[f"tune.space.baseline.{name}.{part}"] = values
    part, held = _reach(dimension)
    listed = dimension["scale"] in ("list", "choice")
    for source, values in starts.items():
        outside = [value for value in values if (value not in held if listed else not held[0] <= value <= held[-1])]
        if outside:
            held_by = f"expected one that holds {', '.join(map(str, outside))} of {source}, where the search starts"
            yield f"{part}: found {held}; {held_by}"


def _reach(dimension):
    """The part of a dimension that says how far its search may go, and its values; none where it is missing, which is
    told elsewhere."""
    part = "range" if dimension["scale"] == "choice" else "bounds"
    return part, dimension.get(part, [])


def _lines(error, schema):
    key = ".".join(map(str, error.path))
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return [_unknown(key, name, error.instance[name], schema) for name in error.instance if name not in known]
    if error.validator == "required":
        absent = [name for name in error.validator_value if name not in error.instance]
        return [
            f"{_join(key, name)}: missing; expected {_expected(error.schema['properties'][name])}" for name in absent
        ]
    if error.validator == "not":
        return [f"{key}: {error.schema['description']}"]
    return [f"{key}: found {_shown(error.instance)}; expected {_expected(error.schema)}{_as_read(error)}"]


def _shown(value):
    return value.isoformat() if isinstance(value, datetime.date) else repr(value)


def _as_read(error):
    """How to write a value that YAML read as one of another type than was meant; empty where that is not the cause."""
    kinds, value = error.schema.get("type", ()), error.instance
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if kinds & {"integer", "number"} and isinstance(value, str) and _number(value):
        return f" (YAML reads it as text: write {_number(value)})"
    if kinds == {"boolean"} and str(value).lower() in ("true", "false", "yes", "no"):
        return " (YAML reads it as text: write true or false, without quotes)"
    if "string" in kinds and type(value) in READ_AS:
        return f" (YAML reads it as {READ_AS[type(value)]}: write it in quotes)"
    if value is None:
        return " (YAML reads an empty value, null and ~ as none)"
    if type(value) in (datetime.date, datetime.datetime):
        return f" (YAML reads it as {READ_AS[type(value)]})"
    return ""


def _unknown(key, name, value, schema):
    wrong = _join(key, str(name))
    known = list(_keys(schema))
    quoted = (
        "" if isinstance(name, str) else f" (YAML reads the key as {READ_AS.get(type(name), name)}: write it in quotes)"
    )
    return f"{wrong}: unknown key (value {_shown(value)}){_did_you_mean(wrong, known)}{quoted}"


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


def _expected(definition):
    said = f" ({definition['description']})" if "description" in definition else ""
    return allowed(definition) + said


def allowed(definition):
    """The schema's limits in words."""
    words = []
    if "enum" in definition:
        words.append("one of " + ", ".join(map(str, definition["enum"])))
    elif "const" in definition:
        words.append(str(definition["const"]))
    elif "oneOf" in definition:
        words.append(" or ".join(_expected(option) for option in definition["oneOf"]))
    else:
        kind = definition.get("type", "a value")
        words.append(" or ".join(kind) if isinstance(kind, list) else kind)
    limits = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    bounds = [f"{text} {definition[limit]}" for limit, text in limits.items() if limit in definition]
    if bounds:
        words.append(" and ".join(bounds))
    if "minItems" in definition:
        words.append(f"with {definition['minItems']} or more items")
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


if __name__ == "__main__":
    sys.exit("\n".join(filter(None, map(unreadable, sys.argv[1:]))) or None)
