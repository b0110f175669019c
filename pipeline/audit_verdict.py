"""audit_verdict: what the audit says, in sentences for the abstract and the discussion. It belongs to the stage audit.

Reads   tables/audit/controls.csv, counterfactuals.csv and markers.csv.
Writes  tables/audit/verdict.csv: topic, verdict (which sentence was chosen), statement, cells (what it follows from).
"""

from pathlib import Path

import pandas as pd

from pipeline.command import run

MANY = 0.1  # share of flipped verdicts whose interval must lie above it to count as a part of them


def audit_verdict(controls: Path, counterfactuals: Path, markers: Path, table: Path):
    """One sentence a topic, chosen by tested conditions."""
    of_control = pd.read_csv(controls).set_index("control")
    edits = pd.read_csv(counterfactuals).set_index(["model", "edit", "label"])
    rows = [
        {"topic": "summary", **summary(of_control)},
        {"topic": "outside", **outside(of_control)},
        {"topic": "no_content", **no_content(of_control)},
        {"topic": "models", **models(edits)},
        {"topic": "crop", **cropped(edits)},
        {"topic": "markers", **marked(pd.read_csv(markers).set_index("label"))},
    ]
    table.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(table, index=False)


def summary(controls):
    """How many of the controls that see no structure inside reach nearly what the whole image gives."""
    region, tested = controls.loc["whole", "region"], controls[controls["blind"] & controls["ratio"].notna()]
    if tested.empty:
        text = "The whole image itself tells the classes apart too poorly for an audit of shortcuts."
        cell = cells("controls", control="whole", column="ci_low")
        return {"verdict": "not defined", "statement": text, "cells": cell}
    cell = cells("controls", control=tested["ratio"].idxmax(), column="ratio")
    count = int(tested["flagged"].sum())
    if not count:
        text = (
            f"No control that is blind to the structure of the {region} comes near what the whole image gives above "
            "chance: of the shortcuts looked for, none explains the score."
        )
        return {"verdict": "not flagged", "statement": text, "cells": cell}
    text = (
        f"Of {len(tested)} controls that are blind to the structure of the {region}, {count} "
        f"{'comes' if count == 1 else 'come'} near what the whole image gives above chance, the best with "
        f"{tested['ratio'].max():.0%} of it: a high score on this data is no evidence of seeing disease."
    )
    return {"verdict": "flagged", "statement": text, "cells": cell}


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


def no_content(controls):
    """What can be told without any picture."""
    row = controls.loc["no_content"]
    text = f"What is no picture at all (size of file and frame, border, counts of grey values) gives {interval(row)}"
    better = row["ci_low"] > 0.5
    follows = ": the files alone tell the classes apart." if better else ", which cannot be told from chance."
    return {
        "verdict": "better than chance" if better else "chance",
        "statement": text + follows,
        "cells": cells("controls", control=row.name, column="value"),
    }


def models(edits):
    """Whether the fine-tuned model's verdicts on covid depend on the region or on the edges of the film."""
    inside, edges = edits.loc["transfer", "inside", "covid"], edits.loc["transfer", "edges", "covid"]
    text = (
        f"Blanking the {inside['region']} flips {inside['flipped']:.0%} of the fine-tuned model's verdicts on COVID-19 "
        f"images of val, blanking corners and burnt-in text {edges['flipped']:.0%}:"
    )
    if inside["flipped_ci_low"] > edges["flipped_ci_high"]:
        verdict, follows = "region", f" they depend on the {inside['region']} more than on those edges."
    elif edges["flipped_ci_low"] > inside["flipped_ci_high"]:
        verdict, follows = "edges", f" they depend on those edges more than on the {inside['region']}."
    else:
        verdict, follows = "undecided", " on which of the two they depend more cannot be told."
    both = (
        cells("counterfactuals", model="transfer", edit=e, label="covid", column="flipped") for e in ("inside", "edges")
    )
    return {"verdict": verdict, "statement": f"{text}{follows}", "cells": "; ".join(both)}


def cropped(edits):
    """Whether the fine-tuned model's verdicts survive without the border of the film."""
    covid, normal = edits.loc["transfer", "crop", "covid"], edits.loc["transfer", "crop", "normal"]
    text = (
        f"Cropping the border flips {covid['flipped']:.0%} of the fine-tuned model's verdicts on COVID-19 images of "
        f"val and {normal['flipped']:.0%} of those on normal ones:"
    )
    if max(covid["flipped_ci_low"], normal["flipped_ci_low"]) > MANY:
        verdict, follows = "part", " the frame of a film, or its scale, decides a part of them."
    else:
        verdict, follows = "few", " most of them need neither the frame of a film nor its scale."
    both = (
        cells("counterfactuals", model="transfer", edit="crop", label=label, column="flipped")
        for label in ("covid", "normal")
    )
    return {"verdict": verdict, "statement": f"{text}{follows}", "cells": "; ".join(both)}


def marked(markers):
    """Whether burnt-in text and markers are found more often in one class."""
    covid, normal = markers.loc["covid"], markers.loc["normal"]
    found = f"{covid['value']:.0%} of the COVID-19 and {normal['value']:.0%} of the normal images"
    text = f"Burnt-in text or markers are found on {found} of val"
    apart = covid["ci_low"] > normal["ci_high"] or normal["ci_low"] > covid["ci_high"]
    cue, none = ": a cue to the class that is no sign of the disease.", ", which is no detectable difference."
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
