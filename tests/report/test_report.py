"""The report: every number is read, every text escaped, every branch written, and the PDF the same to the byte.

Made-up tables and blank figures stand in for a run's.
"""

import csv
import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.command import InputError
from pipeline.render import __main__ as stage
from pipeline.render import configuration, cost, decisions, digits, environment, filters, latex, metadata
from pipeline.render.cells import Tables
from pipeline.render.escape import escape
from pipeline.render.figures import Figures
from pipeline.render.questions import Questions
from tests.report.tables import findings, text

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "report"
TEMPLATES = sorted(REPORT.rglob("*.tex.j2"))
WHOLE = {"draw": None, "external": None}
REAL = {"demo": False, "dataset": WHOLE, "seed": 7, "training": {"selection_seeds": [1, 2]}}
REAL |= {"transfer": {"backbone": "resnet50v2"}, "finetune": {"unfreeze_from": "all"}}
DEMO = REAL | {"demo": True}
QUICK = REAL | {"dataset": WHOLE | {"draw": {"train": 1, "val": 1, "test": 1}}}
UNFROZEN = REAL | {"finetune": {"unfreeze_from": "conv4_block1_preact_bn"}}
EXTERNAL = REAL | {"dataset": WHOLE | {"external": "other.zip"}}
FIGURES = {
    "explore/classes": (3.4, 1.9),
    "explore/samples": (7, 1.4),
    "explore/intensities": (3.4, 1.7),
    "explore/pixels": (3.4, 2.2),
    "explore/shortcuts": (3.4, 1.8),
    "explore/normalisation": (7, 2.3),
    "explore/augmentation": (3.4, 3.9),
    "ablate/resolution": (3.4, 1.2),
    "ablate/normalisation": (3.4, 1.4),
    "ablate/augmentation": (3.4, 1.6),
    "ablate/optimizer": (3.4, 1.2),
    "ablate/loss": (3.4, 1.2),
    "ablate/head": (3.4, 1.65),
    "ablate/cut": (3.4, 1.4),
    "ablate/data": (3.4, 2.0),
    "tune/baseline": (3.4, 3.05),
    "tune/transfer": (3.4, 3.05),
    "train/baseline_initial": (3.4, 2.7),
    "train/transfer_initial": (3.4, 2.7),
    "train/compare": (3.4, 2.9),
    "finetune/finetune": (3.4, 2.7),
    "evaluate/confusion": (3.4, 1.75),
    "evaluate/curves": (3.4, 2.1),
    "evaluate/samples": (7, 1.6),
    "audit/controls": (3.4, 2.1),
    "audit/counterfactuals": (7, 3.3),
    "gradcam/groups": (7, 4.7),
    "gradcam/means": (3.4, 1.2),
    "gradcam/regions": (3.4, 1.9),
    "gradcam/deletion": (3.4, 1.8),
}
SUPPLEMENT = [
    *(f"figures/explore/{name}.pdf" for name in ("images", "samples_val", "samples_test")),
    *(f"figures/tune/{model}_{view}.pdf" for model in ("baseline", "transfer") for view in ("progress", "importance")),
    *(f"figures/train/{name}.pdf" for name in ("baseline_final", "transfer_final", "compare_cost")),
    *(f"figures/evaluate/{name}.pdf" for name in ("reliability", "scores")),
    "figures/audit/markers.pdf",
    *(f"tables/{name}.csv" for name in ("train/transfer_layers", "report/trace", "report/cost")),
]
# With an external set, in the order of workflow/rules/report.smk.
MOVED = ["gradcam/regions", "tune/transfer"]
CELL = re.compile(r"\\cell(?:\{[^{}]*\}){3}\{((?:[^{}]|\{[^{}]*\})*)\}")
needs_tex = pytest.mark.skipif(not shutil.which("latexmk"), reason="latexmk is not installed")


