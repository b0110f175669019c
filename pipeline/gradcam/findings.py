"""gradcam: what the article claims of the maps: where their heat is, whether it differs, whether to trust it.

Reads   tables of the stage gradcam; tables/evaluate/test_metrics.csv.
Returns the table of findings (pipeline.findings).
"""

import pandas as pd

from pipeline import findings as decide
from pipeline.command import run
from pipeline.findings import MOST, WHICH_MODELS, Finding, Margin
from pipeline.vocabulary import LABELS, MODELS

UNIFORM = 1  # share of heat over share of the image, in any region, where heat is everywhere the same
# Rank correlation of a map with that of shuffled weights: 1 where the weights do not matter, 0 where nothing is left of
# the map; midway.
ALIKE = 0.5
CORRECT = ("true covid", "true normal")
ERRORS = {"missed covid": "true normal", "false alarm": "true covid"}  # with the correct predictions of the same class
SHARE, LIFT = (("share_ci_low", "share_ci_high"), ("lift_ci_low", "lift_ci_high"))

EXPLAINED = Finding("explained", ("transfer", "baseline", "equal"), "the higher test AUC; the baseline if equal")
EMPTY_GROUPS = Finding("empty_groups", ("some", "none"), "a group has no test image")
EMPTY_MAPS = Finding("empty_maps", ("some", "none"), "a map of the predicted class has no positive value")
OTHER_EMPTY_MAPS = Finding("other_empty_maps", ("some", "none"), "a map of the other class has no positive value")

INSIDE_HEAT = Finding(
    "inside_heat",
    ("more", "less", "undetected", "too_few"),
    "the 95 % interval of share of heat over area, of the region in true COVID-19 images, excludes 1",
)
HEAT_ELSEWHERE = Finding(
    "heat_elsewhere",
    ("most", "undetected"),
    "the 95 % interval of the region's share of heat in true COVID-19 images is below one half",
)
CLASS_HEAT = Finding(
    "class_heat",
    ("larger", "smaller", "undetected", "too_few"),
    "the 95 % interval of the difference in share of heat, true COVID-19 less true normal, excludes 0",
)
BORDER_HEAT = Finding(
    "border_heat",
    ("more", "undetected", "too_few"),
    "the 95 % interval of share of heat over area, of the border, is above 1",
)
CORNER_HEAT = Finding(
    "corner_heat",
    ("more", "undetected", "too_few"),
    "the 95 % interval of share of heat over area, of the corners, is above 1",
)
BIAS = Finding(
    "bias",
    ("supported", "hint", "undetected", "unknown"),
    "border or corners get more heat than uniform heat; supported if the hottest pixels matter",
)
BORDER_BIAS = Finding(
    "border_bias", BIAS.values, "the border gets more heat than uniform heat; supported if the hottest pixels matter"
)
CELLS = Finding("cells", ("wider", "narrower"), "the side of a map's cell against the depth of the border")

MISCLASSIFIED = Finding("misclassified", ("some", "none"), "a test image is misclassified")
ERROR_GROUP = Finding("error_group", ("some", "none"), "the group has test images")
ERROR_HEAT = Finding(
    "error_heat",
    ("different", "undetected", "too_few"),
    "the 95 % interval of the difference in share of heat from correct predictions of the class excludes 0",
)
ERROR_MEANS = Finding("error_means", ("both", "missing"), "errors and correct predictions of the same class have maps")
ERROR_MAPS = Finding("error_maps", ("different", "undetected", "too_few"), "a group of errors differs in its heat")

SEEDS = Finding(
    "seeds",
    ("above", "undetected", "one_seed"),
    "the 95 % interval of the rank correlation of two seeds, less that of other images, is above 0",
)
WEIGHTS = Finding(
    "weights",
    ("matter", "undetected"),
    "the 95 % interval of the rank correlation with shuffled weights is below one half",
)
WEIGHTS_MODELS = Finding("weights_models", WHICH_MODELS, "the models whose weights matter to the maps")
DELETION = Finding(
    "deletion",
    ("faster", "slower", "undetected"),
    "the 95 % interval of the area between the deletion curves excludes 0",
)
DELETION_MODELS = Finding("deletion_models", WHICH_MODELS, "the models whose probability falls faster")


def findings(
    groups: pd.DataFrame,
    classes: pd.DataFrame,
    regions: pd.DataFrame,
    differences: pd.DataFrame,
    trust: list[pd.DataFrame],
    evaluate_test_metrics: pd.DataFrame,
):
    """Decide the findings; `trust`: the checks of each model."""
    seeds, weights, deletion = checks(trust)
    border = [region_heat(BORDER_HEAT, regions, "border", group) for group in CORRECT]
    corners = [region_heat(CORNER_HEAT, regions, "corners", group) for group in CORRECT]
    of_explained = deletion[MODELS.index(groups["model"].iloc[0])]
    decided = [
        explained(evaluate_test_metrics),
        any_of(EMPTY_GROUPS, [(row, "images") for row in decide.rows(groups)], empty=True),
        any_of(EMPTY_MAPS, [(decide.row(classes, predicted=label), "empty") for label in LABELS]),
        any_of(OTHER_EMPTY_MAPS, [(decide.row(classes, predicted=label), "other_empty") for label in LABELS]),
        *inside_heat(regions),
        class_heat(differences),
        *border,
        *corners,
        bias(BIAS, border + corners, of_explained),
        bias(BORDER_BIAS, border, of_explained),
        cells(groups, regions),
        *errors(groups, regions, differences),
        *seeds,
        *weights,
        of_models(WEIGHTS_MODELS, weights, "matter"),
        *deletion,
        of_models(DELETION_MODELS, deletion, "faster"),
    ]
    return {"findings": decide.table(decided)}


