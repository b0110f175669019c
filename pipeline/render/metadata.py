"""report/metadata.yaml: who wrote the article and about which data, as texts ready for TeX."""

import yaml

from pipeline.command import InputError
from pipeline.render.escape import Tex, escape

AUTHOR = {"name": str, "contribution": str}
KEYS = {
    "title": str,
    "affiliation": str,
    "group": str,
    "authors": [AUTHOR],
    "data": str,
    "pretraining": str,
    "collaboration": str,
    "generative_ai": str,
}
PLACEHOLDER = "(placeholder)"


def read(file):
    """The metadata: a dict of Tex, in which what is still a placeholder is marked.

    Raises:
        InputError: not YAML, a key missing or unknown, a value of another type, a character no font has; all with
            the file and the key.
    """
    try:
        return _checked(yaml.safe_load(file.read_text()), KEYS, "")
    except yaml.YAMLError as error:
        raise InputError(f"{file}: not YAML ({error})") from None
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def placeholders(file):
    """The keys of the metadata in which something is still to be filled in."""
    return [key for key, text in _texts(yaml.safe_load(file.read_text()), "") if PLACEHOLDER in text]


def _texts(value, key):
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for place, item in enumerate(value, start=1):
            yield from _texts(item, f"{key}[{place}]")
    else:
        yield key, str(value)


def _checked(value, expected, key):
    if expected is str:
        # A group's number, unquoted, is an int to YAML.
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise InputError(f"{key}: found {value!r}; expected a text")
        return _text(str(value), key)
    if isinstance(expected, list):
        if not isinstance(value, list) or not value:
            raise InputError(f"{key}: found {value!r}; expected a list with one item or more")
        return [_checked(item, expected[0], f"{key}[{place}]") for place, item in enumerate(value, start=1)]
    if not isinstance(value, dict) or value.keys() != expected.keys():
        found = ", ".join(map(str, value)) if isinstance(value, dict) else repr(value)
        raise InputError(f"{key or 'the file'}: found {found}; expected the keys {', '.join(expected)}")
    return {name: _checked(value[name], expected[name], f"{key}.{name}".lstrip(".")) for name in expected}


def _text(text, key):
    try:
        escaped = escape(text)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None
    return Tex(rf"\placeholder{{{escaped}}}") if PLACEHOLDER in text else escaped
