"""Text that TeX takes literally, whatever is in it."""

import re
import unicodedata

from pipeline.command import InputError

ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
}
# What the article's fonts have: letters of Latin-1 and Latin Extended-A, and common punctuation.
LETTERS = re.compile("[ -~\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017e]")
PUNCTUATION = set("¡¿«»§°±·×÷£©®–—‘’“”„…•€")
ABSENT = set("ĦħĸĿŀŉŦŧĲĳ")


class Tex(str):
    """TeX source: what is not to be escaped."""


def escape(text):
    """`text` as TeX that shows it; white space becomes single blanks.

    Raises:
        InputError: a character that the article's fonts do not have, which is named.
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    for character in text:
        if character in ABSENT or not (LETTERS.match(character) or character in PUNCTUATION):
            name = unicodedata.name(character, "a control character")
            raise InputError(
                f"{text[:60]!r}: the article's fonts have no {character!r} (U+{ord(character):04X}, {name}); "
                "write it in other letters, Latin ones with common accents or none"
            )
    text = "".join(ESCAPED.get(character, character) for character in text)
    # -- and ,, would become a dash and a quotation mark.
    return Tex(re.sub(r"([-,'])(?=\1)", r"\1{}", text))