def made_up():
    """{table: list of rows}, as a run could give them."""
    splits, counts = ("train", "val", "test"), (2688, 576, 576)
    labels, models = ("normal", "covid"), ("baseline", "transfer")
    tables = {
        "explore/sizes": [
            {"split": split, "images": count, "min_width": 256, "max_width": 256, "min_height": 256,
             "max_height": 256, "same_size": True, "copies": 0, "sha256": "a1" * 32}
            for split, count in zip(splits, counts, strict=True)
        ],
        "data/duplicates_summary": [
            {"images": 3846, "exact_pairs": 4, "near_pairs": 3, "threshold": 0.968, "groups": 6, "dropped": 6}
        ],
        "explore/classes": [
            {"split": split, "label": label, "images": int(count * share), "share": share}
            for split, count in zip(splits, counts, strict=True)
            for label, share in zip(labels, (0.75, 0.25), strict=True)
        ],
        "explore/pixels": [
            {"split": split, "label": label, "mean": mean, "sd": 60.2, "p5": 10, "p50": 130, "p95": 220}
            for split in splits
            for label, mean in (("normal", 128.4), ("covid", 140.9), ("all", 131.5))
        ],
        "explore/mean_images": [
            {"label": label, "first": first, "second": second, "difference": 2.8, "largest": 9.5, "expected": 1.9,
             "ratio": 1.46}
            for label in labels
            for first, second in itertools.combinations(splits, 2)
        ],
        "explore/uniformity": [
            {"test": test, "quantity": quantity, "label": label, "first": first, "second": second,
             "statistic": value, "value": value, "ci_low": low, "ci_high": high, "p": 0.2, "p_holm": 0.6,
             "verdict": "none found"}
            for test, quantity, part, value, low, high in (
                ("chi-square", "class", ["all"], 0.02, "", ""),
                ("Kolmogorov-Smirnov", "brightness", labels, 0.06, "", ""),
                ("Kolmogorov-Smirnov", "contrast", labels, 0.05, "", ""),
                ("classifier", "image", ["all"], 0.52, 0.48, 0.56),
            )
            for label in part
            for first, second in (
                itertools.combinations(splits, 2) if test != "chi-square" else [("all", "all")]
            )
        ],
        "explore/shortcuts": [
            {"cue": cue, "normal": 130.5, "covid": 139.8, "direction": direction, "train_auc": value,
             "value": value, "ci_low": value - 0.05, "ci_high": value + 0.04}
            for cue, direction, value in (
                ("brightness", "higher", 0.6), ("contrast", "lower", 0.66), ("all together", "", 0.92)
            )
        ],
        "explore/normalisation": [
            {"strategy": strategy, "val_mean": 0.02, "val_sd": 1.01} for strategy in ("raw", "training_global")
        ],
        **{
            f"ablate/{study}": [
                {"variant": variant, "reference": place == 0, "seeds": 3, "val_auc": 0.95, "difference": 0.01 * place,
                 "ci_low": 0.01 * place - 0.02, "ci_high": 0.01 * place + 0.02, "train_auc": 0.99, "bytes": 65536,
                 "images": 1344, "epochs": 7}
                for place, variant in enumerate(variants)
            ]
            for study, variants in {
                "resolution": ("224 pixels", "64 pixels"),
                "normalisation": ("training global", "fixed", "sample"),
                "augmentation": ("none", "rotation", "all"),
                "optimizer": ("adam", "sgd", "rmsprop"),
                "loss": ("weighted cross entropy", "cross entropy", "focal"),
            }.items()
        },
        **{
            f"ablate/{study}": [
                {"variant": variant, "reference": difference == 0, "seeds": 3, "val_auc": 0.97 + difference,
                 "val_auc_sd": 0.002, "train_auc": 0.99, "difference": difference, "ci_low": difference - 0.004,
                 "ci_high": difference + 0.004, "parameters": parameters, "images": 2688, "epochs": 20, **more}
                for variant, difference, parameters, more in variants
            ]
            for study, variants in {
                "head": [
                    ("no dense layer", -0.002, 2049, {}), ("16", -0.001, 32801, {}), ("64", 0, 131201, {}),
                    ("256", 0.001, 524801, {}), ("256 and 128", 0.002, 557697, {}),
                ],
                "cut": [
                    ("conv2_block3_out", -0.07, 16513, {"backbone_parameters": 230000}),
                    ("conv3_block4_out", -0.02, 32897, {"backbone_parameters": 1450000}),
                    ("conv4_block6_out", -0.001, 65665, {"backbone_parameters": 8550000}),
                    ("post_relu", 0, 131201, {"backbone_parameters": 23564800}),
                ],
            }.items()
        },
        "ablate/resolution_cost": [
            {"variant": variant, "seed": seed, "seconds_per_epoch": seconds + seed}
            for variant, seconds in {"224 pixels": 12.3, "64 pixels": 1.23}.items()
            for seed in (1, 2)
        ],
        "ablate/data": [
            {"model": model, "share": share, "images": int(2688 * share), "seeds": 3, "val_auc": value,
             "val_auc_sd": 0.003, "difference": difference, "ci_low": difference and difference - 0.02,
             "ci_high": difference and difference + 0.02}
            for model, curve in {
                "baseline": [(0.82, ""), (0.87, ""), (0.9, ""), (0.93, ""), (0.96, "")],
                "transfer": [(0.92, 0.1), (0.94, 0.07), (0.955, 0.055), (0.965, 0.035), (0.97, 0.01)],
            }.items()
            for share, (value, difference) in zip((0.05, 0.1, 0.25, 0.5, 1), curve, strict=True)
        ],
        "ablate/data_rise": [
            {"model": model, "share_before": 0.5, "share": 1, "difference": value, "ci_low": value - 0.003,
             "ci_high": value + 0.003}
            for model, value in (("baseline", 0.03), ("transfer", 0.005))
        ],
        "ablate/views": [
            {"plain_val_auc": 0.97, "views_val_auc": 0.97, "difference": 0, "ci_low": -0.004, "ci_high": 0.004}
        ],
        "train/compare": [
            {"model": model, "parameters": trainable + frozen, "trainable_parameters": trainable,
             "frozen_parameters": frozen, "bytes": 4 * (trainable + frozen), "epochs": 5}
            for model, trainable, frozen in (("baseline", 393601, 960), ("transfer", 131201, 23564800))
        ],
        "train/compare_epochs": [
            {"model": model, "level": level, "runs": 3, "reached": reached, "epochs": epochs}
            for model, reaching in {
                "baseline": [(3, 2), (3, 6), (2, 11), (0, "")], "transfer": [(3, 1), (3, 1), (3, 3), (1, "")],
            }.items()
            for level, (reached, epochs) in zip((0.9, 0.95, 0.98, 0.99), reaching, strict=True)
        ],
        "train/compare_cost": [
            {"model": model, "part": part, "seconds": seconds}
            for model, parts in {
                "baseline": {"search": 8123.4, "confirmation": 3567.8, "final run": 456.7, "prediction": 1.234},
                "transfer": {"features": 234.5, "search": 67.8, "confirmation": 34.5, "final run": 5.67,
                             "fine-tuning": 5678.9, "prediction": 12.34},
            }.items()
            for part, seconds in parts.items()
        ],
        "report/configuration": [
            {"key": key, "value": value}
            for key, value in configuration.numbers(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
        ],
        "report/cost_stages": [
            {"stage": stage, "jobs": jobs, "seconds": 1234.56, "cpu_seconds": 1112.3, "longest": 345.6,
             "memory": 1213.1}
            for stage, jobs in {"data": 1, "tune": 40, "all": 41}.items()
        ],
        "finetune/attempts": [
            {"attempt": 1, "learning_rate": 3e-5, "epochs": 7, "refitted_loss_before": 0.12,
             "refitted_loss_after": 0.31, "verdict": "dropped"},
            {"attempt": 2, "learning_rate": 6e-6, "epochs": 7, "refitted_loss_before": 0.12,
             "refitted_loss_after": 0.07, "verdict": "kept"},
        ],
        "finetune/history": [
            {"attempt": attempt, "epoch": epoch, "train_refitted_loss": loss}
            for attempt, losses in {1: (0.12, 0.31), 2: (0.12, 0.14, 0.07)}.items()
            for epoch, loss in enumerate(losses)
        ],
        "finetune/heldout": [
            {"val_auc_head": 0.978, "val_auc_finetuned": 0.986, "val_loss_head": 0.16, "val_loss_finetuned": 0.13,
             "verdict": "kept", "difference": 0.008, "ci_low": 0.002, "ci_high": 0.015}
        ],
        "finetune/model": [
            {"epochs": 7, "trainable_parameters": 23605121, "frozen_parameters": 90880, "weights_sha256": "ef" * 32}
        ],
        "evaluate/thresholds": [
            {"model": model, "threshold": 0.41, "logit": 0.93, "runs": runs,
             "source": f"tables/train/{model}_val_predictions.csv"}
            for model, runs in zip(models, (3, 1), strict=True)
        ],
        "evaluate/test_metrics": [
            {"model": model, "metric": metric, "value": value, "ci_low": value - 0.02, "ci_high": value + 0.01,
             "n": 576}
            for model, value in zip(models, (0.93, 0.98), strict=True)
            for metric in ("auc", "accuracy", "sensitivity", "specificity", "average_precision", "balanced_accuracy",
                           "f1", "mcc", "prevalence", "positive_predictive_value", "negative_predictive_value", "brier")
        ] + [
            {"model": model, "metric": "sensitivity_less_specificity", "value": 0.003, "ci_low": -0.02,
             "ci_high": 0.03, "n": 576}
            for model in models
        ],
        "evaluate/confusion": [
            {"model": model, "label": label, "predicted": predicted, "images": 400 if label == predicted else 11}
            for model in models for label in labels for predicted in labels
        ],
        "evaluate/ledger": [
            {"model": model, "weights_sha256": "ab" * 32, "data_sha256": "cd" * 32} for model in models
        ],
        "evaluate/calibration": [
            {"model": model, "corrected": corrected, "temperature_alone": False, "prevalence": 0.25,
             "correction_intercept": -1.1 * corrected, "correction_slope": 0.8 if corrected else 1,
             "slope": slope, "slope_ci_low": slope - 0.1, "slope_ci_high": slope + 0.1,
             "intercept": intercept, "intercept_ci_low": intercept - 0.2, "intercept_ci_high": intercept + 0.2,
             "error": error, "perfect_p95": 0.03, "brier_change": change, "brier_change_ci_low": change and -0.009,
             "brier_change_ci_high": change and -0.002}
            for model in models
            for corrected, slope, intercept, error, change in (
                (False, 0.8, -1.1, 0.04, ""), (True, 1, 0, 0.02, -0.005)
            )
        ],
        "evaluate/val_test": [
            {"model": model, "metric": metric, "seeds": seeds, "val": value, "test": value - 0.005,
             "difference": -0.005, "ci_low": -0.015, "ci_high": 0.004, "p": 0.31}
            for model, seeds in zip(models, (3, 1), strict=True)
            for metric, value in {"auc": 0.985, "sensitivity": 0.935, "specificity": 0.925}.items()
        ],
        "evaluate/compare": [
            {"metric": metric, "difference": 0.02, "ci_low": 0.01, "ci_high": 0.03, "p": 0.001, "n": n,
             "baseline_alone": "" if metric == "auc" else 4, "transfer_alone": "" if metric == "auc" else 19}
            for metric, n in {"auc": 576, "accuracy": 576, "sensitivity": 144, "specificity": 432}.items()
        ],
        "data/external_summary": [{"images": 300, "normal": 200, "covid": 100, "dropped": 3, "threshold": 0.98}],
        "evaluate/external_metrics": [
            {"model": model, "metric": metric, "value": 0.8, "ci_low": 0.75, "ci_high": 0.85, "difference": -0.15,
             "difference_ci_low": -0.2, "difference_ci_high": -0.1}
            for model in models for metric in ("auc", "sensitivity", "specificity")
        ],
        "evaluate/external_ledger": [{"model": model} for model in models],
        "evaluate/external_compare": [{"metric": "auc", "difference": 0.15, "ci_low": 0.02, "ci_high": 0.3, "p": 0.02}],
        "audit/controls": [
            {"control": control, "name": name, "region": "lungs", "blind": blind, "seeds": 3, "value": value,
             "ci_low": value - 0.02, "ci_high": value + 0.01, "ratio": ratio, "ratio_ci_low": ratio and ratio - 0.04,
             "ratio_ci_high": ratio and ratio + 0.04, "status": "defined" if ratio else "reference",
             "flagged": bool(ratio) and ratio - 0.04 > 0.8, "flag": 0.8, "least_auc": 0.6, "pixels": 64}
            for control, name, blind, value, ratio in (
                ("whole", "whole image", False, 0.97, ""), ("inside_blanked", "lungs blanked", True, 0.94, 0.93),
                ("inside_alone", "lungs only", False, 0.92, 0.89), ("outline", "outline only", True, 0.7, 0.43),
            )
        ],
        "audit/counterfactuals": [
            {"model": model, "name": name, "region": "lungs", "edit": edit, "label": label, "images": 144,
             "value": -0.123, "ci_low": -0.15, "ci_high": -0.1, "flipped": 0.27}
            for model in models
            for edit, name in (
                ("edges", "corners and text blanked"), ("inside", "lungs blanked"), ("crop", "border cropped")
            )
            for label in labels
        ],
        "audit/leakage": [
            {"code": code, "type": kind, "answer": "absent: it is so", "how": how, "evidence": "x.csv: 3"}
            for code, kind, how in (
                ("L1.1", "no test set", "checked by a test"), ("L3.1", "temporal", "cannot be known from this data")
            )
        ],
        "audit/verdict": [
            {"topic": topic, "verdict": verdict, "statement": f"The sentence on {topic}, 98% of it.", "cells": "x"}
            for topic, verdict in {
                "summary": "flagged", "outside": "enough", "no_places": "chance", "models": "stay", "crop": "both",
                "markers": "differ",
            }.items()
        ],
        "gradcam/groups": [
            {"group": group, "images": images, "empty": 0, "shown": min(images, 4), "model": "transfer",
             "layer": "post_relu", "height": 4, "width": 4, "fewest": 10}
            for group, images in {"true covid": 130, "false alarm": 0, "true normal": 420, "missed covid": 14}.items()
        ],
        "gradcam/regions": [
            {"group": group, "region": region, "images": 0 if group == "false alarm" else 14, "area": area,
             "height": extent, "width": extent,
             **dict(zip(columns, [""] * 6 if group == "false alarm" else values, strict=True))}
            for columns in [("share", "share_ci_low", "share_ci_high", "lift", "lift_ci_low", "lift_ci_high")]
            for group in ("true covid", "false alarm", "true normal", "missed covid")
            for region, area, extent, *values in (
                ("lungs", 0.3, "", 0.45, 0.42, 0.48, 1.5, 1.4, 1.6),
                ("border", 0.36, 0.1, 0.2, 0.17, 0.23, 0.6, 0.5, 0.7),
                ("corners", 0.17, 0.2, 0.1, 0.08, 0.12, 0.6, 0.5, 0.7),
            )
        ],
        "gradcam/differences": [
            {"first": first, "second": second, "region": region, "difference": value,
             "ci_low": value and value - 0.04, "ci_high": value and value + 0.04}
            for first, second, value in (
                ("true covid", "true normal", 0.1), ("false alarm", "true covid", ""),
                ("missed covid", "true normal", -0.1),
            )
            for region in ("lungs", "border", "corners")
        ],
        "gradcam/samples": [
            {"group": group, "empty": empty, "probability": value, "inside": "" if empty else 0.38, "border": 0.26}
            for group, empty, value in (("missed covid", False, 0.03), ("false alarm", True, 0.88))
        ],
        "gradcam/classes": [
            {"predicted": label, "images": 280, "empty": empty, "other_empty": empty, "own_cells": 0.4}
            for label, empty in zip(labels, (3, 0), strict=True)
        ],
    }  # fmt: skip
    for model in models:
        tables[f"gradcam/{model}_trust"] = [
            {"check": check, "images": 96, "value": value, "ci_low": value - 0.05, "ci_high": value + 0.05}
            for check, value in (
                ("two seeds", 0.6),
                ("two seeds, other image", 0.2),
                ("two seeds, less other image", 0.4),
                ("shuffled weights, last layers", 0.3),
                ("shuffled weights, all layers", 0.1),
                ("deletion, random less hottest", 0.12),
            )
        ]
        chosen = {"learning_rate": 0.000094, "dropout": 0.31, "batch_size": 32, "dense_units": 64, "l2": 0.0001}
        chosen |= {"optimizer": "adam", "loss": "weighted_cross_entropy"}
        chosen |= {"filters": 24, "normalisation": "training_global"} if model == "baseline" else {"dense_layers": 1}
        tables |= {
            f"tune/{model}": [
                {"trial": trial, "round": 1 + trial // 3, "seed": trial, "status": "finished", **chosen,
                 "best_epoch": 4, "train_loss": 0.2, "train_auc": 0.98, "val_loss": 0.21, "val_auc": 0.93 + trial / 100}
                for trial in (1, 2, 3)
            ],
            f"tune/{model}_ranges": [
                {"name": name, "scale": scale, "low": low, "high": high, "final_low": final_low,
                 "final_high": final_high, "extended_low": int(low != final_low),
                 "extended_high": int(high != final_high), "best": chosen[name], "edge": edge, "extendable": more,
                 "selected": chosen[name], "selected_edge": selected_edge, "selected_extendable": more,
                 "key": f"tune.space.{model}.{name}.range" if more else ""}
                for name, scale, low, high, final_low, final_high, edge, selected_edge, more in (
                    ("learning_rate", "log", 0.0005, 0.005, 0.00008891, 0.01581, "low", "low", True),
                    ("dropout", "linear", 0.1, 0.6, 0, 0.6, "low", "", False),
                    ("batch_size", "list", 16, 64, 16, 64, "", "", False),
                    ("loss", "choice", "", "", "", "", "", "", False),
                )
            ],
            f"tune/{model}_importance": [
                {"hyperparameter": name, "importance": value, "p5": value - 0.2, "p95": value + 0.2, "oob_r2": 0.41}
                for name, value in (("dropout", 0.1), ("learning_rate", 0.7), ("batch_size", -0.02), ("loss", 0))
            ],
            f"tune/{model}_selection": [
                {"candidate": place, "trial": trial, **chosen, "parameters": parameters, "seeds": 3,
                 "status": "finished" if value else "diverged", "val_auc": value, "val_auc_se": value and 0.0012,
                 "val_auc_sd": value and 0.0021, "median_best_epoch": value and 5,
                 "within_one_se": value == 0.9523 or value == 0.953, "selected": trial == 3}
                for place, trial, parameters, value in (
                    (1, 3, 123456 if model == "baseline" else 131201, 0.9523), (2, 1, 234567, 0.953),
                    (3, 2, 345678, 0.9411), (4, 4, 123456, "")
                )
            ],
            f"tune/{model}_best": [{"candidate": 1, "trial": 3, "val_auc": 0.9523, "val_auc_sd": 0.0021, **chosen}],
            f"train/{model}_initial": [
                {"epoch": epoch, "learning_rate": 0.001}
                | {f"{split}_{metric}": value for split in ("train", "val") for metric, value in {
                    "loss": 0.6 - epoch / 10, "auc": 0.9, "accuracy": 0.9, "sensitivity": 0.9, "specificity": 0.9,
                }.items()}
                for epoch in (1, 2, 3, 4)
            ],
            f"train/{model}_smoothness": [
                {"split": split, "epochs": 4, "rises": 0.0, "largest_rise": 0.0, "relative_rise": 0.0,
                 "rises_limit": 0.2, "relative_rise_limit": 0.1, "verdict": "smooth"}
                for split in ("train", "val")
            ],
            f"train/{model}_gap": [
                {"run": run, "seed": seed, "epochs": 4, "turning_epoch": turn, "val_loss_at_turn": 0.2,
                 "gap_at_turn": gap, "val_loss_at_end": 0.21, "gap_at_end": 0.05}
                for run, seed, turn, gap in (
                    ("initial", "", 3, 0.03), ("selected", 1, 2, 0.02), ("selected", 2, 3, 0.03),
                    ("selected", 3, 3, 0.01),
                )
            ],
            f"train/{model}_final": [
                {"epoch": epoch, "learning_rate": 0.001, "train_loss": 0.6 - epoch / 10, "train_auc": 0.9,
                 "train_sensitivity": 0.59, "train_specificity": 1}
                for epoch in (1, 2, 3, 4, 5)
            ],
            f"train/{model}_heldout": [
                {"seed": seed, "best_epoch": 5, "epochs": 8, "val_loss": 0.2, "val_auc": 0.9 + seed / 100}
                for seed in (1, 2, 3)
            ],
            f"train/{model}_model": [
                {"epochs": 5, "trainable_parameters": 123456, "frozen_parameters": 960, "weights_sha256": "ef" * 32,
                 "reloaded_identical": True}
            ],
        }  # fmt: skip
    widths = ("64 x 64 x 24", "32 x 32 x 24", "32 x 32 x 24", "32 x 32 x 24")
    tables["train/baseline_layers"] = [
        {"layer": layer, "type": kind, "output_shape": shape, "parameters": parameters,
         "trainable_parameters": parameters}
        for layer, kind, shape, parameters in (
            ("grey_values", "InputLayer", "128 x 128 x 1", 0), ("normalisation", "Rescaling", "128 x 128 x 1", 0),
            *(
                (f"{name}{block}", kind, shape, 216)
                for block in (1, 2, 3, 4)
                for (name, kind), shape in zip(
                    {"conv": "Conv2D", "pool": "MaxPooling2D", "norm": "BatchNormalization", "relu": "ReLU"}.items(),
                    widths, strict=True,
                )
                if (name, block) != ("pool", 4)
            ),
            ("average", "GlobalAveragePooling2D", "192", 0), ("dense", "Dense", "64", 12352),
            ("dropout", "Dropout", "64", 0), ("logit", "Dense", "1", 65),
        )
    ]  # fmt: skip
    return tables


def complete(tables):
    """Give the tables as many rows, and sentences as long, as a run by config/config.yaml has."""
    for study, variants in {
        "resolution": ("224 pixels", "128 pixels", "64 pixels"),
        "normalisation": ("training global", "fixed", "sample", "training pixel"),
        "augmentation": ("none", "rotation", "shift and zoom", "contrast and brightness", "all"),
    }.items():
        reference, *others = tables[f"ablate/{study}"]
        tables[f"ablate/{study}"] = [reference, *(others[0] | {"variant": variant} for variant in variants[1:])]
    tables["ablate/resolution_cost"] += [
        {"variant": "128 pixels", "seed": seed, "seconds_per_epoch": 4.5 + seed} for seed in (1, 2)
    ]
    dropped, kept = tables["finetune/attempts"]
    tables["finetune/attempts"] = [dropped, dropped | {"attempt": 2}, kept | {"attempt": 3}]
    change(tables, "finetune/history", "attempt", 3, attempt=2)
    edited = tables["audit/counterfactuals"]
    more = {"edit": "grey", "name": "grey values of the other class"}
    tables["audit/counterfactuals"] = [*edited, *(row | more for row in edited if row["edit"] == "inside")]
    sentence = (
        "A sentence of the length that those of the audit have, with an interval of 0.957 (0.940 to 0.971) in it, "
    )
    change(tables, "audit/verdict", "statement", f"{sentence}and a conclusion after it, in a few more words.")
    checked, unknown = tables["audit/leakage"]
    answers = {"answer": "absent: hyperparameters, epochs and thresholds are chosen on train and val"}
    tables["audit/leakage"] = [row | answers | {"type": "pre-processing on train and test"} for row in
                               (*[checked] * 5, *[unknown] * 3)]  # fmt: skip
    tables["report/cost_stages"] = [*tables["report/cost_stages"][:1] * 10, tables["report/cost_stages"][-1]]


def change(tables, table, column, value, **conditions):
    """Set `column` of the rows that meet `conditions`."""
    for row in tables[table]:
        if all(row[key] == wanted for key, wanted in conditions.items()):
            row[column] = value


def auc(tables, model, low, value, high):
    for column, number in {"ci_low": low, "value": value, "ci_high": high}.items():
        change(tables, "evaluate/test_metrics", column, number, model=model, metric="auc")


def calibration(tables, column, low, value, high):
    for name, number in {f"{column}_ci_low": low, column: value, f"{column}_ci_high": high}.items():
        change(tables, "evaluate/calibration", name, number)


def interval(tables, table, low, high, value=None, ends=("ci_low", "ci_high"), **conditions):
    """Set an interval, and the value in it."""
    for column, number in zip(ends, (low, high), strict=True):
        change(tables, table, column, number, **conditions)
    if value is not None:
        change(tables, table, "difference", value, **conditions)


def paired(tables, low, high, p=0.5, metrics=("auc", "accuracy", "sensitivity", "specificity")):
    """Set how the two models differ on the same test images."""
    for metric in metrics:
        interval(tables, "evaluate/compare", low, high, (low + high) / 2, metric=metric)
        change(tables, "evaluate/compare", "p", p, metric=metric)


def heat(tables, region, low, high, name=None, group="true covid"):
    """Set the lift of a region in the images of a group; `name`: what the region is called."""
    interval(tables, "gradcam/regions", low, high, ends=("lift_ci_low", "lift_ci_high"), region=region, group=group)
    for table in ("gradcam/regions", "gradcam/differences") if name else ():
        change(tables, table, "region", name, region=region)


def trust(tables, model, check, low, high):
    interval(tables, f"gradcam/{model}_trust", low, high, check=check)


def smoothness(tables, model, split, verdict, **columns):
    for column, value in {"verdict": verdict, **columns}.items():
        change(tables, f"train/{model}_smoothness", column, value, split=split)


def study(tables, study, low, high, **conditions):
    """Set the intervals of the differences from the study's reference."""
    change(tables, f"ablate/{study}", "ci_low", low, reference=False, **conditions)
    change(tables, f"ablate/{study}", "ci_high", high, reference=False, **conditions)


def shares(tables, *intervals):
    """Set the interval (low, high) of the lead of the transfer model at each share of train."""
    rows = [row for row in tables["ablate/data"] if row["model"] == "transfer"]
    for row, (low, high) in zip(rows, intervals, strict=True):
        row |= {"ci_low": low, "ci_high": high}


def epochs(tables, model, *epochs):
    """Set the epochs that it takes to reach the levels of val AUC."""
    rows = [row for row in tables["train/compare_epochs"] if row["model"] == model]
    for row, needed in zip(rows, epochs, strict=True):
        row["epochs"] = needed


def seconds(tables, part, seconds, model="transfer"):
    change(tables, "train/compare_cost", "seconds", seconds, part=part, model=model)


def choose(tables, name, value):
    """Let `value` of the hyperparameter `name` be selected."""
    for model in ("baseline", "transfer"):
        change(tables, f"tune/{model}_best", name, value)


def blank_pdf(width, height):
    """A PDF of one empty page; inches."""
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {72 * width:g} {72 * height:g}]>>",
    ]
    content, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(content)
    content += "xref\n0 4\n0000000000 65535 f \n" + "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    return content + f"trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"


