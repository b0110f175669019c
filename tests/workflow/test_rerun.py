"""The rerun contract: what an edit makes run again, and what it must not."""

import os
import shutil

import pytest

MODELS = ("baseline", "transfer")
IMAGE_STUDIES = ("resolution", "normalisation", "augmentation", "optimizer", "loss")
HEAD_STUDIES = ("head", "cut")
FIGURES = {
    "explore_figures",
    "explore_inputs_figures",
    "evaluate_figures",
    "finetune_figures",
    "gradcam_figures",
    "finetune_compare_figures",
    "audit_figures",
    "ablate_data_figures",
    *(f"ablate_figures {study}" for study in IMAGE_STUDIES + HEAD_STUDIES),
    *(f"tune_figures {model}" for model in MODELS),
    *(f"train_figures {model} {run}" for model in MODELS for run in ("initial", "final")),
}


def search_of(model):
    """What trains for the search: the starting configuration, a trial in each of two rounds, and both candidates."""
    trials = {f"tune_trials {model} {trial} {trial} {trial}" for trial in range(3)}
    return trials | {f"tune_confirm {model} {candidate}" for candidate in range(2)}


def training_of(model):
    return search_of(model) | {f"{rule} {model}" for rule in ("train_initial", "train_only", "train_final")}


ABLATE = {f"ablate {study}" for study in IMAGE_STUDIES} | {"ablate_data"}  # what trains on images
ABLATE_HEADS = {f"ablate_heads {study}" for study in HEAD_STUDIES}
ABLATE_COMPARE = {f"ablate_compare {study}" for study in IMAGE_STUDIES + HEAD_STUDIES}
ABLATE_COMPARE |= {"ablate_compare_data", "ablate_compare_views"}
ABLATE_FEATURES = {f"ablate_features {split}" for split in ("train", "val")}
ABLATE_IMAGES = {f"ablate_images {split} {size}" for split in ("train", "val") for size in (32, 40)}
AUDIT = {"audit", "audit_counterfactuals"}
FINETUNE = {"finetune", "finetune_train_only 1"}
GAINS = {"finetune_gain", *(f"tune_gain {model}" for model in MODELS)}
GRADCAM_TRUST = {f"gradcam_trust {model}" for model in MODELS}
QUOTED = {"report_configuration"}  # the numbers that were set, which the article quotes, and the digest of all keys
PREDICT_TEST = {f"predict_test {model}" for model in MODELS}
TRAINING = training_of("baseline") | training_of("transfer")


def test_a_finished_build_has_nothing_to_do(built):
    assert built.jobs() == {}


def test_touching_any_file_changes_nothing(built):
    for folder in (built.checkout, built.folder):
        for file in folder.rglob("*"):
            if file.is_file() and ".snakemake" not in file.parts:
                os.utime(file)
    assert built.jobs() == {}


def test_the_same_archive_by_another_path_changes_nothing(built, tmp_path):
    shutil.copy(built.folder / "data/covid_xray.zip", tmp_path / "moved.zip")
    assert built.jobs("--config", f"dataset={{path: {tmp_path}/moved.zip}}") == {}


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("pipeline/models/fitting.py", '"""Fitting a model', '"""Another docstring: fitting a model'),
        ("pipeline/images/decode.py", "def decode(", "# a comment\n\n\ndef decode("),
        ("workflow/rules/common.smk", "def tracked(path):", "# a comment\ndef tracked(path):"),
    ],
)
def test_comments_and_docstrings_change_nothing(built, edit, name, old, new):
    edit(name, old, new)
    assert built.jobs() == {}


@pytest.mark.parametrize(
    "name, old, new, expected",
    [
        (
            "pipeline/statistics/intervals.py",
            "LEVEL = 0.95",
            "LEVEL = 0.9",
            {"evaluate_thresholds", "evaluate", "evaluate_calibration", "evaluate_compare", "explore"}
            | GAINS
            | {"gradcam"}
            | GRADCAM_TRUST
            | AUDIT
            | ABLATE_COMPARE,
        ),
        ("pipeline/models/baseline.py", "BLOCKS = 4", "BLOCKS = 3", training_of("baseline") | ABLATE | {"audit"}),
        (
            "pipeline/models/transfer.py",
            "return values[:, 0]",
            "return values[:, 1]",
            training_of("transfer") | {"ablate_data"} | ABLATE_HEADS,
        ),
        (
            "pipeline/models/pretrained.py",
            'name="average"',
            'name="mean"',
            training_of("transfer")
            | FINETUNE
            | {"backbone", "features train", "features val", "gradcam", "ablate_data"}
            | GRADCAM_TRUST
            | ABLATE_HEADS,
        ),
        (
            "pipeline/models/backbones/resnet50v2.py",
            "offset=-1",
            "offset=-2",
            {"backbone", "features train", "features val", "report"} | ABLATE_FEATURES,
        ),
        ("pipeline/models/backbones/efficientnetv2b0.py", "1 / 255", "1 / 256", set()),
        ("pipeline/ablate/heads.py", '"no dense layer"', '"none"', ABLATE_HEADS),
        ("pipeline/statistics/studies.py", "DRAWS = 20_000", "DRAWS = 30_000", ABLATE_COMPARE | GAINS),
        ("pipeline/data/check.py", "MIN_IMAGES = 4", "MIN_IMAGES = 5", {"data_check"}),
        (
            "pipeline/images/decode.py",
            "Resampling.BILINEAR",
            "Resampling.BICUBIC",
            {"data"} | ABLATE_IMAGES,
        ),
        ("pipeline/images/markers.py", "CONTRAST = 80", "CONTRAST = 90", {"audit_counterfactuals"}),
        ("pipeline/audit/leakage.py", '"no test set"', '"none"', {"audit_leakage"}),
        ("pipeline/evaluate/predict.py", "timespec='seconds'", "timespec='minutes'", PREDICT_TEST),
        ("pipeline/plots/style.py", "COLUMN = 3.4", "COLUMN = 3.3", FIGURES),
        ("pipeline/render/filters.py", "import", "import json\nimport", {"report"}),
    ],
)
def test_a_line_of_code_reruns_what_imports_it(built, edit, name, old, new, expected):
    edit(name, old, new)
    assert set(built.jobs()) == built.with_downstream(expected)


