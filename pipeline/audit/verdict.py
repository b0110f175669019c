"""audit_verdict: what the audit says, in sentences for the abstract and the discussion. It belongs to the stage audit.

Reads   tables/audit/controls.csv, counterfactuals.csv and markers.csv.
Writes  tables/audit/verdict.csv: topic, verdict (which sentence was chosen), statement, cells (what it follows from).
"""

import pandas as pd

from pipeline.command import run
from pipeline.statistics import comparisons
from pipeline.vocabulary import LABELS, MODELS

MANY = 0.1  # the interval of a share of flipped predictions must be above it for a part of them to count as flipped
NAMES = {"baseline": "baseline", "transfer": "transfer model"}


def audit_verdict(controls: pd.DataFrame, counterfactuals: pd.DataFrame, markers: pd.DataFrame):
    """One sentence a topic, chosen by tested conditions."""
    of_control = controls.set_index("control")
    edits = counterfactuals.set_index(["model", "edit", "label"])
    rows = [
        {"topic": "summary", **summary(of_control)},
        {"topic": "outside", **outside(of_control)},
        {"topic": "no_places", **no_places(of_control)},
        {"topic": "models", **models(edits)},
        {"topic": "crop", **cropped(edits)},
        {"topic": "markers", **marked(markers.set_index("label"))},
    ]
    return {"table": pd.DataFrame(rows)}


def summary(controls):
    """Whether a control that shows nothing inside the lungs, or the central region, reaches the flagged ratio."""
    region, tested = controls.loc["whole", "region"], controls[controls["blind"] & controls["ratio"].notna()]
    if tested.empty:
        text = "A small network separates the classes too poorly on whole images for an audit of shortcuts."
        cell = cells("controls", control="whole", column="ci_low")
        return {"verdict": "not defined", "statement": text, "cells": cell}
    limit = tested["flag"].iloc[0]
    # The sentence names a control that decides it, which need not be the one with the greatest ratio.
    deciding = tested[tested["flagged"]], tested[tested["ratio_ci_high"] > limit], tested
    best = next(rows for rows in deciding if len(rows))["ratio"].idxmax()
    where = f"Without the {region}" if best == "inside_blanked" else f"On the {tested.loc[best, 'name']}"
    text = (
        f"{where}, a small network reaches a validation AUC of {tested.loc[best, 'value']:.3f}, against "
        f"{controls.loc['whole', 'value']:.3f} on whole images"
    )
    if tested["flagged"].any():
        verdict, follows = "flagged", ": a high score on this data does not show that a model recognises the disease."
    elif (tested["ratio_ci_high"] > limit).any():
        verdict = "undecided"
        follows = f"; whether this is at least {limit:.0%} of the AUC above chance is undecided."
    else:
        verdict = "not flagged"
        follows = f", less than {limit:.0%} of the AUC above chance: no shortcut that was tested explains the score."
    read = [cells("controls", control=best, column=column) for column in ("value", "ratio_ci_low", "ratio_ci_high")]
    read.append(cells("controls", control="whole", column="value"))
    return {"verdict": verdict, "statement": text + follows, "cells": "; ".join(read)}


def outside(controls):
    """What a network reaches that never sees the lungs, or the central region."""
    row = controls.loc["inside_blanked"]
    text = f"A network trained without the {row['region']} reaches a val AUC of {interval(row)}"
    if row["status"] != "defined":
        verdict = "not defined"
        follows = "; whole images also separate the classes too poorly for a comparison."
    elif row["flagged"]:
        verdict, follows = "enough", f", {row['ratio']:.0%} of the whole image's AUC above chance."
    elif row["ci_low"] > 0.5:
        verdict, follows = "part", f", {row['ratio']:.0%} of the whole image's AUC above chance: part of the score."
    else:
        verdict, follows = "chance", ", indistinguishable from chance."
    return {
        "verdict": verdict,
        "statement": text + follows,
        "cells": cells("controls", control=row.name, column="value"),
    }


def no_places(controls):
    """What features without positions reach."""
    row = controls.loc["no_places"]
    text = (
        "Grey values, border and sizes of file and frame, none of which shows a shape, reach a val AUC of "
        f"{interval(row)}"
    )
    better = row["ci_low"] > 0.5
    follows = "; part of this may be disease." if better else ", indistinguishable from chance."
    return {
        "verdict": "better than chance" if better else "chance",
        "statement": text + follows,
        "cells": cells("controls", control=row.name, column="value"),
    }


def models(edits):
    """Whether the transfer model's predictions on covid stay without the lungs, or the central region.

    They could stay because every blanked image is predicted covid; the predictions on normal ones show that.
    """
    inside, normal = (edits.loc["transfer", "inside", label] for label in ("covid", "normal"))
    text = (
        f"Without the {inside['region']}, {1 - inside['flipped']:.0%} of the transfer model's predictions on COVID-19 "
        "images of val do not change"
    )
    if inside["flipped_ci_high"] < 0.5 and normal["flipped_ci_high"] < 0.5:
        verdict, follows = "stay", ": most of them do not depend on this region."
    elif inside["flipped_ci_high"] < 0.5:
        verdict = "undecided"
        follows = f", but {normal['flipped']:.0%} of those on normal images change to COVID-19: this is inconclusive."
    elif inside["flipped_ci_low"] > 0.5:
        verdict, follows = "flip", ": most of them depend on this region."
    else:
        verdict, follows = "undecided", ": whether most of them depend on this region is undecided."
    read = (
        cells("counterfactuals", model="transfer", edit="inside", label=label, column="flipped") for label in LABELS
    )
    return {"verdict": verdict, "statement": f"{text}{follows}", "cells": "; ".join(read)}


def cropped(edits):
    """Which model's predictions depend on the border of the film."""
    rows = {(model, label): edits.loc[model, "crop", label] for model in MODELS for label in LABELS}
    shares = {key: f"{row['flipped']:.0%}" for key, row in rows.items()}
    text = (
        f"Cropping the border flips {shares['transfer', 'covid']} of the transfer model's predictions on COVID-19 "
        f"images of val (baseline: {shares['baseline', 'covid']}) and {shares['transfer', 'normal']} on normal ones "
        f"(baseline: {shares['baseline', 'normal']}):"
    )
    framed = [model for model in MODELS if any(rows[model, label]["flipped_ci_low"] > MANY for label in LABELS)]
    frame = "the frame of a film, or its scale, affects"
    if len(framed) == len(MODELS):
        verdict, follows = "both", f"{frame} the predictions of both models."
    elif framed:
        verdict, follows = framed[0], f"{frame} the predictions of the {NAMES[framed[0]]}."
    else:
        verdict, follows = "not shown", f"an effect on more than {MANY:.0%} of them is not shown."
    read = "; ".join(cells("counterfactuals", model=m, edit="crop", label=label, column="flipped") for m, label in rows)
    return {"verdict": verdict, "statement": f"{text} {follows}", "cells": read}


def marked(markers):
    """Whether burnt-in text and markers are found more often in one class."""
    covid, normal = markers.loc["covid"], markers.loc["normal"]
    found = f"{covid['value']:.0%} of the COVID-19 and {normal['value']:.0%} of the normal images"
    text = f"Burnt-in text or markers are detected on {found} of val"
    shares = [(row["value"], (row["ci_low"], row["ci_high"])) for row in (covid, normal)]
    _, (low, high) = comparisons.independent(*shares)
    apart = low > 0 or high < 0
    cue = ": a non-anatomical cue to the class, unless the errors of the detector depend on the class."
    none = ", no detectable difference."
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
