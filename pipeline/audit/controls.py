"""audit: does the model see disease, or the hospital? Controls that lack what a diagnosis needs, on train and val.

One small network at one budget, that of the stage ablate, is trained with the same seeds on the whole image and on
controls that leave something out (Maguolo & Nanni 2021; DeGrave et al. 2021); gradient-boosted trees are given what
knows no place in the image. What such a control reaches, a score on the whole image does not prove. The lungs are those
of the masks where the data has them, otherwise a stated central region stands in for them. Nothing is augmented: a
shift would bring back what was blanked.

Reads   results/ablate/SPLIT_SIZE.npy, results/data/SPLIT_masks.npy and the indexes of train and val.
Returns one row a run, one row a control, and the seconds that each run took.
"""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from pipeline.command import log, run
from pipeline.images import regions
from pipeline.images.augment import NONE
from pipeline.images.decode import as_mask, resize
from pipeline.images.examples import Examples
from pipeline.models import baseline, fitting, runtime
from pipeline.statistics import intervals, metrics, shortcuts

CONTROLS = {
    "whole": "whole image",
    "inside_blanked": "{region} blanked",
    "inside_alone": "{region} only",
    "border_alone": "border only",
    "thumbnail": "thumbnail",
    "outline": "outline of the lungs only",
    "no_places": "grey values and file",
}
# These see nothing inside the lungs, or the central region. Grey values take in the lungs, which disease brightens.
BLIND = ("inside_blanked", "border_alone", "outline")
THUMBNAIL = 16  # pixels
BINS = 16  # of the histogram of grey values
NO_MASKS = "omitted: the data has no masks of the lungs"


def run_controls(
    train: Examples,
    val: Examples,
    train_index: pd.DataFrame,
    val_index: pd.DataFrame,
    train_masks: np.ndarray,
    val_masks: np.ndarray,
    settings: dict,
):
    """Run every control with every seed, and compare it with the whole image.

    One parameter for each input of the rule.

    Args:
        train, val: images, uint8 (n, size, size).
        train_index, val_index: their rows.
        train_masks, val_masks: uint8 (n, other size, other size), or none where the data has none.
    """
    runtime.start(settings["compute"])
    budget = settings["ablate"]
    (inside, region), (val_inside, _) = locate_lungs(train, train_masks), locate_lungs(val, val_masks)
    scores, rows, costs = {}, [], []
    for control in CONTROLS:
        if control == "outline" and region != regions.LUNGS:
            continue
        if control == "no_places":
            values, val_values = describe(train_index, train.values), describe(val_index, val.values)
        else:
            values, val_values = remove(control, train.values, inside), remove(control, val.values, val_inside)
        subset = replace(train, values=values).stratified(budget["images"], settings["seed"])
        val_changed = replace(val, values=val_values)
        scores[control] = []
        for seed in budget["seeds"]:
            start = time.perf_counter()
            fit = boosted if control == "no_places" else network
            scores[control].append(fit(subset, val_changed, seed, settings))
            costs.append({"control": control, "seed": seed, "seconds": time.perf_counter() - start})
            area = metrics.auc(val.labels, scores[control][-1])
            rows.append({"control": control, "seed": seed, "images": len(subset), "val_auc": area})
            log.info("%s, seed %d: val AUC %.4f", CONTROLS[control].format(region=region), seed, area)
    scores = {control: np.stack(of_seeds) for control, of_seeds in scores.items()}
    compared = summary(val.labels, val_index["group"].to_numpy(), scores, region, settings)
    return {
        "runs": pd.DataFrame(rows),
        "table": compared.assign(pixels=val.values.shape[1]),
        "cost": pd.DataFrame(costs),
    }


def locate_lungs(examples, masks):
    """Where the lungs are in these images: bool (n, size, size), and the region's name, as of `regions.inside`."""
    count, size, _ = examples.values.shape
    return regions.inside([as_mask(mask, size) for mask in masks], count, size)


def remove(control, images, inside):
    """What a control leaves of each image: uint8 (n, size, size), all else black."""
    size = images.shape[1]
    if control == "thumbnail":
        return np.stack([resize(resize(image, THUMBNAIL), size) for image in images])
    if control == "outline":
        return np.where(inside, np.uint8(255), np.uint8(0))
    left = {"whole": True, "inside_blanked": ~inside, "inside_alone": inside}
    left["border_alone"] = regions.border(size) & ~inside  # lungs may reach into it
    return np.where(left[control], images, np.uint8(0))