def test_an_edit_of_one_model_leaves_the_training_of_the_other_alone(built, edit):
    edit("pipeline/models/baseline.py", "BLOCKS = 4", "BLOCKS = 3")
    # It starts from what the search has found for the baseline; its first round does not.
    assert "tune_trials transfer 1 1 1" not in built.jobs()
    edit("pipeline/models/baseline.py", "BLOCKS = 3", "BLOCKS = 4")
    edit("pipeline/models/transfer.py", "return values[:, 0]", "return values[:, 1]")
    assert not training_of("baseline") & set(built.jobs())


def test_the_reason_names_the_module(built, edit):
    edit(
        "pipeline/statistics/metrics.py", "return float(np.mean(np.logaddexp", "return 1.0 * float(np.mean(np.logaddexp"
    )
    assert "pipeline.statistics.metrics" in built.snakemake("--dry-run", "--cores", "2")


@pytest.mark.parametrize("name", ["report/article.tex.j2", "report/preamble.tex", "report/metadata.yaml"])
def test_a_template_reruns_the_report_alone(built, edit, checkout, name):
    text = (checkout / name).read_text()
    edit(name, text, text + "\n")
    assert set(built.jobs()) == {"report", "all"}


@pytest.mark.parametrize(
    "name, old, new, expected",
    [
        (
            "tests/workflow/tiny.yaml",
            "samples: 1",
            "samples: 2",
            {"gradcam", "gradcam_overlays", "gradcam_figures"} | QUOTED,
        ),
        ("config/config.yaml", "divide_by: 3", "divide_by: 4", {"finetune"} | QUOTED),
        (
            "tests/workflow/tiny.yaml",
            "patience: 1",
            "patience: 2",
            search_of("baseline") | search_of("transfer") | QUOTED,
        ),
        (
            "config/config.yaml",
            "rotation: 7",
            "rotation: 8",
            TRAINING | FINETUNE | ABLATE | {"features train", "features val", "explore_inputs"} | QUOTED,
        ),
        (
            "tests/workflow/tiny.yaml",
            "training: {epochs: 1",
            "training: {epochs: 2",
            {f"train_initial {model}" for model in MODELS} | QUOTED,
        ),
        (
            "tests/workflow/tiny.yaml",
            "max_epochs: 2",
            "max_epochs: 3",
            {f"tune_confirm {model} {candidate}" for model in MODELS for candidate in range(2)} | QUOTED,
        ),
        ("tests/workflow/tiny.yaml", "shares: [0.5, 1]", "shares: [0.6, 1]", {"ablate_data", "data_check"} | QUOTED),
        ("config/config.yaml", "flag: 0.8", "flag: 0.9", {"audit"} | QUOTED),
        ("tests/workflow/tiny.yaml", "head_epochs: 1", "head_epochs: 2", ABLATE_HEADS | QUOTED),
        ("tests/workflow/tiny.yaml", "pool1_pool", "conv1_conv", ABLATE_FEATURES | QUOTED),
        ("config/config.yaml", "views: 4", "views: 5", set()),  # the demo's overlay says otherwise
    ],
)
def test_a_key_reruns_the_rules_that_name_it(built, edit, name, old, new, expected):
    edit(name, old, new)
    assert set(built.jobs()) == built.with_downstream(expected)


def test_swapped_hyperparameters_are_noticed(built, edit):
    edit(
        "config/config.yaml",
        "dropout: 0.3\n    batch_size: 32\n    filters: 24                  # of the first block; each further block "
        "doubles them\n    dense_units: 64\n    l2: 0.0001",
        "dropout: 0.0001\n    batch_size: 32\n    filters: 24\n    dense_units: 64\n    l2: 0.3",
    )
    reading = (*(f"tune_propose baseline {round}" for round in range(3)), "tune baseline", "tune_select baseline")
    expected = {*reading, "train_initial baseline", "audit"} | ABLATE | QUOTED
    assert set(built.jobs()) == built.with_downstream(expected)
