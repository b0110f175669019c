"""gradcam: Task 4, where the better final model looks on the test images, by the maps of pipeline.models.explain.

Reads   both final models; the cache of test, its masks and its index; tables/evaluate/test_predictions.csv,
        test_metrics.csv and thresholds.csv.
Returns one row a test image (shares of its heat), the groups, their regions, differences, classes and samples; the maps
        of the samples and the mean map of each group.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from pipeline.command import InputError, log, run
from pipeline.images import regions
from pipeline.images.examples import Examples
from pipeline.models import explain, runtime
from pipeline.statistics import intervals
from pipeline.vocabulary import LABELS, MODELS

# (label, predicted class), by the predicted class, whose evidence a map shows.
GROUPS = {
    "true covid": ("covid", "covid"),
    "false alarm": ("normal", "covid"),
    "true normal": ("normal", "normal"),
    "missed covid": ("covid", "normal"),
}
# Errors with right predictions of the same class: maps of the other explain another score.
COMPARED = [("true covid", "true normal"), ("false alarm", "true covid"), ("missed covid", "true normal")]
MIN_MAPS = 10  # of a group: of fewer nothing is inferred
# Of a region, parts of the side: height and width, of the border its depth; of the lungs' masks none.
EXTENTS = {
    regions.LUNGS: (np.nan, np.nan),
    regions.CENTRAL: (regions.BOTTOM - regions.TOP, regions.RIGHT - regions.LEFT),
    "border": (regions.BORDER, regions.BORDER),
    "corners": (regions.CORNER, regions.CORNER),
}


def explain_test(
    baseline: Path,
    transfer: Path,
    test: Examples,
    test_masks: np.ndarray,
    predictions: pd.DataFrame,
    metrics: pd.DataFrame,
    thresholds: pd.DataFrame,
    settings: dict,
):
    """Explain every test image with the final model whose test AUC is greater (a tie: the baseline).

    One parameter for each input of the rule.

    Args:
        test: images, uint8 (n, size, size).
        test_masks: uint8 (n, size, size), or (0, size, size) where the data has none.

    Raises:
        InputError: the predictions are not those of the model.
    """
    runtime.start(settings["compute"])
    areas = metrics[metrics["metric"] == "auc"].set_index("model")["value"]
    model = "transfer" if areas["transfer"] > areas["baseline"] else "baseline"
    network = keras.models.load_model(dict(zip(MODELS, (baseline, transfer), strict=True))[model])
    table = predictions[predictions["model"] == model].set_index("file").loc[test.files].reset_index()
    threshold = thresholds.set_index("model")["logit"][model]

    layer = explain.target_layer(network, settings["gradcam"]["layer"][model], f"gradcam.layer.{model}")
    maps, logits = explain.signed_maps(network, layer, test.values)
    if not np.allclose(logits, table["logit"], atol=1e-3):
        raise InputError(
            f"the logits of the {model} model differ from those in tables/evaluate/test_predictions.csv; the model is "
            "not the one that was evaluated: run the stage evaluate again"
        )
    log.info("gradcam: %s at layer %s, %d images", model, layer, len(test))

    covid = (table["predicted"] == "covid").to_numpy()
    coarse = explain.heat(maps, covid)
    enlarged = explain.enlarged(coarse, *test.values.shape[1:])
    pairs = {pair: group for group, pair in GROUPS.items()}
    table["group"] = [pairs[pair] for pair in zip(table["label"], table["predicted"], strict=True)]
    table = table.assign(**heat_shares(enlarged, test_masks), empty=~coarse.any(axis=(1, 2)), layer=layer)
    samples = choose(table, threshold, settings["gradcam"]["samples"])
    return {
        "heat": table,
        "groups": group_table(table, samples).assign(
            model=model, layer=layer, height=maps.shape[1], width=maps.shape[2], fewest=MIN_MAPS
        ),
        "regions": region_table(table, settings["seed"]),
        "differences": difference_table(table, settings["seed"]),
        "classes": class_table(maps, covid),
        "samples": samples,
        "maps": {"heat": coarse[samples.index]},
        "means": mean_maps(enlarged, table),
    }


def heat_shares(heat, masks):
    """The share of each image's heat that lies in each region, and the share of the image that the region is.

    Args:
        heat: float (n, size, size).
        masks: uint8 (n, size, size), or (0, size, size) where the data has none.

    Returns:
        dict of columns: inside, border, corners (NaN for an empty map); inside_area, border_area, corners_area; region,
        what "inside" is: lungs or central region.
    """
    count, size, _ = heat.shape
    inside, name = regions.inside(masks, count, size)
    total = heat.sum(axis=(1, 2))
    total[total == 0] = np.nan
    columns = {"region": name}
    for region, where in {"inside": inside, "border": regions.border(size), "corners": regions.corners(size)}.items():
        columns[region] = (heat * where).sum(axis=(1, 2)) / total
        columns[f"{region}_area"] = np.broadcast_to(where, heat.shape).mean(axis=(1, 2))
    return columns


def choose(table, threshold, samples):
    """Up to `samples` images of each group: half of them farthest from the decision threshold, the others nearest."""
    ordered = table.loc[(table["logit"] - threshold).abs().sort_values(ascending=False, kind="stable").index]
    parts = []
    for group in GROUPS:
        members = ordered[ordered["group"] == group]
        most = members.head(samples - samples // 2).assign(confidence="most")
        parts += [most, members.drop(most.index).tail(samples // 2).assign(confidence="least")]
    return pd.concat(parts)


def region_names(table):
    """{column of the table of heat: name of the region}; what "inside" is depends on the data."""
    return {"inside": table["region"].iloc[0], "border": "border", "corners": "corners"}


def group_table(table, samples):
    """One row a group: its images, how many of their maps are empty, and how many images are shown."""
    return pd.DataFrame(
        {
            "group": list(GROUPS),
            "images": [(table["group"] == group).sum() for group in GROUPS],
            "empty": [(table["empty"] & (table["group"] == group)).sum() for group in GROUPS],
            "shown": [(samples["group"] == group).sum() for group in GROUPS],
        }
    )


def mean_maps(heat, table):
    """The mean of the maps of each group that are not empty; no array for a group without any.

    Args:
        heat: float (n, size, size), in the rows' order of the table.
    """
    members = {group: ((table["group"] == group) & ~table["empty"]).to_numpy() for group in GROUPS}
    return {group.replace(" ", "_"): heat[where].mean(axis=0) for group, where in members.items() if where.any()}


def region_table(table, seed):
    """One row a group and region: extent, area, mean share of heat and lift (share over area), with their intervals.

    Empty maps have no heat to be shared; of groups with fewer than MIN_MAPS maps no interval is given.
    """
    rows = []
    for group in GROUPS:
        members = table[(table["group"] == group) & ~table["empty"]]
        for region, name in region_names(table).items():
            row = {"group": group, "region": name, "images": len(members), "area": members[f"{region}_area"].mean()}
            row["height"], row["width"] = EXTENTS[name]
            for measure, values in {
                "share": members[region],
                "lift": members[region] / members[f"{region}_area"],
            }.items():
                enough = len(members) >= MIN_MAPS
                low, high = intervals.bootstrap_mean(values.to_numpy(), seed) if enough else (np.nan, np.nan)
                row |= {measure: values.mean(), f"{measure}_ci_low": low, f"{measure}_ci_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def difference_table(table, seed):
    """One row a pair of groups and region: mean share of heat of the first less the second, with bootstrap interval.

    Where either has fewer than MIN_MAPS maps, neither is given.
    """
    rows = []
    for first, second in COMPARED:
        members = table[table["group"].isin([first, second]) & ~table["empty"]]
        is_first = (members["group"] == first).to_numpy(float)
        for region, name in region_names(table).items():
            row = {"first": first, "second": second, "region": name}
            row |= {"difference": np.nan, "ci_low": np.nan, "ci_high": np.nan}
            if min(is_first.sum(), (1 - is_first).sum()) >= MIN_MAPS:
                values = members[region].to_numpy()
                low, high = intervals.bootstrap(is_first, values, mean_difference, seed)
                row |= {"difference": mean_difference(is_first, values), "ci_low": low, "ci_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def mean_difference(labels, values):
    """Mean of the values of label 1 less that of label 0."""
    return values[labels == 1].mean() - values[labels == 0].mean()


def class_table(maps, covid):
    """One row a predicted class, what two class labels do to the maps: z speaks for one class or the other.

    Args:
        maps: float (n, h, w), signed.
        covid: bool (n,), the predictions.

    Returns:
        predicted, images, empty (maps of the predicted class without heat), other_empty (those of the other class),
        own_cells (mean share of the cells that speak for the predicted class).
    """
    rows = []
    for number, predicted in enumerate(LABELS):
        signed = maps[covid == bool(number)] * (1 if number else -1)
        empty, other_empty = (int(none.all(axis=(1, 2)).sum()) for none in (signed <= 0, signed >= 0))
        own_cells = (signed > 0).mean() if len(signed) else np.nan
        rows.append(
            {"predicted": predicted, "images": len(signed), "empty": empty, "other_empty": other_empty,
             "own_cells": own_cells}
        )  # fmt: skip
    return pd.DataFrame(rows)


if __name__ == "__main__":
    run(explain_test)
