"""The page of all configuration keys."""

import re
from pathlib import Path

import yaml

from workflow import keys

ROOT = Path(__file__).parents[2]


def leaves(node, prefix=""):
    for name, value in node.items():
        if isinstance(value, dict) and "scale" not in value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_the_page_is_that_of_the_schema_and_the_defaults():
    assert (ROOT / "config/README.md").read_text() == keys.page(), "python -m workflow.keys > config/README.md"


def test_every_key_has_a_row_with_its_default_and_meaning():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| `(.+?)` \| (.+?) \|$", keys.page(), re.MULTILINE)
    assert sorted(key for key, *_ in rows) == sorted(leaves(config))
    for key, _, default, _ in rows:
        value = config
        for part in key.split("."):
            value = value[part]
        assert yaml.safe_load(default) == value, key
