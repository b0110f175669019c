"""Figures of the stage tune."""

from pathlib import Path

import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLUMN, MODEL_COLOURS, figure, save


def tune(model: str, table: Path, best: Path, settings: dict, out: Path):
    """Draw val AUC against each hyperparameter that was searched, the selected trial marked."""
    trials, (selected,) = pd.read_csv(table), pd.read_csv(best).to_dict("records")
    space = settings["tune"]["space"][model]
    drawing, axes = figure(COLUMN, 0.1 + 1.35 * -(-len(space) // 2), -(-len(space) // 2), 2, sharey=True)
    for axis in axes.flat[len(space) :]:
        axis.set_axis_off()
    for axis, (name, dimension) in zip(axes.flat, space.items(), strict=False):
        axis.scatter(trials[name], trials["val_auc"], s=9, color=MODEL_COLOURS[model], label="trial")
        axis.scatter(selected[name], selected["val_auc"], s=32, facecolors="none", edgecolors="black", label="selected")
        axis.set_xscale("log" if dimension["scale"] == "log" else "linear")
        axis.set_xlabel(name.replace("_", " "))
    for axis in axes[:, 0]:
        axis.set_ylabel("val AUC")
    axes.flat[0].legend(loc="best")
    save(drawing, out)


if __name__ == "__main__":
    run(tune)
