r"""Answers to the assignment's questions: each marked in the margin by its number, with what it rests on.

A template writes an answer as \BLOCK{call question(NUMBER)} ... \BLOCK{endcall}.
"""

import re
from typing import NamedTuple

import pandas as pd

from pipeline.command import InputError
from pipeline.render import environment
from pipeline.render.escape import Tex

NUMBERS = range(1, 25)
REFERENCE = re.compile(r"\\[cC]ref\{([^}]*)\}")


def referred(text):
    """The labels to which TeX source refers by \\cref, each once, in its order."""
    return list(dict.fromkeys(label for labels in REFERENCE.findall(text) for label in labels.split(",")))


class Answer(NamedTuple):
    """cells: readings of tables that the answer shows or decides by; floats: labels of the figures and tables that it
    refers to, each once, in the order of the text."""

    cells: list
    floats: list[str]


class Questions:
    """Called by templates with the number of a question and its answer; records what the answer rests on.

    Args:
        readings: the record of all readings (pipeline.render.cells), which grows while templates are rendered.
    """

    def __init__(self, readings):
        self.readings, self.answers = readings, {}

    def __call__(self, number, caller):
        """
        Raises:
            InputError: there is no such question, or it has an answer already.
        """
        if number not in NUMBERS or number in self.answers:
            raise InputError(f"question({number}): expected each of {NUMBERS[0]} to {NUMBERS[-1]} once")
        shown_before = [len(reading.shown) for reading in self.readings]
        text = caller()
        # What was read before may be shown here; what is read here may be shown nowhere, and decide.
        earlier, cells = self.readings[: len(shown_before)], self.readings[len(shown_before) :]
        cells = [each for each, before in zip(earlier, shown_before, strict=True) if len(each.shown) > before] + cells
        self.answers[number] = Answer(
            cells, [label for label in referred(environment.unmarked(text)) if label.startswith(("fig:", "tab:"))]
        )
        return Tex(rf"\question{{{number}}}{text}")

    def table(self, labels):
        """question, section, page, cells (TABLE:ROW:COLUMN), floats; one row per answer.

        Args:
            labels: {label: (section, page)} of the typeset article, in which an answer is "question:NUMBER".
        """
        rows = []
        for number, answer in sorted(self.answers.items()):
            cells = dict.fromkeys(f"{cell.table}:{cell.row}:{cell.column}" for cell in answer.cells)
            place = labels.get(f"question:{number}", ("", ""))
            rows.append([number, *place, "; ".join(cells), "; ".join(answer.floats)])
        return pd.DataFrame(rows, columns=["question", "section", "page", "cells", "floats"])