def explained(metrics):
    transfer, baseline = (decide.row(metrics, model=model, metric="auc") for model in ("transfer", "baseline"))
    return EXPLAINED.of_number(
        transfer, "value", limit=(baseline, "value"), above="transfer", below="baseline", equal="equal"
    )


def any_of(finding, cells, empty=False, subject=""):
    """Whether one of the counts in `cells` is above 0; with `empty`, whether one is 0."""
    counts = [row[column] for row, column in cells]
    there = not all(counts) if empty else any(counts)
    return finding.is_("some" if there else "none", cells=cells, limit=0, subject=subject)


def inside_heat(regions):
    """Of the lungs or the central region, the first region of each group."""
    row = decide.rows(regions, group="true covid")[0]
    named = {"above": "more", "below": "less", "neither": "undetected", "missing": "too_few"}
    elsewhere = {"above": "undetected", "below": "most", "neither": "undetected"}
    return [
        INSIDE_HEAT.of_interval(row, LIFT, limit=UNIFORM, **named),
        HEAT_ELSEWHERE.of_interval(row, SHARE, limit=MOST, **elsewhere),
    ]


def class_heat(differences):
    row = decide.rows(differences, first="true covid", second="true normal")[0]
    return CLASS_HEAT.of_interval(row, above="larger", below="smaller", neither="undetected", missing="too_few")


def region_heat(finding, regions, region, group):
    row = decide.row(regions, group=group, region=region)
    named = {"above": "more", "below": "undetected", "neither": "undetected", "missing": "too_few"}
    return finding.of_interval(row, LIFT, limit=UNIFORM, **named, subject=group)


def bias(finding, heat, deletion):
    """From the heat of border and corners, and whether the hottest pixels matter to the model that is explained."""
    more = [row for row in heat if row["value"] == "more"]
    if more:
        value = "supported" if deletion["value"] == "faster" else "hint"
        return finding.follows(value, [decide.farthest(more), deletion])
    unknown = all(row["value"] == "too_few" for row in heat)
    return finding.follows("unknown" if unknown else "undetected", heat)


def cells(groups, regions):
    grid, border = decide.rows(groups)[0], decide.row(regions, group="true covid", region="border")
    side, depth = 1 / grid["height"], border["height"]
    return CELLS.is_(
        "wider" if side > depth else "narrower",
        cells=[(grid, "height"), (border, "height")],
        limit=depth,
        margin=Margin.of_number(side, depth),
    )


def errors(groups, regions, differences):
    """Whether there are errors, and whether their maps differ from those of correct predictions of the same class."""
    images = {group: (decide.row(groups, group=group), "images") for group in ERRORS}
    there = [any_of(ERROR_GROUP, [images[group]], subject=group) for group in ERRORS]
    heat = [error_heat(differences, group, correct) for group, correct in ERRORS.items()]
    means = [
        ERROR_MEANS.is_("both" if all(row["images"] for row in rows) else "missing",
                        cells=[(row, "images") for row in rows], limit=0, subject=group)
        for group, correct in ERRORS.items()
        for rows in [[decide.rows(regions, group=each)[0] for each in (group, correct)]]
    ]  # fmt: skip
    overall = any_difference(ERROR_MAPS, heat)
    return [any_of(MISCLASSIFIED, list(images.values())), *there, *heat, *means, overall]


def error_heat(differences, group, correct):
    """By the first two regions: lungs or central region, and border."""
    named = {"above": "different", "below": "different", "neither": "undetected", "missing": "too_few"}
    regions = decide.rows(differences, first=group, second=correct)[:2]
    decided = [ERROR_HEAT.of_interval(row, **named) for row in regions]
    return any_difference(ERROR_HEAT, decided, subject=group)


def any_difference(finding, decided, subject=""):
    """Whether one of `decided` is different; too_few where all have too few maps."""
    different = [row for row in decided if row["value"] == "different"]
    none = "too_few" if all(row["value"] == "too_few" for row in decided) else "undetected"
    return finding.any_of(different, decided, some="different", none=none, subject=subject)


def checks(trust):
    """Of each model: whether two seeds give like maps, whether the weights matter, whether the hottest pixels do."""
    seeds, weights, deletion = [], [], []
    for model, table in zip(MODELS, trust, strict=True):
        pair = decide.rows(table, check="two seeds, less other image")
        above = {"above": "above", "below": "undetected", "neither": "undetected"}
        seeds += [SEEDS.of_interval(row, **above, subject=model) for row in pair] or [
            SEEDS.is_("one_seed", subject=model)
        ]
        row = decide.row(table, check="shuffled weights, all layers")
        weights.append(
            WEIGHTS.of_interval(
                row, limit=ALIKE, above="undetected", below="matter", neither="undetected", subject=model
            )
        )
        row = decide.row(table, check="deletion, random less hottest")
        deletion.append(DELETION.of_interval(row, above="faster", below="slower", neither="undetected", subject=model))
    return seeds, weights, deletion


def of_models(finding, decided, value):
    """The models of which `value` was decided."""
    models = [row["subject"] for row in decided if row["value"] == value]
    return finding.follows(decide.which_models(models), decided)


if __name__ == "__main__":
    run(findings)