def unlinked(source):
    """TeX source without the links from numbers to their cells."""
    return CELL.sub(r"\1", source)


class Run:
    """A folder with tables and figures, from which articles are rendered."""

    def __init__(self, folder):
        self.folder, self.tables, self.report = folder, made_up(), REPORT
        self.pdf = folder / "report/report.pdf"
        self.trace, self.questions, self.checks = (
            folder / f"tables/report/{name}.csv" for name in ("trace", "questions", "checks")
        )

    def render(self, settings=REAL):
        table_files, figure_files = [], []
        listed = {
            name: rows
            for name, rows in self.tables.items()
            if settings["dataset"]["external"] or "external" not in name
        }
        for name, rows in (listed | findings(listed)).items():
            file = self.folder / f"tables/{name}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text(rows))
            table_files.append(file)
        moved = MOVED if settings["dataset"]["external"] else []
        for name, size in FIGURES.items():
            if name in moved:
                continue
            file = self.folder / f"figures/{name}.pdf"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(blank_pdf(*size))
            figure_files.append(file)
        stage.render(
            settings=settings,
            article=self.report / "article.tex.j2",
            tables=table_files,
            figures=figure_files,
            supplement=[Path(file) for file in [*SUPPLEMENT, *(f"figures/{name}.pdf" for name in moved)]],
            config_sha256="23" * 32,
            build=self.folder / "results/report",
            pdf=self.pdf,
            trace=self.trace,
            questions=self.questions,
            checks_table=self.checks,
        )

    def source(self, settings=REAL):
        """The TeX that the templates give, white space as single blanks."""
        self.render(settings)
        files = sorted((self.folder / "results/report").rglob("*.tex"))
        return unlinked(" ".join(" ".join(file.read_text() for file in files if file.name != "preamble.tex").split()))

    def edit(self, name, old, new):
        """Render from a copy of the templates in which `old` of the file `name` is `new`."""
        if self.report == REPORT:
            self.report = self.folder / "templates/report"
            shutil.copytree(REPORT, self.report)
        text = (self.report / name).read_text()
        assert old in text
        (self.report / name).write_text(text.replace(old, new, 1))


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


@pytest.fixture
def untyped(run, monkeypatch):
    """A run whose articles end as TeX source."""

    def no_tex(source, epoch):
        return source

    monkeypatch.setattr(latex, "typeset", no_tex)
    return run


# Numbers: read, never typed.


def test_no_digit_is_typed():
    assert digits.typed(REPORT) == []


@pytest.mark.parametrize(
    "text", ["an AUC of 0.93", r"\num{12} images", r'\VAR{"0.93"}', r'\BLOCK{set auc = "0.93"}', "COVID-19 in 3"]
)
def test_typed_digits_are_found(text):
    assert digits.typed_in(environment.create(REPORT, None).parse(text), digits.ALLOWED)


@pytest.mark.parametrize(
    "expression",
    [
        "0.93",
        "3",
        "none",
        "demo",
        "0.93|number(digits=2)",
        "3|count",
        '(cell("s/t", column="a") + 1)|count',
        'cell("s/t", column="a")',
        'row("s/t").a',
        'rows("s/t")|length',
        'rows("s/t")|length|count',
    ],
)
def test_a_number_that_was_not_read_or_has_no_filter_is_refused(tmp_path, expression):
    with pytest.raises(InputError, match="article.tex.j2:2: .*(no text|not read from a table)"):
        show(tmp_path, expression)


@pytest.mark.parametrize(
    "raw, expression, tex, shown",
    [
        ("0.93149", "|number(digits=3)", r"\num{0.931}", "0.931"),
        ("-0.0001", "|number(digits=2)", r"\num{0.00}", "0.00"),
        ("", "|number(digits=2)", "--", "--"),
        ("0.0000942", "|significant", r"\num{9.4e-5}", "9.4e-5"),
        ("0.3149", "|significant", r"\num{0.31}", "0.31"),
        ("2016", "|count", r"\num{2016}", "2016"),
        ("32.0", "|count", r"\num{32}", "32"),
        ("0.3149", "|setting", r"\num{0.31}", "0.31"),
        ("128.0", "|setting", r"\num{128}", "128"),
        ("training_global", "|setting", "training global", "training global"),
        ("", "|setting", "--", "--"),
        ("0.254", "|percent", r"\qty{25}{\percent}", "25%"),
        ("abcdefabcdefabc", "|digest", r"\texttt{abcdefabcdef}", "abcdefabcdef"),
        ("true covid_", "", r"true covid\_", "true covid_"),
        ("1", '|counted("image was", "images were")', r"\num{1} image was", "1"),
        ("0", '|counted("image was", "images were")', r"\num{0} images were", "0"),
        ("learning_rate", "|name", "learning rate", "learning rate"),
        ("training global", "|name", "global", "global"),
    ],
)
def test_filters(tmp_path, raw, expression, tex, shown):
    text, tables = show(tmp_path, f'cell("s/t", column="a"){expression}', f"a\n{raw},\n" if not raw else f"a\n{raw}\n")
    assert text == tex
    assert tables.readings[-1].shown == [shown]


def test_a_word_without_a_name_is_refused(tmp_path):
    with pytest.raises(InputError, match="pipeline/names.py has no name for 'fast'"):
        show(tmp_path, '"fast"|name')


@pytest.mark.parametrize(
    "content, expression, tex",
    [
        ("a\nbaseline\n", "", "baseline"),
        ("a\nbaseline\ntransfer\n", "", "baseline and transfer model"),
        ("a\nbaseline\ntransfer\nauc\n", "", "baseline, transfer model and AUC"),
        ("a\nbaseline\ntransfer\n", '(before="the")', "the baseline and the transfer model"),
    ],
)
def test_items_are_listed(tmp_path, content, expression, tex):
    assert show(tmp_path, f'rows("s/t")|map(attribute="a")|map("name")|listed{expression}', content)[0] == tex


@pytest.mark.parametrize(
    "value, low, high, shown",
    [
        ("0.93", "0.91", "0.95", "0.93 0.91 0.95"),
        ("0.9312", "0.918", "0.943", "0.931 0.918 0.943"),
        ("0.6312", "0.49", "0.75", "0.63 0.49 0.75"),
        ("0.5", "0.1", "0.9", "0.5 0.1 0.9"),
        ("0.9991", "0.9972", "0.9997", "0.9991 0.9972 0.9997"),
        ("1.0", "0.96", "1.0", "1.00 0.96 1.00"),
        ("1.0", "1.0", "1.0", "1.000 1.000 1.000"),
        ("-0.12", "-0.31", "0.07", "-0.12 -0.31 0.07"),
        ("-0.0303", "-0.0581", "-0.0025", "-0.030 -0.058 -0.003"),
        ("0.0105", "0.0002", "0.0208", "0.0105 0.0002 0.0208"),
        ("-0.0064", "-0.0131", "0.0002", "-0.0064 -0.0131 0.0002"),
        ("0.01", "0.0", "0.02", "0.010 0.000 0.020"),
        ("0.01", "-1e-17", "0.02", "0.010 0.000 0.020"),
        ("0.0002", "-0.05", "0.05", "0.00 -0.05 0.05"),
        ("0.9312", "", "", "0.93"),
        ("0.016666666666666663", "0.01666666666666596", "0.016666666666667367", "0.017 0.017 0.017"),
    ],
)
def test_the_uncertainty_decides_the_digits(tmp_path, value, low, high, shown):
    text, _ = show(tmp_path, 'row("s/t")|interval', f"value,ci_low,ci_high\n{value},{low},{high}\n")
    assert re.findall(r"\\num\{(.*?)\}", text) == shown.split()


