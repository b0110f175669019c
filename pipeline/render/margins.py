"""report: the findings that are closest to their limits.

Reads   tables/STAGE/findings.csv of all stages; findings on times stand apart, and are not in it.
Returns margins: claim, finding, stage, subject, value, rule, limit, margin, unit; the most fragile
        first.
"""

import numpy as np
import pandas as pd

from pipeline.command import run

UNITS = ["half width", "limit", "absolute"]  # of the margins, in the order of the table
ROWS = 5  # as many as half a column of the article has room for
COLUMNS = ["claim", "finding", "stage", "subject", "value", "rule", "limit", "margin", "unit"]


def margins(findings: list[pd.DataFrame]):
    """The findings with the smallest margins; `claim` is finding, subject and value in words.

    Margins in half widths of an interval come first: they alone tell how a finding compares with its uncertainty. What
    has no margin is left out, and so is what follows from a finding before it, by its cells and with its margin.
    """
    stages = [table.assign(stage=table.attrs["table"].split("/")[0]) for table in findings]
    measured = pd.concat(stages, ignore_index=True).dropna(subset="margin")
    measured = measured[~np.array(_follows(measured), dtype=bool)]
    order = measured.assign(unit=measured["unit"].map(UNITS.index)).sort_values(["unit", "margin"], kind="stable").index
    fragile = measured.loc[order].head(ROWS)
    claims = [f"{row.finding}{_subject(row.subject)}: {row.value}".replace("_", " ") for row in fragile.itertuples()]
    return {"margins": fragile.assign(claim=pd.Series(claims, fragile.index))[COLUMNS]}


def _subject(subject):
    """With a blank before it; where all subjects of a stage are numbers, they were read as such."""
    return "" if pd.isna(subject) else f" {subject}" if isinstance(subject, str) else f" {subject:g}"


def _follows(findings):
    """Whether each finding follows from an earlier one: the same margin, by all of its cells, and perhaps by others."""
    cells = [set(each.split("; ")) for each in findings["cells"]]
    keys = list(zip(findings["unit"], findings["margin"], strict=True))
    return [
        any(keys[earlier] == keys[place] and cells[earlier] <= cells[place] for earlier in range(place))
        for place in range(len(keys))
    ]


if __name__ == "__main__":
    run(margins)
