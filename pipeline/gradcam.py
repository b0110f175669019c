"""gradcam: Task 4, where a model looks: Grad-CAM written from scratch (Selvaraju et al. 2017).

Reads   both final models; the cache of test; tables/evaluate/test_predictions.csv, test_metrics.csv and
        thresholds.csv.
Writes  tables/gradcam/groups.csv and samples.csv; results/gradcam/samples.npz, from which pipeline.plots.gradcam draws.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.special import expit, logit

from pipeline.command import InputError, log, run
from pipeline.images import cache
from pipeline.models import runtime, transfer
from pipeline.vocabulary import MODELS

GROUPS = {
    "true covid": ("covid", "covid"),
    "true normal": ("normal", "normal"),
    "missed covid": ("covid", "normal"),
    "false alarm": ("normal", "covid"),
}


def gradcam(
    models: list[Path],
    test: Path,
    test_index: Path,
    predictions: Path,
    test_metrics: Path,
    thresholds: Path,
    settings: dict,
    groups: Path,
    samples: Path,
    overlays: Path,
):
    """Explain a few test images of each group with the final model whose test AUC is greater (a tie: the baseline)."""
    runtime.start(settings["compute"])
    areas = pd.read_csv(test_metrics).query("metric == 'auc'").set_index("model")["value"]
    model = "transfer" if areas["transfer"] > areas["baseline"] else "baseline"
    network = keras.models.load_model(dict(zip(MODELS, models, strict=True))[model])
    table = pd.read_csv(predictions).query("model == @model")
    threshold = pd.read_csv(thresholds).set_index("model")["threshold"][model]
    shown = choose(table, threshold, settings["gradcam"]["samples"])
    places = pd.Index(pd.read_csv(test_index)["file"]).get_indexer(shown["file"])
    images = cache.read(test)[places]

    layer = target_layer(network, settings["gradcam"]["layer"][model], f"gradcam.layer.{model}")
    maps, logits = explain(network, layer, images, threshold)
    if not np.allclose(logits, shown["logit"], atol=1e-3):
        raise InputError(
            f"{predictions}: logits differ from those of {models}; the model is not the one that was evaluated: "
            "run the stage evaluate again"
        )
    log.info("gradcam: %s at layer %s, %d images", model, layer, len(shown))

    shown["empty"] = ~maps.any(axis=(1, 2))
    shown["layer"] = layer
    counts = [len(members(table, group)) for group in GROUPS]
    groups.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(
        {"group": list(GROUPS), "images": counts, "shown": [(shown["group"] == group).sum() for group in GROUPS]}
    ).to_csv(groups, index=False)
    shown.drop(columns="logit").to_csv(samples, index=False)
    overlays.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(overlays, images=images, overlays=overlay(images, maps))


def choose(predictions, threshold, samples):
    """Up to `samples` images of each group, those farthest from the operating threshold first, as logits go."""
    farthest = (predictions["logit"] - logit(threshold)).abs().sort_values(ascending=False, kind="stable").index
    parts = [members(predictions.loc[farthest], group).head(samples) for group in GROUPS]
    return pd.concat(parts)[["file", "group", "label", "probability", "predicted", "logit", "model"]]


def members(predictions, group):
    """The predictions in `group`, with the group's name."""
    label, verdict = GROUPS[group]
    chosen = (predictions["label"] == label) & (predictions["predicted"] == verdict)
    return predictions[chosen].assign(group=group)


def target_layer(network, name, key):
    """The layer `name`, or by default the last one whose output is a map: the last activation before pooling.

    Raises:
        InputError: no such layer.
    """
    if name is not None:
        return transfer.layer_named(network, name, key).name
    return [layer.name for layer in network.layers if len(layer.output.shape) == 4][-1]


def explain(network, layer, images, threshold=0.5):
    """Grad-CAM of the predicted class, for any flat model with one logit z.

    The score is +z where covid is predicted and -z where normal is: a sigmoid would saturate and its gradients
    vanish. With activations A of `layer` (h, w, channels):
        alpha_k = mean over positions of d score / d A_k        (equation 1)
        map     = ReLU(sum_k alpha_k A_k)                       (equation 2)
    then divided by its maximum. A map without any positive value stays all zero.

    Args:
        images: uint8 (n, height, width).
        threshold: probability from which covid is predicted.

    Returns:
        maps: float32 (n, height, width) in [0, 1], bilinearly enlarged; logits: float64 (n,).
    """
    tapped = keras.Model(network.input, [network.get_layer(layer).output, network.output])
    batch = tf.constant(images[..., None], tf.float32)
    with tf.GradientTape() as tape:
        # All weights may be frozen; watching the input is what makes the tape record.
        tape.watch(batch)
        activations, logits = tapped(batch, training=False)
        # As the verdict was decided, in float64: float32 knows no probability between 1 - 6e-8 and 1.
        covid = expit(logits.numpy().astype(np.float64)) >= threshold
        score = tf.where(covid, logits, -logits)
    alpha = tf.reduce_mean(tape.gradient(score, activations), axis=(1, 2), keepdims=True)
    maps = tf.nn.relu(tf.reduce_sum(alpha * activations, axis=-1, keepdims=True))
    maps = maps / (tf.reduce_max(maps, axis=(1, 2), keepdims=True) + keras.backend.epsilon())
    maps = tf.image.resize(maps, images.shape[1:3], method="bilinear")
    return maps[..., 0].numpy(), logits[:, 0].numpy().astype(np.float64)


def overlay(images, maps):
    """Image + 0.4 x heat map in the jet colours: uint8 (n, height, width, 3).

    Args:
        images: uint8 (n, height, width).
        maps: float (n, height, width) in [0, 1].
    """
    heat = np.stack([np.clip(1.5 - np.abs(4 * maps - centre), 0, 1) for centre in (3, 2, 1)], axis=-1)
    return np.clip(images[..., None] + 0.4 * 255 * heat, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    run(gradcam)
