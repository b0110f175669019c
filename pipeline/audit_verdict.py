"""audit_verdict: what the audit says, in sentences for the abstract and the discussion. It belongs to the stage audit.

Reads   tables/audit/controls.csv, counterfactuals.csv and markers.csv.
Writes  tables/audit/verdict.csv: topic, verdict (which sentence was chosen), statement, cells (what it follows from).
"""

from pathlib import Path

import pandas as pd

from pipeline.command import run
from pipeline.statistics import comparisons
from pipeline.vocabulary import LABELS, MODELS

MANY = 0.1  # share of flipped verdicts whose interval must lie above it to count as a part of them
NAMES = {"baseline": "baseline", "transfer": "transfer model"}


def audit_verdict(controls: Path, counterfactuals: Path, markers: Path, table: Path):
    """One sentence a topic, chosen by tested conditions."""
    of_control = pd.read_csv(controls).set_index("control")
    edits = pd.read_csv(counterfactuals).set_index(["model", "edit", "label"])
    rows = [
        {"topic": "summary", **summary(of_control)},
        {"topic": "outside", **outside(of_control)},
        {"topic": "no_places", **no_places(of_control)},
        {"topic": "models", **models(edits)},
        {"topic": "crop", **cropped(edits)},
        {"topic": "markers", **marked(pd.read_csv(markers).set_index("label"))},
    ]
    table.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(table, index=False)


def summary(controls):
    """How many of the controls that see nothing inside reach the flagged part of what the whole image gives."""
    region, tested = controls.loc["whole", "region"], controls[controls["blind"] & controls["ratio"].notna()]
    if tested.empty:
        text = "The whole image itself tells the classes apart too poorly for an audit of shortcuts."
        cell = cells("controls", control="whole", column="ci_low")
        return {"verdict": "not defined", "statement": text, "cells": cell}
    best = tested["ratio"].idxmax()
    both = "; ".join(cells("controls", control=best, column=column) for column in ("ratio", "ratio_ci_low"))
    count, limit = int(tested["flagged"].sum()), tested["flag"].iloc[0]
    blind = f"blind to what is inside the {region}"
    above = f"{limit:.0%} of what the whole image gives a small network above chance"
    if count:
        everyone = "Both controls" if count == 2 else f"All {count} controls"
        who = everyone if count == len(tested) else f"{count} of {len(tested)} controls"
        text = (
            f"{who} that are {blind} {'reaches' if count == 1 else 'reach'} more than {above}, the best "
            f"{tested.loc[best, 'ratio']:.0%}: a high score on this data does not show that disease is seen."
        )
        return {"verdict": "flagged", "statement": text, "cells": both}
    if (tested["ratio_ci_high"] > limit).any():
        text = (
            f"No control that is {blind} is shown to reach more than {above}, but this is not excluded: the best "
            f"reaches {tested.loc[best, 'ratio']:.0%}."
        )
        return {"verdict": "undecided", "statement": text, "cells": both}
    text = f"No control that is {blind} reaches {above}: of the shortcuts looked for, none explains the score."
    return {"verdict": "not flagged", "statement": text, "cells": both}


def outside(controls):
    """What a network reaches that never sees the lungs, or the central region."""
    row = controls.loc["inside_blanked"]
    text = f"A network that never sees the {row['region']} reaches a val AUC of {interval(row)}"
    if row["status"] != "defined":
        verdict, follows = (
            "not defined",
            ", with nothing to compare it with: the whole image tells the classes apart too poorly.",
        )
    elif row["flagged"]:
        verdict, follows = "enough", f", {row['ratio']:.0%} of what the whole image gives above chance."
    elif row["ci_low"] > 0.5:
        verdict, follows = (
            "part",
            f", {row['ratio']:.0%} of what the whole image gives above chance: a part of the score.",
        )
    else:
        verdict, follows = "chance", ", which cannot be told from chance."
    return {
        "verdict": verdict,
        "statement": text + follows,
        "cells": cells("controls", control=row.name, column="value"),
    }