def test_another_column_has_its_own_interval_or_that_of_the_row(tmp_path):
    content = "value,ci_low,ci_high,change,change_ci_low,change_ci_high\n0.93,0.91,0.95,-0.1,-0.15,-0.05\n"
    text, _ = show(tmp_path, 'row("s/t")|interval("change")', content)
    assert text == r"\num{-0.10} (\num{-0.15} to \num{-0.05})"
    (tmp_path / "s/t.csv").write_text("difference,ci_low,ci_high\n0.02,-0.02,0.06\n")
    assert filters.interval(Tables([tmp_path / "s/t.csv"]).row("s/t"), "difference").count("cell{s/t}") == 3


def test_a_count_must_be_whole(tmp_path):
    with pytest.raises(InputError, match=r"t.csv, row 1, column a: 2.5 is not a whole number"):
        show(tmp_path, 'cell("s/t", column="a")|count', "a\n2.5\n")


def show(folder, expression, content="a\n7\n"):
    """What a template makes of `expression`, with a table s/t of the given content."""
    table = folder / "s/t.csv"
    table.parent.mkdir()
    table.write_text(content)
    (folder / "article.tex.j2").write_text(f"\\BLOCK{{set begin = none}}\n\\VAR{{{expression}}}")
    tables = Tables([table])
    templates = environment.create(
        folder, folder / "build", cell=tables.cell, row=tables.row, rows=tables.rows, demo=True
    )
    environment.write(templates, "article.tex.j2", folder / "build")
    return unlinked((folder / "build/article.tex").read_text()), tables


# Cells.


@pytest.fixture
def tables(tmp_path):
    file = tmp_path / "tables/tune/baseline.csv"
    file.parent.mkdir(parents=True)
    file.write_text("trial,status,kept,val_auc\n1,finished,True,0.9\n2,finished,False,0.8\n3,diverged,False,\n")
    return Tables([file])


def test_cells_are_typed_by_what_they_hold(tables):
    assert tables.cell("tune/baseline", trial=1, column="val_auc") == 0.9
    assert tables.cell("tune/baseline", trial=3, column="status") == "diverged"
    assert tables.cell("tune/baseline", status="finished", kept=False, column="trial") == 2
    assert tables.cell("tune/baseline", trial=1, column="kept") is True
    missing = tables.cell("tune/baseline", trial=3, column="val_auc")
    assert missing != missing


def test_a_finding_is_read_by_its_name_and_subject(tmp_path, tables):
    file = tmp_path / "tables/tune/findings.csv"
    file.write_text("finding,subject,value\nranking,,transfer\nedge,baseline 16,inside\nedge,16,at_edge\n")
    tables = Tables([file, tables.files["tune/baseline"]])
    assert tables.finding("tune/ranking") == "transfer"
    assert tables.finding("tune/edge", "baseline", "16") == "inside"
    sixteen = tables.cell("tune/findings", value="at_edge", column="subject")
    assert tables.finding("tune/edge", sixteen) == "at_edge"
    assert [reading.column for reading in tables.readings] == ["value", "value", "subject", "value"]
    for name, subject in {"tune/order": (), "tune/edge": ("transfer",), "tune/ranking": ("baseline",)}.items():
        with pytest.raises(InputError, match="findings.csv: 0 rows match finding=.*, subject='.*'; exactly one must"):
            tables.finding(name, *subject)


@pytest.mark.parametrize(
    "table, conditions, message",
    [
        ("tune/baseline", {"trial": 4}, r"tune/baseline.csv: 0 rows match trial=4; exactly one must"),
        (
            "tune/baseline",
            {"status": "finished", "trial": 9},
            r"baseline.csv: 0 rows match status='finished', trial=9; exact",
        ),
        ("tune/baseline", {"status": "finished"}, r"2 rows match status='finished'; exactly one must"),
        ("tune/baseline", {}, r"3 rows match no condition; exactly one must"),
        ("tune/baseline", {"model": "a"}, r"baseline.csv: no column 'model'; there are trial, status, kept, val_auc"),
        ("tune/transfer", {}, r"table 'tune/transfer' is not an input of the rule report; known: tune/baseline"),
    ],
)
def test_cell_errors_name_table_and_conditions(tables, table, conditions, message):
    with pytest.raises(InputError, match=message):
        tables.cell(table, column="val_auc", **conditions)


def test_an_unknown_column_is_refused(tables):
    with pytest.raises(InputError, match="no column 'auc'; there are trial"):
        tables.cell("tune/baseline", trial=1, column="auc")


