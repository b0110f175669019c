"""Runs with other results than the made-up one: for branches that are not on findings, and for what a run may lack."""

from typing import NamedTuple

from tests.report.article import DEMO, EXTERNAL, QUICK, REAL, UNFROZEN
from tests.report.tables import change

MODELS = ("baseline", "transfer")


class Scenario(NamedTuple):
    """The settings, a function that changes the tables in place, and values of findings (`article.Run`)."""

    settings: dict
    change: object = lambda tables: None
    values: dict = {}


def other_words(tables):
    """Texts and yes/no cells with other values, and no lung masks."""
    change(tables, "tune/baseline_best", "normalisation", "sample")
    change(tables, "evaluate/calibration", "temperature_alone", True)
    for table in ("audit/controls", "gradcam/regions", "gradcam/differences"):
        for row in tables[table]:
            row["region"] = row["region"].replace("lungs", "central region")
    for model in MODELS:
        change(tables, f"tune/{model}_best", "optimizer", "sgd")
        change(tables, f"tune/{model}_best", "loss", "cross_entropy")
        change(tables, f"train/{model}_model", "reloaded_identical", False)


def other_numbers(tables):
    """Curves, tests and errors that are listed or counted."""
    change(tables, "explore/uniformity", "result", "negligible", test="classifier", first="train")
    change(tables, "ablate/augmentation", "train_auc", 0.96, variant="all")
    change(tables, "ablate/resolution", "train_auc", 0.95, reference=True)
    change(tables, "ablate/resolution", "ci_low", 0.001, reference=False)
    change(tables, "explore/sizes", "copies", 4, split="test")
    change(tables, "tune/baseline_best", "normalisation", "training_pixel")
    change(tables, "gradcam/groups", "images", 1, group="false alarm")
    for model in MODELS:
        change(tables, f"tune/{model}_best", "optimizer", "rmsprop")
        change(tables, f"tune/{model}_best", "loss", "focal")
        change(tables, f"train/{model}_smoothness", "result", "uneven", split="val")
        change(tables, f"train/{model}_smoothness", "rises", 0.4, split="val")
        change(tables, f"train/{model}_smoothness", "relative_rise", 0.3, split="val")
        change(tables, f"train/{model}_final", "train_loss", 0.4, epoch=5)
        for column, value in {"gap_at_best": 0.12, "best_epoch": 148, "epochs": 150}.items():
            change(tables, f"train/{model}_gap", column, value, seed=2)


def gaps(tables):
    """Few trials, seeds, variants and maps: rows and cells that are not there."""
    change(tables, "tune/baseline_best", "normalisation", "fixed")
    for study in ("head", "cut"):
        tables[f"ablate/{study}"] = [row for row in tables[f"ablate/{study}"] if row["reference"]]
    tables["ablate/data"] = [row for row in tables["ablate/data"] if row["share"] >= 0.5]
    tables["finetune/attempts"] = tables["finetune/attempts"][1:]
    for row in tables["finetune/compare_epochs"]:
        row["epochs"] = ""
    change(tables, "gradcam/groups", "images", 0, group="missed covid")
    for end in ("ci_low", "ci_high"):
        change(tables, "gradcam/regions", f"share_{end}", "")
        change(tables, "gradcam/regions", f"lift_{end}", "")
    for column in ("slope", "slope_ci_low", "slope_ci_high"):
        change(tables, "evaluate/calibration", column, "")
    for column in ("difference", "ci_low", "ci_high"):
        change(tables, "gradcam/differences", column, "")
    for model in MODELS:
        # One candidate, with one seed; the initial run diverged.
        tables[f"gradcam/{model}_trust"] = tables[f"gradcam/{model}_trust"][3:]
        tables[f"train/{model}_train_only"] = tables[f"train/{model}_train_only"][:1]
        tables[f"train/{model}_gap"] = tables[f"train/{model}_gap"][:2]
        tables[f"tune/{model}_selection"] = tables[f"tune/{model}_selection"][:2]
        change(tables, f"tune/{model}", "status", "diverged", trial=1)
        change(tables, f"tune/{model}", "val_auc", "", trial=1)
        change(tables, f"tune/{model}_selection", "seeds", 1)
        change(tables, f"train/{model}_initial", "train_loss", "inf", epoch=4)
        change(tables, f"train/{model}_initial", "val_loss", "", epoch=4)
        for table, columns in {
            f"tune/{model}_selection": ("val_auc_sd", "val_auc_se"),
            f"tune/{model}_importance": ("importance", "p5", "p95", "oob_r2"),
            f"tune/{model}_ranges": ("edge", "bound", "selected_edge", "key"),
        }.items():
            for column in columns:
                change(tables, table, column, "")
        for column in ("val_loss_at_end", "gap_at_end"):
            change(tables, f"train/{model}_gap", column, "", run="initial")


# What is shown with values that the made-up tables do not give; together they need not be possible.
VALUES = {
    ("ablate/images", "134"): "lower",
    ("ablate/lead", None): "higher_and_lower",
    ("ablate/selected", "head"): "other",
    ("ablate/selected_baseline", None): "above",
    ("audit/outside", None): "not_defined",
    ("evaluate/correction_order", None): "changed",
    ("evaluate/val_test", None): "lower",
    ("evaluate/val_test_loss", None): "both",
    ("evaluate/val_test_rate", "baseline specificity"): "lower",
    ("finetune/epochs_to_level", "0.9"): "as_many",
    ("finetune/epochs_to_level", "0.98"): "more",
    ("finetune/fine_tuning", None): "rejected",
    ("finetune/head_layers", None): "several",
    ("gradcam/error_heat", "missed covid"): "too_few",
    ("train/first_tuned", "baseline"): "overfitting",
    ("train/initial_fit", "transfer"): "diverged",
    ("tune/selection", "transfer"): "fewer_epochs",
}

SCENARIOS = {
    "real": Scenario(REAL),
    "other values": Scenario(REAL, values=VALUES),
    "other words": Scenario(QUICK | {"finetune": UNFROZEN["finetune"]}, other_words),
    "other numbers": Scenario(EXTERNAL, other_numbers),
    "gaps": Scenario(DEMO, gaps),
}
