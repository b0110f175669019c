"""evaluate: the one prediction of the test split by each final model.

A module of its own, so that no edit of what is made of the predictions makes a new look at test necessary.

Reads   a final model; images and index of test.
Returns the logits, and appends one line to the ledger, which no rule owns and nothing deletes.
"""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from pipeline.command import log, run
from pipeline.models import fitting, runtime
from pipeline.storage import DIGEST, weights_sha256


def predict_test(network: Path, test: Path, index: pd.DataFrame, model: str, ledger: Path, settings: dict):
    """Predict on test with one final model, and record it.

    Args:
        test: a .npy file, uint8 (images, height, width), beside which stands its digest.
    """
    runtime.start(settings["compute"])
    loaded = keras.models.load_model(network)
    outputs = fitting.logits(loaded, np.load(test, mmap_mode="r"))
    record(ledger, model, weights_sha256(loaded), Path(f"{test}{DIGEST}").read_text().strip())
    return {"logits": index[["file", "label"]].assign(model=model, logit=outputs)}


def record(ledger, model, weights_digest, data_digest):
    """Append one line to the ledger: a look is a distinct pair of weights and test data."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    line = f"{datetime.now(UTC).isoformat(timespec='seconds')},{model},{weights_digest},{data_digest}\n"
    with open(ledger, "a") as file:
        # Two models can be evaluated side by side; closing the file ends the lock.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line if os.fstat(file.fileno()).st_size else "time,model,weights_sha256,data_sha256\n" + line)
    log.info("%s: a look is recorded in %s", model, ledger)


if __name__ == "__main__":
    run(predict_test)
