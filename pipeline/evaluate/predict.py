"""predict_test: the one look at the test split for each final model. It belongs to the stage evaluate.

A module of its own, so that no edit of what is made of the predictions makes a new look necessary.

Reads   a final model; the cache of test.
Writes  results/evaluate/MODEL_logits.csv, and one line in the ledger results/evaluate/ledger.csv, which no rule owns
        and nothing deletes.
"""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import keras
import pandas as pd

from pipeline.command import log, run
from pipeline.images import cache
from pipeline.models import fitting, runtime


def predict_test(
    model: str, model_file: Path, test: Path, test_index: Path, settings: dict, ledger: Path, logits: Path
):
    """Predict on test with one final model, and record it."""
    runtime.start(settings["compute"])
    network = keras.models.load_model(model_file)
    index = pd.read_csv(test_index)
    outputs = fitting.logits(network, cache.read(test))
    record(ledger, model, fitting.weights_sha256(network), Path(f"{test}.sha256").read_text().strip())
    index[["file", "label"]].assign(model=model, logit=outputs).to_csv(logits, index=False)


def record(ledger, model, weights_sha256, data_sha256):
    """Append one line to the ledger: a look is a distinct pair of weights and test data."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    line = f"{datetime.now(UTC).isoformat(timespec='seconds')},{model},{weights_sha256},{data_sha256}\n"
    with open(ledger, "a") as file:
        # Two models can be evaluated side by side; closing the file ends the lock.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line if os.fstat(file.fileno()).st_size else "time,model,weights_sha256,data_sha256\n" + line)
    log.info("%s: a look is recorded in %s", model, ledger)


if __name__ == "__main__":
    run(predict_test)
