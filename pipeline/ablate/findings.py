"""ablate: what the studies show.

Reads   the tables of the studies; what was selected for both models, which the studies are compared with.
Returns findings (pipeline.findings); effects, one row per study and variant; size_cost, one row per size of images.
"""

import importlib

import pandas as pd

from pipeline import findings as decide
from pipeline.command import run
from pipeline.findings import Finding, Margin

# Of each variant of a study

EFFECTS = {"above": "better", "below": "worse", "neither": "undetected"}
VARIANT = Finding(
    "variant",
    tuple(EFFECTS.values()),
    "the 95 % interval of the difference in val AUC from the reference of the study excludes 0",
)
VARIANTS = Finding("variants", ("several", "one"), "the study has other variants than its reference")
BETTER = Finding("better", ("some", "none"), "variants of the study that are better than its reference")
WORSE = Finding("worse", ("some", "none"), "variants of the study that are worse than its reference")
UNDETECTED = Finding("undetected", ("some", "none"), "variants of the study that are neither better nor worse")
SELECTED = Finding("selected", ("reference", "other"), "the selected configuration has the value of the reference")

# Of one study

UNDERFITTING = Finding(
    "underfitting",
    ("underfitted", "not_shown"),
    "the train AUC of the reference size is below that of each size that is better",
)
SMALLER_SIZE = Finding("smaller_size", ("better", "not_better"), "a size below dataset.image_size is better")
OWN_SIZE = Finding("own_size", ("studied", "left_out"), "dataset.image_size is a size of the study")
PER_IMAGE = Finding("per_image", ("worse", "not_worse"), "per-image normalisation is worse than the reference")
AUGMENTATION_GAP = Finding(
    "augmentation_gap",
    ("narrower", "not_narrower"),
    "with all types of augmentation, the train AUC and its distance from the val AUC are smaller than with none",
)
VIEWS = Finding(
    "views",
    (*EFFECTS.values(), "not_compared"),
    "the 95 % interval of the difference in val AUC, augmented views less plain images, excludes 0",
)
AUGMENTATION = Finding(
    "augmentation",
    ("supported", "opposed", "contradictory", "undetected"),
    "the effects of all types of augmentation on the baseline, and of augmented views on the head",
)
HEAD = Finding(
    "head",
    ("better", "dense_needed", "some_smaller_worse", "no_smaller_worse", "all_smaller_worse", "no_smaller", "one"),
    "whether a head is better than the reference, and which of those with fewer parameters are worse",
)
SMALLEST_HEAD = Finding(
    "smallest_head", ("smaller", "reference"), "of the heads that are not worse, the one with the fewest parameters"
)
CUT = Finding(
    "cut",
    ("better", "earlier", "needed", "no_earlier", "one"),
    "whether a cut is better than the reference, and whether one with fewer parameters is not worse",
)
BACKBONE = Finding("backbone", ("whole", "cut"), "the reference of the study of cuts is the network's last layer")
DEEPEST_CUT = Finding("deepest_cut", ("best", "not_best"), "the cut with the most parameters has the highest val AUC")
BEST_CUT = Finding(
    "best_cut",
    ("better", "earlier", "reference"),
    "of the better cuts, the one with the highest val AUC; else of those not worse, the one with the fewest parameters",
)

# Of the study of the number of images

LEADS = {"above": "higher", "below": "lower", "neither": "undetected"}
IMAGES = Finding(
    "images",
    tuple(LEADS.values()),
    "the 95 % interval of the difference in val AUC, head less baseline, excludes 0",
)
LEAD = Finding(
    "lead",
    ("always", "higher", "lower", "higher_and_lower", "undetected"),
    "the numbers of images at which the val AUC of the head is higher or lower than that of the baseline",
)
LEAD_OPEN = Finding("lead_open", ("some", "none"), "numbers of images at which the models differ undetectably")
FEWER_IMAGES = Finding(
    "fewer_images",
    ("enough", "not_enough"),
    "the mean val AUC of the head on fewer images is at least that of the baseline on all",
)
ENOUGH_IMAGES = Finding(
    "enough_images",
    ("fewer", "all"),
    "the fewest images with which the mean val AUC of the head is at least that of the baseline on all",
)
MORE_IMAGES = Finding(
    "more_images",
    ("rises", "falls", "rises_at_each_step", "open"),
    "the 95 % interval of the difference in val AUC between the two largest shares excludes 0; else whether the mean "
    "rises with each share",
)
SELECTED_BASELINE = Finding(
    "selected_baseline",
    ("above", "not_above"),
    "the lowest val AUC of the selected baseline is above the highest of the selected head",
)
STUDY_SIZE = Finding("study_size", ("smaller", "not_smaller"), "ablate.image_size is below dataset.image_size")


