"""gradcam: Task 4, where the better final model looks on the test images, by the maps of pipeline.models.explain.

Reads   both final models; the cache of test, its masks and its index; tables/evaluate/test_predictions.csv,
        test_metrics.csv and thresholds.csv.
Writes  tables/gradcam/heat.csv (one row a test image: shares of its heat), groups.csv, regions.csv, differences.csv,
        classes.csv, samples.csv; results/gradcam/maps.npz (of the samples) and means.npz (of the groups).
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from pipeline.command import InputError, log, run
from pipeline.images import cache, regions
from pipeline.models import explain, runtime
from pipeline.statistics import intervals
from pipeline.vocabulary import LABELS, MODELS

# (label, verdict), by the verdict, whose evidence a map shows.
GROUPS = {
    "true covid": ("covid", "covid"),
    "false alarm": ("normal", "covid"),
    "true normal": ("normal", "normal"),
    "missed covid": ("covid", "normal"),
}
# Errors with right verdicts of the same predicted class: maps of the other explain another score.
COMPARED = [("true covid", "true normal"), ("false alarm", "true covid"), ("missed covid", "true normal")]
FEWEST = 10  # maps of a group: of fewer nothing is inferred
# Of a region, parts of the side: height and width, of the border its depth; of the lungs' masks none.
EXTENTS = {
    regions.LUNGS: (np.nan, np.nan),
    regions.CENTRAL: (regions.BOTTOM - regions.TOP, regions.RIGHT - regions.LEFT),
    "border": (regions.BORDER, regions.BORDER),
    "corners": (regions.CORNER, regions.CORNER),
}


def gradcam(
    models: list[Path],
    test: Path,
    test_masks: Path,
    test_index: Path,
    predictions: Path,
    test_metrics: Path,
    thresholds: Path,
    settings: dict,
    heat: Path,
    groups: Path,
    region_table: Path,
    differences: Path,
    classes: Path,
    samples: Path,
    shown_maps: Path,
    means: Path,
):
    """Explain every test image with the final model whose test AUC is greater (a tie: the baseline)."""
    runtime.start(settings["compute"])
    areas = pd.read_csv(test_metrics).query("metric == 'auc'").set_index("model")["value"]
    model = "transfer" if areas["transfer"] > areas["baseline"] else "baseline"
    network = keras.models.load_model(dict(zip(MODELS, models, strict=True))[model])
    files = pd.read_csv(test_index)["file"]
    table = pd.read_csv(predictions).query("model == @model").set_index("file").loc[files].reset_index()
    threshold = pd.read_csv(thresholds).set_index("model")["logit"][model]
    images = cache.read(test)

    layer = explain.target_layer(network, settings["gradcam"]["layer"][model], f"gradcam.layer.{model}")
    maps, logits = explain.signed_maps(network, layer, images)
    if not np.allclose(logits, table["logit"], atol=1e-3):
        raise InputError(
            f"{predictions}: logits differ from those of {models}; the model is not the one that was evaluated: "
            "run the stage evaluate again"
        )
    log.info("gradcam: %s at layer %s, %d images", model, layer, len(images))

    said = (table["predicted"] == "covid").to_numpy()
    coarse = explain.heat(maps, said)
    table["group"] = ""
    for group, (label, verdict) in GROUPS.items():
        table.loc[(table["label"] == label) & (table["predicted"] == verdict), "group"] = group
    enlarged = explain.enlarged(coarse, *images.shape[1:])
    table = table.assign(**shares(enlarged, cache.read(test_masks)), empty=~coarse.any(axis=(1, 2)), layer=layer)

    heat.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(heat, index=False)
    shown = choose(table, threshold, settings["gradcam"]["samples"])
    shown.to_csv(samples, index=False)
    pd.DataFrame(
        {
            "group": list(GROUPS),
            "images": [(table["group"] == group).sum() for group in GROUPS],
            "empty": [(table["empty"] & (table["group"] == group)).sum() for group in GROUPS],
            "shown": [(shown["group"] == group).sum() for group in GROUPS],
            "model": model,
            "layer": layer,
            "height": maps.shape[1],
            "width": maps.shape[2],
            "fewest": FEWEST,
        }
    ).to_csv(groups, index=False)
    pd.DataFrame(region_rows(table, settings["seed"])).to_csv(region_table, index=False)
    pd.DataFrame(difference_rows(table, settings["seed"])).to_csv(differences, index=False)
    pd.DataFrame(class_rows(maps, said)).to_csv(classes, index=False)
    shown_maps.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(shown_maps, heat=coarse[shown.index])
    np.savez_compressed(
        means,
        **{
            group.replace(" ", "_"): enlarged[(table["group"] == group) & ~table["empty"]].mean(axis=0)
            for group in GROUPS
            if ((table["group"] == group) & ~table["empty"]).any()
        },
    )


def shares(heat, masks):
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
    """Up to `samples` images of each group: half of them farthest from the operating threshold, the others nearest."""
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


def region_rows(table, seed):
    """One row a group and region: extent, area, mean share of heat and lift (share over area), with their intervals.

    Empty maps have no heat to be shared; of groups with fewer than FEWEST maps no interval is given.
    """
    for group in GROUPS:
        members = table[(table["group"] == group) & ~table["empty"]]
        for region, name in region_names(table).items():
            row = {"group": group, "region": name, "images": len(members), "area": members[f"{region}_area"].mean()}
            row["height"], row["width"] = EXTENTS[name]
            for measure, values in {
                "share": members[region],
                "lift": members[region] / members[f"{region}_area"],
            }.items():
                enough = len(members) >= FEWEST
                low, high = intervals.bootstrap_mean(values.to_numpy(), seed) if enough else (np.nan, np.nan)
                row |= {measure: values.mean(), f"{measure}_ci_low": low, f"{measure}_ci_high": high}
            yield row


def difference_rows(table, seed):
    """One row a pair of groups and region: mean share of heat of the first less the second, with bootstrap interval.

    Where either has fewer than FEWEST maps, neither is given.
    """
    for first, second in COMPARED:
        members = table[table["group"].isin([first, second]) & ~table["empty"]]
        is_first = (members["group"] == first).to_numpy(float)
        for region, name in region_names(table).items():
            row = {"first": first, "second": second, "region": name}
            row |= {"difference": np.nan, "ci_low": np.nan, "ci_high": np.nan}
            if min(is_first.sum(), (1 - is_first).sum()) >= FEWEST:
                values = members[region].to_numpy()
                low, high = intervals.bootstrap(is_first, values, mean_difference, seed)
                row |= {"difference": mean_difference(is_first, values), "ci_low": low, "ci_high": high}
            yield row


def mean_difference(labels, values):
    """Mean of the values of label 1 less that of label 0."""
    return values[labels == 1].mean() - values[labels == 0].mean()


def class_rows(maps, said):
    """One row a predicted class, what two class labels do to the maps: z speaks for one class or the other.

    Returns:
        predicted, images, empty (maps of the predicted class without heat), other_empty (those of the other class),
        own_cells (mean share of the cells that speak for the predicted class).
    """
    for number, predicted in enumerate(LABELS):
        signed = maps[said == bool(number)] * (1 if number else -1)
        row = {"predicted": predicted, "images": len(signed)}
        row |= {
            "empty": int((signed <= 0).all(axis=(1, 2)).sum()),
            "other_empty": int((signed >= 0).all(axis=(1, 2)).sum()),
        }
        yield row | {"own_cells": (signed > 0).mean() if len(signed) else np.nan}


if __name__ == "__main__":
    run(gradcam)
