"""Findings: what the article claims, each as one of a declared set of values.

pipeline/STAGE/findings.py declares the findings of a stage and decides them from its tables; the templates branch on
their values and put them into words. A table of findings has one row per finding and subject:

finding, subject, value  what is claimed of what: `ranking`, (empty), `transfer`
rule                     how it is decided, in words
cells                    the cells that decide: TABLE:ROW:COLUMN; rows count from 1 below the header
limit                    the number against which it is decided
margin, unit             how far the deciding number lies from the limit (`Margin`)
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from pipeline.vocabulary import MODELS

COLUMNS = ["finding", "subject", "value", "rule", "cells", "limit", "margin", "unit"]
INTERVAL = ("ci_low", "ci_high")
CHANCE = 0.5  # the AUC of a score that does not depend on the class
MOST = 0.5  # of the predictions, or of the heat: more than half
SIGNIFICANT = 0.05  # level of a test; its counterpart are 95 % intervals
WHICH_MODELS = ("both", *MODELS, "neither")  # values of a finding: the models of which something is true


class Margin(NamedTuple):
    """A distance from a limit, at least 0. unit: `half width` of the number's interval, `limit` (relative to the limit)
    or `absolute` (where the limit is 0). Margins of one unit compare by their size."""

    number: float | None  # None: not measured
    unit: str

    @classmethod
    def of_number(cls, number, limit):
        """|number - limit|, relative to the limit."""
        distance = abs(number - limit)
        return cls(distance / abs(limit), "limit") if limit else cls(distance, "absolute")

    @classmethod
    def of_interval(cls, low, high, limit, ends="both"):
        """From the limit to the nearer end of the interval, or to its end `low` or `high`."""
        half = (high - low) / 2
        candidates = {"low": [low], "high": [high], "both": [low, high]}[ends]
        nearest = min(candidates, key=lambda end: abs(end - limit))
        if half == 0:
            return cls.of_number(nearest, limit)
        return cls(abs(nearest - limit) / half, "half width")


@dataclass(frozen=True)
class Row:
    """A row of a table that knows its place: row["COLUMN"] is a value, row.cell("COLUMN") its address."""

    table: str
    number: int
    values: dict

    def __getitem__(self, column):
        return self.values[column]

    def cell(self, column):
        """TABLE:ROW:COLUMN."""
        if column not in self.values:
            raise KeyError(f"{self.table}: no column {column!r}; there are {', '.join(self.values)}")
        return f"{self.table}:{self.number}:{column}"


def rows(table, /, **conditions):
    """The rows (`Row`) of a table in which each column of `conditions` has the value given.

    Args:
        table: as read from a file, with `attrs["table"]` its name, STAGE/NAME.
    """
    for column, value in conditions.items():
        table = table[table[column] == value]
    values = table.to_dict("records")
    return [Row(table.attrs["table"], place + 1, row) for place, row in zip(table.index, values, strict=True)]


def row(table, /, **conditions):
    """The one row that meets `conditions`.

    Raises:
        ValueError: another number of rows meets them.
    """
    found = rows(table, **conditions)
    if len(found) != 1:
        raise ValueError(f"{table.attrs['table']}: {len(found)} rows match {conditions}; exactly one must")
    return found[0]


@dataclass(frozen=True)
class Finding:
    """A finding, declared: its name, all its values (words of small letters, digits and underscores) and its rule.

    Its methods decide it and return its row. `subject` names what it is about: words joined by single blanks, empty
    where there is one subject only. A `limit` is a number, or a cell: (row, column).
    """

    name: str
    values: tuple
    rule: str

    def __post_init__(self):
        wrong = [word for word in (self.name, *self.values) if not re.fullmatch("[a-z][a-z0-9_]*", word)]
        if wrong or len(set(self.values)) < 2:
            raise ValueError(f"finding {self.name!r}: {wrong or self.values}; expected several values in snake_case")

    def of_interval(self, row, ends=INTERVAL, *, limit=0, above, below, neither, missing=None, subject=""):
        """By the interval in the columns `ends`: `above` if all of it is above the limit, `below` if all is below.

        Where two of the three values are equal, only the end that distinguishes them decides. Without an interval it is
        `missing`, if not given `neither`. More than six parameters: each value is one.
        """
        low, high = (row[column] for column in ends)
        limit, cells = _limit(limit)
        cells = [*((row, column) for column in ends), *cells]
        if math.isnan(low) or math.isnan(high):
            return self.is_(missing or neither, cells=cells, limit=limit, subject=subject)
        value = above if low > limit else below if high < limit else neither
        deciding = "high" if above == neither else "low" if below == neither else "both"
        margin = Margin.of_interval(low, high, limit, deciding)
        return self.is_(value, cells=cells, limit=limit, margin=margin, subject=subject)

    def of_number(self, row, column, *, limit, above, below, equal, missing=None, subject=""):
        """By the number in `column`, which lies above or below the limit or is equal to it; without one, `missing`.

        More than six parameters: each value is one.
        """
        number = row[column]
        limit, cells = _limit(limit)
        cells = [(row, column), *cells]
        if math.isnan(number):
            return self.is_(missing, cells=cells, limit=limit, subject=subject)
        value = above if number > limit else below if number < limit else equal
        margin = Margin.of_number(number, limit)
        return self.is_(value, cells=cells, limit=limit, margin=margin, subject=subject)

    def follows(self, value, decided, *, subject=""):
        """From other findings, rows that these methods returned: by their cells, with the smallest of their margins."""
        nearest = min((row for row in decided if row["unit"]), key=_distance, default=None)
        margin = Margin(nearest["margin"], nearest["unit"]) if nearest else None
        limits = {row["limit"] for row in decided}
        limit = limits.pop() if len(limits) == 1 else None
        cells = [cell for row in decided for cell in row["cells"].split("; ")]
        return self.is_(value, cells=cells, limit=limit, margin=margin, subject=subject)

    def any_of(self, found, decided, *, some, none, subject=""):
        """`some` if any findings of `decided` are in `found`, as rows; else `none`.

        One is enough: `some` turns with the last of them to turn, the farthest; `none` with the first, the nearest.
        """
        if found:
            return self.follows(some, [farthest(found)], subject=subject)
        return self.follows(none, decided, subject=subject)

    def is_(self, value, *, cells=(), limit=None, margin=None, subject=""):
        """As decided elsewhere: by `cells`, pairs (row, column) or their addresses.

        Raises:
            ValueError: the value is not declared.
        """
        if value not in self.values:
            raise ValueError(f"finding {self.name!r}: {value!r} is not declared; expected {', '.join(self.values)}")
        addresses = (cell if isinstance(cell, str) else cell[0].cell(cell[1]) for cell in cells)
        if margin is None or margin.number is None or not math.isfinite(margin.number):
            margin = Margin(None, "")
        return {
            "finding": self.name,
            "subject": subject,
            "value": value,
            "rule": self.rule,
            "cells": "; ".join(dict.fromkeys(addresses)),
            "limit": limit,
            "margin": margin.number,
            "unit": margin.unit,
        }


def farthest(decided):
    """Of rows that `Finding` returned, the one with the largest margin: the last to turn. One that no number turns is
    farther than all others."""
    return max(decided, key=_distance)


def which_models(models):
    """Of `WHICH_MODELS`, the value for a list of models."""
    return "both" if len(models) == len(MODELS) else models[0] if models else "neither"


def table(decided):
    """The table of findings, from the rows that `Finding` returned.

    Raises:
        ValueError: a finding is decided twice for one subject.
    """
    counts = Counter((row["finding"], row["subject"]) for row in decided)
    twice = [key for key, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"decided more than once: {twice}")
    return pd.DataFrame(decided, columns=COLUMNS)


def _distance(row):
    """Orders rows by their margins: half widths first, none last."""
    return (not row["unit"], row["unit"] != "half width", row["margin"] or 0)


def _limit(limit):
    """The number, and the cell that holds it as a list of at most one."""
    if isinstance(limit, tuple):
        row, column = limit
        return row[column], [limit]
    return limit, []
