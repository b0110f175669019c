"""audit: what the article claims of shortcuts: controls, edited images, markers, and maps against edits.

Reads   tables of the stage audit; tables/gradcam/groups.csv, regions.csv and differences.csv. Test images stand behind
        these three: the findings feed the report alone.
Returns the table of findings (pipeline.findings).
"""

import math

import pandas as pd

from pipeline import findings as decide
from pipeline.command import run
from pipeline.findings import CHANCE, MOST, WHICH_MODELS, Finding, Margin
from pipeline.statistics import comparisons
from pipeline.vocabulary import LABELS, MODELS

# A crop moves and scales the whole film, which flips predictions near the threshold; a tenth of them is more than that.
MIN_FLIPPED = 0.1
RATIO, FLIPPED = ("ratio_ci_low", "ratio_ci_high"), ("flipped_ci_low", "flipped_ci_high")
SHARE = ("share_ci_low", "share_ci_high")

SHORTCUT = Finding(
    "shortcut",
    ("flagged", "undecided", "not_flagged", "not_defined"),
    "the 95 % interval of the shortcut ratio of a control without the region excludes the limit",
)
SHORTCUT_CONTROL = Finding(
    "shortcut_control",
    ("inside_blanked", "border_alone", "outline"),
    "the highest lower end of the 95 % intervals of the shortcut ratio, if one is flagged; else the highest upper end",
)
OUTSIDE = Finding(
    "outside",
    ("enough", "part", "chance", "not_defined"),
    "the 95 % intervals of ratio and AUC, region blanked, are above the limit and above chance",
)
NO_PLACES = Finding(
    "no_places",
    ("above_chance", "undetected"),
    "the 95 % interval of the AUC of grey values and file is above chance",
)
INSIDE_DEPENDENCE = Finding(
    "inside_dependence",
    ("stay", "flip", "inconclusive", "undecided"),
    "the 95 % intervals of the predictions that blanking the region flips, in both classes, exclude one half",
)
CROP = Finding(
    "crop",
    ("flips", "undetected"),
    "the 95 % interval of the predictions that cropping flips, in a class, is above the limit",
)
CROP_MODELS = Finding("crop_models", WHICH_MODELS, "the models whose predictions cropping flips")
MARKERS = Finding(
    "markers",
    ("differ", "undetected"),
    "the 95 % interval of the difference between the classes excludes 0",
)
MAP_AGAINST_CROP = Finding(
    "map_against_crop",
    ("contradicted", "agrees", "undetected"),
    "the 95 % intervals of the differences between the classes, heat on the border and flips by cropping, exclude 0",
)
MAP_AGAINST_BLANKING = Finding(
    "map_against_blanking",
    ("heat_alone", "dependence_alone", "undetected"),
    "the 95 % intervals of the heat in the region and of the flips by blanking it are on opposite sides of one half",
)


def findings(
    controls: pd.DataFrame,
    counterfactuals: pd.DataFrame,
    markers: pd.DataFrame,
    gradcam_groups: pd.DataFrame,
    gradcam_regions: pd.DataFrame,
    gradcam_differences: pd.DataFrame,
):
    """Decide the findings."""
    crops = [crop(counterfactuals, model) for model in MODELS]
    flipping = [row["subject"] for row in crops if row["value"] == "flips"]
    model = gradcam_groups["model"].iloc[0]
    decided = [
        *shortcut(controls),
        outside(controls),
        no_places(controls),
        inside_dependence(counterfactuals),
        *crops,
        CROP_MODELS.follows(decide.which_models(flipping), crops),
        markers_differ(markers),
        map_against_crop(gradcam_differences, counterfactuals, model),
        map_against_blanking(gradcam_regions, counterfactuals, model),
    ]
    return {"findings": decide.table(decided)}


def shortcut(controls):
    """Whether a control that shows nothing of the region reaches the flagged ratio, and the control that decides it."""
    tested = [row for row in decide.rows(controls, blind=True) if not math.isnan(row["ratio"])]
    if not tested:
        return [too_poor(SHORTCUT, controls)]
    # The control that decides need not be the one with the greatest ratio.
    flagged = [row for row in tested if row["ratio_ci_low"] > row["flag"]]
    deciding = max(flagged or tested, key=lambda row: row["ratio_ci_low" if flagged else "ratio_ci_high"])
    named = {"above": "flagged", "below": "not_flagged", "neither": "undecided"}
    decided = SHORTCUT.of_interval(deciding, RATIO, limit=(deciding, "flag"), **named)
    if decided["value"] == "undecided":
        # Any other control may be the first to be flagged.
        named["below"] = "undecided"
        lower_ends = [SHORTCUT.of_interval(row, RATIO, limit=(row, "flag"), **named) for row in tested]
        decided = SHORTCUT.follows("undecided", [decided, *lower_ends])
    return [
        decided,
        SHORTCUT_CONTROL.is_(deciding["control"], cells=[(deciding, column) for column in ("ratio", *RATIO)]),
    ]


def too_poor(finding, controls):
    """Whole images separate the classes too poorly for a ratio to be defined."""
    whole = decide.row(controls, control="whole")
    margin = Margin.of_interval(whole["ci_low"], whole["ci_high"], whole["least_auc"], "low")
    cells = [(whole, "ci_low"), (whole, "least_auc")]
    return finding.is_("not_defined", cells=cells, limit=whole["least_auc"], margin=margin)


