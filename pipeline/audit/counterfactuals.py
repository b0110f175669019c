"""audit: what train-only models make of val images from which a cue was taken.

Blanked parts take the image's mean grey value. The lungs are those of the masks where the data has them, otherwise a
stated central region.

Reads   a train-only model of each kind; the cache, masks and index of val.
Returns one row a model, edit and class; one row a class for text and markers; the examples and images that are shown.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
from scipy.special import expit

from pipeline.command import log, run
from pipeline.images import markers, regions
from pipeline.images.decode import resize
from pipeline.images.examples import Examples
from pipeline.models import fitting, runtime
from pipeline.statistics import classification, intervals, shortcuts
from pipeline.vocabulary import LABELS, MODELS

EDITS = {
    "edges": "corners and text blanked",
    "inside": "{region} blanked",
    "grey": "grey values of the other class",
    "crop": "border cropped",
}
SAMPLES = 1  # of each class: the image whose probabilities change most
MARKED = 4  # images of each class on which markers were found


def edit_images(
    baseline: Path, transfer: Path, val: Examples, val_masks: np.ndarray, val_index: pd.DataFrame, settings: dict
):
    """The change of probability and the share of flipped predictions of each model by each edit, class by class."""
    runtime.start(settings["compute"])
    images, labels = np.asarray(val.values), val.labels
    inside, region = regions.inside(val_masks, *images.shape[:2])
    marks = markers.detect(images)
    edited = {edit: alter(edit, images, labels, inside, marks) for edit in EDITS}
    names = {edit: name.format(region=region) for edit, name in EDITS.items()}

    parts, probabilities = [], {}
    for model, file in zip(MODELS, (baseline, transfer), strict=True):
        network = keras.models.load_model(file)
        logits = {"original": fitting.logits(network, images)}
        logits |= {edit: fitting.logits(network, values) for edit, values in edited.items()}
        threshold = classification.operating_threshold(labels, logits["original"])
        probabilities[model] = {edit: expit(values) for edit, values in logits.items()}
        effects = effect_table(labels, val_index["group"].to_numpy(), logits, threshold, settings["seed"])
        for row in effects.itertuples():
            log.info("%s: %s, %s: %.3f, flipped %.3f", model, names[row.edit], row.label, row.value, row.flipped)
        effects.insert(0, "model", model)
        effects.insert(1, "name", effects["edit"].map(names))
        effects.insert(2, "region", region)
        parts.append(effects)

    places = most_changed(labels, probabilities)
    samples = [
        {"file": val.files[place], "label": LABELS[int(labels[place])], "edit": edit, "name": name}
        | {model: values[edit][place] for model, values in probabilities.items()}
        for place in places
        for edit, name in {"original": "original", **names}.items()
    ]
    versions = [version[place] for place in places for version in (images, *edited.values())]
    marked = {label: np.flatnonzero(marks.any(axis=(1, 2)) & (labels == n))[:MARKED] for n, label in enumerate(LABELS)}
    return {
        "table": pd.concat(parts),
        "markers": marker_table(labels, marks),
        "samples": pd.DataFrame(samples),
        "sample_images": {"images": np.stack(versions), "found": marks[places]},
        "marker_images": {
            **{label: images[members] for label, members in marked.items()},
            **{f"{label}_found": marks[members] for label, members in marked.items()},
        },
    }


def alter(edit, images, labels, inside, marks):
    """The images after an edit: uint8 (n, size, size).

    Args:
        inside: bool (n, size, size), the lungs or the central region; marks: the same, text and markers.
    """
    if edit == "grey":
        return exchange(images, labels)
    if edit == "crop":
        return np.stack([crop(image) for image in images])
    blanked = {"edges": marks | regions.corners(images.shape[1]), "inside": inside}[edit]
    return np.where(blanked, images.mean(axis=(1, 2), keepdims=True).astype(np.uint8), images)


def exchange(images, labels):
    """Give each class the brightness and contrast of the other.

    Mean and standard deviation of each image's grey values are moved and scaled so that, over its class, they have the
    mean and standard deviation that they have over the other class.
    """
    moments = np.stack([images.mean(axis=(1, 2)), images.std(axis=(1, 2))])
    wanted = np.empty_like(moments)
    for label in (0, 1):
        own, other = moments[:, labels == label], moments[:, labels != label]
        spread = np.maximum(own.std(axis=1, keepdims=True), 1e-6)
        relative = (own - own.mean(axis=1, keepdims=True)) / spread
        wanted[:, labels == label] = relative * other.std(axis=1, keepdims=True) + other.mean(axis=1, keepdims=True)
    scale = np.maximum(wanted[1], 0) / np.maximum(moments[1], 1e-6)
    scale, before, after = (values[:, None, None].astype(np.float32) for values in (scale, moments[0], wanted[0]))
    return np.clip(np.round((images - before) * scale + after), 0, 255).astype(np.uint8)


def crop(image):
    """The image without its border, resized to what it was."""
    rows = np.flatnonzero(~regions.border(len(image)).all(axis=1))
    return resize(np.ascontiguousarray(image[rows[0] : rows[-1] + 1, rows[0] : rows[-1] + 1]), len(image))


def effect_table(labels, groups, logits, threshold, seed):
    """One row an edit and class.

    Args:
        labels, groups: (n,). logits: {edit: float (n,)}, with those of the original images. threshold: a logit.

    Returns:
        value, ci_low, ci_high: mean change of the probability of covid, with the percentile interval of a bootstrap
        over groups of near-duplicates; flipped: share of predictions that change, with Wilson's interval.
    """
    rows = []
    edits = [edit for edit in logits if edit != "original"]
    change = np.stack([expit(logits[edit]) - expit(logits["original"]) for edit in edits])
    drawn = shortcuts.resamples(labels, groups, np.random.default_rng(seed))
    for number, label in enumerate(LABELS):
        of_class = labels == number
        means = drawn[:, of_class] @ change[:, of_class].T / drawn[:, of_class].sum(axis=1, keepdims=True)
        for place, edit in enumerate(edits):
            flips = (logits[edit] >= threshold) != (logits["original"] >= threshold)
            count, n = int(flips[of_class].sum()), int(of_class.sum())
            low, high = intervals.percentiles(means[:, place])
            row = {"edit": edit, "label": label, "images": n, "value": change[place, of_class].mean()}
            row |= {"ci_low": low, "ci_high": high, "flipped": count / n}
            row |= dict(zip(("flipped_ci_low", "flipped_ci_high"), intervals.wilson(count, n), strict=True))
            rows.append(row)
    return pd.DataFrame(rows)


def marker_table(labels, marks):
    """One row a class: images with text or markers, and their share with Wilson's interval."""
    rows = []
    for number, label in enumerate(LABELS):
        hits = marks[labels == number].any(axis=(1, 2))
        low, high = intervals.wilson(hits.sum(), len(hits))
        rows.append({"label": label, "images": len(hits), "hits": hits.sum(), "value": hits.mean()})
        rows[-1] |= {"ci_low": low, "ci_high": high}
    return pd.DataFrame(rows)


def most_changed(labels, probabilities):
    """Places of the images of each class whose probabilities change most, the greatest change of all edits and models.

    Args:
        probabilities: {model: {edit: float (n,)}}, with those of the original images.
    """
    changes = [abs(after - edits["original"]) for edits in probabilities.values() for after in edits.values()]
    order = np.argsort(-np.max(changes, axis=0), kind="stable")
    return np.concatenate([order[labels[order] == number][:SAMPLES] for number in range(len(LABELS))])


if __name__ == "__main__":
    run(edit_images)
