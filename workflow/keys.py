"""The page of all configuration keys, from the schema and the defaults: python -m workflow.keys > config/README.md"""

from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
HEAD = """\
# Configuration

`config/config.yaml` holds every key with its default. Put what you change into an overlay, a YAML file with those keys
only: `make report CONFIG=mine.yaml`, or `snakemake --cores 4 --directory build/mine --configfile mine.yaml`. A key or
value that is not allowed is refused before anything runs.

The tables below are made from `workflow/schemas/config.schema.yaml` by `python -m workflow.keys > config/README.md`.
"""
TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}


def page():
    """The page as Markdown."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    defaults = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    top, parts = [], []
    for name, node in schema["properties"].items():
        if "properties" in node:
            parts.append((name, _leaves(f"{name}.", node, defaults[name], schema)))
        else:
            top += _leaves("", {"properties": {name: node}}, defaults, schema)
    return HEAD + "".join(_table(name, rows) for name, rows in [("general", top), *parts])


def _leaves(prefix, node, default, schema):
    """(key, allowed values, default, description) of each key below `node` that has no keys of its own."""
    rows = []
    for name, child in node["properties"].items():
        key, child = prefix + name, _resolved(child, schema)
        if name not in default:  # another hyperparameter of the search
            continue
        # A dimension of the search, and what may be null, is one value.
        if "properties" in child and "scale" not in child["properties"] and "null" not in child["type"]:
            rows += _leaves(f"{key}.", child, default[name], schema)
        else:
            rows.append((key, _allowed(child, schema), default[name], child["description"]))
    return rows


def _resolved(node, schema):
    """The node, with the definition that it refers to; its own description goes before the definition's."""
    if "$ref" not in node:
        return node
    return schema["$defs"][node["$ref"].split("/")[-1]] | {key: node[key] for key in node if key != "$ref"}


def _allowed(node, schema):
    node = _resolved(node, schema)
    if "enum" in node:
        return ", ".join(map(_yaml, node["enum"]))
    if "oneOf" in node or "anyOf" in node:
        return "; or ".join(_allowed(each, schema) for each in node.get("oneOf", node.get("anyOf")))
    kinds = node.get("type", "object")
    return " or ".join(_kind(kind, node, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _kind(kind, node, schema):
    if kind == "array":
        length = f", at least {node['minItems']}" if "minItems" in node else ""
        return f"list of {_allowed(node['items'], schema)}{length}" if "items" in node else f"list{length}"
    if kind == "object":
        return "keys " + ", ".join(node["properties"]) if "properties" in node else "keys"
    limits = [("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"), ("exclusiveMaximum", "below")]
    stated = [f"{word} {_yaml(node[limit])}" for limit, word in limits if limit in node]
    return " ".join([TYPES[kind], *(stated if kind in ("integer", "number") else [])])


def _yaml(value):
    """As one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _table(name, rows):
    lines = [f"\n## {name}\n", "| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    for key, allowed, default, description in rows:
        cells = [f"`{key}`", allowed, f"`{_yaml(default)}`", description]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
