"""gradcam: can the maps be trusted? On val, with train-only models.

Three questions: do two networks that differ in their seed alone give like maps; do the maps depend on the weights
(Adebayo et al. 2018); does the probability fall sooner when the hottest pixels are blanked than when random ones are
(Petsiuk et al. 2018)?

Reads   train-only models of one kind; the cache and index of val.
Returns one row a check, and one row a share of deleted pixels.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import rankdata

from pipeline.command import log, run
from pipeline.images.examples import Examples
from pipeline.models import explain, fitting, runtime
from pipeline.statistics import intervals

DELETED = np.linspace(0, 1, 11)  # shares of the pixels


def check_maps(model: str, explained: Path, seeds: list[Path], val: Examples, settings: dict):
    """All three checks on a stratified subset of val; the class explained is the more probable one.

    Args:
        explained: the train-only network whose maps are checked.
        seeds: two train-only networks that differ in their seed alone; none where there is but one seed, and then
            nothing is said of that.
    """
    runtime.start(settings["compute"])
    seed = settings["seed"]
    images = val.stratified(settings["gradcam"]["val_images"], seed).values
    network = keras.models.load_model(explained)
    layer = explain.target_layer(network, settings["gradcam"]["layer"][model], f"gradcam.layer.{model}")
    maps, logits = explain.signed_maps(network, layer, images)
    covid = logits >= 0
    heat = explain.heat(maps, covid)

    checks = {}
    if len(seeds) == 2:
        first, second = (
            explain.heat(explain.signed_maps(keras.models.load_model(file), layer, images)[0], covid) for file in seeds
        )
        checks["two seeds"] = rank_correlations(first, second)
        # What alone makes maps alike that explain different images.
        checks["two seeds, other image"] = rank_correlations(first, np.roll(second, 1, axis=0))
        checks["two seeds, less other image"] = checks["two seeds"] - checks["two seeds, other image"]
    for name, part in {"last layers": 0.0, "half of the layers": 0.5, "all layers": 1.0}.items():
        shuffle_weights(network, part, seed)
        shuffled = explain.heat(explain.signed_maps(network, layer, images)[0], covid)
        checks[f"shuffled weights, {name}"] = rank_correlations(heat, shuffled)
        network = keras.models.load_model(explained)
    curves = deletion_curves(network, images, heat, covid, seed)
    areas = {order: np.trapezoid(values, DELETED, axis=0) for order, values in curves.items()}
    checks |= {f"deletion, {order} first": area for order, area in areas.items()}
    checks["deletion, random less hottest"] = areas["random"] - areas["hottest"]

    rows = []
    for check, values in checks.items():
        low, high = intervals.bootstrap_mean(values, seed)
        rows.append({"check": check, "images": len(values), "value": values.mean(), "ci_low": low, "ci_high": high})
        log.info("%s: %.3f (%.3f to %.3f)", check, values.mean(), low, high)
    deletion = [
        {"order": order, "deleted": share, "probability": values.mean(), "ci_low": low, "ci_high": high}
        for order, curve in curves.items()
        for share, values in zip(DELETED, curve, strict=True)
        for low, high in [intervals.bootstrap_mean(values, seed)]
    ]
    return {"table": pd.DataFrame(rows).assign(model=model, layer=layer), "deletion": pd.DataFrame(deletion)}


def rank_correlations(first, second):
    """Spearman's correlation of the maps (n, h, w) of each image: float (n,); 0 where a map is the same everywhere."""
    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    a, b = (each - each.mean(axis=1, keepdims=True) for each in ranks)
    norms = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), norms, out=np.zeros(len(a)), where=norms > 0)


def shuffle_weights(network, part, seed):
    """Shuffle, in place, the weights within the dense layers and within the last `part` of the convolutions.

    Shuffled weights keep their distribution, and with it the scale of the activations.
    """
    generator = np.random.default_rng(seed)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    chosen = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    chosen += convolutions[len(convolutions) - round(part * len(convolutions)) :]
    for layer in chosen:
        layer.set_weights([generator.permuted(weight.ravel()).reshape(weight.shape) for weight in layer.get_weights()])


def deletion_curves(network, images, heat, covid, seed):
    """The probability of the first prediction as more and more pixels take the image's mean grey value.

    Args:
        heat: float (n, h, w), enlarged to the images for the order of the pixels.
        covid: bool (n,), the predictions.

    Returns:
        {"hottest" or "random": float (shares of DELETED, n)}.
    """
    count, pixels = len(images), images[0].size
    size = images.shape[1:]
    hottest = np.argsort(-explain.enlarged(heat, *size).reshape(count, -1), axis=1, kind="stable")
    # Blocks of the size of a map's cell, in random order: single pixels, strewn, would blur the image, not hide a part.
    generator = np.random.default_rng(seed)
    noise = np.stack([generator.permutation(heat[0].size).reshape(heat[0].shape) for _ in range(count)])
    rows, columns = (np.arange(side) * cells // side for side, cells in zip(size, heat.shape[1:], strict=True))
    random = np.argsort(noise[:, rows[:, None], columns].reshape(count, -1), axis=1, kind="stable")
    mean = images.mean(axis=(1, 2)).astype(np.uint8)
    curves = {}
    for name, order in {"hottest": hottest, "random": random}.items():
        curve = []
        for share in DELETED:
            left = images.reshape(count, -1).copy()
            np.put_along_axis(left, order[:, : round(share * pixels)], mean[:, None], axis=1)
            logits = fitting.logits(network, left.reshape(images.shape))
            curve.append(expit(np.where(covid, logits, -logits)))
        curves[name] = np.stack(curve)
    return curves


if __name__ == "__main__":
    run(check_maps)
