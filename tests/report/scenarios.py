"""Runs with other results, which together reach every branch of every template that is not on findings."""

from tests.report.article import DEMO, EXTERNAL, QUICK, REAL, UNFROZEN
from tests.report.tables import (
    auc,
    calibration,
    change,
    choose,
    crop,
    epochs,
    heat,
    interval,
    paired,
    seconds,
    shares,
    smoothness,
    study,
    trust,
)


def scenarios():
    """{name: (settings, change of the tables)}: together they reach every branch of every template."""

    def alike(tables):
        tables["data/duplicates_summary"][0] |= {"exact_pairs": 0, "near_pairs": 0, "dropped": 0}
        change(tables, "explore/pixels", "mean", 131.0)
        change(tables, "explore/classes", "share", 0.5)
        change(tables, "explore/uniformity", "result", "negligible", test="classifier", first="train")
        change(tables, "explore/uniformity", "value", 0.2, test="Kolmogorov-Smirnov")
        change(tables, "explore/shortcuts", "ci_low", 0.45)
        for model in ("baseline", "transfer"):
            smoothness(tables, model, "val", "uneven", rises=0.4, relative_rise=1.5)
            change(tables, f"train/{model}_initial", "val_loss", 0.4, epoch=4)
            change(tables, f"train/{model}_gap", "gap_at_best", 0.12, seed=2)
            change(tables, f"train/{model}_gap", "best_epoch", 28, seed=2)
            change(tables, f"train/{model}_gap", "epochs", 30, seed=2)
            change(tables, f"train/{model}_model", "reloaded_identical", False)
            change(tables, f"train/{model}_model", "epochs", 1)
            tables[f"train/{model}_train_only"] = tables[f"train/{model}_train_only"][:1]
            tables[f"train/{model}_final"] = tables[f"train/{model}_final"][:1]
            change(tables, f"tune/{model}", "status", "diverged", trial=1)
            change(tables, f"tune/{model}", "val_auc", "", trial=1)
            tables[f"tune/{model}_selection"] = tables[f"tune/{model}_selection"][:1]
            change(tables, f"tune/{model}_selection", "seeds", 1)
            change(tables, f"tune/{model}_selection", "val_auc_sd", "")
            change(tables, f"tune/{model}_selection", "val_auc_se", "")
            for column in ("importance", "p5", "p95", "oob_r2"):
                change(tables, f"tune/{model}_importance", column, "")
            for column in ("extended_low", "extended_high"):
                change(tables, f"tune/{model}_ranges", column, 0)
            for column in ("edge", "selected_edge", "key"):
                change(tables, f"tune/{model}_ranges", column, "")
        choose(tables, "optimizer", "sgd")
        choose(tables, "loss", "cross_entropy")
        auc(tables, "baseline", 0.98, 0.99, 0.995)
        auc(tables, "transfer", 0.88, 0.9, 0.92)
        change(tables, "evaluate/ledger", "weights_sha256", "12" * 32, model="baseline")
        tables["evaluate/ledger"] += tables["evaluate/ledger"][:1]
        change(tables, "finetune/gain", "val_auc_finetuned", 0.89)
        change(tables, "finetune/gain", "val_loss_finetuned", 0.19)
        change(tables, "finetune/gain", "ci_low", -0.02)
        change(tables, "finetune/gain", "ci_high", -0.01)
        tables["finetune/attempts"] = tables["finetune/attempts"][1:]
        change(tables, "finetune/history", "train_refitted_loss", 0.11, epoch=1, attempt=2)
        change(tables, "tune/transfer_best", "learning_rate", 0.003)
        change(tables, "tune/transfer_best", "dense_layers", 0)
        for name in ("head", "cut"):
            tables[f"ablate/{name}"] = [row for row in tables[f"ablate/{name}"] if row["reference"]]
        interval(tables, "ablate/views", 0.001, 0.019, 0.01)
        change(tables, "ablate/augmentation", "ci_high", -0.01, variant="all")
        study(tables, "resolution", 0.01, 0.03)
        change(tables, "ablate/resolution", "train_auc", 0.95, reference=True)
        tables["ablate/data"] = [row for row in tables["ablate/data"] if row["share"] >= 0.5]
        change(tables, "ablate/data", "val_auc", 0.95, model="transfer", share=0.5)
        shares(tables, (-0.01, 0.08), (-0.01, 0.03))
        epochs(tables, "baseline", "", "", "", "")
        epochs(tables, "transfer", "", "", "", "")
        change(tables, "finetune/compare", "bytes", 100, model="transfer")
        change(tables, "train/transfer_final", "train_loss", 0.4)
        seconds(tables, "final run", 20000)
        seconds(tables, "prediction", 0.1)
        change(tables, "gradcam/groups", "images", 5)
        change(tables, "gradcam/classes", "empty", 0)
        change(tables, "gradcam/classes", "other_empty", 0)
        paired(tables, -0.03, -0.01, p=0.001)
        interval(tables, "evaluate/val_test", 0.001, 0.01, 0.005)
        calibration(tables, "slope", 1.1, 1.3, 1.5)
        calibration(tables, "intercept", 0.1, 0.3, 0.5)
        calibration(tables, "brier_change", 0.002, 0.005, 0.009)
        change(tables, "evaluate/calibration", "error", 0.02, corrected=False)
        change(tables, "evaluate/calibration", "error", 0.027, corrected=True)
        change(tables, "evaluate/calibration", "temperature_alone", True)
        heat(tables, "border", 1.1, 1.3)
        heat(tables, "corners", 0.9, 1.1)
        heat(tables, "lungs", 0.9, 1.1, "central region")
        change(tables, "audit/controls", "region", "central region")
        interval(tables, "gradcam/differences", -0.1, -0.02, -0.06)
        trust(tables, "baseline", "deletion, random less hottest", -0.1, -0.02)
        trust(tables, "baseline", "shuffled weights, all layers", 0.5, 0.7)
        trust(tables, "baseline", "two seeds, less other image", -0.1, 0.1)
        interval(tables, "evaluate/test_metrics", -0.05, -0.01, metric="sensitivity_less_specificity")
        crop(tables, 0.05, 0.27, 0.5)

    def poor(tables):
        change(tables, "explore/sizes", "min_width", 128)
        change(tables, "tune/baseline_best", "normalisation", "sample")
        change(tables, "ablate/augmentation", "ci_high", -0.01, variant="all")
        change(tables, "ablate/augmentation", "train_auc", 0.96, variant="all")
        interval(tables, "ablate/views", -0.019, -0.001, -0.01)
        study(tables, "normalisation", -0.03, -0.01)
        change(tables, "ablate/resolution", "ci_low", -0.05, variant="64 pixels")
        change(tables, "ablate/resolution", "ci_high", -0.01, variant="64 pixels")
        auc(tables, "baseline", 0.4, 0.5, 0.6)
        auc(tables, "transfer", 0.4, 0.5, 0.6)
        change(tables, "explore/sizes", "max_width", 900, split="test")
        change(tables, "audit/controls", "status", "not defined", status="defined")
        change(tables, "audit/controls", "ratio", "")
        change(tables, "explore/classes", "share", 0.4, split="test", label="covid")
        change(tables, "explore/uniformity", "result", "different", second="test")
        change(tables, "explore/mean_images", "ratio", 3.1, second="test")
        for model in ("baseline", "transfer"):
            change(tables, f"train/{model}_initial", "train_loss", 0.9, epoch=4)
            smoothness(tables, model, "train", "uneven", rises=0.4, relative_rise=0.3)
            change(tables, f"train/{model}_initial", "val_loss", 0.4, epoch=4)
            change(tables, f"train/{model}_gap", "gap_at_end", 0.01, run="initial")
            change(tables, f"train/{model}_final", "train_loss", 0.4, epoch=5)
            change(tables, f"train/{model}_model", "epochs", 30)
            change(tables, f"tune/{model}_importance", "oob_r2", -0.12)
            change(tables, f"tune/{model}_ranges", "key", "")
            change(tables, f"tune/{model}_selection", "val_auc", 0.96, selected=True)
        choose(tables, "optimizer", "rmsprop")
        choose(tables, "loss", "focal")
        change(tables, "explore/uniformity", "result", "different", test="chi-square")
        change(tables, "finetune/attempts", "decision", "no gain", attempt=2)
        change(tables, "finetune/gain", "decision", "no gain")
        change(tables, "tune/transfer_best", "dense_layers", 2)
        study(tables, "head", -0.01, -0.002, variant="16")
        study(tables, "cut", -0.03, -0.01)
        shares(tables, (-0.1, -0.05), *[(-0.02, 0.02)] * 4)
        change(tables, "ablate/data", "val_auc", 0.95, model="transfer")
        interval(tables, "ablate/data_rise", -0.002, 0.002, 0)
        epochs(tables, "baseline", "", "", "", "")
        change(tables, "gradcam/groups", "images", 0)
        change(tables, "finetune/compare", "bytes", 2000000, model="transfer")
        change(tables, "train/transfer_final", "train_loss", 0.9, epoch=1)
        seconds(tables, "fine-tuning", 56789)
        paired(tables, -0.02, 0.02)
        paired(tables, 0.01, 0.02, p=0.01, metrics=["sensitivity"])
        interval(tables, "evaluate/val_test", -0.05, -0.01, -0.03)
        heat(tables, "lungs", 0.5, 0.7)
        heat(tables, "corners", 1.1, 1.3)
        heat(tables, "border", 1.1, 1.3, group="true normal")
        interval(tables, "gradcam/differences", -0.02, 0.02, 0)
        interval(tables, "gradcam/differences", 0.02, 0.1, 0.06, first="missed covid")
        trust(tables, "baseline", "deletion, random less hottest", -0.1, 0.1)
        trust(tables, "transfer", "deletion, random less hottest", -0.1, 0.1)
        crop(tables, 0.05, 0.27, 0.5)

    def below_chance(tables):
        change(tables, "explore/classes", "share", 0.27, split="test", label="covid")
        change(tables, "tune/baseline_best", "normalisation", "training_pixel")
        auc(tables, "baseline", 0.3, 0.4, 0.45)
        auc(tables, "transfer", 0.3, 0.35, 0.45)
        for model in ("baseline", "transfer"):
            change(tables, f"train/{model}_initial", "val_loss", 0.4, epoch=4)
            change(tables, f"train/{model}_initial", "val_auc", 0.92)
            change(tables, f"train/{model}_gap", "gap_at_end", 0.005)
            change(tables, f"train/{model}_gap", "gap_at_best", 0.08, run="initial")
            change(tables, f"tune/{model}_importance", "p5", -0.1)
            change(tables, f"tune/{model}_ranges", "selected_edge", "")
            change(tables, f"tune/{model}_selection", "parameters", 123456)
            change(tables, f"tune/{model}_selection", "median_best_epoch", 4, selected=True)
        change(tables, "ablate/optimizer", "ci_low", 0.001, variant="sgd")
        paired(tables, -0.02, 0.02)
        paired(tables, 0.01, 0.02, p=0.01, metrics=["specificity"])
        heat(tables, "border", 1.1, 1.3, group="true normal")
        heat(tables, "border", 1.1, 1.3)
        heat(tables, "corners", 1.1, 1.3)
        change(tables, "gradcam/regions", "share", 0.3, group="true covid", region="border")
        crop(tables, 0.02, 0.06, 0.09, label="covid")
        interval(tables, "gradcam/differences", -0.02, 0.02, 0)
        interval(tables, "evaluate/test_metrics", 0.01, 0.05, metric="sensitivity_less_specificity")
        change(tables, "finetune/gain", "val_loss_finetuned", 0.19)
        change(tables, "finetune/gain", "ci_low", -0.01)
        change(tables, "finetune/attempts", "learning_rate", 0.00002)
        study(tables, "head", 0.001, 0.003, variant="256 and 128")
        study(tables, "cut", 0.001, 0.003, variant="conv4_block6_out")
        study(tables, "normalisation", 0.01, 0.03)
        interval(tables, "ablate/views", 0.001, 0.019, 0.01)
        change(tables, "train/transfer_gap", "gap_at_best", 0.05, run="selected")
        shares(tables, *[(0.05, 0.1)] * 5)
        change(tables, "ablate/data", "val_auc", 0.95, model="transfer", share=1)
        interval(tables, "ablate/data_rise", -0.02, -0.01, -0.015)
        epochs(tables, "transfer", "", "", "", "")
        change(tables, "train/transfer_final", "train_loss", 0.3, epoch=1)
        change(tables, "train/transfer_final", "train_loss", 0.2, epoch=5)

    def ordered_worse(tables):
        change(tables, "tune/baseline_best", "normalisation", "fixed")
        change(tables, "finetune/gain", "val_auc_finetuned", 0.92)
        change(tables, "tune/transfer_best", "learning_rate", 0.00001)
        paired(tables, -0.02, 0.02)
        paired(tables, 0.01, 0.02, p=0.01, metrics=["sensitivity"])
        paired(tables, -0.02, -0.01, p=0.01, metrics=["specificity"])
        tables["ablate/head"] = [row for row in tables["ablate/head"] if row["parameters"] >= 131201]
        tables["ablate/cut"] = tables["ablate/cut"][:2]
        change(tables, "ablate/cut", "reference", True, variant="conv2_block3_out")
        shares(tables, (-0.01, 0.05), *[(0.05, 0.1)] * 4)
        interval(tables, "ablate/data_rise", -0.003, 0.007, 0.002)
        study(tables, "normalisation", 0.01, 0.03, variant="fixed")
        study(tables, "normalisation", -0.03, -0.01, variant="sample")
        epochs(tables, "baseline", 1, 1, 2, "")
        epochs(tables, "transfer", 1, 2, "", "")
        change(tables, "train/transfer_gap", "gap_at_best", 0.005)
        change(tables, "train/baseline_gap", "gap_at_best", 0.001, run="initial")
        change(tables, "train/transfer_final", "train_loss", 0.05, epoch=5)
        auc(tables, "transfer", 0.96, 0.98, 0.99)
        for model in ("baseline", "transfer"):
            change(tables, f"train/{model}_gap", "best_epoch", 4, run="initial")
            change(tables, f"tune/{model}_importance", "p95", 0.6, hyperparameter="dropout")

    def diverged(tables):
        for model in ("baseline", "transfer"):
            change(tables, f"train/{model}_initial", "train_loss", "inf", epoch=4)
            change(tables, f"train/{model}_initial", "val_loss", "", epoch=4)
            change(tables, f"train/{model}_gap", "val_loss_at_end", "", run="initial")
            change(tables, f"train/{model}_gap", "gap_at_end", "", run="initial")
        change(tables, "train/baseline_final", "train_loss", 0.21, epoch=5)
        study(tables, "head", -0.02, -0.01, variant="no dense layer")
        study(tables, "normalisation", -0.03, -0.01, variant="sample")
        shares(tables, (0.05, 0.1), *[(-0.02, 0.02)] * 3, (-0.04, -0.01))
        epochs(tables, "baseline", 1, 2, "", "")
        paired(tables, -0.02, 0.02)
        paired(tables, -0.02, -0.01, p=0.01, metrics=["sensitivity"])

    def memorised(tables):
        shares(tables, *[(-0.02, 0.02)] * 5)
        epochs(tables, "transfer", 2, 6, 11, "")
        paired(tables, -0.02, 0.02)
        paired(tables, -0.02, -0.01, p=0.01, metrics=["specificity"])
        for model in ("baseline", "transfer"):
            for epoch in (2, 3, 4):
                change(tables, f"train/{model}_initial", "train_loss", 0.05, epoch=epoch)
            change(tables, f"train/{model}_gap", "best_epoch", 4)
            change(tables, f"train/{model}_gap", "gap_at_best", 0.12, run="selected")
        for head in ("no dense layer", "16"):
            study(tables, "head", -0.02, -0.01, variant=head)

    def gained_specificity(tables):
        interval(tables, "evaluate/val_test", -0.06, -0.02, -0.04, model="baseline", metric="specificity")
        change(tables, "tune/transfer_selection", "parameters", 345678)
        change(tables, "train/transfer_train_only", "val_auc", 0.8)
        paired(tables, -0.02, -0.01, p=0.01, metrics=["sensitivity"])
        auc(tables, "transfer", 0.97, 1, 1)
        calibration(tables, "slope", "", "", "")
        calibration(tables, "intercept", -0.2, 0, 0.2)
        calibration(tables, "brier_change", -0.01, 0, 0.01)
        change(tables, "evaluate/calibration", "correction_slope", -0.2, corrected=True)
        change(tables, "evaluate/calibration", "error", 0.02)

    def few_maps(tables):
        change(tables, "explore/sizes", "copies", 4, split="test")
        change(tables, "explore/shortcuts", "value", 1, cue="contrast")
        interval(tables, "evaluate/val_test", -0.05, -0.01, -0.03, model="baseline", metric="auc")
        interval(tables, "gradcam/regions", "", "", ends=("share_ci_low", "share_ci_high"))
        interval(tables, "gradcam/regions", "", "", ends=("lift_ci_low", "lift_ci_high"))
        interval(tables, "gradcam/differences", "", "", "")
        crop(tables, 0.05, 0.27, 0.5)
        for model in ("baseline", "transfer"):
            trust(tables, model, "deletion, random less hottest", -0.1, 0.1)
            trust(tables, model, "shuffled weights, all layers", 0.5, 0.7)
            tables[f"gradcam/{model}_trust"] = tables[f"gradcam/{model}_trust"][3:]
            change(tables, f"train/{model}_initial", "train_loss", 0.05, epoch=4)

    def no_harder(tables):
        change(tables, "explore/classes", "share", 0.27, split="test", label="covid")
        change(tables, "explore/uniformity", "result", "negligible", test="chi-square")
        interval(tables, "evaluate/val_test", -0.05, -0.01, -0.03, model="transfer", metric="auc")
        ends = ("difference_ci_low", "difference_ci_high")
        interval(tables, "evaluate/external_metrics", 0.01, 0.1, 0.05, ends, model="baseline")
        interval(tables, "evaluate/external_metrics", -0.1, 0.1, 0, ends, model="transfer")
        change(tables, "data/external_summary", "dropped", 0)
        change(tables, "explore/mean_images", "ratio", 3.1, second="test")

    def baseline_lower(tables):
        ends = ("difference_ci_low", "difference_ci_high")
        interval(tables, "evaluate/external_metrics", -0.1, 0.1, 0, ends, model="transfer")
        interval(tables, "evaluate/external_compare", -0.1, 0.2, 0.05)
        change(tables, "audit/controls", "ratio_ci_low", 0.4)
        change(tables, "audit/controls", "ratio_ci_high", 0.7)
        auc(tables, "baseline", 0.7, 0.75, 0.8)
        auc(tables, "transfer", 0.6, 0.7, 0.8)

    def transfer_lower(tables):
        ends = ("difference_ci_low", "difference_ci_high")
        interval(tables, "evaluate/external_metrics", -0.1, 0.1, 0, ends, model="baseline")
        interval(tables, "evaluate/external_compare", -0.2, -0.1, -0.15)
        change(tables, "gradcam/groups", "images", 1, group="false alarm")
        change(tables, "gradcam/groups", "images", 0, group="missed covid")

    return {
        "real": (REAL, lambda tables: None),
        "alike": (REAL, alike),
        "poor": (QUICK, poor),
        "below chance": (REAL, below_chance),
        "ordered worse": (REAL, ordered_worse),
        "diverged": (REAL, diverged),
        "demo": (DEMO, memorised),
        "gained specificity": (REAL, gained_specificity),
        "external": (EXTERNAL, lambda tables: None),
        "external, no harder": (EXTERNAL, no_harder),
        "external, baseline lower": (EXTERNAL, baseline_lower),
        "external, transfer lower": (EXTERNAL, transfer_lower),
        "undecided": (UNFROZEN, lambda tables: paired(tables, -0.02, 0.02)),
        "few maps": (REAL, few_maps),
    }
