"""finetune: the transfer model, unfrozen and trained end to end at a small learning rate; kept or rejected.

Reads   the final and a train-only transfer model, the epochs and hyperparameters of its head; examples of
        train and val.
Returns the fine-tuned models (the unchanged ones if rejected), attempts, histories, the summary, predictions on val and
        seconds. In a history, epoch 0 is the model as it came.
"""

import shutil
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
    """Fine-tune the final model on train + val for as many epochs as its head was trained.

    Judged by training examples only: an attempt is rejected, and the learning rate divided, if the cross-entropy on a
    fixed subset of them, its intercept refitted, has risen. One parameter for each input of the rule.
    """
    runtime.start(settings["compute"])
    examples = join(train, val)
    epochs = int(summary["epochs"].item())
    (hyperparameters,) = best.to_dict("records")
    learning_rate = settings["finetune"]["learning_rate"]
    rows, histories, seconds = [], [], 0
    for attempt in range(1, settings["finetune"]["attempts"] + 1):
        network = load(model, settings["seed"])
        backup = backups / f"attempt{attempt}.npz"
        schedule = hyperparameters | {"learning_rate": learning_rate}
        outcome, history = fine_tune(network, examples, settings, schedule, epochs=epochs, backup=backup)
        seconds += seconds_of(backup)
        rows.append({"attempt": attempt, "learning_rate": learning_rate, **outcome})
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


def ahead(
    model: Path,
    train: Examples,
    val: Examples,
    best: pd.DataFrame,
    summary: pd.DataFrame,
    settings: dict,
    backup: Scratch,
):
    """Train what `train_only` asks for if the first attempt is kept, while it is still being made: a finished backup.

    One parameter for each input of the rule.
    """
    runtime.start(settings["compute"])
    (hyperparameters,) = best.to_dict("records")
    fine_tune(
        load(model, settings["seed"]),
        train,
        settings,
        hyperparameters | {"learning_rate": settings["finetune"]["learning_rate"]},
        val=val,
        epochs=int(summary["epochs"].item()),
        backup=backup,
    )
    return {"finished": backup}


def train_only(
    model: Path,
    train: Examples,
    val: Examples,
    best: pd.DataFrame,
    attempts: pd.DataFrame,
    finished: Path,
    settings: dict,
    backup: Scratch,
):
    """The same schedule on train alone, from a train-only model, scored on val: whether fine-tuning helps.

    One parameter for each input of the rule.

    Args:
        finished: backup of `ahead`, taken up if the first attempt was kept. Else the run is made here, and the seconds
            of the other count as well.
    """
    runtime.start(settings["compute"])
    network = load(model, settings["seed"])
    schedule = attempts.iloc[-1]
    seconds = seconds_of(finished)
    if schedule["decision"] == "kept":
        made_ahead = schedule["attempt"] == 1
        # One that is newer is what a killed attempt of this job has reached.
        if made_ahead and not (backup.exists() and backup.stat().st_mtime > finished.stat().st_mtime):
            backup.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(finished, backup)
        # Of NumPy's type Keras' schedule would differ in its last bits; a table's text may lose the last of the first.
        learning_rate = settings["finetune"]["learning_rate"] if made_ahead else float(schedule["learning_rate"])
        (hyperparameters,) = best.to_dict("records")
        _, history = fine_tune(
            network,
            train,
            settings,
            hyperparameters | {"learning_rate": learning_rate},
            val=val,
            epochs=int(schedule["epochs"]),
            backup=backup,
        )
        seconds = seconds_of(backup) + (0 if made_ahead else seconds)
    else:
        history = pd.DataFrame([initial_scores(network, train, settings, val)])
    logits = fitting.logits(network, val.values)
    seed = settings["training"]["selection_seeds"][0]
    return {
        "model": network,
        "history": history,
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


def fine_tune(network, examples, settings, hyperparameters, val=None, **options):
    """Unfreeze `network` and train it in place on augmented images; the learning rate falls to 0 along a cosine.

    Args:
        val: held out, of a run that measures a schedule and decides nothing; no drop ends that one.
        **options: epochs and backup, of `fitting.fit`.

    Returns:
        dict: epochs run; on the fixed subset of `examples`, before and after, `metrics.refitted_loss`, by which the
        attempt is judged, cross-entropy and AUC; decision (kept; dropped: stopped at a sudden rise; no gain: not lower
        than before); and the history, from epoch 0, before the first one, on.
    """
    unfreeze(network, settings["finetune"]["unfreeze_from"])
    before = initial_scores(network, examples, settings, val)
    history = fitting.fit(
        network,
        hyperparameters,
        examples,
        augment,
        settings,
        seed=settings["seed"],
        val=val,
        stop=[] if val else [StopAtDrop(before[JUDGED] + settings["finetune"]["drop"])],
        # The last epoch is what is kept: without decay val AUC goes up and down by more than fine-tuning gains.
        decay=True,
        score=score,
        **options,
    )
    after = history.iloc[-1]
    outcome = {"epochs": len(history)}
    for name in ("refitted_loss", "loss", "auc"):
        outcome |= {f"{name}_before": before[f"train_{name}"], f"{name}_after": after[f"train_{name}"]}
    outcome["decision"] = judge(before[JUDGED], after[JUDGED], settings["finetune"]["drop"])
    return outcome, pd.concat([pd.DataFrame([before]), history], ignore_index=True)


def judge(before, after, drop):
    """What becomes of an attempt, by its loss: kept, dropped (risen by more than `drop`, or not finite), or no gain."""
    if not after <= before + drop:
        return "dropped"
    return "kept" if after < before else "no gain"


def initial_scores(network, examples, settings, val):
    """The row of a history for the network as it is: epoch 0."""
    return {"epoch": 0, "learning_rate": np.nan} | fitting.scores(network, examples, val, augment, settings, score)


def score(labels, logits):
    """What a history records of a set: `metrics.scores` and `metrics.refitted_loss`."""
    return metrics.scores(labels, logits) | {"refitted_loss": metrics.refitted_loss(labels, logits)}


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
    run(final, ahead, train_only)