def describe(index, images):
    """What knows no place in the image, but for the border: float (n, features).

    Size of the file, width, height, channels and bit depth as stored; mean grey value of the border and share of black
    border; histogram of all grey values, those of the lungs with them, so that disease can show in it.
    """
    stored = index[["bytes", "width", "height", "bit_depth"]].to_numpy(float)
    channels = [Image.getmodebands(mode) for mode in index["mode"]]
    border = images[:, regions.border(images.shape[1])].mean(axis=1)
    black = [regions.border_share(image) for image in images]
    histograms = [np.histogram(image, BINS, (0, 256))[0] for image in images]
    return np.column_stack([stored, channels, border, black, histograms])


def network(examples, val, seed, settings):
    """Logits for val of the small network of the stage ablate."""
    val_logits, _, _ = fitting.study_run(
        baseline,
        baseline.small(settings),
        examples,
        val,
        settings | {"augmentation": NONE},
        seed=seed,
        epochs=settings["ablate"]["epochs"],
        name=f"audit, seed {seed}",
    )
    return val_logits


# Another number of threads would add up in another order, and give (slightly) other results.
@threadpool_limits.wrap(limits=1)
def boosted(examples, val, seed, settings):
    """Logits for val of gradient boosting; half of the features at each split, by the seed."""
    boosting = HistGradientBoostingClassifier(
        max_iter=50, min_samples_leaf=10, max_features=0.5, early_stopping=False, random_state=seed
    )
    return boosting.fit(examples.values, examples.labels).decision_function(val.values)


def summary(labels, groups, scores, region, settings):
    """One row a control: mean val AUC over seeds, and the shortcut ratio, with percentile intervals of one bootstrap.

    Args:
        labels, groups: (images,) of val.
        scores: {control: float (seeds, images)}.
        region: what `inside` is: lungs or central region.
        settings: seed, and audit with flag and least_auc.

    Returns:
        control, name, region; blind: whether it sees nothing inside that region; seeds; value, ci_low, ci_high:
        the AUC; ratio with its interval, where the interval of the whole image's AUC lies above least_auc; status:
        reference, defined, not defined or why the control was omitted; flagged: a ratio that lies above flag with its
        whole interval; both limits.
    """
    flag, least = settings["audit"]["flag"], settings["audit"]["least_auc"]
    drawn = shortcuts.bootstrap(labels, groups, scores, settings["seed"])
    whole, defined = shortcuts.mean_auc(labels, scores["whole"]), auc_interval(labels, drawn["whole"])[0] > least
    rows = []
    for control, name in CONTROLS.items():
        row = {"control": control, "name": name.format(region=region), "region": region, "blind": control in BLIND}
        row |= {"status": NO_MASKS, "flagged": False, "flag": flag, "least_auc": least}
        if control in scores:
            area = shortcuts.mean_auc(labels, scores[control])
            low, high = auc_interval(labels, drawn[control])
            row |= {"seeds": len(scores[control]), "value": area, "ci_low": low, "ci_high": high}
            row["status"] = "reference" if control == "whole" else "defined" if defined else "not defined"
        if row["status"] == "defined":
            row["ratio"] = shortcuts.ratio(area, whole)
            ratios = shortcuts.ratio(drawn[control], drawn["whole"])
            row["ratio_ci_low"], row["ratio_ci_high"] = intervals.percentiles(ratios)
            row["flagged"] = row["ratio_ci_low"] > flag
        rows.append(row)
    columns = ["control", "name", "region", "blind", "seeds", "value", "ci_low", "ci_high"]
    columns += ["ratio", "ratio_ci_low", "ratio_ci_high", "status", "flagged", "flag", "least_auc"]
    return pd.DataFrame(rows).reindex(columns=columns)


def auc_interval(labels, areas):
    """Percentile interval of a mean AUC; where every resample gives 1, the exact bound of `intervals.auc_interval`."""
    low, high = intervals.percentiles(areas)
    return intervals.auc_interval(labels, labels) if low == 1 else (low, high)


if __name__ == "__main__":
    run(run_controls)