def no_places(controls):
    """What can be told without knowing where in the image anything is."""
    row = controls.loc["no_places"]
    text = f"Grey values, border and size of file and frame, none of which shows a shape, give {interval(row)}"
    better = row["ci_low"] > 0.5
    follows = "; part of that may be disease." if better else ", which cannot be told from chance."
    return {
        "verdict": "better than chance" if better else "chance",
        "statement": text + follows,
        "cells": cells("controls", control=row.name, column="value"),
    }


def models(edits):
    """Whether the transfer model's verdicts on covid stay without the lungs, or the central region.

    They could stay because a blanked image is called covid whatever it was; the verdicts on normal ones tell.
    """
    inside, normal = (edits.loc["transfer", "inside", label] for label in ("covid", "normal"))
    text = (
        f"Without the {inside['region']}, {1 - inside['flipped']:.0%} of the transfer model's verdicts on COVID-19 "
        "images of val stay as they are"
    )
    if inside["flipped_ci_high"] < 0.5 and normal["flipped_ci_high"] < 0.5:
        verdict, follows = "stay", ": most of them do not need it."
    elif inside["flipped_ci_high"] < 0.5:
        verdict = "undecided"
        follows = (
            f", but {normal['flipped']:.0%} of those on normal images turn into COVID-19, so that this tells little."
        )
    elif inside["flipped_ci_low"] > 0.5:
        verdict, follows = "flip", ": most of them need it."
    else:
        verdict, follows = "undecided", ": whether most of them need it cannot be told."
    read = (
        cells("counterfactuals", model="transfer", edit="inside", label=label, column="flipped") for label in LABELS
    )
    return {"verdict": verdict, "statement": f"{text}{follows}", "cells": "; ".join(read)}


def cropped(edits):
    """Which model's verdicts survive without the border of the film."""
    rows = {(model, label): edits.loc[model, "crop", label] for model in MODELS for label in LABELS}
    shares = {key: f"{row['flipped']:.0%}" for key, row in rows.items()}
    text = (
        f"Cropping the border flips {shares['transfer', 'covid']} of the transfer model's verdicts on COVID-19 "
        f"images of val (of the baseline's {shares['baseline', 'covid']}) and {shares['transfer', 'normal']} of those "
        f"on normal ones ({shares['baseline', 'normal']}):"
    )
    framed = [model for model in MODELS if any(rows[model, label]["flipped_ci_low"] > MANY for label in LABELS)]
    frame = "the frame of a film, or its scale, decides"
    if len(framed) == len(MODELS):
        verdict, follows = "both", f"{frame} a part of the verdicts of both."
    elif framed:
        verdict, follows = framed[0], f"{frame} a part of those of the {NAMES[framed[0]]}."
    else:
        verdict, follows = "not shown", f"that {frame} more than {MANY:.0%} of them is not shown."
    read = "; ".join(cells("counterfactuals", model=m, edit="crop", label=label, column="flipped") for m, label in rows)
    return {"verdict": verdict, "statement": f"{text} {follows}", "cells": read}


def marked(markers):
    """Whether burnt-in text and markers are found more often in one class."""
    covid, normal = markers.loc["covid"], markers.loc["normal"]
    found = f"{covid['value']:.0%} of the COVID-19 and {normal['value']:.0%} of the normal images"
    text = f"Burnt-in text or markers are found on {found} of val"
    shares = [(row["value"], (row["ci_low"], row["ci_high"])) for row in (covid, normal)]
    _, (low, high) = comparisons.independent(*shares)
    apart = low > 0 or high < 0
    cue = ": a cue to the class that is no sign of the disease, unless the detector errs by class."
    none = ", which is no detectable difference."
    both = (cells("markers", label=label, column="value") for label in ("covid", "normal"))
    statement = text + (cue if apart else none)
    return {"verdict": "differ" if apart else "alike", "statement": statement, "cells": "; ".join(both)}


def interval(row):
    return f"{row['value']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f})"


def cells(table, column, **conditions):
    """The cell in words: tables/audit/TABLE.csv, where CONDITION, COLUMN."""
    stated = ", ".join(f"{name} {value}" for name, value in conditions.items())
    return f"tables/audit/{table}.csv, {stated}: {column}"


if __name__ == "__main__":
    run(audit_verdict)
