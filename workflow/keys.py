"""The page of all configuration keys, from the schema and the defaults: python -m workflow.keys > config/README.md"""

import itertools
from pathlib import Path

import yaml

from workflow import settings

ROOT = Path(__file__).parent.parent
HEAD = """\
# Configuration

`config/config.yaml` holds every key with its default. Put what you change into an overlay, a YAML file with those keys
only: `make report CONFIG=mine.yaml`, or `snakemake --cores 4 --directory build/mine --configfile mine.yaml`. A key or
value that is not allowed is refused before anything runs.

`python -m workflow.keys > config/README.md` makes the tables below from `workflow/schemas/config.schema.yaml` and
`config/config.yaml`.
"""


def page():
    """The page as Markdown: one table per top-level key; keys without a group come first."""
    schema = settings.read_schema(ROOT / "workflow/schemas/config.schema.yaml")
    defaults = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    text = HEAD
    for group, rows in itertools.groupby(_rows(schema, defaults), lambda row: row[0].rpartition(".")[0].split(".")[0]):
        text += f"\n## {group or 'general'}\n\n| key | values | default | meaning |\n| --- | --- | --- | --- |\n"
        text += "".join(f"| `{key}` | {allowed} | `{value}` | {meaning} |\n" for key, allowed, value, meaning in rows)
    return text


def _rows(definition, defaults, prefix=""):
    """(key, allowed values, default as YAML, meaning) of each key that has a default and no keys of its own.

    A dimension of the search, with its scale, range and bounds, counts as one value.
    """
    for name, part in definition["properties"].items():
        if name not in defaults:
            continue
        if part.get("type") == "object" and "scale" not in part["properties"]:
            yield from _rows(part, defaults[name], f"{prefix}{name}.")
        else:
            default = yaml.safe_dump(defaults[name], default_flow_style=True, width=10**6, sort_keys=False)
            shown = default.removesuffix("\n").removesuffix("\n...")
            yield f"{prefix}{name}", settings.allowed(part), shown, part["description"]


if __name__ == "__main__":
    print(page(), end="")