def test_the_trace_lists_every_reading_once(tables, tmp_path):
    for _ in range(2):
        filters.number(tables.cell("tune/baseline", trial=1, column="val_auc"), digits=3)
    filters.count(tables.rows("tune/baseline", status="finished").length)
    assert tables.cell("tune/baseline", trial=2, column="val_auc") < 0.9
    tables.write_trace(tmp_path / "trace.csv")
    file = tables.files["tune/baseline"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with open(tmp_path / "trace.csv") as trace:
        assert list(csv.reader(trace)) == [
            ["file", "row", "column", "raw", "shown", "sha256"],
            [str(file), "1", "val_auc", "0.9", "0.900", digest],
            [str(file), "1 2", "(rows)", "2", "2", digest],
            [str(file), "2", "val_auc", "0.8", "", digest],
        ]


def test_every_number_of_the_article_is_in_the_trace(untyped):
    """All \\num and \\qty of the article, but for the level of the intervals, were shown from a cell."""
    numbers = re.findall(r"\\(?:num|qty)\{(.*?)\}", untyped.source().replace(r"\qty{95}{\percent} confidence", ""))
    with open(untyped.trace) as trace:
        shown = {row["shown"].removesuffix("%") for row in csv.DictReader(trace)}
    assert numbers and set(numbers) <= shown


def test_every_number_links_to_its_cell(untyped):
    untyped.render()
    files = (untyped.folder / "results/report").rglob("*.tex")
    source = "".join(file.read_text() for file in files if file.name != "preamble.tex")
    assert r"\cell{explore/sizes}{1}{images}{\num{2688}}" in source
    outside = CELL.sub("", source).replace(r"\qty{95}{\percent} confidence", "")
    assert re.findall(r"\\(?:num|qty)\{.*?\}", outside) == []


def test_a_figure_that_is_no_input_is_refused(tmp_path):
    figure = Figures([tmp_path / "figures/tune/baseline.pdf"], [], tmp_path / "results/report")
    assert figure("tune/baseline") == "../../figures/tune/baseline.pdf"
    with pytest.raises(InputError, match="figure 'tune/other' is not an input of the rule report; known: tune/base"):
        figure("tune/other")


def test_a_figure_in_the_supplement_is_linked_and_must_be(tmp_path):
    article, supplement = (
        [tmp_path / "figures/tune/baseline.pdf"],
        [Path("figures/tune/transfer.pdf"), Path("a/b/c.csv")],
    )
    figure = Figures(article, supplement, tmp_path / "results/report")
    assert figure.unused() == ["tune/baseline", "figures/tune/transfer.pdf"]
    assert figure.see("tune/baseline", "fig:a") == r"\cref{fig:a}"
    assert figure.see("tune/transfer", "fig:b") == r"\supplement{figures/tune/transfer.pdf}"
    figure("tune/baseline")
    assert figure.unused() == []
    with pytest.raises(InputError, match="'figures/tune/other.pdf' is not in the supplement"):
        figure.link("figures/tune/other.pdf")


# Texts that depend on results.


def scenarios():
    """{name: (settings, change of the tables)}: together they reach every branch of every template."""

    def alike(tables):
        tables["data/duplicates_summary"][0] |= {"exact_pairs": 0, "near_pairs": 0, "dropped": 0}
        change(tables, "explore/pixels", "mean", 131.0)
        change(tables, "explore/classes", "share", 0.5)
        change(tables, "explore/uniformity", "verdict", "negligible", test="classifier", first="train")
        change(tables, "explore/shortcuts", "ci_low", 0.45)
        for model in ("baseline", "transfer"):
            smoothness(tables, model, "val", "uneven", rises=0.4, relative_rise=1.5)
            change(tables, f"train/{model}_initial", "val_loss", 0.4, epoch=4)
            change(tables, f"train/{model}_gap", "gap_at_turn", 0.12, seed=2)
            change(tables, f"train/{model}_gap", "turning_epoch", 28, seed=2)
            change(tables, f"train/{model}_gap", "epochs", 30, seed=2)
            change(tables, f"train/{model}_model", "reloaded_identical", False)
            change(tables, f"train/{model}_model", "epochs", 1)
            tables[f"train/{model}_heldout"] = tables[f"train/{model}_heldout"][:1]
            tables[f"train/{model}_final"] = tables[f"train/{model}_final"][:1]
            change(tables, f"tune/{model}", "status", "diverged", trial=1)
            change(tables, f"tune/{model}", "val_auc", "", trial=1)
            tables[f"tune/{model}_selection"] = tables[f"tune/{model}_selection"][:1]
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
        change(tables, "finetune/heldout", "val_auc_finetuned", 0.89)
        change(tables, "finetune/heldout", "val_loss_finetuned", 0.19)
        change(tables, "finetune/heldout", "ci_low", -0.02)
        change(tables, "finetune/heldout", "ci_high", -0.01)
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
        change(tables, "train/compare", "bytes", 100, model="transfer")
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
        change(tables, "audit/verdict", "verdict", "not shown", topic="crop")

    def poor(tables):
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
        change(tables, "explore/classes", "share", 0.4, split="test", label="covid")
        change(tables, "explore/uniformity", "verdict", "different", second="test")
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
        change(tables, "explore/uniformity", "verdict", "different", test="chi-square")
        change(tables, "finetune/attempts", "verdict", "no gain", attempt=2)
        change(tables, "finetune/heldout", "verdict", "no gain")
        change(tables, "tune/transfer_best", "dense_layers", 2)
        study(tables, "head", -0.01, -0.002, variant="16")
        study(tables, "cut", -0.03, -0.01)
        shares(tables, (-0.1, -0.05), *[(-0.02, 0.02)] * 4)
        change(tables, "ablate/data", "val_auc", 0.95, model="transfer")
        interval(tables, "ablate/data_rise", -0.002, 0.002, 0)
        epochs(tables, "baseline", "", "", "", "")
        change(tables, "gradcam/groups", "images", 0)
        change(tables, "train/compare", "bytes", 2000000, model="transfer")
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
        change(tables, "audit/verdict", "verdict", "not shown", topic="crop")

    def below_chance(tables):
        change(tables, "explore/classes", "share", 0.27, split="test", label="covid")
        change(tables, "tune/baseline_best", "normalisation", "training_pixel")
        auc(tables, "baseline", 0.3, 0.4, 0.45)
        auc(tables, "transfer", 0.3, 0.35, 0.45)
        for model in ("baseline", "transfer"):
            change(tables, f"train/{model}_initial", "val_loss", 0.4, epoch=4)
            change(tables, f"train/{model}_initial", "val_auc", 0.92)
            change(tables, f"train/{model}_gap", "gap_at_end", 0.005)
            change(tables, f"train/{model}_gap", "gap_at_turn", 0.08, run="initial")
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
        change(tables, "audit/counterfactuals", "flipped", 0.06, label="covid")
        interval(tables, "gradcam/differences", -0.02, 0.02, 0)
        interval(tables, "evaluate/test_metrics", 0.01, 0.05, metric="sensitivity_less_specificity")
        change(tables, "finetune/heldout", "val_loss_finetuned", 0.19)
        change(tables, "finetune/heldout", "ci_low", -0.01)
        change(tables, "finetune/attempts", "learning_rate", 0.00002)
        study(tables, "head", 0.001, 0.003, variant="256 and 128")
        study(tables, "cut", 0.001, 0.003, variant="conv4_block6_out")
        study(tables, "normalisation", 0.01, 0.03)
        interval(tables, "ablate/views", 0.001, 0.019, 0.01)
        change(tables, "train/transfer_gap", "gap_at_turn", 0.05, run="selected")
        shares(tables, *[(0.05, 0.1)] * 5)
        change(tables, "ablate/data", "val_auc", 0.95, model="transfer", share=1)
        interval(tables, "ablate/data_rise", -0.02, -0.01, -0.015)
        epochs(tables, "transfer", "", "", "", "")
        change(tables, "train/transfer_final", "train_loss", 0.3, epoch=1)
        change(tables, "train/transfer_final", "train_loss", 0.2, epoch=5)

    def ordered_worse(tables):
        change(tables, "tune/baseline_best", "normalisation", "fixed")
        change(tables, "finetune/heldout", "val_auc_finetuned", 0.92)
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
        change(tables, "train/transfer_gap", "gap_at_turn", 0.005)
        change(tables, "train/baseline_gap", "gap_at_turn", 0.001, run="initial")
        change(tables, "train/transfer_final", "train_loss", 0.05, epoch=5)
        auc(tables, "transfer", 0.96, 0.98, 0.99)
        for model in ("baseline", "transfer"):
            change(tables, f"train/{model}_gap", "turning_epoch", 4, run="initial")
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
            change(tables, f"train/{model}_gap", "turning_epoch", 4)
            change(tables, f"train/{model}_gap", "gap_at_turn", 0.12, run="selected")
        for head in ("no dense layer", "16"):
            study(tables, "head", -0.02, -0.01, variant=head)

    def gained_specificity(tables):
        interval(tables, "evaluate/val_test", -0.06, -0.02, -0.04, model="baseline", metric="specificity")
        change(tables, "tune/transfer_selection", "parameters", 345678)
        change(tables, "train/transfer_heldout", "val_auc", 0.8)
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
        change(tables, "audit/verdict", "verdict", "not shown", topic="crop")
        for model in ("baseline", "transfer"):
            trust(tables, model, "deletion, random less hottest", -0.1, 0.1)
            trust(tables, model, "shuffled weights, all layers", 0.5, 0.7)
            tables[f"gradcam/{model}_trust"] = tables[f"gradcam/{model}_trust"][3:]
            change(tables, f"train/{model}_initial", "train_loss", 0.05, epoch=4)

    def no_harder(tables):
        change(tables, "explore/classes", "share", 0.27, split="test", label="covid")
        change(tables, "explore/uniformity", "verdict", "negligible", test="chi-square")
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
        change(tables, "audit/verdict", "verdict", "not flagged", topic="summary")
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


def test_every_branch_is_written_and_reached(untyped):
    sources = ""
    for settings, alter in scenarios().values():
        untyped.tables = made_up()
        alter(untyped.tables)
        sources += untyped.source(settings)
    untyped.edit("metadata.yaml", "COVID-19 Radiography Database", "a hospital")
    untyped.edit("metadata.yaml", 'earlier_looks: ""', 'earlier_looks: "the set was seen"')
    sources += untyped.source()
    parser = environment.create(REPORT, None)
    unreached = [
        f"{template.name}:{branch.lineno}: {text}"
        for template in TEMPLATES
        for branch in parser.parse(template.read_text()).find_all(jinja2.nodes.If)
        for body in (branch.body, branch.else_)
        for text in [first_text(body)]
        if text not in sources
    ]
    assert not unreached


def first_text(body):
    """The first words that a branch writes, as they stand in the rendered source; of a nested one, those inside."""
    data = (part.data for node in body for part in [node, *node.find_all(jinja2.nodes.TemplateData)] if is_text(part))
    return " ".join(next(data, "").split())


def is_text(node):
    return isinstance(node, jinja2.nodes.TemplateData) and node.data.strip()


@pytest.mark.parametrize(
    "name, phrases",
    {
        "real": [
            "to within a percentage point, of the other splits: the classes are divided uniformly",
            "all images have the same size",
            "the classes differ in brightness (",
            r"among \num{3846} images we found \num{4} pairs of identical images and \num{3} of near-duplicates "
            r"(thumbnails with a correlation of at least \num{0.968}); \num{6} images were removed because a copy "
            "is in another split.",
            "of the two we prefer the transfer model for its higher auc.",
            "no relevant difference between the splits is detected in class or pixel statistics. a chi-square",
            r"differ by at most \num{1.5} times the distance expected of a random division, which is within",
            "the strongest single cue is contrast, lower in covid-19 images",
            r"all cues together, in gradient boosting, reach an auc of \num{0.92}",
            r"with \num{672} covid-19 images in the training set, and unbalanced (\qty{25}{\percent} covid-19).",
            r"on their own they reach an auc of \num{0.92}",
            "predicting normal for every validation image would give an accuracy of",
            "the loss weights each class inversely",
            r"with the starting values (learning rate \num{0.001}, dropout rate \num{0.3}, batch size \num{32}",
            "the cross-entropy on train never rises (smooth), on val never rises (smooth).",
            "are close to the minimum: no marked overfitting",
            "the first hyperparameters to tune are the learning rate, which limits",
            r"\num{3} trials were run in \num{2} rounds; none diverged.",
            "the low end of the learning rate, the low end of the dropout rate, and the high end of the learning rate.",
            "their final range: the selected learning rate (low), the best trial's dropout rate (low). a better "
            "value may",
            r"\texttt{range}.",
            r"the largest importance is that of the learning rate, \num{0.70} on average; the middle nine tenths of "
            r"the resamples run from \num{0.50} to \num{0.90}; no other range overlaps",
            "an exponential moving average of the weights over about an epoch",
            r"after \num{12} epochs at most",
            r"selection seeds, for \num{30} epochs at most",
            r"the best \num{4} trials with different configurations",
            r"standard error below the highest, here \num{2}, the rule",
            r"although trial \num{1}, with \num{234567}",
            r"it ends a run after \num{5} epochs without a lower val cross-entropy, or after \num{30} epochs, "
            "and restores the best epoch's weights",
            "in every run that continued it is wider at the end",
            r"is \num{0.010} to \num{0.030}; in the initial run it is \num{0.030} (\num{0.050} at its end), which is "
            "not",
            "no marked overfitting remains",
            "early stopping, not the limit of epochs, ended every such run",
            "weighted by class, by adam",
            "no alternative is significantly better, so the reference is kept",
            r"the initial run has a val auc of \num{0.900} at its best epoch, with one seed, lower than every run of "
            "the selected",
            "it was still falling when",
            "none diverged",
            r"from \num{3} seeds",
            "identical outputs",
            r"\num{-0.002} (\num{-0.006} to \num{0.002}) with no dense layer, not significant;",
            r"to \num{0.003}) with \num{16} units, not significant;",
            "with 256 and 128 units, not significant.",
            r"no smaller one is significantly worse; the smallest has no dense layer (\num{2049} parameters in place "
            r"of \num{131201}).",
            "confidence they hold for all variants of a study at once",
            r"we downsample to \num{128} by \num{128} pixels, which the study leaves out, a compromise between time "
            "and detail, set before the study.",
            "the strategies do not differ significantly",
            "a dense layer, dropout and one output unit form the head",
            r"rotated by up to \num{7} degrees, shifted by up to \num{0.05} of the side, zoomed by",
            r"\num{0.9700} trained on plain images and of \num{0.9700} on augmented views",
            r"a difference of \num{0.000} (\num{-0.004} to \num{0.004}), not significant",
            "these results show no significant effect",
            "the baseline starts and ends no higher",
            r"reaches a val auc of \num{0.90}, \num{0.95} and \num{0.98} in fewer epochs than the baseline (medians",
            r"\num{0.98} is reached by \num{3} of its \num{3} runs and \num{2} of \num{3} of the baseline's. "
            r"neither reaches \num{0.99} in most runs",
            r"is \num{0.010} to \num{0.030} for the head and \num{0.010} to \num{0.030} for the baseline; as "
            "these ranges overlap",
            r"every larger learning rate tried fails; the last attempt is kept: starting at a learning rate of "
            r"\num{6e-6}",
            r"trained at \num{9.4e-5}, more than ten times this rate",
            r"a difference of \num{0.008} (\num{0.002} to \num{0.015}) by a bootstrap over val images",
            "fine-tuning ranks them better",
            r"on val falls from \num{0.160} to \num{0.130}.",
            r"of the fine-tuned model, \num{0.986}, is above that of every train-only run of the baseline "
            r"(\num{0.910} to \num{0.930})",
            r"(\num{0.02} to \num{0.06}) with \num{1344} and \num{0.01} "
            r"(\num{-0.01} to \num{0.03}) with \num{2688} images.",
            r"higher with \num{134}, \num{268}, \num{672} and \num{1344} images; with the other numbers",
            r"with \num{1344} images its mean is at least what the baseline's is with \num{2688}",
            "an epoch of the final run is faster for the head than for the baseline",
            "less training time, including features and fine-tuning",
            "more than ten times the parameters",
            "and predicts more slowly",
            r"features (s) & -- & \plain{\num{2.3e+02}} \\",
            r"& \mega{\num{1.6e+06}} & \mega{\num{9.5e+07}} \\",
            r"(\num{-0.024} to \num{-0.016}) with a cut at \texttt{conv3\_block4\_out}, a significant decrease;",
            r"cut at \texttt{conv4\_block6\_out}, where \num{8550000} parameters remain of \num{23564800}: cheaper",
            "it still rises significantly, so more images would help",
            r"a head on the frozen backbone at \num{128} pixels has a detectably higher validation auc than the "
            r"narrow network of the studies at \num{64} pixels with some numbers of training images, and does "
            "not differ detectably with others. the lower resolution",
            "in one run of a train-only model, it raises the auc",
            r"is above chance but not shown to be above the \num{0.92} that non-anatomical cues reach on val",
            r"\num{2} evaluations of the test set, one for each final model. an image is predicted positive",
            r"on validation predictions of train-only models (baseline: mean over \num{3} runs). this criterion",
            r"and a specificity of \num{0.93} (baseline, mean over \num{3} runs), and",
            r"\num{0.93} (transfer model).",
            r"candidate configurations are trained on \num{2688} training images and selected on \num{576} validation "
            "images; the final models are retrained on both",
            r"with sides of 224 pixels and 64 pixels an image takes \num{65536} and \num{65536} bytes in single "
            r"precision, and an epoch of these runs takes at least \num{13} and \num{2.2} seconds, respectively (",
            r"adam \num{0.003}, sgd \num{0.03}, rmsprop \num{0.001})",
            "the backbone is then unfrozen, except for",
            "the transfer model (",
            r"is \num{0.020} (\num{0.010} to \num{0.030}): the transfer model ranks the images better",
            "from here on the transfer model is the fine-tuned one",
            "the cross-entropy on the fixed training subset after its intercept is refitted",
            r"is above its start after epoch \num{1}, most at epoch \num{1} (\num{0.140}), within the limit",
            r"has a slope of \num{0.80} (\num{0.70} to \num{0.90}), so probabilities are too extreme, an intercept of "
            r"\num{-1.1} (\num{-1.3} to \num{-0.9}), so probabilities are too high on average, and a calibration "
            r"error of \num{0.040}, above the limit of \num{0.030}. the correction (slope \num{0.80}, intercept "
            r"\num{-1.10}) lowers the "
            r"error to \num{0.020}; the brier score improves (a change of \num{-0.005} (\num{-0.009} to "
            r"\num{-0.002})).",
            r"in the validation set, \qty{25}{\percent}. predictions use the uncorrected logit; "
            "as both slopes are positive, the correction changes neither a prediction nor an auc.",
            "an image is predicted positive at or above a corrected probability of",
            r"only the transfer model classifies \num{19} correctly, and only the baseline \num{4} ($p$ = "
            r"\num{0.001}): the transfer model is more accurate. it gains both",
            r"\num{0.985} on val, the mean of \num{3} seeds, a difference of \num{-0.005}",
            "no detectable difference, so no sign of a fault",
            r"the map is empty for \num{0} of \num{280} images predicted as covid-19 and for \num{3} of "
            r"\num{280} predicted as normal",
            "the lungs are those of the masks",
            r"the lungs contain \num{0.45} (\num{0.42} to \num{0.48}) of the heat on \qty{30}{\percent} of the "
            "image: more than uniform heat",
            "border and corners do not get more heat than uniform heat",
            "as their maps explain $-z$, this compares scores",
            r"the model misses \num{14} covid-19 images and raises \num{0} false alarms (\cref{fig:gradcam}). a "
            "map explains the predicted class, so errors are compared with correct predictions of the same "
            r"class, given at least \num{10} maps. the share of heat of missed cases differs from that of "
            r"correct predictions of normal by \num{-0.10} (\num{-0.14} to \num{-0.06}) in the lungs and by "
            r"\num{-0.10} (\num{-0.14} to \num{-0.06}) on the border. the most confident missed case, with a "
            r"probability of covid-19 of \num{0.03}, has \qty{38}{\percent} of its heat in the lungs and "
            r"\qty{26}{\percent} on the border; correct predictions of normal have \qty{45}{\percent} and "
            r"\qty{20}{\percent} on average. grad-cam thus shows",
            r"the border is the outer \qty{10}{\percent} of each side, a corner \qty{20}{\percent} of a side.",
            r"give maps with a rank correlation of \num{0.60} (\num{0.55} to \num{0.65}), above the \num{0.20} of maps",
            "two heads of the transfer model on one frozen backbone, before fine-tuning, give maps",
            "below one half, so the maps depend on what was learned, not only on the edges in the image",
            r"faster than blanking random blocks for the baseline (an area between the curves of \num{0.12}",
            "the maps mark what matters to the prediction.",
            "second, we would crop all films to the chest, at one scale, and blank markers, because cropping "
            r"it, which also changes the scale, flips \qty{27}{\percent} of the explained model's predictions on "
            r"covid-19 and \qty{27}{\percent} on normal",
            r"cropping the border flips \qty{27}{\percent} of the explained model's predictions on covid-19 and "
            r"\qty{27}{\percent} on normal images of val (\cref{tab:counterfactuals}). cropping also changes",
            r"neither class is misclassified detectably more often (sensitivity \num{0.980} (\num{0.960} to "
            r"\num{0.990}), specificity",
            "a row without images",
            "such shortcuts could produce a high auc",
            r"with \num{3} seeds",
            r"on controls that remove part of the information (\cref{fig:controls}): images with the "
            "lungs blanked, only the lungs",
            "only the outline of the lungs. the lungs are those of the masks",
            r"on whole images of \num{64} by \num{64} pixels",
            r"whose $a_{\mathrm{whole}}$ is \num{0.970} (\num{0.950} to \num{0.980}), not to the "
            r"models under test (\num{0.985} and \num{0.985} on val)",
            r"a control is flagged if the interval of $s$ is above \num{0.8}. the sentence on outside, 98\% of "
            r"it. the sentence on no\_places",
            r"lungs blanked & covid & \num{-0.12}, \qty{27}{\percent} & \num{-0.12}, \qty{27}{\percent} \\ & normal & ",
            "a high $s$ of the thumbnail, the lungs or the grey values is not evidence of a shortcut",
            r"\num{1} of \num{2} types cannot be checked with this data",
            "its files do not say which source an image comes from",
        ],
        "alike": [
            "the classes are nearly balanced",
            r"(\num{1.1} to \num{1.5}), so probabilities are too moderate, an intercept of \num{0.3} (\num{0.1} to "
            r"\num{0.5}), so probabilities are too low on average, and a calibration error of \num{0.020}, within the "
            r"limit of \num{0.030}. the correction (slope \num{0.80}, no intercept) raises the error to \num{0.027}; "
            "the brier score "
            "worsens (a change of",
            "images with the central region blanked, only the central region, only the border, and a thumbnail. "
            "the data has no lung masks; a central region",
            "images with the central region blanked still contain parts of the lungs",
            "a high $s$ of the thumbnail, the central region or the grey values",
            "the transfer model ranks them worse",
            "the transfer model is less accurate. it loses both",
            "the data has no lung masks; a central region of the film",
            "the central region contains",
            "so the maps do not highlight the central region",
            "in true covid-19 images the border gets more heat than uniform heat would give it",
            "it is significantly higher on test",
            "below one half only for the transfer model, so only its maps are shown to depend",
            "of maps of different images. two heads",
            r"not shown to exceed the \num{0.20}",
            "only the maps of the transfer model are shown to mark what matters to the prediction",
            "this suggests a bias of the data, such as markers",
            "a map cell is wider than the border",
            r"because the border gets more heat than uniform heat would give it (\cref{tab:heat}). the next priority",
            "the next priority is covid-19 films like those that are missed",
            "grad-cam thus shows where",
            "differ little in mean brightness",
            r"\num{2} tests find a significant but negligible difference. the classifier separates train from "
            r"val with an auc of \num{0.52} (\num{0.48} to \num{0.56}). the classifier separates train from test",
            "no single cue separates the classes detectably; the highest auc, of contrast",
            "which is indistinguishable from chance",
            "although a smaller size is significantly better in it",
            r"the train auc of the reference is lower as well, \num{0.950} against \num{0.990} at least",
            "these results contradict each other",
            r"(\cref{tab:gap-baseline}): the run overfits",
            "at least once by more than its total decrease (uneven)",
            "the learning rate and the batch size, because the cross-entropy on val is uneven, and, against "
            "overfitting, the dropout rate.",
            "no range was extended",
            "all selected values, and those of the best trial, are inside",
            "too few, or too much alike",
            "the best trial, the only candidate",
            "with one selection seed there is no standard error",
            r"remains with seed \num{2}, but not with the others. with seed \num{2} the limit of epochs ended "
            "the run",
            "without weights, by stochastic gradient descent",
            "the selected configuration uses sgd instead",
            "only the threshold compensates for their unequal shares",
            "its cross-entropy on a fixed subset of the fitted images is",
            r"\num{2} of them finished; the rest diverged",
            r"together for as many epochs: \num{1} epoch, without early stopping",
            "does not give identical outputs",
            "without a dense layer, form the head",
            "no other head was tried",
            "the transfer model starts lower and ends lower",
            "neither model reaches any level",
            "the first attempt is kept, so larger learning rates were not tested: starting",
            "and is never above its start",
            "more than a hundred times this rate",
            "fine-tuning ranks them worse",
            "after, does not fall",
            r"is below that of every train-only run of the baseline (\num{0.910})",
            r"and \num{0.01} (\num{-0.01} to \num{0.03}) with \num{2688} images.",
            "with no number of images is the difference significant",
            "at no smaller share does its mean reach",
            "even with stored features",
            "even without fine-tuning",
            "it has no more parameters and predicts no more slowly",
            "no other layer was tried",
            "it lowers the auc",
            r"\num{3} evaluations of the test set, where one for each",
            "none of the",
        ],
        "poor": [
            "are not divided uniformly",
            r"here $s$ is not defined, because the interval of the whole image's auc is not entirely above \num{0.6}",
            "the images differ in size",
            r"no: \num{11} tests find a relevant difference",
            "which is beyond its variation",
            "do not reduce the cross-entropy",
            "unstable rather than overfitted",
            "the size and the noise of a step",
            r"by at most \qty{30}{\percent} of its total decrease (uneven)",
            "between val and train in some runs only",
            "in this study, fixed and per-image statistics perform worse than global ones.",
            r"the gap between train and val narrows: the train auc falls from \num{0.990} to \num{0.960}",
            r"a difference of \num{-0.010} (\num{-0.019} to \num{-0.001}), significant",
            "these results speak against it",
            "the next step is a head trained without augmentation",
            "these are bounds that the search cannot extend",
            "the forest predicts no better than the mean",
            "which also has the highest mean",
            "as this is the limit of a run",
            "the focal loss",
            r"epoch \num{5} it jumps to \num{0.400}, with a sensitivity of \num{0.59} and a specificity of \num{1.00}",
            "no attempt, down to a learning rate",
            "some smaller ones are worse; the smallest head that is not significantly worse has no dense layer",
            r"\num{2} dense layers, dropout and one output unit",
            r"only the transfer model reaches a level of \cref{tab:epochs} in most of its runs, up to a val auc "
            r"of \num{0.98}",
            "of the model that remains",
            r"it is significantly lower with \num{134} images; with the other numbers",
            "every earlier cut is significantly worse",
            "not significant, so whether more images would help is open",
            "up to its final run the transfer model takes less training time",
            "it has more parameters and needs more memory",
            "does not have a detectably higher validation auc than the narrow network",
            "is indistinguishable from chance",
            "it gains sensitivity; a change of specificity is not detectable",
            "it is significantly lower on test. possible reasons are a fault",
            r"selection on val of a configuration, from \num{3} trials, and of epochs",
            "the auc of the baseline and the transfer model is significantly lower on the test set",
            "as fine-tuning was rejected, the transfer model is that with the frozen backbone",
            "fine-tuning brought no improvement",
            "may rest on such shortcuts, although they are not high",
            r"no test image is misclassified (\num{0} missed cases, \num{0} false alarms; \cref{fig:gradcam}), so this "
            "question cannot be answered from errors.",
            r"we would not crop the films: cropping the border is not shown to flip many of the explained model's "
            r"predictions (\qty{27}{\percent} on covid-19, \qty{27}{\percent} on normal images; "
            r"\cref{tab:counterfactuals}), and its heat (\cref{tab:heat}) is not shown to matter",
            "this is only a hint of a bias, such as markers",
            "the data and the training must be checked before anything else",
            "true normal images, whose maps explain $-z$, do not differ detectably",
            "drawn from the archive's train split",
        ],
        "below chance": [
            "in this study, fixed and per-image statistics perform better than global ones.",
            "these results support it",
            "the first hyperparameters to tune are those against overfitting: the dropout rate.",
            r"with a median of \num{4.0} epochs, although trial \num{1}, with \num{5.0}, has the highest mean",
            "in no run that continued is it wider at the end",
            "wider than in any of these",
            "a difference that a random division can produce",
            "the frozen backbone does not reduce overfitting",
            "includes zero, so the most important",
            "still uses the reference; a search that includes the better alternative",
            "a search that includes the better one",
            "is below chance, which indicates a fault",
            "the transfer model starts lower, but the baseline",
            r"only the baseline reaches a level of \cref{tab:epochs} in most of its runs, up to a val auc of "
            r"\num{0.98}",
            "the difference is not significant",
            "all selected values are inside",
            "the baseline does not catch up",
            r"so the backbone should be cut elsewhere: \texttt{conv4\_block6\_out} is best",
            "a significant decrease, which more images of the same kind would hardly reverse",
            "it has no detectable effect on the auc",
            "an improvement by the search is not shown",
            r"does not differ detectably from that of correct predictions of normal: \num{0.00} (\num{-0.02} to",
            "grad-cam thus does not explain the errors.",
            "the next priority is normal films like the false alarms",
        ],
        "few maps": [
            "there are too few maps of true covid-19 images to locate their heat. there are too few maps to "
            "compare them with true normal images.",
            "there are too few maps of true covid-19 images. there are too few maps of true normal images. the "
            "maps therefore show nothing about a bias",
            r"there are too few maps of missed cases for an interval; on average they have \qty{45}{\percent} of "
            r"their heat in the lungs and \qty{20}{\percent} on the border, correct predictions of normal "
            r"\qty{45}{\percent} and \qty{20}{\percent}. the most confident missed case",
            "single maps are examples and do not explain the errors.",
            "not shown to be below one half, so the maps are not shown to depend on what was learned",
            r"no faster for the transfer model (\num{0.12} (\num{-0.10} to \num{0.10}), \cref{fig:deletion}): "
            "the maps are not shown to mark what matters to the prediction",
            r"\num{4} test images have a copy in the test set",
            "two checks use maps of the more probable class",
            "after that epoch it rises little on val, but",
            "the auc of the baseline is significantly lower on the test set",
            "poor inspiration cause them too. the data set is small",
        ],
        "gained specificity": [
            r"an image is predicted positive at or above a logit of \num{0.93}",
            r"has no finite slope, as its logits separate the classes, an intercept of \num{0.0} (\num{-0.2} to "
            r"\num{0.2}), and a calibration error",
            r"leaves the error as it is; the brier score does not change detectably (a change of \num{0.000}",
            r"validation set, \qty{25}{\percent}. predictions use the uncorrected logit. reliability",
            r"on test the specificity of the baseline is significantly lower, a difference of \num{-0.04} "
            r"(\num{-0.06} to \num{-0.02}). the threshold",
            "other heads are compared with that of the starting values",
            "higher than every run of the selected configuration: on val the search brought no improvement",
            r"has a val auc of at least \num{0.910}, the selected head one of at most \num{0.800}",
        ],
        "diverged": [
            r"the run diverges after \num{4} epochs",
            "the initial run diverged, so there is no gap",
            r"\num{0.95} in fewer epochs than the baseline, \num{0.90} in as many (medians",
            r"only the transfer model reaches \num{0.98}",
            "and a lower one with others",
            r"higher with \num{134} images and lower with \num{2688} images; with the other numbers",
            "later epochs did not reduce it further",
            r"and a dense layer is needed; the smallest head that is not significantly worse has \num{16} units "
            r"(\num{32801} parameters in place of \num{131201}).",
        ],
        "undecided": [
            r"the backbone is then unfrozen from its layer \texttt{conv4\_block1\_preact\_bn} on, except for",
            r"we prefer the baseline, which is smaller (\cref{tab:costs}).",
            "no change of sensitivity or specificity is significant by the exact test",
        ],
        "external": [
            r"after the test set (\num{2} evaluations in all)",
            r"contains \num{100} covid-19 and \num{200} normal images; \num{3} copies of images in the archive "
            "were removed",
            r"of the transfer model from the test set is \num{-0.15} (\num{-0.20} to \num{-0.10}): the "
            "transfer model ranks the external images worse",
            r"& sensitivity & \num{0.80} (\num{0.75} to \num{0.85}) & \num{-0.15} (",
        ],
        "external, no harder": [
            "it shares no image with the archive",
            "a significant but negligible difference",
            "except for the mean images, yes, as far as these tests show",
            "the auc of the transfer model is significantly lower on the test set",
            r"of the baseline from the test set is \num{0.05} (\num{0.01} to \num{0.10}): the baseline "
            "ranks the external images better",
            r"(\num{-0.10} to \num{0.10}): no detectable difference",
            "not significantly lower than on the test set for either.",
            "no auc is significantly lower on the external set",
        ],
        "external, baseline lower": [
            r"on \num{300} images from another source the auc is \num{0.80} (\num{0.75} to \num{0.85}) for the "
            "baseline and",
            "lower than on the test set for the baseline, whose test result does not carry over to this source.",
            "the auc of the baseline is significantly lower on the external set than on the test set "
            r"(\cref{tab:external}). the audit did not predict this",
            "no detectable difference between the models.",
            "the models separate the classes only in part. the next steps are a better model and films of both classes",
        ],
        "external, transfer lower": [
            "lower than on the test set for the transfer model, whose test result",
            r"(\num{-0.20} to \num{-0.10}): the baseline carries over better.",
            r"the model misses \num{0} covid-19 images and raises \num{1} false alarm (",
            "this is what the audit predicts",
            "of the two we prefer the baseline, which carries over better",
        ],
        "ordered worse": [
            "as other ranges overlap this one, the order is not settled",
            "no larger head is significantly better, and no smaller one was tried",
            "underfits rather than overfits",
            "the baseline starts no higher, although it must learn its features, but the transfer",
            r"\num{0.95} in more epochs than the baseline, \num{0.90} in as many (medians",
            "not significant, but it rises with every share, so more images may still help",
            "narrower than in any of these: tuning has not reduced it",
            r"only the baseline reaches \num{0.98}",
            "overfits less",
            "at most ten times this rate",
            "is within the range of the baseline's train-only runs",
            r"it is significantly higher with \num{268}, \num{672}, \num{1344} and \num{2688} images; with the other",
            "a deeper cut, the only kind tried, is not significantly better",
            "it gains sensitivity at the cost of specificity",
        ],
        "demo": [
            "generated phantoms",
            "random weights",
            "shows only that the method runs",
            "on phantoms this audit shows only that it runs",
            "nothing can be concluded",
            "the last epoch is the best one, so a longer run may be better; but in most of the last epochs",
            "in as many epochs as the baseline",
            "every smaller one is significantly worse: the parameters of this head are needed",
            "as no run continued after its best epoch",
            "in every run the cross-entropy on train is less than half",
            "unlike with these random weights",
        ],
    }.items(),
)
def test_texts_follow_the_tables(untyped, name, phrases):
    settings, alter = scenarios()[name]
    alter(untyped.tables)
    source = untyped.source(settings).lower()
    assert [phrase for phrase in phrases if phrase not in source] == []


# Questions.


@pytest.mark.parametrize("name", scenarios())
def test_every_question_is_answered_once_from_a_cell_and_a_float(untyped, name):
    settings, alter = scenarios()[name]
    alter(untyped.tables)
    untyped.render(settings)
    with open(untyped.questions) as file:
        answers = list(csv.DictReader(file))
    assert [int(answer["question"]) for answer in answers] == list(range(1, 25))
    assert [answer["question"] for answer in answers if not (answer["cells"] and answer["floats"])] == []


def test_an_answer_rests_on_what_it_shows_decides_by_and_refers_to(tables):
    question = Questions(tables.readings)
    read_before = tables.cell("tune/baseline", trial=1, column="val_auc")
    tables.cell("tune/baseline", trial=1, column="status")

    def answer():
        assert tables.cell("tune/baseline", trial=1, column="kept")
        return filters.number(read_before, digits=2) + r" (\cref{fig:a,sec:b,tab:c}). \Cref{fig:a}."

    assert unlinked(question(7, answer)).startswith(r"\question{7}\num{0.90} (")
    cells, floats = question.answers[7]
    assert [cell.column for cell in cells] == ["val_auc", "kept"]
    assert floats == ["fig:a", "tab:c"]


@pytest.mark.parametrize("number", [0, 25, 7])
def test_an_unknown_or_second_answer_is_refused(number):
    question = Questions([])
    question(7, lambda: "")
    with pytest.raises(InputError, match=rf"question\({number}\): expected each of 1 to 24 once"):
        question(number, lambda: "")


@needs_tex
def test_answers_are_found_by_section_and_page(run):
    run.render()
    with open(run.questions) as file:
        answers = {int(answer["question"]): answer for answer in csv.DictReader(file)}
    assert (answers[1]["section"], answers[7]["section"], answers[24]["section"]) == ("2", "3", "6")
    pages = [int(answer["page"]) for answer in answers.values()]
    assert min(pages) >= 1 and max(pages) > 3


# Decisions.


def test_the_templates_hold_no_decisions():
    assert decisions.taken(REPORT) == []


def test_the_check_of_decisions_names_file_and_line(run, monkeypatch):
    monkeypatch.setattr(decisions, "UNCONVERTED", ("sections/other.tex.j2",))
    folder = run.folder / "report/sections"
    folder.mkdir(parents=True)
    for name in ("baseline", "other"):
        (folder / f"{name}.tex.j2").write_text("A line.\n\\BLOCK{if best.auc > other.auc}\nbetter\n\\BLOCK{endif}\n")
    assert decisions.taken(folder.parent) == ["sections/baseline.tex.j2:2: comparison of numbers"]


@pytest.mark.parametrize(
    "expression, what",
    {
        "a.value > 0.9": "comparison of numbers",
        "a.value == 0": "comparison with something else than a text",
        "a.value == b.value": "comparison with something else than a text",
        "a.value != a.value": "comparison with something else than a text",
        "a.value - b.value": "arithmetic",
        "-a.value": "arithmetic",
        "namespace(any=false)": "namespace",
        "looks|length": "filter length",
        "looks|sum(attribute='images')": "filter sum",
        "looks|selectattr('ci_low', 'gt', 0)|list": "filter selectattr by something else than a text",
        "looks|rejectattr('images', 'equalto', 1)|list": "filter rejectattr by something else than a text",
        "a.value is odd": "test odd",
        "loop.index": "loop.index",
        "finding('train/' ~ name)": "a finding whose name is not written out",
    }.items(),
)
def test_decisions_are_found_wherever_they_stand(expression, what):
    parser = environment.create(REPORT, None)
    for template in (r"\BLOCK{if %s}x\BLOCK{endif}", r"\BLOCK{set x = %s}", r"\VAR{'a' if %s else 'b'}"):
        assert (1, what) in decisions.taken_in(parser.parse(template % expression))


@pytest.mark.parametrize(
    "test",
    [
        "finding('train/smoothness', model) == 'smooth'",
        "finding('evaluate/ranking') not in ('transfer', 'baseline') and not demo",
        "metadata.different_sources or best.loss == 'weighted_cross_entropy'",
        "candidate.selected",
        "'tune/transfer' in figure",
        "loop.last",
        "rows('train/findings', finding='gap', value='wide')|selectattr('subject', 'equalto', 'baseline')|list",
    ],
)
def test_branches_on_findings_flags_and_words_are_allowed(test):
    parsed = environment.create(REPORT, None).parse(rf"\BLOCK{{if {test}}}x\BLOCK{{endif}}")
    assert decisions.taken_in(parsed) == []


# Checks.


def verdicts(run):
    with open(run.checks) as file:
        return {check["check"]: check["found"] for check in csv.DictReader(file)}


@pytest.mark.parametrize(
    "name, old, new, message",
    [
        (
            "sections/baseline.tex.j2",
            "question(7)",
            "question(1)",
            "baseline.tex.j2:[0-9]+: question.1.: expected each",
        ),
        ("sections/baseline.tex.j2", r"\cref{fig:classes}", "", "questions: 7 refers to no figure or table .mark each"),
        ("sections/baseline.tex.j2", "Four blocks", "4 blocks", "no digit is typed: sections/baseline.tex.j2: 4 .read"),
        ("article.tex.j2", "twocolumn", "onecolumn", "layout: not in two columns"),
        ("article.tex.j2", "10pt", "9pt", "layout: font size not one of 10pt, 11pt, 12pt"),
        ("sections/baseline.tex.j2", r"(\cref{tab:layers})", "", "are referred to: tab:layers .refer to it"),
        (
            "sections/evaluation.tex.j2",
            r'\includegraphics{\VAR{figure("evaluate/curves")}}',
            "",
            "listed figures and tables are used: figure evaluate/curves .use it in a template, link it if in",
        ),
    ],
)
def test_a_build_check_names_what_failed_and_what_to_do(untyped, name, old, new, message):
    untyped.edit(name, old, new)
    with pytest.raises(InputError, match=message):
        untyped.render()


def test_an_unread_table_is_found_and_the_checks_survive_the_failure(untyped):
    untyped.tables["tune/other"] = [{"a": 1}]
    with pytest.raises(InputError, match="listed figures and tables are used: table tune/other"):
        untyped.render()
    assert not untyped.pdf.exists()
    assert "table tune/other" in (untyped.folder / "results/report/checks.csv").read_text()


def test_overfull_boxes_are_found_with_their_section(tmp_path):
    (tmp_path / "sections").mkdir()
    (tmp_path / "sections/baseline.tex.lines").write_text("sections/baseline.tex.j2:1\nparts/gap.tex.j2:7\n")
    (tmp_path / "article.log").write_text(
        "(./article.tex (./sections/abstract.tex)\n(./sections/baseline.tex [1]\n"
        "Overfull \\hbox (12.3pt too wide) in paragraph at lines 2--4\n"
        "Overfull \\vbox (1.5pt too high) has occurred while \\output is active []\n"
    )
    assert latex.overfull(tmp_path / "article.tex") == [
        (12.3, "parts/gap.tex.j2:7"),
        (1.5, r"sections/baseline.tex has occurred while \output is active []"),
    ]


def test_a_submission_check_fails_no_build(untyped):
    untyped.tables["evaluate/ledger"] += untyped.tables["evaluate/ledger"][:1]
    untyped.render(QUICK | {"demo": True})
    found = verdicts(untyped)
    assert found["pages"] == "0 pages"
    assert found["metadata"].startswith("affiliation; group; authors[1].name; authors[1].contribution; authors[2]")
    assert found["one look at test a model"] == "baseline: 2 looks"
    assert found["no stamp"] == "stamped as a demonstration; stamped as a quick run"


def test_an_edge_that_the_search_could_have_extended_bars_submission(untyped):
    """Whatever the article says of it; an edge at its bound, as of the dropout rate here, bars nothing."""
    untyped.render()
    assert verdicts(untyped)["edges of the search"] == (
        "tune.space.baseline.learning_rate.range; tune.space.transfer.learning_rate.range"
    )
    for model in ("baseline", "transfer"):
        change(untyped.tables, f"tune/{model}_ranges", "key", "")
    untyped.render()
    assert verdicts(untyped)["edges of the search"] == ""


@needs_tex
def test_a_finished_article_passes_every_check(run):
    text = (REPORT / "metadata.yaml").read_text()
    run.edit("metadata.yaml", text, text.replace("(placeholder)", "21"))
    for model in ("baseline", "transfer"):
        change(run.tables, f"tune/{model}_ranges", "key", "")
    run.render()
    assert {check: found for check, found in verdicts(run).items() if found} == {}


def moved_figures(settings):
    """What moves to the supplement, by workflow/rules/report.smk."""
    rules = (ROOT / "workflow/rules/report.smk").read_text()
    lines = re.search(r"^MOVABLE_FIGURES = .*?^MOVED_FIGURES = .*?$", rules, re.MULTILINE | re.DOTALL)[0]
    exec(lines, names := {"config": settings})
    return [file.removeprefix("figures/").removesuffix(".pdf") for file in names["MOVED_FIGURES"]]


def test_figures_move_in_the_stated_order():
    assert moved_figures(REAL) == [] and moved_figures(EXTERNAL) == MOVED


@needs_tex
@pytest.mark.parametrize("settings", [REAL, EXTERNAL], ids=["default", "external set"])
def test_the_longest_article_keeps_to_the_pages(run, settings):
    """With as many rows as a default run has, filled metadata and the scenario whose text is longest."""
    complete(run.tables)
    scenarios()["poor"][1](run.tables)
    words = "and as many more words as an author would write here in a report that is handed in"
    looks = f"Before this run, this test set was evaluated in six runs, one of which led to a change, {words}"
    text = (REPORT / "metadata.yaml").read_text()
    filled = text.replace("(placeholder)", words).replace('earlier_looks: ""', f'earlier_looks: "{looks}"')
    run.edit("metadata.yaml", text, filled)
    run.render(settings)
    assert verdicts(run)["pages"] == ""


# Escaping.


def test_what_tex_would_read_as_commands_is_shown_literally():
    assert escape(r"50 % of A&B_1 #2 \input{/etc/passwd} $x^2$ ~") == (
        r"50 \% of A\&B\_1 \#2 \textbackslash{}input\{/etc/passwd\} \$x\textasciicircum{}2\$ \textasciitilde{}"
    )
    assert escape("a -- b\n\n<c>") == r"a -{}- b \textless{}c\textgreater{}"
    assert escape("Zoë Müller-Łukasz") == "Zoë Müller-Łukasz"


@pytest.mark.parametrize(
    "text, name", [("Ω", "GREEK CAPITAL LETTER OMEGA"), ("😀", "GRINNING FACE"), ("\x07", "control")]
)
def test_characters_without_a_glyph_are_refused_by_name(text, name):
    with pytest.raises(InputError, match=name):
        escape(f"a {text} b")


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('name: "Author One', 'name: "Author Ω', r"metadata.yaml: authors\[1\].name: .*GREEK CAPITAL LETTER OMEGA"),
        ('affiliation: "Affil', 'affiliation: "😀', "metadata.yaml: affiliation: .*U.1F600, GRINNING FACE"),
        (
            "earlier_looks:",
            "earlier_look:",
            "metadata.yaml: the file: unknown key earlier_look; expected the keys title",
        ),
        ('earlier_looks: ""', "earlier_looks: [a]", "metadata.yaml: earlier_looks: found .*expected a text"),
        ("group:", "grop:", "metadata.yaml: the file: unknown key grop; expected the keys title, affiliation, group"),
        ("affiliation:", "# affil:", "metadata.yaml: the file: missing key affiliation; expected the keys title"),
        ("title: ", "title: [", "metadata.yaml, line 4: not YAML .*; put each text in quotes"),
        ('"Affiliation (placeholder)"', "Group #3", "metadata.yaml: affiliation: what follows # is .* put the text in"),
        (
            'affiliation: "Affiliation',
            'affiliation:\n  - "Affiliation',
            "metadata.yaml: affiliation: found .*expected a text",
        ),
    ],
)
def test_metadata_errors_name_the_key(run, old, new, message):
    run.edit("metadata.yaml", old, new)
    with pytest.raises(InputError, match=message):
        metadata.read(run.report / "metadata.yaml")


