"""Figures of the stage gradcam."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.plots.style import PAGE, figure, save, show_image

GROUPS = ("true covid", "true normal", "missed covid", "false alarm")


def gradcam(samples: Path, overlays: Path, settings: dict, out: Path):
    """Draw each sample beside its overlay, a row a group; a group without members says so in its place."""
    table, arrays = pd.read_csv(samples), np.load(overlays)
    columns = settings["gradcam"]["samples"]
    drawing, axes = figure(PAGE, len(GROUPS) * (PAGE / columns / 2 + 0.3), len(GROUPS), 2 * columns)
    for axis in axes.flat:
        axis.set_axis_off()
    for row, group in enumerate(GROUPS):
        members = np.flatnonzero(table["group"] == group)
        if not len(members):
            # Out of the layout: the line is wider than its column.
            axes[row, 0].text(0, 0.5, f"{group}: no such image in the test split", in_layout=False)
        for place, member in enumerate(members):
            sample = table.loc[member]
            title = f"label {sample['label']}\npredicted {sample['predicted']}"
            show_image(axes[row, 2 * place], arrays["images"][member], title)
            title = f"{group}" + (", empty map" if sample["empty"] else "") + f"\nP(covid) {sample['probability']:.2f}"
            show_image(axes[row, 2 * place + 1], arrays["overlays"][member], title)
    save(drawing, out)


if __name__ == "__main__":
    run(gradcam)
