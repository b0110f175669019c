"""Figures of the stage finetune."""

import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, figure

METRICS = {"refitted_loss": "refitted loss (nats)", "auc": "AUC"}


def draw(attempts: pd.DataFrame, train_only: pd.DataFrame):
    """Draw refitted loss and AUC from before fine-tuning on: of the attempts on all that they fit, a shade each, and of
    the run on train alone, with val."""
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
            below.plot(
                train_only["epoch"], train_only[f"{split}_{metric}"], "o-", ms=2, color=COLOURS[split], label=split
            )
        above.set_ylabel(label)
        below.set_ylabel(label)
        below.set_xlabel("epoch")
        below.xaxis.get_major_locator().set_params(integer=True)
    for (left, right), title in zip(axes, ("fitted on train and val", "fitted on train only"), strict=True):
        left.set_title(title, loc="left")
        # Above the panel: inside, attempts that fail may lie anywhere.
        right.legend(loc="lower right", bbox_to_anchor=(1.03, 0.98), ncols=9, columnspacing=1, handlelength=1.2)
    return {"figure": drawing}


if __name__ == "__main__":
    run(draw)
