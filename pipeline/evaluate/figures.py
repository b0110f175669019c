"""Figures of the stage evaluate."""

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from pipeline import names
from pipeline.command import run
from pipeline.plots.style import COLOURS, COLUMN, MODEL_COLOURS, PAGE, figure, show_image
from pipeline.vocabulary import LABELS, MODELS

SAMPLES = 6  # columns of their figure: fewer samples are drawn no larger


def draw(
    predictions: pd.DataFrame,
    thresholds: pd.DataFrame,
    metrics: pd.DataFrame,
    confusion: pd.DataFrame,
    curves: pd.DataFrame,
    reliability: pd.DataFrame,
    samples: pd.DataFrame,
    sample_images: dict[str, np.ndarray],
):
    """Draw confusion matrices, curves, reliability, scores by class, and samples; a parameter per input of the rule."""
    return {
        "confusion": draw_confusion(confusion),
        "curves": draw_curves(curves, metrics),
        "reliability": draw_reliability(reliability),
        "scores": draw_scores(predictions, thresholds.set_index("model")["logit"]),
        "samples": draw_samples(samples["file"], predictions, sample_images["images"]),
    }


def draw_confusion(table):
    """Counts, and shares of each row (label), a panel per model."""
    drawing, axes = figure(COLUMN, 1.6, 1, 2, sharey=True)
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
        axis.set_title(names.MODELS[model])
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
    axes[0].set_ylabel("label")
    return drawing


def draw_curves(table, test_metrics):
    """ROC and precision-recall curves with their pointwise intervals and the operating points."""
    drawing, axes = figure(COLUMN, 1.95, 1, 2)
    values = test_metrics.set_index(["model", "metric"])["value"]
    for axis, (curve, area, x, y) in zip(
        axes,
        [
            ("roc", "auc", "specificity", "sensitivity"),
            ("precision_recall", "average_precision", "sensitivity", "positive_predictive_value"),
        ],
        strict=True,
    ):
        for model in MODELS:
            points = table.query("curve == @curve and model == @model")
            axis.fill_between(
                points["x"], points["ci_low"], points["ci_high"], color=MODEL_COLOURS[model], alpha=0.3, linewidth=0
            )
            axis.plot(points["x"], points["y"], color=MODEL_COLOURS[model], label=f"{values[model, area]:.3f}")
            place = values[model, x]
            axis.plot(
                1 - place if curve == "roc" else place, values[model, y], "o", ms=3.5, color=MODEL_COLOURS[model],
                markeredgecolor="black", markeredgewidth=0.5, zorder=3,
            )  # fmt: skip
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axis.set_box_aspect(1)
    axes[0].plot([0, 1], [0, 1], color="grey", linewidth=0.6, linestyle=":")
    axes[0].set(xlabel="1 $-$ specificity", ylabel="sensitivity")
    axes[0].legend(title="AUC", loc="lower right")
    axes[1].axhline(values[MODELS[0], "prevalence"], color="grey", linewidth=0.6, linestyle=":")
    axes[1].set(xlabel="sensitivity", ylabel="positive predictive value")
    axes[1].legend(title="average precision", loc="lower left", bbox_to_anchor=(0, 0.25))
    handles = [Line2D([], [], color=MODEL_COLOURS[model], label=names.MODELS[model]) for model in MODELS]
    operating = {"marker": "o", "ms": 3.5, "linestyle": "", "color": "white", "markeredgecolor": "black"}
    handles.append(Line2D([], [], **operating, markeredgewidth=0.5, label="operating point"))
    drawing.legend(handles=handles, loc="outside upper center", ncols=3, columnspacing=1, handlelength=1.2)
    return drawing


def draw_reliability(table):
    """Observed share of covid against mean probability, a panel per model, without and with the correction."""
    drawing, axes = figure(COLUMN, 1.8, 1, 2, sharey=True)
    for axis, model in zip(axes, MODELS, strict=True):
        axis.plot([0, 1], [0, 1], color="grey", linewidth=0.6, linestyle=":")
        for corrected, name, marker, colour in (
            (False, "uncorrected", "o", MODEL_COLOURS[model]),
            (True, "corrected", "x", "black"),
        ):
            rows = table[(table["model"] == model) & (table["corrected"] == corrected)]
            around = np.abs(rows[["ci_low", "ci_high"]].to_numpy().T - rows["observed"].to_numpy())
            axis.errorbar(
                rows["predicted"], rows["observed"], around, fmt=marker + "-", ms=3, linewidth=0.8, elinewidth=0.6,
                color=colour, label=name,
            )  # fmt: skip
        axis.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axis.set_box_aspect(1)
        axis.set_xlabel("mean probability")
        axis.set_title(names.MODELS[model])
        axis.legend(loc="lower right")
    axes[0].set_ylabel("share of covid")
    return drawing


def draw_scores(predictions, thresholds):
    """Histograms of the logits of each class, with the operating threshold."""
    drawing, axes = figure(COLUMN, 1.7, 1, 2, sharey=True)
    for axis, model in zip(axes, MODELS, strict=True):
        rows = predictions[predictions["model"] == model]
        bins = np.histogram_bin_edges(rows["logit"], 30)
        for label in LABELS:
            values = rows.loc[rows["label"] == label, "logit"]
            axis.hist(values, bins, histtype="stepfilled", alpha=0.55, color=COLOURS[label], label=label)
        axis.axvline(thresholds[model], color="black", linewidth=0.8, linestyle="--", label="threshold")
        axis.set_xlabel("logit")
        axis.set_title(names.MODELS[model])
    axes[0].set_ylabel("images")
    handles, labels = axes[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper center", ncols=3)
    return drawing


def draw_samples(files, predictions, images):
    """Test images without normalisation, with their label, and the prediction and corrected probability of each model.

    The title of an image that a model misclassifies is in colour.
    """
    predictions = predictions.set_index(["file", "model"])
    columns = max(len(files), SAMPLES)
    drawing, axes = figure(PAGE, PAGE / columns + 0.45, 1, columns)
    for axis in axes:
        axis.set_axis_off()
    for axis, image, name in zip(axes, images, files, strict=False):
        label = predictions.loc[(name, MODELS[0]), "label"]
        of_models = {model: predictions.loc[(name, model)] for model in MODELS}
        lines = [f"{model}: {row['predicted']}, {row['probability']:.2f}" for model, row in of_models.items()]
        wrong = any(row["predicted"] != label for row in of_models.values())
        show_image(axis, image, "\n".join([f"label: {label}", *lines]), COLOURS["covid"] if wrong else "black")
    return drawing


if __name__ == "__main__":
    run(draw)
