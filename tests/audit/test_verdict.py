"""audit: what the audit says, on both sides of each limit."""

import numpy as np
import pandas as pd
import pytest

from pipeline.audit import verdict

BLIND = ("inside_blanked", "border_alone", "outline")

CONTROLS_TABLE = {
    "whole": (0.97, 0.95, 0.98, np.nan, False),
    "inside_blanked": (0.96, 0.94, 0.97, 0.98, True),
    "border_alone": (0.92, 0.9, 0.94, 0.89, True),
    "no_places": (0.9, 0.87, 0.92, 0.85, True),
}
CROPS = {  # by model and class: flipped, its interval
    ("baseline", "covid"): (0.03, 0.01, 0.08),
    ("baseline", "normal"): (0.66, 0.62, 0.71),
    ("transfer", "covid"): (0.02, 0.01, 0.06),
    ("transfer", "normal"): (0.42, 0.37, 0.46),
}


def stated(
    region="central region",
    changed=None,
    flips=(0.17, 0.12, 0.24),
    normal_flips=(0.08, 0.06, 0.11),
    crops=None,
    marks=(0.2, 0.6),
):
    """{topic: row of the verdicts} from made-up tables.

    Args:
        changed: {control: (value, low, high, ratio, flagged)}; the interval of the ratio is 0.04 to either side.
        flips, normal_flips: share of the transfer model's verdicts on each class that blanking `region` flips, with its
            interval.
        crops: what differs from CROPS.
    """
    controls = pd.DataFrame(
        [
            {"control": name, "name": name, "region": region, "blind": name in BLIND, "value": value,
             "ci_low": low, "ci_high": high, "ratio": ratio, "ratio_ci_low": ratio - 0.04,
             "ratio_ci_high": ratio + 0.04, "flagged": flagged, "flag": 0.8,
             "status": "not defined" if np.isnan(ratio) else "defined"}
            for name, (value, low, high, ratio, flagged) in (CONTROLS_TABLE | (changed or {})).items()
        ]
    )  # fmt: skip
    edits = pd.DataFrame(
        [
            {"model": model, "edit": edit, "label": label, "region": region, "flipped": share, "flipped_ci_low": low,
             "flipped_ci_high": high}
            for (model, edit, label), (share, low, high) in {
                ("transfer", "inside", "covid"): flips,
                ("transfer", "inside", "normal"): normal_flips,
                **{(model, "crop", label): shares for (model, label), shares in (CROPS | (crops or {})).items()},
            }.items()
        ]
    )  # fmt: skip
    markers = pd.DataFrame(
        [
            {"label": label, "value": value, "ci_low": value - 0.1, "ci_high": value + 0.1}
            for label, value in zip(("covid", "normal"), marks, strict=True)
        ]
    )
    return verdict.audit_verdict(controls, edits, markers)["table"].set_index("topic")


def not_flagged(value, low, ratio=0.1):
    return {name: (value, low, value + 0.02, ratio, False) for name in ("inside_blanked", "border_alone", "no_places")}


UNDEFINED = {name: (0.7, 0.65, 0.75, np.nan, False) for name in ("inside_blanked", "border_alone", "no_places")}
# Too wide an interval to be above the limit, or below it.
UNSURE = {("transfer", "normal"): (0.42, 0.05, 0.8)}


@pytest.mark.parametrize("region", ["lungs", "central region"])
def test_a_shortcut_is_said_in_words_with_the_cells_it_follows_from(region):
    table = stated(region)
    assert table["verdict"].to_dict() == {
        "summary": "flagged", "outside": "enough", "no_places": "better than chance", "models": "stay",
        "crop": "both",
        "markers": "differ",
    }  # fmt: skip
    assert table.loc["summary", "statement"] == (
        f"Without the {region}, a small network reaches a validation AUC of 0.960, against 0.970 on whole images: a "
        "high score on this data does not show that a model recognises the disease."
    )
    assert table.loc["models", "statement"].startswith(f"Without the {region}, 83% of the transfer model's predictions")
    assert "flips 2% of the transfer" in table.loc["crop", "statement"]
    assert "(baseline: 3%) and 42% on normal ones (baseline: 66%)" in table.loc["crop", "statement"]
    assert table.loc["outside", "statement"] == (
        f"A network trained without the {region} reaches a val AUC of 0.960 (0.940 to 0.970), 98% of the whole image's "
        "AUC above chance."
    )
    assert table.loc["outside", "cells"] == "tables/audit/controls.csv, control inside_blanked: value"
    assert table.loc["crop", "cells"].count("tables/audit/counterfactuals.csv, model transfer, edit crop") == 2
    other = {"lungs": "central region", "central region": "lungs"}[region]
    assert not table["statement"].str.contains(other).any()


@pytest.mark.parametrize(
    "topic, found, words, changed",
    [
        (
            "summary",
            "not flagged",
            "no shortcut that was tested explains the score",
            {"changed": not_flagged(0.55, 0.48)},
        ),
        (
            "summary",
            "undecided",
            "whether this is at least 80% of the AUC above chance is undecided",
            {"changed": not_flagged(0.8, 0.7, ratio=0.78)},
        ),
        ("summary", "not defined", "too poorly on whole images for an audit", {"changed": UNDEFINED}),
        (
            "summary",
            "flagged",
            "On the border_alone, a small network reaches a validation AUC of 0.900",
            {"changed": not_flagged(0.5, 0.4) | {"border_alone": (0.9, 0.8, 1, 0.9, True)}},
        ),
        (
            "summary",  # the border's ratio is greater, but its interval too wide for it to be flagged
            "flagged",
            "Without the central region, a small network reaches a validation AUC of 0.880",
            {"changed": {"inside_blanked": (0.88, 0.8, 1, 0.85, True), "border_alone": (0.9, 0.8, 1, 0.9, False)}},
        ),
        ("outside", "part", "part of the score", {"changed": not_flagged(0.6, 0.55)}),
        ("outside", "chance", "indistinguishable from chance", {"changed": not_flagged(0.55, 0.48)}),
        ("outside", "not defined", "too poorly for a comparison", {"changed": UNDEFINED}),
        ("no_places", "chance", "indistinguishable from chance", {"changed": not_flagged(0.55, 0.48)}),
        ("models", "flip", "most of them depend on this region", {"flips": (0.8, 0.7, 0.9)}),
        ("models", "undecided", "whether most of them depend on this region is undecided", {"flips": (0.4, 0.3, 0.6)}),
        ("models", "undecided", "but 90% of those on normal images change", {"normal_flips": (0.9, 0.8, 0.95)}),
        ("crop", "baseline", "affects the predictions of the baseline", {"crops": UNSURE}),
        (
            "crop",
            "transfer",
            "affects the predictions of the transfer model",
            {"crops": {("baseline", "normal"): (0.12, 0.08, 0.16), ("transfer", "covid"): (0.42, 0.37, 0.46)}},
        ),
        (
            "crop",
            "not shown",
            "an effect on more than 10% of them is not shown",
            {"crops": UNSURE | {("baseline", "normal"): (0.12, 0.08, 0.16)}},
        ),
        ("markers", "alike", "no detectable difference", {"marks": (0.5, 0.6)}),
        ("markers", "differ", "a non-anatomical cue", {"marks": (0.5, 0.65)}),  # though their intervals overlap
    ],
)
def test_the_other_branches(topic, found, words, changed):
    row = stated(**changed).loc[topic]
    assert row["verdict"] == found and words in row["statement"]
