"""Cells of tables: the only way by which a number of the run comes into the article.

Every reading is recorded with its table, row and column, the raw value, and what the article shows of it.
"""

import csv
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pipeline.command import InputError

BOOLEANS = {"True": True, "False": False}


@dataclass
class Reading:
    """One reading of a cell: `row` counts from 1 below the header; `shown` stays empty where it only decides."""

    file: Path
    row: str
    column: str
    raw: str
    sha256: str
    shown: list = field(default_factory=list)

    @property
    def table(self):
        """STAGE/NAME, as templates call it."""
        return f"{self.file.parent.name}/{self.file.stem}"


class Number(float):
    """A number that knows where it was read; NaN for an empty cell. What is computed from it is a bare float."""

    reading: Reading

    def __new__(cls, reading):
        number = super().__new__(cls, reading.raw or "nan")
        number.reading = reading
        return number


class Text(str):
    """A text that knows where it was read."""

    reading: Reading

    def __new__(cls, reading):
        text = super().__new__(cls, reading.raw)
        text.reading = reading
        return text


class Tables:
    """The tables that the article may read, and the record of what it read.

    Args:
        files: .csv files; STAGE/NAME.csv is called "STAGE/NAME".
    """

    def __init__(self, files):
        self.files = {f"{file.parent.name}/{file.stem}": file for file in files}
        self.opened = {}
        self.readings = []

    def cell(self, table, /, *, column, **conditions):
        """The value in `column` of the one row that meets `conditions`: Number, Text or bool."""
        return self.row(table, **conditions)[column]

    def row(self, table, /, **conditions):
        """The one row that meets `conditions`.

        Raises:
            InputError: the table is not an input of the rule, has no such column, or another number of rows matches.
        """
        matching = self.rows(table, **conditions)
        if len(matching) != 1:
            stated = ", ".join(f"{column}={value!r}" for column, value in conditions.items()) or "no condition"
            raise InputError(f"{self.files[table]}: {len(matching)} rows match {stated}; exactly one must")
        return matching[0]

    def rows(self, table, /, **conditions):
        """All rows that meet `conditions`, in the table's order; `.length` is their number as a Number."""
        content = self._open(table)
        for column in conditions:
            content.check_column(column)
        return Rows(
            content,
            [
                place
                for place, values in enumerate(content.rows)
                if all(_meets(values[column], value) for column, value in conditions.items())
            ],
            self.readings,
        )

    def finding(self, name, /, *subject):
        """The value of the finding "STAGE/FINDING" on `subject`, whose words may be given one by one, as Text.

        Raises:
            InputError: no such finding, or none on this subject.
        """
        stage, _, finding = name.partition("/")
        words = (word.reading.raw if isinstance(word, Number) else word for word in subject)
        cost = f"{stage}/cost_findings"
        table = cost if cost in self.files and self.rows(cost, finding=finding) else f"{stage}/findings"
        return self.row(table, finding=finding, subject=" ".join(words))["value"]

    def _open(self, table):
        if table not in self.files:
            raise InputError(f"table {table!r}: no rule makes it; known: {', '.join(sorted(self.files))}")
        if table not in self.opened:
            self.opened[table] = _Content(self.files[table])
        return self.opened[table]

    def trace(self):
        """The record: file, row, column, raw, shown, sha256 (of the table), in the order of the article."""
        lines = [
            (reading.file, reading.row, reading.column, reading.raw, shown, reading.sha256)
            for reading in self.readings
            for shown in reading.shown or [""]
        ]
        return pd.DataFrame(list(dict.fromkeys(lines)), columns=["file", "row", "column", "raw", "shown", "sha256"])


class Rows(tuple):
    """Rows of one table, to loop over."""

    def __new__(cls, content, places, readings):
        return super().__new__(cls, [Row(content, place, readings) for place in places])

    def __init__(self, content, places, readings):
        self._content, self._places, self._readings = content, places, readings

    @property
    def length(self):
        numbers = " ".join(str(place + 1) for place in self._places)
        reading = Reading(self._content.file, numbers, "(rows)", str(len(self)), self._content.sha256)
        self._readings.append(reading)
        return Number(reading)


class Row:
    """One row; `row.column` in a template, or row["column"], reads and records a cell."""

    def __init__(self, content, place, readings):
        self._content, self._place, self._readings = content, place, readings

    def __contains__(self, column):
        return column in self._content.columns

    def __getitem__(self, column):
        self._content.check_column(column)
        raw = self._content.rows[self._place][column]
        reading = Reading(self._content.file, str(self._place + 1), column, raw, self._content.sha256)
        self._readings.append(reading)
        value = _value(raw)
        if isinstance(value, bool):
            return value
        return Text(reading) if isinstance(value, str) else Number(reading)


class _Content:
    def __init__(self, file):
        content = file.read_bytes()
        reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
        self.file, self.sha256 = file, hashlib.sha256(content).hexdigest()
        self.rows, self.columns = list(reader), reader.fieldnames or []

    def check_column(self, column):
        if column not in self.columns:
            raise InputError(f"{self.file}: no column {column!r}; there are {', '.join(self.columns)}")


def _meets(raw, value):
    """Texts are compared as they stand in the file: an empty cell is "", and "16" is the text as well as the number."""
    return raw == value if isinstance(value, str) else _value(raw) == value


def _value(raw):
    """bool, float or str; an empty cell is a missing number."""
    if raw in BOOLEANS:
        return BOOLEANS[raw]
    try:
        return float(raw or "nan")
    except ValueError:
        return raw