def outside(controls):
    """What a network reaches that never sees the region."""
    row = decide.row(controls, control="inside_blanked")
    if row["status"] != "defined":
        return too_poor(OUTSIDE, controls)
    ratio = OUTSIDE.of_interval(row, RATIO, limit=(row, "flag"), above="enough", below="part", neither="part")
    if ratio["value"] == "enough":
        return ratio
    area = OUTSIDE.of_interval(row, limit=CHANCE, above="part", below="chance", neither="chance")
    return OUTSIDE.follows(area["value"], [ratio, area])


def no_places(controls):
    row = decide.row(controls, control="no_places")
    return NO_PLACES.of_interval(row, limit=CHANCE, above="above_chance", below="undetected", neither="undetected")


def inside_dependence(counterfactuals):
    """Whether the transfer model's predictions on covid stay without the region.

    They could stay because every blanked image is predicted covid; the predictions on normal ones show that.
    """
    covid, normal = (
        decide.row(counterfactuals, model="transfer", edit="inside", label=label) for label in ("covid", "normal")
    )
    of_covid = INSIDE_DEPENDENCE.of_interval(
        covid, FLIPPED, limit=MOST, above="flip", below="stay", neither="undecided"
    )
    if of_covid["value"] != "stay":
        return of_covid
    of_normal = INSIDE_DEPENDENCE.of_interval(
        normal, FLIPPED, limit=MOST, above="inconclusive", below="stay", neither="inconclusive"
    )
    return INSIDE_DEPENDENCE.follows(of_normal["value"], [of_covid, of_normal])


def crop(counterfactuals, model):
    """Whether cropping the border flips many predictions of a model on images of a class."""
    named = {"above": "flips", "below": "undetected", "neither": "undetected"}
    of_classes = [
        CROP.of_interval(
            decide.row(counterfactuals, model=model, edit="crop", label=label), FLIPPED, limit=MIN_FLIPPED, **named
        )
        for label in LABELS
    ]
    flipped = [row for row in of_classes if row["value"] == "flips"]
    return CROP.any_of(flipped, of_classes, some="flips", none="undetected", subject=model)


def markers_differ(markers):
    rows = [decide.row(markers, label=label) for label in ("covid", "normal")]
    low, high = difference(rows, "value", ("ci_low", "ci_high"))
    return MARKERS.is_(
        "differ" if low > 0 or high < 0 else "undetected",
        cells=[(row, column) for row in rows for column in ("value", "ci_low", "ci_high")],
        limit=0,
        margin=Margin.of_interval(low, high, 0),
    )


def map_against_crop(differences, counterfactuals, model):
    """Whether the class with more heat on the border is the one whose predictions depend more on it."""
    heat = decide.row(differences, first="true covid", second="true normal", region="border")
    of_heat = MAP_AGAINST_CROP.of_interval(heat, above="agrees", below="contradicted", neither="undetected")
    rows = [decide.row(counterfactuals, model=model, edit="crop", label=label) for label in ("covid", "normal")]
    low, high = difference(rows, "flipped", FLIPPED)
    of_crop = MAP_AGAINST_CROP.is_(
        "agrees" if low > 0 else "contradicted" if high < 0 else "undetected",
        cells=[(row, column) for row in rows for column in ("flipped", *FLIPPED)],
        limit=0,
        margin=Margin.of_interval(low, high, 0),
    )
    decided = [of_heat, of_crop]
    unsure = [row for row in decided if row["value"] == "undetected"]
    if unsure:
        # Every part must be detected: the last of them decides.
        return MAP_AGAINST_CROP.follows("undetected", [decide.farthest(unsure)])
    return MAP_AGAINST_CROP.follows("agrees" if of_heat["value"] == of_crop["value"] else "contradicted", decided)


def map_against_blanking(regions, counterfactuals, model):
    """Whether most of the heat is in the region on which most predictions do not depend, or the other way round.

    By the lungs or the central region, the first region of each group.
    """
    heat = decide.rows(regions, group="true covid")[0]
    blanked = decide.row(counterfactuals, model=model, edit="inside", label="covid")
    lacking = []
    for value, of_heat, of_blanking in (("heat_alone", "above", "below"), ("dependence_alone", "below", "above")):
        parts = [
            MAP_AGAINST_BLANKING.of_interval(
                row, ends, limit=MOST, **dict.fromkeys(("above", "below", "neither"), "undetected") | {side: value}
            )
            for row, ends, side in ((heat, SHARE, of_heat), (blanked, FLIPPED, of_blanking))
        ]
        undetected = [part for part in parts if part["value"] == "undetected"]
        if not undetected:
            return MAP_AGAINST_BLANKING.follows(value, parts)
        lacking.append(decide.farthest(undetected))
    return MAP_AGAINST_BLANKING.follows("undetected", lacking)


def difference(rows, value, ends):
    """The 95 % interval of the difference of two independent shares, the first row's less the second's."""
    first, second = ((row[value], tuple(row[end] for end in ends)) for row in rows)
    return comparisons.independent(second, first)[1]


if __name__ == "__main__":
    run(findings)