def test_metadata_in_another_encoding_or_absent(tmp_path):
    file = tmp_path / "metadata.yaml"
    with pytest.raises(InputError, match="metadata.yaml: No such file or directory; expected the file that"):
        metadata.read(file)
    file.write_text('affiliation: "Universität"', encoding="latin-1")
    with pytest.raises(InputError, match="metadata.yaml: not in UTF-8; save it as UTF-8"):
        metadata.read(file)


def test_a_group_is_a_number_or_a_text_and_placeholders_are_marked(run):
    run.edit("metadata.yaml", 'group: "(placeholder)"', "group: 021")
    read = metadata.read(run.report / "metadata.yaml")
    assert read["group"] == "021"
    assert read["authors"][0]["name"] == r"\placeholder{Author One (placeholder)}"


def test_template_errors_name_file_and_line(untyped):
    untyped.edit("sections/conclusions.tex.j2", r"\label", r"\VAR{cell('explore/sizes', column='images')|count}\label")
    with pytest.raises(InputError, match=r"sections/conclusions.tex.j2:2: .*sizes.csv: 3 rows match no condition"):
        untyped.render()


@pytest.mark.parametrize(
    "typed, message",
    [
        (r"\VAR{metadata.titel}", r"abstract.tex.j2:3: .*has no attribute 'titel'"),
        (r"\VAR{nothing}", "abstract.tex.j2:3: 'nothing' is undefined"),
        (r"\BLOCK{if}", "abstract.tex.j2:3: Expected an expression"),
    ],
)
def test_unknown_names_and_syntax_errors_name_file_and_line(untyped, typed, message):
    untyped.edit("sections/abstract.tex.j2", r"\begin{abstract}", typed)
    with pytest.raises(InputError, match=message):
        untyped.render()