def findings(
    resolution: pd.DataFrame,
    normalisation: pd.DataFrame,
    augmentation: pd.DataFrame,
    optimizer: pd.DataFrame,
    loss: pd.DataFrame,
    head: pd.DataFrame,
    cut: pd.DataFrame,
    views: pd.DataFrame,
    data: pd.DataFrame,
    data_rise: pd.DataFrame,
    resolution_cost: pd.DataFrame,
    tune_baseline_best: pd.DataFrame,
    tune_transfer_selection: pd.DataFrame,
    train_baseline_train_only: pd.DataFrame,
    train_transfer_train_only: pd.DataFrame,
    settings: dict,
):
    """Decide the findings. One parameter per input of the rule."""
    studies = {"resolution": resolution, "normalisation": normalisation, "augmentation": augmentation}
    studies |= {"optimizer": optimizer, "loss": loss, "head": head, "cut": cut}
    side, study_side = settings["dataset"]["image_size"], settings["ablate"]["image_size"]
    effects = {study: variants(study, table) for study, table in studies.items()}
    decided = []
    for study, table in studies.items():
        decided += [*effects[study].values(), *study_effects(study, table)]
    decided += [selected("optimizer", optimizer, tune_baseline_best), selected("loss", loss, tune_baseline_best)]
    decided += [selected_head(head, tune_transfer_selection)]
    decided += [underfitting(resolution, effects["resolution"]), smaller_size(resolution, side)]
    decided += [own_size(resolution, side), per_image(effects["normalisation"])]
    of_views = effect_of_views(views)
    decided += [augmentation_gap(augmentation), of_views, augmentation_effect(effects["augmentation"], of_views)]
    decided += [*heads(head, effects["head"]), *cuts(cut, effects["cut"])]
    decided += [backbone(cut, settings["transfer"]["backbone"]), deepest_cut(cut)]
    decided += [*shares(data), *enough_images(data)]
    decided += [more_images(data, row) for row in decide.rows(data_rise)]
    decided += [selected_baseline(train_baseline_train_only, train_transfer_train_only), study_size(side, study_side)]
    return {
        "findings": decide.table(decided),
        "effects": effect_table(studies, effects),
        "size_cost": resolution_cost.groupby("variant", sort=False)["seconds_per_epoch"].min().reset_index(),
    }


def others(table):
    """The rows of a study but for that of its reference."""
    return [row for row in decide.rows(table) if not row["reference"]]


def reference(table):
    return decide.row(table, reference=True)


def variants(study, table):
    """{variant: finding} of all but the reference."""
    return {
        str(row["variant"]): VARIANT.of_interval(row, subject=f"{study} {row['variant']}", **EFFECTS)
        for row in others(table)
    }


def study_effects(study, table):
    """Whether the study has several variants, and some of each effect."""
    rows = others(table)
    yield VARIANTS.is_("several" if rows else "one", subject=study)
    for finding, side in ((BETTER, "above"), (WORSE, "below"), (UNDETECTED, "neither")):
        yield any_interval(finding, rows, side, some="some", none="none", subject=study)


def any_interval(finding, rows, side, *, some, none, subject=""):
    """Whether the interval of one of `rows` is on this side of 0: above, below or neither."""
    values = dict.fromkeys(("above", "below", "neither"), none) | {side: some}
    decided = [finding.of_interval(row, **values) for row in rows]
    found = [row for row in decided if row["value"] == some]
    return finding.any_of(found, decided, some=some, none=none, subject=subject)


def with_effect(table, effects, *values):
    """The rows of the variants that have one of these effects."""
    return [row for row in others(table) if effects[str(row["variant"])]["value"] in values]


def effect_table(studies, effects):
    """One row per study and variant: better, worse, undetected, or the reference itself."""
    rows = []
    for study, table in studies.items():
        for variant in table["variant"].astype(str):
            effect = effects[study].get(variant, {"value": "reference"})["value"]
            rows.append({"study": study, "variant": variant, "effect": effect})
    return pd.DataFrame(rows)


