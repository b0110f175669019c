"""finetune: the transfer model, unfrozen and trained end to end at a small learning rate; kept or rejected.

Reads   results/train/transfer.keras and a held-out model, tables/train/transfer_model.csv and
        tables/tune/transfer_best.csv; the caches of train and val.
Writes  results/finetune/transfer.keras (the unchanged model if rejected), ahead.npz and transfer_heldout.keras;
        tables/finetune/attempts.csv, history.csv, model.csv; heldout_history.csv, val_predictions.csv;
        results/finetune/final_cost.csv and heldout_cost.csv. In a history, epoch 0 is the model as it came.
"""

import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from pipeline.command import log, run
from pipeline.images import augment, inputs
from pipeline.models import fitting, pretrained, runtime
from pipeline.models.backup import seconds_of
from pipeline.statistics import metrics

JUDGED = "train_refitted_loss"  # in a history


def final(
    model: Path,
    train: Path,
    val: Path,
    train_index: Path,
    val_index: Path,
    best: Path,
    summary: Path,
    settings: dict,
    backups: Path,
    model_file: Path,
    attempts: Path,
    history: Path,
    tuned_summary: Path,
    cost: Path,
):
    """Fine-tune the final model on train + val for as many epochs as its head was trained.

    Judged by training examples only: an attempt is rejected, and the learning rate divided, if the cross-entropy on a
    fixed subset of them, its intercept refitted, has risen.
    """
    runtime.start(settings["compute"])
    examples = inputs.join(inputs.Examples.read(train, train_index), inputs.Examples.read(val, val_index))
    epochs = int(pd.read_csv(summary)["epochs"].item())
    hyperparameters = fitting.read_best(best)
    learning_rate = settings["finetune"]["learning_rate"]
    rows, histories, seconds = [], [], 0
    for attempt in range(1, settings["finetune"]["attempts"] + 1):
        network = load(model, settings["seed"])
        outcome, attempt_history = fine_tune(
            network,
            examples,
            settings,
            hyperparameters | {"learning_rate": learning_rate},
            epochs,
            backups / f"attempt{attempt}.npz",
        )
        seconds += seconds_of(backups / f"attempt{attempt}.npz")
        rows.append({"attempt": attempt, "learning_rate": learning_rate, **outcome})
        histories.append(attempt_history.assign(attempt=attempt))
        log.info("attempt %d at learning rate %g: %s", attempt, learning_rate, outcome["verdict"])
        if outcome["verdict"] == "kept":
            break
        learning_rate /= settings["finetune"]["divide_by"]
    else:
        network = load(model, settings["seed"])
        unfreeze(network, settings["finetune"]["unfreeze_from"])
    reloaded = fitting.save(network, model_file)
    attempts.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(attempts, index=False)
    pd.concat(histories).to_csv(history, index=False)
    fitting.describe(network, reloaded, epochs).to_csv(tuned_summary, index=False)
    write_cost(seconds, cost)
    shutil.rmtree(backups)


def ahead(
    model: Path,
    train: Path,
    val: Path,
    train_index: Path,
    val_index: Path,
    best: Path,
    summary: Path,
    settings: dict,
    backups: Path,
    finished: Path,
):
    """Train what `heldout` asks for if the first attempt is kept, while it is still being made: a finished backup."""
    runtime.start(settings["compute"])
    fine_tune(
        load(model, settings["seed"]),
        inputs.Examples.read(train, train_index),
        settings,
        fitting.read_best(best) | {"learning_rate": settings["finetune"]["learning_rate"]},
        int(pd.read_csv(summary)["epochs"].item()),
        backups / "heldout.npz",
        val=inputs.Examples.read(val, val_index),
    )
    finished.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(backups / "heldout.npz", finished)
    shutil.rmtree(backups)


