"""Figures of the stage evaluate."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, MODEL_COLOURS, MODEL_NAMES, PAGE, figure, save, show_image
from pipeline.vocabulary import LABELS, MODELS


def evaluate(
    predictions: Path,
    test_metrics: Path,
    confusion: Path,
    samples: Path,
    sample_images: Path,
    confusion_figure: Path,
    roc_figure: Path,
    samples_figure: Path,
):
    """Draw confusion matrices, ROC curves, and samples with their verdicts."""
    draw_confusion(pd.read_csv(confusion), confusion_figure)
    draw_roc(pd.read_csv(predictions), pd.read_csv(test_metrics), roc_figure)
    draw_samples(pd.read_csv(samples), np.load(sample_images)["images"], samples_figure)


def draw_confusion(table, file):
    """Counts, and shares of each row (label), a panel a model."""
    drawing, axes = figure(COLUMN, 1.75, 1, 2, sharey=True)
    for axis, model in zip(axes, MODELS, strict=True):
        rows = table[table["model"] == model]
        counts = rows.pivot(index="label", columns="predicted", values="images").loc[list(LABELS), list(LABELS)]
        shares = counts.div(counts.sum(axis=1), axis=0).to_numpy()
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(2, 2):
            axis.text(
                column,
                row,
                f"{counts.iloc[row, column]}\n{shares[row, column]:.1%}",
                ha="center",
                va="center",
                color="white" if shares[row, column] > 0.5 else "black",
            )
        axis.set_xticks(range(2), LABELS)
        axis.set_yticks(range(2), LABELS)
        axis.set_xlabel("predicted")
        axis.set_title(MODEL_NAMES[model])
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
    axes[0].set_ylabel("label")
    save(drawing, file)


def draw_roc(predictions, test_metrics, file):
    """Empirical ROC curves with the operating points."""
    drawing, axis = figure(COLUMN, 2.6)
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.6, linestyle=":")
    values = test_metrics.set_index(["model", "metric"])["value"]
    for model in MODELS:
        rows = predictions[predictions["model"] == model].sort_values("logit", ascending=False)
        last_of_ties = np.append(np.diff(rows["logit"]) != 0, True)
        curve = [
            np.append(0, (np.cumsum(rows["label"] == label) / (rows["label"] == label).sum())[last_of_ties])
            for label in LABELS
        ]
        axis.plot(*curve, color=MODEL_COLOURS[model], label=f"{MODEL_NAMES[model]}, AUC {values[model, 'auc']:.3f}")
        axis.plot(
            1 - values[model, "specificity"], values[model, "sensitivity"], "o", ms=4, color=MODEL_COLOURS[model],
            markeredgecolor="black", markeredgewidth=0.5,
        )  # fmt: skip
    axis.plot([], [], "o", ms=4, color="white", markeredgecolor="black", markeredgewidth=0.5, label="operating point")
    axis.set_xlabel("1 $-$ specificity")
    axis.set_ylabel("sensitivity")
    axis.set_aspect("equal")
    axis.legend(loc="lower right")
    save(drawing, file)


def draw_samples(table, images, file):
    """Test images un-normalised, with label, verdict and probability by the transfer model; wrong ones in colour."""
    drawing, axes = figure(PAGE, PAGE / len(table) + 0.45, 1, len(table))
    for axis, image, sample in zip(axes, images, table.to_dict("records"), strict=True):
        title = f"label {sample['label']}\npredicted {sample['predicted']}\nP(covid) {sample['probability']:.2f}"
        wrong = sample["label"] != sample["predicted"]
        show_image(axis, image, title, COLOURS["covid"] if wrong else "black")
    save(drawing, file)


if __name__ == "__main__":
    run(evaluate)
