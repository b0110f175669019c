"""ablate: both models on shares of train, drawn alike, for as many steps whatever the share."""

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from pipeline.ablate.data import draw_share, duration, train_on_shares
from pipeline.images import inputs
from pipeline.images.examples import Examples
from pipeline.models import runtime
from tests.phantoms import phantom

with open("config/config.yaml") as file:
    DEFAULTS = yaml.safe_load(file)
SETTINGS = DEFAULTS | {
    "compute": {"threads": 2, "mixed_precision": False},
    "transfer": {"hyperparameters": DEFAULTS["transfer"]["hyperparameters"] | {"learning_rate": 0.03}},
    "ablate": DEFAULTS["ablate"] | {"seeds": [1, 2], "data_epochs": 2, "filters": 4, "shares": [1, 0.5]},
}
COUNTS = {"train": 100, "val": 40}

runtime.start(SETTINGS["compute"])


@pytest.fixture(scope="module")
def sets():
    """Images, and features that tell the classes apart; a fifth is covid."""
    sets = {}
    for seed, (split, count) in enumerate(COUNTS.items()):
        rng = np.random.default_rng(seed)
        labels = np.where(np.arange(count) % 5 == 0, "covid", "normal")
        features = rng.normal(size=(count, 2, 8)) + 2 * (labels == "covid")[:, None, None]
        images = np.stack([phantom(rng, label, 32) for label in labels])
        index = pd.DataFrame({"file": [f"{split}{number}" for number in range(count)], "label": labels})
        sets[f"{split}_features"] = Examples.of(features.astype(np.float32), index)
        sets[f"{split}_images"] = Examples.of(images, index)
    return sets


def test_each_share_has_both_models_with_as_many_steps(sets):
    study = train_on_shares(**sets, settings=SETTINGS)
    runs = study["runs"]
    assert runs[["model", "share", "seed"]].values.tolist() == [
        [model, share, seed] for model in ("baseline", "transfer") for share in (0.5, 1) for seed in (1, 2)
    ]
    assert (runs["images"] == 100 * runs["share"]).all()
    # Batches of 32: two epochs of four; as many steps are four epochs of half the images.
    assert (runs["steps"] == 8).all() and (runs["epochs"] == 2 / runs["share"]).all()
    assert runs["val_auc"].between(0, 1).all() and (runs["val_loss"] > 0).all()
    assert runs[runs["model"] == "transfer"]["val_auc"].mean() > 0.8, "the features tell the classes apart"
    aucs = [roc_auc_score(sets["val_images"].labels, logits) for logits in study["logits"]]
    assert runs["val_auc"].to_numpy() == pytest.approx(aucs), "logits are in the order of the runs"
    assert (study["cost"]["seconds"] > 0).all() and len(study["cost"]) == len(runs)


@pytest.mark.parametrize("count", [134, 269, 672, 1344, 2688])
def test_steps_are_nearly_equal_over_shares(count):
    epochs, steps = duration(count, 2688, 32, 7)
    a_epoch = inputs.steps(count, 32)
    assert steps == epochs * a_epoch
    assert abs(steps - 7 * 84) <= a_epoch / 2


def test_shares_keep_the_ratio_of_the_classes_and_are_drawn_anew_for_each_seed(sets):
    train = sets["train_images"]
    draws = [draw_share(train, 0.25, seed) for seed in (1, 1, 2)]
    assert [(len(draw), draw.labels.sum()) for draw in draws] == [(25, 5)] * 3
    same, again, other = (set(draw.files) for draw in draws)
    assert same == again != other
    assert len(draw_share(train, 1, 1)) == 100