def selected(study, table, best):
    """Whether the search selected what the study's reference has."""
    value, studied = decide.row(best), reference(table)
    same = value[study].replace("_", " ") == studied["variant"]
    return SELECTED.is_("reference" if same else "other", cells=[(value, study), (studied, "variant")], subject=study)


def selected_head(table, selection):
    """By the parameters: the reference has the starting values, which the search may have left."""
    value, studied = decide.row(selection, selected=True), reference(table)
    same = value["parameters"] == studied["parameters"]
    cells = [(value, "parameters"), (studied, "parameters")]
    return SELECTED.is_("reference" if same else "other", cells=cells, subject="head")


def underfitting(table, effects):
    """The limit is the lowest train AUC of the sizes that are better."""
    better = with_effect(table, effects, "better")
    if not better:
        return UNDERFITTING.follows("not_shown", effects.values())
    least = min(better, key=lambda row: row["train_auc"])
    values = {"above": "not_shown", "below": "underfitted", "equal": "not_shown"}
    return UNDERFITTING.of_number(reference(table), "train_auc", limit=(least, "train_auc"), **values)


def smaller_size(table, side):
    smaller = [row for row in others(table) if pixels(row) < side]
    return any_interval(SMALLER_SIZE, smaller, "above", some="better", none="not_better")


def own_size(table, side):
    rows = decide.rows(table)
    studied = side in map(pixels, rows)
    return OWN_SIZE.is_("studied" if studied else "left_out", cells=[(row, "variant") for row in rows], limit=side)


def pixels(row):
    """64 of "64 pixels"."""
    return int(row["variant"].split()[0])


def per_image(effects):
    """Not worse where it is the reference, or left out."""
    effect = [effects["sample"]] if "sample" in effects else []
    worse = any(row["value"] == "worse" for row in effect)
    return PER_IMAGE.follows("worse" if worse else "not_worse", effect)


def augmentation_gap(table):
    none, everything = (decide.rows(table, variant=variant) for variant in ("none", "all"))
    if not none or not everything:
        return AUGMENTATION_GAP.is_("not_narrower")
    rows = none[0], everything[0]
    gaps = [row["train_auc"] - row["val_auc"] for row in rows]
    narrower = rows[0]["train_auc"] > rows[1]["train_auc"] and gaps[0] > gaps[1]
    cells = [(row, column) for row in rows for column in ("train_auc", "val_auc")]
    value = "narrower" if narrower else "not_narrower"
    return AUGMENTATION_GAP.is_(value, cells=cells, limit=gaps[0], margin=Margin.of_number(gaps[1], gaps[0]))


def effect_of_views(table):
    """Of the same head, trained as long on as many images; else there is no row."""
    rows = decide.rows(table)
    return VIEWS.of_interval(rows[0], **EFFECTS) if rows else VIEWS.is_("not_compared")


def augmentation_effect(effects, of_views):
    decided = [*([effects["all"]] if "all" in effects else []), of_views]
    values = {row["value"] for row in decided}
    up, down = "better" in values, "worse" in values
    value = "contradictory" if up and down else "supported" if up else "opposed" if down else "undetected"
    return AUGMENTATION.follows(value, [row for row in decided if row["value"] != "not_compared"])


def heads(table, effects):
    """The whole study, and the smallest head that will do."""
    own, decided = reference(table), list(effects.values())
    worse, enough = (
        [row for row in with_effect(table, effects, *values) if row["parameters"] < own["parameters"]]
        for values in (["worse"], ["better", "undetected"])
    )
    if not decided:
        value = "one"
    elif with_effect(table, effects, "better"):
        value = "better"
    elif not enough:
        value = "all_smaller_worse" if worse else "no_smaller"
    elif any(row["variant"] == "no dense layer" for row in worse):
        value = "dense_needed"
    else:
        value = "some_smaller_worse" if worse else "no_smaller_worse"
    yield HEAD.follows(value, decided)
    smallest = min(enough, key=lambda row: row["parameters"], default=own)
    cells = [(smallest, "parameters"), (own, "parameters")]
    value = "smaller" if enough else "reference"
    yield SMALLEST_HEAD.is_(value, cells=cells, limit=own["parameters"], subject=str(smallest["variant"]))


