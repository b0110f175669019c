"""Backups: a training run that is killed goes on where its last epoch ended, as if nothing had happened."""

import ast
import hashlib
import json
import os
import sys
import time
import zipfile
from pathlib import Path

import keras
import numpy as np

from pipeline.command import log


class Backup(keras.callbacks.Callback):
    """Writes the state of a run to a file after every epoch, and takes it up from there.

    The state is all that decides the rest of the run: weights and their averages, optimizer, the seed generators of
    dropout, the history, what EarlyStopping knows. Keras' BackupAndRestore forgets the last three. The file also holds
    the result of a finished run, for a job of several runs and for a run that is given more epochs later; and the
    seconds it took, those before a kill with them. The job discards it once its own outputs are written.

    Args:
        file: written under another name first, so that a kill while writing leaves the last epoch's state.
        key: `key_of` what the run depends on; a state with another key is not taken up.
        epochs: of the run, at most.
        scores: the callback whose `rows` are the history.
        averages: `fitting.Averages`, or None.
        stopping: keras.callbacks.EarlyStopping, or None.

    Attributes: `epoch`, with which the run goes on, from 0; `finished`, whether nothing is left to do.
    """

    def __init__(self, file, key, *, epochs, scores, averages, stopping):
        super().__init__()
        self.file, self.key, self.scores, self.averages, self.stopping = file, key, scores, averages, stopping
        self.state = self._read()
        self.epoch = len(self.state["rows"]) if self.state else 0
        self.finished = bool(self.state) and self.state["ended"] and (self.state["stopped"] or self.epoch >= epochs)
        self.start = time.perf_counter() - (self.state["seconds"] if self.state else 0)
        if self.state:
            log.info("%s: goes on after epoch %d", file, self.epoch)

    def on_train_begin(self, logs=None):
        if self.state:
            self.restore(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        if epoch > self.epoch:  # Not at the end of the one before, when the averages stand in the weights' place.
            self._write(ended=False)

    def on_train_end(self, logs=None):
        self._write(ended=True)

    def restore(self, network):
        """Put `network`, its optimizer and the other callbacks into the state that was read."""
        network.optimizer.build(network.trainable_variables)
        for place, variable in enumerate(_variables(network)):
            variable.assign(self.state[f"variable_{place}"])
        self.scores.rows = self.state["rows"]
        if self.stopping:
            for name, value in self.state["stopping"].items():
                setattr(self.stopping, name, value)
            best = [self.state[f"best_{place}"] for place in range(len(network.weights))]
            self.stopping.best_weights = best
        if self.finished:
            network.set_weights([self.state[f"result_{place}"] for place in range(len(network.weights))])

    def _write(self, ended):
        state = {"key": self.key, "ended": ended, "stopped": self.model.stop_training, "rows": self.scores.rows}
        state["seconds"] = time.perf_counter() - self.start
        arrays = {f"variable_{place}": variable.numpy() for place, variable in enumerate(_variables(self.model))}
        if ended:
            arrays |= {f"result_{place}": weight.numpy() for place, weight in enumerate(self.model.weights)}
            # By now the averages, or the best epoch's weights, stand in the place of those that training goes on with.
            places = {id(variable): place for place, variable in enumerate(_variables(self.model))}
            own = self.averages.own if self.averages else ()
            for weight, value in zip(self.model.trainable_weights, own, strict=False):
                arrays[f"variable_{places[id(weight)]}"] = value
        if self.stopping:
            names = ("wait", "stopped_epoch", "best", "best_epoch")
            state["stopping"] = {name: getattr(self.stopping, name) for name in names}
            arrays |= {f"best_{place}": weight for place, weight in enumerate(self.stopping.best_weights)}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".part")
        with open(unfinished, "wb") as part:
            np.savez(part, state=json.dumps(state), **arrays)
        os.replace(unfinished, self.file)

    def _read(self):
        try:
            with np.load(self.file) as arrays:
                state = dict(arrays)
        except FileNotFoundError:
            return None
        except (ValueError, EOFError, OSError, zipfile.BadZipFile):
            log.info("%s: not readable; the run starts again", self.file)
            return None
        state |= json.loads(str(state.pop("state")))
        if state["key"] != self.key:
            log.info("%s: of a run with other parameters, code or data; the run starts again", self.file)
            return None
        return state


def seconds_of(file):
    """Seconds that the run took whose state `file` holds, in all the processes that had a part in it."""
    with np.load(file) as arrays:
        return json.loads(str(arrays["state"]))["seconds"]


def _variables(network):
    """All that changes in training; `network.weights` would leave out the seeds of dropout."""
    return [*network.variables, *network.optimizer.variables]


def key_of(parameters, arrays):
    """SHA-256 of the parameters, of the arrays and of the code, comments left out: all modules of the package that are
    loaded."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True, default=str).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array))
    modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("pipeline", "__main__")}
    for name in sorted(modules):
        file = Path(getattr(modules[name], "__file__", None) or "")
        if file.is_file():
            digest.update(ast.dump(ast.parse(file.read_bytes())).encode())
    return digest.hexdigest()