# The PDF.


def page_texts(pdf):
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    return [" ".join(page.split()) for page in text.split("\f")[:-1]]


@needs_tex
def test_two_renders_give_the_same_bytes(run):
    run.render()
    first, trace = run.pdf.read_bytes(), run.trace.read_bytes()
    run.render()
    assert run.pdf.read_bytes() == first
    assert run.trace.read_bytes() == trace
    log = (run.folder / "results/report/article.log").read_text()
    overfull = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(overfull, default=0) <= 2


@needs_tex
@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is not installed")
@pytest.mark.parametrize(
    "settings, stamps",
    [
        (DEMO, ["Demonstration on generated phantoms and random backbone weights: no medical meaning"]),
        (QUICK, ["Quick run on images drawn from the train split: nothing here is a result"]),
        (
            QUICK | {"demo": True},
            ["Demonstration on generated phantoms and random", "Quick run on images drawn from the train split"],
        ),
    ],
    ids=["demo", "quick", "both"],
)
def test_every_page_is_stamped(run, settings, stamps):
    run.render(settings)
    pages = page_texts(run.pdf)
    assert len(pages) > 3
    assert [place for place, page in enumerate(pages) for stamp in stamps if stamp not in page] == []


def everywhere(text):
    """Metadata of which every text is `text`."""
    author = {"name": text, "contribution": text}
    return yaml.safe_dump(dict.fromkeys(metadata.KEYS, text) | {"authors": [author, author]}, allow_unicode=True)