def heldout(
    model: Path,
    train: Path,
    val: Path,
    train_index: Path,
    val_index: Path,
    best: Path,
    attempts: Path,
    finished: Path,
    settings: dict,
    backups: Path,
    model_file: Path,
    history: Path,
    predictions: Path,
    cost: Path,
):
    """The same schedule on train alone, from a held-out model, scored on val: whether fine-tuning helps.

    Args:
        finished: backup of `ahead`, taken up if its learning rate was kept. Else the run is made here, and the seconds
            of the other count as well.
    """
    runtime.start(settings["compute"])
    train_examples, val_examples = inputs.Examples.read(train, train_index), inputs.Examples.read(val, val_index)
    network = load(model, settings["seed"])
    schedule = pd.read_csv(attempts, float_precision="round_trip").iloc[-1]
    learning_rate = float(schedule["learning_rate"])  # Of NumPy's type Keras' schedule would differ in its last bits.
    seconds = seconds_of(finished)
    if schedule["verdict"] == "kept":
        backup = backups / "heldout.npz"
        made_ahead = learning_rate == settings["finetune"]["learning_rate"]
        # One that is newer is what a killed attempt of this job has reached.
        if made_ahead and not (backup.exists() and backup.stat().st_mtime > finished.stat().st_mtime):
            backups.mkdir(parents=True, exist_ok=True)
            shutil.copy(finished, backup)
        _, rows = fine_tune(
            network,
            train_examples,
            settings,
            fitting.read_best(best) | {"learning_rate": learning_rate},
            int(schedule["epochs"]),
            backup,
            val=val_examples,
        )
        seconds = seconds_of(backup) + (0 if made_ahead else seconds)
    else:
        rows = pd.DataFrame([scored(network, train_examples, settings, val_examples)])
    fitting.save(network, model_file)
    rows.to_csv(history, index=False)
    logits = fitting.logits(network, val_examples.values)
    seed = settings["training"]["selection_seeds"][0]
    fitting.prediction_table(val_examples, seed, logits).to_csv(predictions, index=False)
    write_cost(seconds, cost)
    shutil.rmtree(backups, ignore_errors=True)


def write_cost(seconds, cost):
    """Seconds of the training."""
    pd.DataFrame({"model": ["transfer"], "part": "fine-tuning", "seconds": seconds}).to_csv(cost, index=False)


def load(model, seed):
    """The model anew, with `seed`: a loaded Dropout layer takes its seed from the process, at loading."""
    keras.utils.set_random_seed(seed)
    return keras.models.load_model(model)


def fine_tune(network, examples, settings, hyperparameters, epochs, backup, val=None):
    """Unfreeze `network` and train it in place on augmented images; the learning rate falls to 0 along a cosine.

    Args:
        val: held out, of a run that measures a schedule and decides nothing; no drop ends that one.

    Returns:
        dict: epochs run; on the fixed subset of `examples`, before and after, `metrics.refitted_loss`, by which the
        attempt is judged, cross-entropy and AUC; verdict (kept; dropped: stopped at a sudden rise; no gain: not lower
        than before); and the history, from epoch 0, before the first one, on.
    """
    unfreeze(network, settings["finetune"]["unfreeze_from"])
    before = scored(network, examples, settings, val)
    history = fitting.fit(
        network,
        hyperparameters,
        examples,
        augment,
        settings,
        seed=settings["seed"],
        epochs=epochs,
        val=val,
        stop=[] if val else [StopAtDrop(before[JUDGED] + settings["finetune"]["drop"])],
        backup=backup,
        # The last epoch is what is kept: without decay val AUC goes up and down by more than fine-tuning gains.
        decay=True,
        score=score,
    )
    after = history.iloc[-1]
    outcome = {"epochs": len(history)}
    for name in ("refitted_loss", "loss", "auc"):
        outcome |= {f"{name}_before": before[f"train_{name}"], f"{name}_after": after[f"train_{name}"]}
    outcome["verdict"] = verdict(before[JUDGED], after[JUDGED], settings["finetune"]["drop"])
    return outcome, pd.concat([pd.DataFrame([before]), history], ignore_index=True)


def verdict(before, after, drop):
    """On an attempt, by what it is judged by: kept, dropped (risen by more than `drop`, or not finite), or no gain."""
    if not after <= before + drop:
        return "dropped"
    return "kept" if after < before else "no gain"


def scored(network, examples, settings, val):
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
    run(final, ahead, heldout)