def cuts(table, effects):
    """The whole study, and the cut that it speaks for."""
    own, decided = reference(table), list(effects.values())
    better = with_effect(table, effects, "better")
    worse, enough = (
        [row for row in with_effect(table, effects, *values) if row["backbone_parameters"] < own["backbone_parameters"]]
        for values in (["worse"], ["better", "undetected"])
    )
    if not decided:
        value = "one"
    elif better:
        value = "better"
    elif enough:
        value = "earlier"
    else:
        value = "needed" if worse else "no_earlier"
    yield CUT.follows(value, decided)
    if better:
        best = max(better, key=lambda row: row["val_auc"])
        yield BEST_CUT.is_("better", cells=[(best, "val_auc")], subject=best["variant"])
    else:
        best = min(enough, key=lambda row: row["backbone_parameters"], default=own)
        cells = [(best, "backbone_parameters"), (own, "backbone_parameters")]
        yield BEST_CUT.is_("earlier" if enough else "reference", cells=cells, subject=best["variant"])


def backbone(table, name):
    own = reference(table)
    layers = importlib.import_module(f"pipeline.models.backbones.{name}").LAYERS
    return BACKBONE.is_("whole" if own["variant"] == layers[-1] else "cut", cells=[(own, "variant")])


def deepest_cut(table):
    """Where it is the best, the best one may lie beyond it."""
    *earlier, deepest = sorted(decide.rows(table), key=lambda row: row["backbone_parameters"])
    if not earlier:
        return DEEPEST_CUT.is_("best", cells=[(deepest, "val_auc")])
    best = max(earlier, key=lambda row: row["val_auc"])
    values = {"above": "best", "equal": "not_best", "below": "not_best"}
    return DEEPEST_CUT.of_number(deepest, "val_auc", limit=(best, "val_auc"), **values)


def shares(table):
    """The head against the baseline at each number of images, and over all."""
    rows = decide.rows(table, model="transfer")
    decided = [IMAGES.of_interval(row, subject=str(row["images"]), **LEADS) for row in rows]
    values = {row["value"] for row in decided}
    if values == {"higher"}:
        value = "always"
    elif {"higher", "lower"} <= values:
        value = "higher_and_lower"
    else:
        value = next((value for value in ("higher", "lower") if value in values), "undetected")
    return [
        *decided,
        LEAD.follows(value, decided),
        any_interval(LEAD_OPEN, rows, "neither", some="some", none="none"),
    ]


def enough_images(table):
    """Whether fewer images are enough for the head, and how many."""
    *fewer, most = sorted(decide.rows(table, model="transfer"), key=lambda row: row["share"])
    full = decide.row(table, model="baseline", share=most["share"])
    enough = [row for row in fewer if row["val_auc"] >= full["val_auc"]]
    highest = max(fewer, key=lambda row: row["val_auc"])
    yield FEWER_IMAGES.of_number(
        highest, "val_auc", limit=(full, "val_auc"), above="enough", below="not_enough", equal="enough"
    )
    first = enough[0] if enough else most
    cells = [(first, "val_auc"), (full, "val_auc")]
    yield ENOUGH_IMAGES.is_("fewer" if enough else "all", cells=cells, subject=str(first["images"]))


def more_images(table, rise):
    """What the last images add to a model."""
    of_model = sorted(decide.rows(table, model=rise["model"]), key=lambda row: row["share"])
    aucs = [row["val_auc"] for row in of_model]
    rising = all(later > earlier for earlier, later in zip(aucs, aucs[1:], strict=False))
    neither = "rises_at_each_step" if rising else "open"
    return MORE_IMAGES.of_interval(rise, above="rises", below="falls", neither=neither, subject=rise["model"])


def selected_baseline(baseline, transfer):
    """The study compares small, short runs; the selected models may rank otherwise."""
    lowest = min(decide.rows(baseline), key=lambda row: row["val_auc"])
    highest = max(decide.rows(transfer), key=lambda row: row["val_auc"])
    values = {"above": "above", "below": "not_above", "equal": "not_above"}
    return SELECTED_BASELINE.of_number(lowest, "val_auc", limit=(highest, "val_auc"), **values)


def study_size(side, study_side):
    return STUDY_SIZE.is_("smaller" if study_side < side else "not_smaller", limit=side)


if __name__ == "__main__":
    run(findings)