@needs_tex
@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is not installed")
def test_a_real_run_has_no_stamp_and_hostile_metadata_is_shown(run):
    hostile = r"100 % \input{/etc/passwd} A&B_#~^ <é, ł, ß> $x$ “q” \end{document} }"
    run.edit("metadata.yaml", (REPORT / "metadata.yaml").read_text(), everywhere(hostile))
    run.render()
    text = " ".join(page_texts(run.pdf))
    assert text.count(r"100 % \input{/etc/passwd} A&B_#") >= 4
    info = subprocess.run(["pdfinfo", run.pdf], capture_output=True, text=True, check=True).stdout
    assert r"Title: 100 % \input{/etc/passwd} A&B_#" in " ".join(info.split())
    assert "Demonstration" not in text and "Quick run" not in text
    assert "??" not in text


def test_earlier_looks_at_the_test_set_are_printed_beside_the_ledger(untyped):
    ledger = "evaluations of the test set, one for each final model. "
    assert f"{ledger}An image is predicted" in untyped.source()
    untyped.edit("metadata.yaml", 'earlier_looks: ""', 'earlier_looks: "six runs & one change"')
    assert rf"{ledger}Earlier evaluations: six runs \& one change. An image is predicted" in untyped.source()


def test_the_provenance_names_configuration_seeds_and_images(untyped):
    source = untyped.source()
    assert r"Configuration: \texttt{232323232323}. Seed: 7; of the selection: 1, 2." in source
    assert r"val \texttt{a1a1a1a1a1a1}, test \texttt{a1a1a1a1a1a1}." in source


@needs_tex
def test_every_letter_that_escape_lets_through_is_in_the_font(tmp_path):
    letters = []
    for point in range(0x20, 0x2100):
        try:
            letters.append(escape(f"x{chr(point)}x"))
        except InputError:
            continue
    shutil.copy(REPORT / "preamble.tex", tmp_path)
    lines = "\n\n".join(letters)
    (tmp_path / "a.tex").write_text(
        f"\\documentclass{{article}}\\input{{preamble}}\\begin{{document}}{lines}\\end{{document}}"
    )
    latex.typeset(tmp_path / "a.tex", epoch=0)
    assert "Missing character" not in (tmp_path / "a.log").read_text()


@needs_tex
@pytest.mark.parametrize(
    "typed, message",
    [
        (r"\nosuchcommand \label", r"report/sections/conclusions.tex.j2:2: Undefined control sequence"),
        (r"\cref{sec:nowhere}\label", r"Reference `sec:nowhere' .*undefined"),
        (r"\cite{nobody}\label", r"Citation `nobody' .*undefined"),
    ],
)
def test_the_first_tex_error_is_shown(run, typed, message):
    run.edit("sections/conclusions.tex.j2", r"\label", typed)
    with pytest.raises(InputError, match=message) as error:
        run.render()
    assert len(str(error.value).splitlines()) <= 2
    assert not run.pdf.exists()


@needs_tex
@pytest.mark.parametrize(
    "name, old",
    [
        ("parts/initial.tex.j2", "With the starting values"),
        ("sections/baseline.tex.j2", "The random numbers of Python"),
        ("sections/transfer.tex.j2", r"\toprule"),
        ("article.tex.j2", r"\maketitle"),
        ("preamble.tex", r"\captionsetup"),
    ],
)
def test_a_tex_error_is_traced_to_its_template(run, name, old):
    run.edit(name, old, rf"\nosuchcommand {old}")
    line = (run.report / name).read_text().partition(r"\nosuchcommand")[0].count("\n") + 1
    with pytest.raises(InputError, match=rf"report/{name}:{line}: Undefined control sequence"):
        run.render()


def test_without_latexmk_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="apt-get install latexmk"):
        latex.typeset(tmp_path / "article.tex", epoch=0)


# Imports.


def test_render_imports_neither_tensorflow_nor_compute_nor_plots():
    code = "import json, sys, pipeline.render.__main__; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    heavy = {"tensorflow", "keras", "matplotlib", "seaborn", "sklearn", "scipy", "pandas"}
    assert heavy.isdisjoint(loaded)
    allowed = ("pipeline.command", "pipeline.names", "pipeline.render", "pipeline.vocabulary")
    assert [name for name in loaded if name.startswith("pipeline.") and not name.startswith(allowed)] == []


def test_no_other_part_imports_render():
    files = [file for file in (ROOT / "pipeline").rglob("*.py") if "render" not in file.parts]
    assert [file for file in files if "pipeline.render" in file.read_text()] == []


def test_the_numbers_of_the_configuration_are_a_table(tmp_path):
    settings = {"seed": 1, "demo": False, "tune": {"space": {"scale": "log", "range": [0, 1]}, "share": 0.5}}
    configuration.configuration(settings, "ab12", tmp_path / "report/configuration.csv")
    assert (tmp_path / "report/configuration.csv").read_text() == "key,value\nseed,1\ntune.share,0.5\nsha256,ab12\n"


def test_the_cost_of_the_jobs_is_summed_by_rule_and_stage(tmp_path):
    header = "s\th:m:s\tmax_rss\tcpu_time\n"
    (tmp_path / "trial_1.tsv").write_text(header + "10.5\t0:00:10\t900\t20.25\n")
    (tmp_path / "trial_2.tsv").write_text(header + "30\t0:00:30\t1100.5\tNA\n")
    (tmp_path / "propose.tsv").write_text(header + "1\t0:00:01\tNA\t0.5\n")
    (tmp_path / "of_another_configuration.tsv").write_text(header + "999\t0:16:39\t9999\t999\n")
    jobs = {"tune": {"propose": ["propose"], "trial": ["trial_1", "trial_2"]}, "train": {"final": ["never_run"]}}
    files = {"table": tmp_path / "tables/cost.csv", "stages_table": tmp_path / "tables/cost_stages.csv"}
    cost.cost(jobs, tmp_path, **files)
    rules, stages = (pd.read_csv(file) for file in files.values())
    assert rules.values.tolist() == [
        ["tune", "propose", 1, 1.0, 0.5, 1.0, pytest.approx(np.nan, nan_ok=True)],
        ["tune", "trial", 2, 40.5, 20.25, 30.0, 1100.5],
    ]
    assert stages.values.tolist() == [[name, 3, 41.5, 20.75, 30.0, 1100.5] for name in ("tune", "all")]
