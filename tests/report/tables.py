"""Made-up tables of a run, and the findings that the stages decide from them."""

import csv
import functools
import importlib
import inspect
import io
import itertools
import json
from pathlib import Path

import pandas as pd
import yaml

from pipeline.render import configuration
from pipeline.vocabulary import MODELS

ROOT = Path(__file__).parents[2]
STAGES = ["data", "explore", "features", "tune", "train", "finetune", "final", "ablate", "evaluate", "gradcam", "audit"]


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
             "result": "none found"}
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
                | ({"learning_rate": 0.003 * 10**place} if study == "optimizer" else {})
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
        "ablate/optimizer_runs": [{"variant": "adam", "learning_rate": 0.003, "seed": 1, "val_auc": 0.95}],
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
        "finetune/compare": [
            {"model": model, "parameters": trainable + frozen, "trainable_parameters": trainable,
             "frozen_parameters": frozen, "bytes": 4 * (trainable + frozen), "epochs": 5}
            for model, trainable, frozen in (("baseline", 393601, 960), ("transfer", 131201, 23564800))
        ],
        "finetune/compare_epochs": [
            {"model": model, "level": level, "runs": 3, "reached": reached, "epochs": epochs}
            for model, reaching in {
                "baseline": [(3, 2), (3, 6), (2, 11), (0, "")], "transfer": [(3, 1), (3, 1), (3, 3), (1, "")],
            }.items()
            for level, (reached, epochs) in zip((0.9, 0.95, 0.98, 0.99), reaching, strict=True)
        ],
        "finetune/compare_cost": [
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
        ]
        + [{"key": "sha256", "value": "2f" * 32}],
        "report/cost": [{"stage": "tune", "rule": "tune_trials", "jobs": 40, "seconds": 1234.56}],
        "report/cost_stages": [
            {"stage": stage, "jobs": jobs, "seconds": 1234.56, "cpu_seconds": 1112.3, "longest": 345.6,
             "memory": 1213.1}
            for stage, jobs in {"data": 1, "tune": 40, "all": 41}.items()
        ],
        "finetune/attempts": [
            {"attempt": 1, "learning_rate": 1e-3, "planned_epochs": 4, "epochs": 1, "refitted_loss_before": 0.12,
             "refitted_loss_after": 0.31, "limit": 0.22, "end_limit": 0.15, "decision": "dropped"},
            {"attempt": 2, "learning_rate": 3.33e-4, "planned_epochs": 4, "epochs": 4, "refitted_loss_before": 0.12,
             "refitted_loss_after": 0.07, "limit": 0.22, "end_limit": 0.15, "decision": "kept"},
        ],
        "finetune/history": [
            {"attempt": attempt, "epoch": epoch, "train_refitted_loss": loss}
            for attempt, losses in {1: (0.12, 0.31), 2: (0.12, 0.14, 0.07)}.items()
            for epoch, loss in enumerate(losses)
        ],
        "finetune/gain": [
            {"val_auc_head": 0.978, "val_auc_finetuned": 0.986, "val_loss_head": 0.16, "val_loss_finetuned": 0.13,
             "decision": "kept", "runs": 2, "val_auc_sd": 0.001, "difference": 0.008, "ci_low": 0.002, "ci_high": 0.015}
        ],
        "finetune/train_only_history": [
            {"seed": seed, "epoch": epoch, "val_loss": loss}
            for seed in (1, 2)
            for epoch, loss in enumerate((0.16, 0.19, 0.13))
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
        "evaluate/uncertainty": [
            {"estimate": estimate, "value": value, "ci_low": value - 0.01, "ci_high": value + 0.01, "runs": runs,
             "run_sd": 0.002, "total_low": value - 0.014, "total_high": value + 0.014}
            for estimate, value, runs in (("baseline", 0.96, 3), ("transfer", 0.98, 2), ("difference", 0.02, 5))
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
                ("inside_alone", "lungs only", False, 0.92, 0.89), ("border_alone", "border only", True, 0.88, 0.81),
                ("outline", "outline only", True, 0.7, 0.43), ("no_places", "grey values and file", False, 0.8, 0.64),
            )
        ],
        "audit/counterfactuals": [
            {"model": model, "name": name, "region": "lungs", "edit": edit, "label": label, "images": 144,
             "value": -0.123, "ci_low": -0.15, "ci_high": -0.1, "flipped": 0.27, "flipped_ci_low": 0.2,
             "flipped_ci_high": 0.35}
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
        "audit/markers": [
            {"label": label, "images": 144, "hits": 72, "value": value, "ci_low": value - 0.05, "ci_high": value + 0.05}
            for label, value in zip(labels, (0.2, 0.5), strict=True)
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
                {"trial": trial, "round": 1 + trial // 3, "seed": trial, **chosen, "rung": rung, "rung_epochs": epochs,
                 "epochs": epochs, "status": "finished", "best_epoch": 4, "train_loss": 0.2, "train_auc": 0.98,
                 "val_loss": 0.21, "val_auc": 0.93 + trial / 100}
                for trial, rungs in ((0, 3), (1, 1), (2, 2), (3, 3))
                for rung, epochs in ((1, 5), (2, 10), (3, 20))
                if rung <= rungs
            ],
            f"tune/{model}_rounds": [
                {"round": number, "trials": trials, "epochs": epochs, "best": best, "rung": 3, "val_auc": value,
                 "extended": extended}
                for number, trials, epochs, best, value, extended in (
                    (0, 1, 20, 0, 0.93, ""), (1, 2, 15, 0, 0.93, "learning_rate low; dropout low"),
                    (2, 1, 20, 3, 0.96, "learning_rate high"),
                )
            ],
            f"tune/{model}_ranges": [
                {"name": name, "scale": scale, "low": low, "high": high, "final_low": final_low,
                 "final_high": final_high, "extended_low": int(low != final_low),
                 "extended_high": int(high != final_high), "best": chosen[name], "edge": edge,
                 "bound": "nature" if edge and not more else "", "selected": chosen[name],
                 "selected_edge": selected_edge, "selected_bound": "",
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
                    (0, 0, 345678, 0.9411), (1, 3, 123456 if model == "baseline" else 131201, 0.9523),
                    (2, 1, 234567, 0.953), (3, 4, 123456, ""),
                )
            ],
            f"tune/{model}_gain": [
                {"candidate": place, "trial": trial, "difference": gain, "ci_low": gain and gain - 0.002,
                 "ci_high": gain and gain + 0.002}
                for place, trial, gain in ((1, 3, 0.0112), (2, 1, 0.0119), (3, 4, ""))
            ],
            f"tune/{model}_best": [{"candidate": 1, "trial": 3, "val_auc": 0.9523, "val_auc_sd": 0.0021, **chosen}],
            f"train/{model}_initial": [
                {"epoch": epoch, "learning_rate": 0.001}
                | {f"{scored}_{metric}": value
                   for scored in ("train", "val", "raw_train", "raw_val") for metric, value in {
                    "loss": 0.6 - epoch / 10, "auc": 0.9, "accuracy": 0.9, "sensitivity": 0.9, "specificity": 0.9,
                }.items()}
                for epoch in (1, 2, 3, 4)
            ],
            f"train/{model}_smoothness": [
                {"split": split, "epochs": 4, "rises": 0.0, "largest_rise": 0.0, "relative_rise": 0.0,
                 "rises_limit": 0.2, "relative_rise_limit": 0.1, "result": "smooth"}
                for split in ("train", "val")
            ],
            f"train/{model}_gap": [
                {"run": run, "seed": seed, "epochs": 4, "best_epoch": turn, "val_loss_at_best": 0.2,
                 "gap_at_best": gap, "val_loss_at_end": 0.21, "gap_at_end": 0.05}
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
            f"train/{model}_train_only": [
                {"seed": seed, "best_epoch": 5, "epochs": 8, "val_loss": 0.2, "val_auc": 0.9 + seed / 100}
                for seed in (1, 2, 3)
            ],
            f"train/{model}_model": [
                {"epochs": 5, "trainable_parameters": 123456, "frozen_parameters": 960, "weights_sha256": "ef" * 32,
                 "reloaded_identical": True}
            ],
            f"final/{model}_model": [{"weights_sha256": "ef" * 32}],
        }  # fmt: skip
    widths = ("64 x 64 x 24", "32 x 32 x 24", "32 x 32 x 24", "32 x 32 x 24")
    tables["train/transfer_layers"] = [{"layer": "logit", "type": "Dense"}]
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
    checked, unknown = tables["audit/leakage"]
    answers = {"answer": "absent: hyperparameters, epochs and thresholds are chosen on train and val"}
    tables["audit/leakage"] = [row | answers | {"type": "pre-processing on train and test"} for row in
                               (*[checked] * 5, *[unknown] * 3)]  # fmt: skip


def change(tables, table, column, value, **conditions):
    """Set `column` of the rows that meet `conditions`."""
    for row in tables[table]:
        if all(row[key] == wanted for key, wanted in conditions.items()):
            row[column] = value


def text(rows):
    """The rows (dicts) as a CSV file."""
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def findings(tables, settings=None):
    """{"STAGE/findings": table} of each stage that has findings, decided from `tables` ({STAGE/NAME: rows}), and the
    tables that are made beside them.

    A parameter of a stage's function `findings` is the table of that name: `compare`; of another stage with the stage's
    name in front: `audit_controls`; for tables of each model, the list of both: `selection` for
    `{model}_selection`, likewise of another stage: `train_gap`. A table that is not there is None. `settings` is the
    configuration, if not given the default.
    """
    settings = json.dumps(settings or yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    contents, decided = {name: text(rows) for name, rows in tables.items()}, {}
    for stage in STAGES:
        if (ROOT / f"pipeline/{stage}/findings.py").exists():
            names = _parameters(stage)
            given = {name: _tables(stage, name, contents) for name in names if name != "settings"}
            read = tuple((table, contents[table]) for tables in given.values() for table in tables)
            decided |= _decided(stage, tuple(given.items()), read, settings if "settings" in names else None)
            contents |= decided
    return {name: frame(name, content) for name, content in decided.items()}


def _parameters(stage):
    return inspect.signature(importlib.import_module(f"pipeline.{stage}.findings").findings).parameters


@functools.cache  # most tests change the tables of one stage
def _decided(stage, given, contents, settings):
    """{"STAGE/NAME": content} of one stage. given: (parameter, its tables) each; contents: (table, content) each."""
    frames = {name: frame(name, content) for name, content in contents}
    arguments = {} if settings is None else {"settings": json.loads(settings)}
    for name, tables in given:
        found = [frames[table] for table in tables]
        arguments[name] = found if len(found) > 1 else found[0] if found else None
    decide = importlib.import_module(f"pipeline.{stage}.findings").findings
    return {f"{stage}/{name}": made.to_csv(index=False) for name, made in decide(**arguments).items()}


def frame(name, content):
    """The table as a stage's function gets it."""
    made = pd.read_csv(io.StringIO(content))
    made.attrs["table"] = name
    return made


def _tables(stage, name, known):
    """The tables of a parameter: one, one of each model, or none."""
    other, _, rest = name.partition("_")
    for folder, own in ((stage, name), (other, rest)):
        of_models = [f"{folder}/{model}_{own}" for model in MODELS]
        if of_models[0] in known:
            return tuple(of_models)
    return next(((table,) for table in (f"{stage}/{name}", f"{other}/{rest}") if table in known), ())
