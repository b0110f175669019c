"""The configuration: checked against the schema before anything runs, with messages that say what to change."""

import difflib
import json

import yaml
from jsonschema import Draft202012Validator


def check(config, schema_file):
    """All that is wrong with `config`, one line each: the key, its value, what is allowed, the key probably meant.

    Returns:
        list of str, empty where the configuration is valid.
    """
    with open(schema_file) as file:
        schema = yaml.safe_load(file)
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    return [line for error in errors for line in _lines(error, schema)]


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


def _lines(error, schema):
    key = ".".join(map(str, error.path))
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return [_unknown(key, name, error.instance[name], schema) for name in error.instance if name not in known]
    if error.validator == "required":
        absent = [name for name in error.validator_value if name not in error.instance]
        return [f"{_join(key, name)}: missing; expected {_allowed(error.schema['properties'][name])}" for name in absent]
    if error.validator == "not":
        return [f"{key}: {error.schema['description']}"]
    line = f"{key}: found {error.instance!r}; expected {_allowed(error.schema)}"
    if isinstance(error.instance, str) and _is_number(error.instance):
        line += f" (YAML reads {error.instance} as text: write {float(error.instance)!r} or with a point, as in 1.0e-3)"
    elif isinstance(error.instance, str) and "enum" in error.schema:
        line += _did_you_mean(error.instance, [str(value) for value in error.schema["enum"]])
    return [line]


def _unknown(key, name, value, schema):
    wrong = _join(key, str(name))
    known = list(_keys(schema))
    return f"{wrong}: unknown key (value {value!r}){_did_you_mean(wrong, known)}"


def _did_you_mean(word, known):
    # A key may be right but in the wrong group, so its last part counts as well.
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.75) or [
        key for key in known if key.split(".")[-1] == word.split(".")[-1]
    ]
    return f"; did you mean {near[0]}?" if near else ""


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


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
