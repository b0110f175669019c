"""finetune: the transfer model, unfrozen and trained end to end at a small learning rate; kept or rejected.

Reads   results/train/transfer.keras and a held-out model; the caches of train and val.
Writes  results/finetune/transfer.keras (the unchanged model if rejected) and results/finetune/transfer_heldout.keras;
        tables/finetune/attempts.csv, history.csv, model.csv; heldout.csv, val_predictions.csv.
"""

import shutil
from pathlib import Path

import keras
import pandas as pd

from pipeline.command import log, run
from pipeline.images import augment, inputs
from pipeline.models import fitting, runtime, transfer
from pipeline.statistics import metrics


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
):
    """Fine-tune the final model on train + val for as many epochs as its head was trained.

    Judged by the training metric alone: an attempt after which the cross-entropy on a fixed subset of the training
    examples rose is rejected, and the learning rate divided.
    """
    runtime.start(settings["compute"])
    examples = inputs.join(inputs.read(train, train_index), inputs.read(val, val_index))
    epochs = int(pd.read_csv(summary)["epochs"].item())
    hyperparameters = fitting.read_best(best)
    learning_rate = settings["finetune"]["learning_rate"]
    rows, histories = [], []
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
    shutil.rmtree(backups)


def heldout(
    model: Path,
    train: Path,
    val: Path,
    train_index: Path,
    val_index: Path,
    best: Path,
    attempts: Path,
    settings: dict,
    backups: Path,
    model_file: Path,
    table: Path,
    history: Path,
    predictions: Path,
):
    """The same schedule on train alone, from a held-out model, scored on val: whether fine-tuning helps."""
    runtime.start(settings["compute"])
    train_examples, val_examples = inputs.read(train, train_index), inputs.read(val, val_index)
    network = load(model, settings["seed"])
    before = metrics.scores(val_examples.labels, fitting.logits(network, val_examples.values))
    schedule = pd.read_csv(attempts).iloc[-1]
    rows = pd.DataFrame(columns=["epoch"])
    if schedule["verdict"] == "kept":
        _, rows = fine_tune(
            network,
            train_examples,
            settings,
            fitting.read_best(best) | {"learning_rate": schedule["learning_rate"]},
            int(schedule["epochs"]),
            backups / "heldout.npz",
            val=val_examples,
        )
    fitting.save(network, model_file)
    logits = fitting.logits(network, val_examples.values)
    after = metrics.scores(val_examples.labels, logits)
    pd.DataFrame(
        {
            "val_auc_head": [before["auc"]],
            "val_auc_finetuned": after["auc"],
            "val_loss_head": before["loss"],
            "val_loss_finetuned": after["loss"],
            "verdict": schedule["verdict"],
        }
    ).to_csv(table, index=False)
    rows.to_csv(history, index=False)
    seed = settings["training"]["selection_seeds"][0]
    fitting.prediction_table(val_examples, seed, logits).to_csv(predictions, index=False)
    shutil.rmtree(backups, ignore_errors=True)


def load(model, seed):
    """The model anew, with `seed`: a loaded Dropout layer takes its seed from the process, at loading."""
    keras.utils.set_random_seed(seed)
    return keras.models.load_model(model)


def fine_tune(network, examples, settings, hyperparameters, epochs, backup, val=None):
    """Unfreeze `network` and train it in place on augmented images.

    Returns:
        dict: epochs run, cross-entropy and AUC on the fixed subset of `examples` before and after, verdict (kept,
        dropped: stopped at a sudden rise of the cross-entropy, no gain: not lower than before); and the history.
    """
    unfreeze(network, settings["finetune"]["unfreeze_from"])
    values, labels = fitting.monitored(examples, val, settings["seed"], augment.plain)["train"]
    before = metrics.scores(labels, fitting.logits(network, values))
    history = fitting.fit(
        network,
        hyperparameters,
        examples,
        augment,
        settings,
        seed=settings["seed"],
        epochs=epochs,
        val=val,
        stop=[StopAtDrop(before["loss"] + settings["finetune"]["drop"])],
        backup=backup,
    )
    after = history.iloc[-1]
    if not after["train_loss"] <= before["loss"] + settings["finetune"]["drop"]:
        verdict = "dropped"
    else:
        verdict = "kept" if after["train_loss"] < before["loss"] else "no gain"
    outcome = {
        "epochs": len(history),
        "loss_before": before["loss"],
        "loss_after": after["train_loss"],
        "auc_before": before["auc"],
        "auc_after": after["train_auc"],
        "verdict": verdict,
    }
    return outcome, history


class StopAtDrop(keras.callbacks.Callback):
    """Stops training once the train cross-entropy, recorded by an earlier callback, exceeds `limit`."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def on_epoch_end(self, epoch, logs=None):
        if not logs["train_loss"] <= self.limit:
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
        start = network.layers.index(transfer.layer_named(network, first, "finetune.unfreeze_from"))
    for place, layer in enumerate(network.layers):
        layer.trainable = place >= start and not isinstance(layer, keras.layers.BatchNormalization)


if __name__ == "__main__":
    run(final, heldout)
