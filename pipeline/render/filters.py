"""How numbers and words look: the filters of the templates.

Every number passes one of them, typeset by siunitx and linked to its cell. They take what was read from a table, and
nothing else: a number typed in a template, or computed there, has no place in the record and is refused. An empty cell
becomes a dash.
"""

import math

import jinja2

from pipeline import names
from pipeline.command import InputError
from pipeline.render.cells import Number, Text
from pipeline.render.escape import Tex, escape

DASH = Tex("--")
# Of a bound: what the computation alone may leave of a 0.
ROUNDING = 1e-9


def number(value, digits):
    """`digits` decimals: 0.931."""
    return _show(value, f"{_checked(value):z.{digits}f}")


def significant(value, digits=2):
    """`digits` significant digits, below 0.0001 with a power of ten: 9.4e-5."""
    return _show(value, f"{_checked(value):.{digits}g}".replace("e-0", "e-"))


def count(value):
    """A whole number: 2,016."""
    if math.isfinite(_checked(value)) and not value.is_integer():
        raise InputError(f"{_place(value)}: {value.reading.raw} is not a whole number; |number takes others")
    return _show(value, f"{value:.0f}")


def setting(value):
    """A hyperparameter, whichever it is: a name in words, a whole number whole, another with significant digits."""
    if isinstance(value, Text):
        return _show(value, value.replace("_", " "), "%s")
    return count(value) if _checked(value).is_integer() else significant(value)


def percent(value, digits=0):
    """A share as a percentage: 25%."""
    return _show(value, f"{100 * _checked(value):z.{digits}f}", r"\qty{%s}{\percent}", "{}%")


def interval(row, of="value"):
    """value (ci_low to ci_high): 0.93 (0.91 to 0.95); half the interval's width decides the digits.

    One significant digit of it is kept, two where the first is a 1, at which rounding costs most. A bound is shown as
    0 only where it is 0: else one could not see on which side of it the interval ends.

    Args:
        of: another column whose interval the row has, in `{of}_ci_low` and `{of}_ci_high` or, where these are absent,
            in `ci_low` and `ci_high`.
    """
    own = f"{of}_" if f"{of}_ci_low" in row else ""
    value, low, high = row[of], row[f"{own}ci_low"], row[f"{own}ci_high"]
    half = (high - low) / 2
    if math.isnan(half):
        return number(value, digits=2)
    digits = _decimals(half)
    while any(ROUNDING < abs(bound) and float(f"{bound:.{digits}f}") == 0 for bound in (low, high)):
        digits += 1
    return Tex(f"{number(value, digits)} ({number(low, digits)} to {number(high, digits)})")


def digest(value):
    """The first characters of a hash."""
    if not isinstance(value, Text):
        raise InputError(f"{value!r} was not read from a table; take it by cell(...)")
    return _show(value, value[:12], r"\texttt{%s}")


def counted(value, one, many):
    """A whole number and the words for it: `one` if it is 1, else `many`: 1 image was, 3 images were."""
    return Tex(f"{count(value)} {escape(one if value == 1 else many)}")


def name(word):
    """A word of the code as the article writes it (pipeline/names.py)."""
    written = names.name(word)
    if isinstance(word, Text):
        word.reading.shown.append(written)
    return escape(written)


def listed(items, before=""):
    """Texts, and what has passed a filter, as "a, b and c"; `before` stands in front of each."""
    items = [f"{escape(before)}{' ' if before else ''}{text(item)}" for item in items]
    return Tex(" and ".join([", ".join(items[:-1]), *items[-1:]] if len(items) > 1 else items))


def text(value):
    r"""What \VAR{...} puts into the TeX source.

    Raises:
        InputError: anything but text, as is a number without a filter.
    """
    if isinstance(value, Tex | jinja2.Undefined):
        return value
    if not isinstance(value, str):
        raise InputError(f"{value!r} is no text; a number passes a filter: |number(digits=...), |count, |percent")
    if isinstance(value, Text):
        value.reading.shown.append(value)
    return escape(value)


ALL = (number, significant, count, setting, percent, interval, digest, counted, name, listed)


def _decimals(uncertainty):
    if uncertainty <= ROUNDING:
        return 3
    # Rounded to two digits first, so that 0.0996 counts as 0.10.
    mantissa, exponent = f"{uncertainty:.1e}".split("e")
    return max(0, -int(exponent) + (1 if mantissa.startswith("1") else 0))


def _checked(value):
    if not isinstance(value, Number):
        raise InputError(f"{value!r} was not read from a table; a number comes from cell(...), rows(...) or row(...)")
    return value


def _place(value):
    return f"{value.reading.file}, row {value.reading.row}, column {value.reading.column}"


def _show(value: Number | Text, text, typeset=r"\num{%s}", shown="{}"):
    """`text` as TeX, linked to its cell, with what the reader sees added to the record."""
    if isinstance(value, float) and not math.isfinite(value):
        value.reading.shown.append("--")
        return DASH
    reading = value.reading
    reading.shown.append(shown.format(text))
    row = reading.row.replace(" ", ",")
    return Tex(rf"\cell{{{reading.table}}}{{{row}}}{{{reading.column}}}{{{typeset % escape(text)}}}")
