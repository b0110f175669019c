"""finetune: the transfer model, unfrozen and trained end to end at the largest learning rate that does no harm.

Reads   the final or a train-only transfer model, the epochs and hyperparameters of its head; examples of train and val.
Returns the fine-tuned model (the unchanged one if rejected), attempts, history, the summary, predictions on val and
        seconds. In a history, epoch 0 is the model as it came.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from pipeline.command import Scratch, log, run
from pipeline.images import augment
from pipeline.images.examples import Examples, join
from pipeline.models import fitting, pretrained, runtime
from pipeline.models.backup import seconds_of
from pipeline.statistics import metrics

JUDGED = "train_refitted_loss"  # in a history


def final(
    model: Path,
    train: Examples,
    val: Examples,
    best: pd.DataFrame,
    summary: pd.DataFrame,
    settings: dict,
    backups: Scratch,
):
    """Fine-tune the final model on train + val: the largest learning rate of a falling ladder that does no harm.

    Judged by training images only (`fine_tune`): an attempt is rejected, and the learning rate divided, if their loss
    has risen by more than is tolerated. One parameter for each input of the rule.
    """
    runtime.start(settings["compute"])
    examples = join(train, val)
    epochs = settings["finetune"]["epochs"] or int(summary["epochs"].item())
    (hyperparameters,) = best.to_dict("records")
    learning_rate = settings["finetune"]["learning_rate"]
    rows, histories, seconds = [], [], 0
    for attempt in range(1, settings["finetune"]["attempts"] + 1):
        network = load(model, settings["seed"])
        backup = backups / f"attempt{attempt}.npz"
        schedule = hyperparameters | {"learning_rate": learning_rate}
        options = {"seed": settings["seed"], "epochs": epochs, "backup": backup}
        outcome, history = fine_tune(network, examples, settings, schedule, **options)
        seconds += seconds_of(backup)
        rows.append({"attempt": attempt, "learning_rate": learning_rate, "planned_epochs": epochs, **outcome})
        histories.append(history.assign(attempt=attempt))
        log.info("attempt %d at learning rate %g: %s", attempt, learning_rate, outcome["decision"])
        if outcome["decision"] == "kept":
            break
        learning_rate /= settings["finetune"]["divide_by"]
    else:
        network = load(model, settings["seed"])
        unfreeze(network, settings["finetune"]["unfreeze_from"])
    return {
        "model": network,
        "attempts": pd.DataFrame(rows),
        "history": pd.concat(histories),
        "summary": fitting.describe(network, fitting.reload(network), epochs),
        "cost": cost_table(seconds),
    }


def train_only(
    model: Path,
    seed: int,
    train: Examples,
    val: Examples,
    best: pd.DataFrame,
    attempts: pd.DataFrame,
    settings: dict,
    backup: Scratch,
):
    """The schedule of the last attempt on train alone, from the train-only model of a seed, scored on val.

    Where no attempt was kept, the model as it came. Eight parameters: the inputs, wildcards and parameters of the rule.
    """
    runtime.start(settings["compute"])
    network = load(model, seed)
    schedule, seconds = attempts.iloc[-1], 0
    if schedule["decision"] == "kept":
        (hyperparameters,) = best.to_dict("records")
        # Of NumPy's type Keras' schedule would differ in its last bits.
        hyperparameters |= {"learning_rate": float(schedule["learning_rate"])}
        options = {"val": val, "seed": seed, "epochs": int(schedule["planned_epochs"]), "backup": backup}
        _, history = fine_tune(network, train, settings, hyperparameters, **options)
        seconds = seconds_of(backup)
    else:
        history = pd.DataFrame([initial_scores(network, train, settings, val)])
    logits = fitting.logits(network, val.values)
    return {
        "model": network,
        "history": history.assign(seed=seed),
        "predictions": fitting.prediction_table(val, seed, logits),
        "cost": cost_table(seconds),
    }


def cost_table(seconds):
    """Seconds of the training."""
    return pd.DataFrame({"model": ["transfer"], "part": "fine-tuning", "seconds": seconds})


def load(model, seed):
    """The model built again, with `seed`: a loaded Dropout layer takes its seed from the process, at loading."""
    keras.utils.set_random_seed(seed)
    return keras.models.load_model(model)


def fine_tune(network, examples, settings, hyperparameters, *, seed, val=None, **options):
    """Unfreeze `network` and train it in place on augmented images; the learning rate rises from 0, then falls to 0
    along a cosine.

    The attempt is judged by a fixed part of `examples` under one augmentation of its own, drawn once and never trained
    on. Even so a head knows its training images by heart: a run that ranks val better may leave the loss on them a
    little higher, so harm is what goes beyond a tolerance. In float32 throughout: in bfloat16 the same runs rank val
    worse by 0.002 to 0.015 (tests/benchmarks/README.md).

    Args:
        seed: of order and augmentation.
        val: held out, of a run that measures a schedule and decides nothing; no drop ends that one.
        **options: epochs and backup, of `fitting.fit`.

    Returns:
        dict: epochs run; on that part of `examples`, before and after, `metrics.refitted_loss`, by which the attempt is
        judged, cross-entropy and AUC; limit and end_limit, above which an attempt is dropped at the end of an epoch and
        rejected in the end: `finetune.drop` and `finetune.tolerance` of the way from the loss before to that of a
        constant prediction; decision (`judge`); and the history, from epoch 0, before the first one, on.
    """
    unfreeze(network, settings["finetune"]["unfreeze_from"])
    settings = settings | {"compute": settings["compute"] | {"mixed_precision": False}}
    before = initial_scores(network, examples, settings, val)
    constant = metrics.refitted_loss(examples.labels, np.zeros(len(examples)))
    room = max(0.0, constant - before[JUDGED])
    limit, end_limit = (before[JUDGED] + settings["finetune"][part] * room for part in ("drop", "tolerance"))
    history = fitting.fit(
        network,
        hyperparameters,
        examples,
        augment,
        settings,
        seed=seed,
        val=val,
        stop=[] if val else [StopAtDrop(limit)],
        # The last epoch is what is kept: without decay val AUC goes up and down by more than fine-tuning gains.
        decay=True,
        warm_up=settings["finetune"]["warm_up"],
        train_view=view(settings),
        score=score,
        **options,
    )
    after = history.iloc[-1]
    outcome = {"epochs": len(history)}
    for name in ("refitted_loss", "loss", "auc"):
        outcome |= {f"{name}_before": before[f"train_{name}"], f"{name}_after": after[f"train_{name}"]}
    decision = judge(after[JUDGED], limit, end_limit)
    outcome |= {"limit": limit, "end_limit": end_limit, "decision": decision}
    return outcome, pd.concat([pd.DataFrame([before]), history], ignore_index=True)


def judge(loss, limit, end_limit):
    """What becomes of an attempt, by its loss in the end: kept, dropped (above the limit, or not finite), or worse
    (above the limit of the end)."""
    if not loss <= limit:
        return "dropped"
    return "kept" if loss <= end_limit else "worse"


def initial_scores(network, examples, settings, val):
    """The row of a history for the network as it is: epoch 0."""
    found = fitting.scores(network, examples, val, augment, settings, train_view=view(settings), score=score)
    return {"epoch": 0, "learning_rate": np.nan} | found


def view(settings):
    """The augmentation of the images by which an attempt is judged: (uint8 (images, height, width)) -> float32."""
    # Training draws with the seeds of its steps, which begin at 0.
    return lambda images: augment.transform(settings)(images, [settings["seed"], -1]).numpy()


def score(labels, logits):
    """What a history records of a set: `metrics.scores`, `metrics.refitted_loss` and the mean logit."""
    refitted = metrics.refitted_loss(labels, logits)
    return metrics.scores(labels, logits) | {"refitted_loss": refitted, "mean_logit": float(np.mean(logits))}


class StopAtDrop(keras.callbacks.Callback):
    """Stops training once what an attempt is judged by, recorded by an earlier callback, exceeds `limit`."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def on_epoch_end(self, epoch, logs=None):
        if not logs[JUDGED] <= self.limit:
            self.model.stop_training = True


def unfreeze(network, first):
    """Make the layers from `first` on (`all`: every layer) trainable, but for BatchNormalization.

    `training=False` does not keep BatchNormalization still during fit once its layer is trainable; the layer's own
    flag does. Its statistics are ImageNet's, and small batches would spoil them.

    Raises:
        InputError: no such layer.
    """
    start = 0
    if first != "all":
        start = network.layers.index(pretrained.layer_named(network, first, "finetune.unfreeze_from"))
    for place, layer in enumerate(network.layers):
        layer.trainable = place >= start and not isinstance(layer, keras.layers.BatchNormalization)


if __name__ == "__main__":
    run(final, train_only)
