"""Figures of the stage finetune."""

import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, figure

METRICS = {"refitted_loss": "refitted loss (nats)", "auc": "AUC"}
MARKERS = {"kept": "o", "worse": "s", "dropped": "X"}  # of the decisions


def draw(attempts: pd.DataFrame, history: pd.DataFrame, train_only: pd.DataFrame):
    """Draw the outcome of each attempt by its learning rate; and the scores from before fine-tuning on."""
    return {"ladder": draw_ladder(attempts), "figure": draw_histories(history, train_only)}


def draw_ladder(attempts):
    """Refitted loss on training images when an attempt ended, against its learning rate; the loss before, and the
    limits above which an attempt is dropped, and rejected in the end."""
    drawing, axis = figure(COLUMN, 1.7)
    for decision, rows in attempts.groupby("decision", sort=False):
        given = {"s": 28, "marker": MARKERS[decision], "color": COLOURS["train"], "label": decision, "zorder": 3}
        axis.scatter(rows["learning_rate"], rows["refitted_loss_after"], edgecolors="black", linewidths=0.4, **given)
    axis.axhline(attempts["refitted_loss_before"].iloc[0], color="0.4", linewidth=0.8, label="before")
    for name, style in {"limit": ":", "end_limit": "--"}.items():
        axis.axhline(attempts[name].iloc[0], color="0.4", linewidth=0.8, linestyle=style, label=name.replace("_", " "))
    axis.set_xscale("log")
    axis.set_ylim(0)
    axis.margins(x=0.15)
    axis.set_xlabel("learning rate at its peak")
    axis.set_ylabel("refitted loss (nats)")
    drawing.legend(loc="outside upper right", ncols=6, columnspacing=0.8, handlelength=1.4)
    return drawing


def draw_histories(attempts, train_only):
    """Refitted loss and AUC at the end of each epoch: of the attempts on all that they fit, a shade each, and of the
    runs on train alone, a line each, with val."""
    drawing, axes = figure(COLUMN, 2.6, 2, 2, sharex=True)
    last = attempts["attempt"].max()
    for (above, below), (metric, label) in zip(axes.T, METRICS.items(), strict=True):
        for attempt, scores in attempts.groupby("attempt"):
            shade = {
                "color": str(0.7 * (1 - attempt / last)),
                "label": f"attempt {attempt}" if attempt == 1 else attempt,
            }
            above.plot(scores["epoch"], scores[f"train_{metric}"], "o-", ms=2, **shade)
        for split in ("train", "val"):
            for place, (_, run_scores) in enumerate(train_only.groupby("seed")):
                named = {"label": split} if place == 0 else {}
                below.plot(
                    run_scores["epoch"], run_scores[f"{split}_{metric}"], "o-", ms=2, color=COLOURS[split], **named
                )
        above.set_ylabel(label)
        below.set_ylabel(label)
        below.set_xlabel("epoch")
        below.xaxis.get_major_locator().set_params(integer=True)
    for (left, right), title in zip(axes, ("fitted on train and val", "fitted on train only"), strict=True):
        left.set_title(title, loc="left")
        # Above the panel: inside, attempts that fail may lie anywhere.
        right.legend(loc="lower right", bbox_to_anchor=(1.03, 0.98), ncols=9, columnspacing=1, handlelength=1.2)
    return drawing


if __name__ == "__main__":
    run(draw)
