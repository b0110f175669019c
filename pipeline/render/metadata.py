"""report/metadata.yaml: who wrote the article and about which data, as texts ready for TeX and answers of yes or no."""

import re

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
    "data_citations": str,
    "classes_from_different_sources": bool,
    "pretraining": str,
    "collaboration": str,
    "generative_ai": str,
    "earlier_looks": str,
}
MAY_BE_EMPTY = {"data_citations", "earlier_looks"}
ANSWERS = {"yes": True, "no": False}
PLACEHOLDER = "(placeholder)"
# A text without quotes, and behind it a comment.
COMMENTED = re.compile(r"^\s*(?:- )?(\w+): +(?![\"'])[^#\n]*\s#", re.MULTILINE)


def read(file):
    """The metadata: a dict of Tex, in which what is still a placeholder is marked, and of bool.

    Raises:
        InputError: what `load` raises; a key missing or unknown, a value of another type, a character no font has, a
            citation that references.bib beside it does not have; all with the file and the key.
    """
    found = load(file)
    try:
        checked = _checked(found, KEYS, "")
        return checked | {"data_citations": _citations(found["data_citations"], file.with_name("references.bib"))}
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def load(file):
    """The metadata as written: texts, in lists and dicts. None becomes a number, which would lose the 0 of group 07.

    Raises:
        InputError: no such file, no UTF-8, no YAML; or a text that would end at a #.
    """
    try:
        text = file.read_text(encoding="utf-8")
        found = yaml.load(text, yaml.BaseLoader)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; expected the file that the project comes with") from None
    except UnicodeDecodeError:
        raise InputError(f"{file}: not in UTF-8; save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        place = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{file}{place}: not YAML ({error.problem}); put each text in quotes") from None
    except yaml.YAMLError as error:
        raise InputError(f"{file}: not YAML ({' '.join(str(error).split())})") from None
    if lost := COMMENTED.search(text):
        raise InputError(f"{file}: {lost[1]}: what follows # is a comment to YAML; put the text in quotes")
    return found


def placeholders(file):
    """The keys of the metadata in which something is still to be filled in."""
    return [key for key, text in _texts(load(file), "") if PLACEHOLDER in text]


def _texts(value, key):
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for place, item in enumerate(value, start=1):
            yield from _texts(item, f"{key}[{place}]")
    else:
        yield key, value


def _checked(value, expected, key):
    if expected is str:
        if not isinstance(value, str) or (value == "" and key not in MAY_BE_EMPTY):
            raise InputError(f"{key}: found {value!r}; expected a text")
        return _text(value, key)
    if expected is bool:
        if not isinstance(value, str) or value not in ANSWERS:
            raise InputError(f"{key}: found {value!r}; expected yes or no")
        return ANSWERS[value]
    if isinstance(expected, list):
        if not isinstance(value, list) or not value:
            raise InputError(f"{key}: found {value!r}; expected a list with one item or more")
        return [_checked(item, expected[0], f"{key}[{place}]") for place, item in enumerate(value, start=1)]
    where = key or "the file"
    if not isinstance(value, dict):
        raise InputError(f"{where}: found {value!r}; expected the keys {', '.join(expected)}")
    for name in [*value, *expected]:
        if (name in value) != (name in expected):
            wrong = "missing" if name in expected else "unknown"
            raise InputError(f"{where}: {wrong} key {name}; expected the keys {', '.join(expected)}")
    return {name: _checked(value[name], expected[name], f"{key}.{name}".lstrip(".")) for name in expected}


def _citations(text, references):
    """The keys of `text`, as \\cite takes them."""
    keys = [key.strip() for key in text.split(",") if key.strip()]
    known = re.findall(r"^@\w+\{([^,\s]+),", references.read_text(encoding="utf-8"), re.MULTILINE)
    if unknown := [key for key in keys if key not in known]:
        raise InputError(
            f"data_citations: found {', '.join(unknown)}; expected keys of {references.name}, with commas between them"
        )
    return Tex(",".join(keys))


def _text(text, key):
    try:
        escaped = escape(text)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None
    return Tex(rf"\placeholder{{{escaped}}}") if PLACEHOLDER in text else escaped
