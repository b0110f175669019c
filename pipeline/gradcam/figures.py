"""Figures of the stage gradcam."""

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable

from pipeline import names
from pipeline.command import run
from pipeline.plots.style import COLUMN, MODEL_COLOURS, PAGE, figure, show_image
from pipeline.vocabulary import MODELS

# In the order of pipeline.gradcam.maps, by the predicted class; right predictions dark, wrong ones light.
GROUPS = {"true covid": "#D55E00", "false alarm": "#F0B080", "true normal": "#0072B2", "missed covid": "#8CC4E8"}


def draw(
    samples: pd.DataFrame,
    regions: pd.DataFrame,
    deletion: list[pd.DataFrame],
    overlays: dict[str, np.ndarray],
    means: dict[str, np.ndarray],
    settings: dict,
):
    """Draw samples with their overlays, mean maps, heat by region, and deletion curves."""
    return {
        "groups": draw_groups(samples, overlays, settings["gradcam"]["samples"]),
        "means": draw_means(means),
        "regions": draw_regions(regions),
        "deletion": draw_deletion(deletion),
    }


def draw_groups(table, arrays, columns):
    """Each sample beside its overlay, a row a group; a group without members says so in its place."""
    side = (PAGE - 0.5) / columns / 2  # the rest is for the scale
    drawing, axes = figure(PAGE, len(GROUPS) * (side + 0.3), len(GROUPS), 2 * columns)
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
            show_image(axes[row, 2 * place], arrays[f"image{member}"], title)
            title = f"{group}" + (", empty map" if sample["empty"] else "") + f"\nP(covid) {sample['probability']:.2f}"
            show_image(axes[row, 2 * place + 1], arrays[f"overlay{member}"], title)
    scale = drawing.colorbar(ScalarMappable(cmap="jet"), ax=axes, ticks=[0, 0.5, 1], shrink=0.5, aspect=30, pad=0.01)
    scale.set_label("evidence, relative to the map's maximum")
    scale.outline.set_linewidth(0.4)
    return drawing


def draw_means(arrays):
    """The mean map of each group, on one scale."""
    drawing, axes = figure(COLUMN, 1.2, 1, len(GROUPS))
    top = max((arrays[name].max() for name in arrays), default=1)
    for axis, group in zip(axes, GROUPS, strict=True):
        axis.set_title(group, fontsize=7, pad=2)
        axis.set_axis_off()
        name = group.replace(" ", "_")
        if name in arrays:
            shown = axis.imshow(arrays[name], vmin=0, vmax=top, cmap="magma", interpolation="nearest")
        else:
            axis.text(0.5, 0.5, "no map", ha="center", va="center", transform=axis.transAxes)
    if len(arrays):
        drawing.colorbar(shown, ax=axes, shrink=0.6, aspect=12, pad=0.02).outline.set_linewidth(0.4)
    return drawing


def draw_regions(table):
    """Mean share of heat in each region, by group; the share of the image that the region is, as a line."""
    drawing, axes = figure(COLUMN, 1.9, 1, 3)
    for axis, (region, rows) in zip(axes, table.groupby("region", sort=False), strict=True):
        rows = rows.set_index("group").loc[list(GROUPS)]
        around = np.abs(rows[["share_ci_low", "share_ci_high"]].to_numpy().T - rows["share"].to_numpy())
        axis.bar(range(len(GROUPS)), rows["share"], color=GROUPS.values(), width=0.75)
        axis.errorbar(
            range(len(GROUPS)), rows["share"], around, fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5
        )
        axis.axhline(rows["area"].mean(), color="black", linewidth=0.8, linestyle="--")
        axis.set_xticks(range(len(GROUPS)), GROUPS, rotation=90)
        axis.set_title(region)
        axis.set_ylim(0)
    axes[0].set_ylabel("share of heat")
    return drawing


def draw_deletion(tables):
    """Probability of the predicted class against the share of the pixels that is blanked, a panel a model."""
    drawing, axes = figure(COLUMN, 1.8, 1, 2, sharey=True)
    for axis, model, table in zip(axes, MODELS, tables, strict=True):
        for order, style, colour in (("hottest", "-", MODEL_COLOURS[model]), ("random", "--", "black")):
            rows = table[table["order"] == order]
            axis.fill_between(rows["deleted"], rows["ci_low"], rows["ci_high"], color=colour, alpha=0.25, linewidth=0)
            axis.plot(rows["deleted"], rows["probability"], style, color=colour, label=f"{order} first")
        axis.set(xlabel="share of pixels blanked", ylim=(0, 1.02), xticks=[0, 0.5, 1])
        axis.set_title(names.MODELS[model])
        axis.legend(loc="best")
    axes[0].set_ylabel("probability of the predicted class")
    return drawing


if __name__ == "__main__":
    run(draw)
