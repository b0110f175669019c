"""ablate: each variant changes one thing."""

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.ablate.networks import variants
from pipeline.ablate.runs import at_best_rates
from pipeline.command import InputError
from pipeline.images.examples import Examples
from pipeline.images.normalise import STRATEGIES

with open("config/config.yaml") as file:
    SETTINGS = yaml.safe_load(file)


@pytest.mark.parametrize(
    ("study", "reference", "names", "changed"),
    [
        ("resolution", "224 pixels", ["64 pixels", "128 pixels", "224 pixels"], set()),
        ("normalisation", "training global", [name.replace("_", " ") for name in STRATEGIES], {"normalisation"}),
        ("optimizer", "adam", ["adam", "sgd", "rmsprop"], {"optimizer", "learning_rate"}),
        ("loss", "weighted cross entropy", ["weighted cross entropy", "cross entropy", "focal"], {"loss"}),
    ],
)
def test_a_study_has_one_reference_and_varies_one_thing(study, reference, names, changed):
    """An optimizer brings its learning rate; each size of images its cache."""
    given = variants(study, SETTINGS)
    if study == "optimizer":  # each with three learning rates, from low to high
        rates = {name: [] for name in names}
        for name, _, _, overrides in given:
            rates[name].append(overrides["hyperparameters"]["learning_rate"])
        assert rates == SETTINGS["ablate"]["learning_rates"]
        given = given[::3]
    assert [name for name, *_ in given] == names
    assert [name for name, is_reference, _, _ in given if is_reference] == [reference]
    assert [place for _, _, place, _ in given] == ([0, 1, 2] if study == "resolution" else [0] * len(names))
    chosen = [overrides.get("hyperparameters", {}) for _, _, _, overrides in given]
    assert all(set(hyperparameters) == changed for hyperparameters in chosen)
    assert not any(set(overrides) - {"hyperparameters"} for _, _, _, overrides in given)
    if study != "resolution":
        assert [hyperparameters[study].replace("_", " ") for hyperparameters in chosen] == names


def test_each_type_of_augmentation_is_tried_alone_and_all_together():
    study = variants("augmentation", SETTINGS)
    assert [name for name, reference, _, _ in study if reference] == ["none"]
    assert all((place, set(overrides)) == (0, {"augmentation"}) for _, _, place, overrides in study)
    bounds = {name: overrides["augmentation"] for name, _, _, overrides in study}
    assert set(bounds) == {"none", "rotation", "shift and zoom", "contrast and brightness", "all"}
    assert not any(bounds["none"].values())
    assert bounds["all"] == SETTINGS["augmentation"]
    alone = [{key for key, bound in bounds[name].items() if bound} for name in list(bounds)[1:-1]]
    assert sum(map(len, alone)) == len(set.union(*alone)) == len(SETTINGS["augmentation"])


def test_stratified_subsets_keep_the_ratio_of_the_classes():
    labels = np.repeat([0.0, 1.0], [300, 100])
    examples = Examples(np.arange(400), labels, np.arange(400).astype(str))
    subset = examples.stratified(100, seed=1)
    assert (len(subset), subset.labels.sum()) == (100, 25)
    assert (np.diff(subset.values) > 0).all()
    assert (labels[subset.values] == subset.labels).all()
    assert len(examples.stratified(1000, seed=1)) == 400


def test_variants_are_compared_at_their_best_learning_rates():
    rows = [("adam", 0.001, 0.9), ("adam", 0.001, 0.92), ("adam", 0.01, 0.95), ("adam", 0.01, np.nan),
            ("sgd", 0.1, 0.8), ("sgd", 0.1, 0.8), ("sgd", 0.01, 0.7), ("sgd", 0.01, 0.89)]  # fmt: skip
    runs = pd.DataFrame(rows, columns=["variant", "learning_rate", "val_auc"])
    assert at_best_rates(runs).index.tolist() == [0, 1, 4, 5], "0.01 of adam diverged once; 0.1 of sgd is better"
    plain = runs.drop(columns="learning_rate")
    assert at_best_rates(plain) is plain
    with pytest.raises(InputError, match=r"sgd diverged at each learning rate, 0.1, 0.01; .*ablate.learning_rates.sgd"):
        at_best_rates(runs.assign(val_auc=runs["val_auc"].where(runs["variant"] == "adam")))
