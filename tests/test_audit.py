"""audit: each control flags what it should and nothing else; its bootstrap, counterfactuals, leakage and verdicts."""

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.special import expit

from pipeline.audit import counterfactuals, leakage, verdict
from pipeline.audit import figures as plots
from pipeline.audit.controls import BLIND, CONTROLS, audit, boosted, described, seen, summary
from pipeline.images import regions
from pipeline.models import runtime
from pipeline.statistics import intervals, metrics, shortcuts

with open("config/config.yaml") as file:
    DEFAULTS = yaml.safe_load(file)
SETTINGS = DEFAULTS | {
    "compute": {"threads": 2, "mixed_precision": False},
    "ablate": DEFAULTS["ablate"]
    | {"seeds": [1, 2], "epochs": 8, "images": 120, "filters": 8, "learning_rates": {"adam": 0.01}},
}
SIZE = 32
COUNTS = {"train": 120, "val": 60}

runtime.start(SETTINGS["compute"])


def stripes(rng, covid):
    """Stripes of any phase, down the image for covid and across it otherwise: as many pixels of each grey value."""
    waves = np.tile(np.where((np.arange(SIZE) + rng.integers(8)) % 8 < 4, 60, 180), (SIZE, 1))
    return waves if covid else waves.T


def film(rng, covid, where):
    """Noise, with stripes that tell the class `where` it is true, and stripes of a random class elsewhere."""
    image = np.where(where, stripes(rng, covid), stripes(rng, rng.random() < 0.5))
    return np.clip(image + rng.normal(0, 10, (SIZE, SIZE)), 0, 255).astype(np.uint8)


def lungs(rng, covid=False):
    """A mask: an ellipse in the middle, taller for covid."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    return np.where(np.hypot(x / 0.7, y / (0.68 if covid else 0.5)) < 1, 255, 0).astype(np.uint8)


def write(folder, where, masks=None):
    """Caches, masks and indexes of train and val, half covid."""
    files = {}
    for seed, (split, count) in enumerate(COUNTS.items()):
        rng = np.random.default_rng(seed)
        covid = np.arange(count) % 2 == 0
        index = pd.DataFrame({"label": np.where(covid, "covid", "normal")})
        index["file"] = index["group"] = [f"{split}{number}" for number in range(count)]
        index = index.assign(width=256, height=256, mode="L", bit_depth=8, bytes=1000)
        of_split = np.stack([masks(rng, label) for label in covid]) if masks else np.empty((0, SIZE, SIZE), np.uint8)
        arrays = {split: np.stack([film(rng, label, where) for label in covid]), f"{split}_masks": of_split}
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
            files[name] = folder / f"{name}.npy"
        index.to_csv(folder / f"{split}_index.csv", index=False)
        files[f"{split}_index"] = folder / f"{split}_index.csv"
    return files


def audited(files, folder, **changed):
    out = {name: folder / f"audit/{name}.csv" for name in ("runs", "table", "cost")}
    settings = SETTINGS | {"ablate": SETTINGS["ablate"] | changed}
    audit(**files, settings=settings, **out)
    return {name: pd.read_csv(file) for name, file in out.items()}


# Controls.


def test_a_label_in_the_border_alone_is_flagged_there_and_nowhere_else(tmp_path):
    tables = audited(write(tmp_path, ~regions.central(SIZE)), tmp_path)
    table = tables["table"].set_index("control")
    assert table.loc["whole", "status"] == "reference" and table.loc["whole", "ci_low"] > 0.6
    assert table.loc[["inside_blanked", "border_alone"], "flagged"].all()
    assert not table.loc[["inside_alone", "no_places", "whole"], "flagged"].any()
    assert table.loc["inside_alone", "value"] < 0.7
    assert (table["region"] == "central region").all() and (table["pixels"] == SIZE).all()
    assert table.loc["inside_blanked", "name"] == "central region blanked"
    assert table.loc["outline", "status"] == "omitted: the data has no masks of the lungs"
    assert table.loc["outline", ["value", "ratio", "ratio_ci_low"]].isna().all() and not table.loc["outline", "flagged"]
    controls = [control for control in CONTROLS if control != "outline"]
    assert tables["runs"][["control", "seed"]].values.tolist() == [[c, seed] for c in controls for seed in (1, 2)]
    means = tables["runs"].groupby("control")["val_auc"].mean()
    assert means[controls].to_numpy() == pytest.approx(table.loc[controls, "value"].to_numpy())
    assert len(tables["cost"]) == len(tables["runs"]) and (tables["cost"]["seconds"] > 0).all()


def test_a_label_in_the_lungs_alone_is_flagged_by_no_control_that_is_blind_to_them(tmp_path):
    inside = lungs(None) > 0
    tables = audited(write(tmp_path, inside, masks=lambda rng, covid: lungs(rng)), tmp_path, seeds=[1])
    table = tables["table"].set_index("control")
    assert table.loc["whole", "ci_low"] > 0.6
    assert not table.loc[table["blind"], "flagged"].any()
    assert table.index[table["blind"]].tolist() == ["inside_blanked", "border_alone", "outline"]
    assert table.loc["inside_alone", "flagged"] and table.loc["thumbnail", "flagged"], "neither is blind to the lungs"
    assert (table["region"] == "lungs").all() and table.loc["inside_alone", "name"] == "lungs only"
    assert table.loc["outline", "value"] == 0.5, "all outlines are alike"


def test_a_label_in_the_outline_of_the_lungs_is_flagged(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.audit.controls.CONTROLS", {name: CONTROLS[name] for name in ("whole", "outline")})
    # The outline is seen in the image as well: where the label is, is bounded by it.
    files = write(tmp_path, np.ones((SIZE, SIZE), bool), masks=lungs)
    table = audited(files, tmp_path, seeds=[1])["table"].set_index("control")
    assert table.loc["outline", "flagged"] and table.loc["outline", "status"] == "defined"


def test_what_each_control_sees():
    rng = np.random.default_rng(0)
    images = rng.integers(1, 256, (3, SIZE, SIZE)).astype(np.uint8)
    inside = np.stack([lungs(None)] * 3) > 0
    assert np.array_equal(seen("whole", images, inside), images)
    blanked, alone = seen("inside_blanked", images, inside), seen("inside_alone", images, inside)
    assert (blanked[inside] == 0).all() and np.array_equal(blanked[~inside], images[~inside])
    assert np.array_equal(blanked + alone, images)
    border = seen("border_alone", images, inside)
    assert (border[:, 4:-4, 4:-4] == 0).all() and np.array_equal(border[:, :3], images[:, :3])
    assert not seen("border_alone", images, np.ones_like(inside)).any(), "lungs that reach into it are not seen"
    assert np.array_equal(np.unique(seen("outline", images, inside)), [0, 255])
    thumbnail = seen("thumbnail", images, inside)
    assert thumbnail.shape == images.shape and thumbnail.dtype == np.uint8
    assert thumbnail.std() < images.std() / 2, "single pixels are gone"


@pytest.mark.parametrize(
    "cue", [{"bytes": 2000}, {"width": 512}, {"height": 512}, {"mode": "RGB"}, {"bit_depth": 16}, "border", "histogram"]
)
def test_the_tree_tells_classes_by_each_cue_that_knows_no_place(cue):
    rng, covid = np.random.default_rng(1), np.arange(120) % 2 == 0
    images = rng.integers(100, 156, (120, SIZE, SIZE)).astype(np.uint8)
    index = pd.DataFrame({"width": 256, "height": 256, "mode": "L", "bit_depth": 8, "bytes": 1000}, index=range(120))
    if cue == "border":
        images[covid, :3] = 0
    elif cue == "histogram":
        images[covid, 14:16, 14:16] = 255
    else:
        for column, value in cue.items():
            index.loc[covid, column] = value

    class Train:
        values, labels = described(index, images), covid.astype(float)

    logits = boosted(Train, Train, seed=1, settings=None)
    assert metrics.auc(Train.labels, logits) == 1
    shuffled = described(index, rng.permuted(images, axis=0))
    assert shuffled.shape == (120, 4 + 1 + 2 + 16)


# The shortcut ratio and its bootstrap.


def scored(*areas, count=400, runs=3):
    """Labels, groups of two, and scores of controls with about these AUCs."""
    rng = np.random.default_rng(5)
    labels = np.repeat([0.0, 1.0], count // 2)
    names = ["whole", "border_alone", "no_places"]
    shifts = [np.sqrt(2) * {0.5: 0, 0.75: 0.6745, 0.95: 1.645}[area] for area in areas]
    scores = {name: rng.normal(size=(runs, count)) + shift * labels for name, shift in zip(names, shifts, strict=False)}
    return labels, np.arange(count) // 2, scores


def rows(labels, groups, scores, **limits):
    settings = {"seed": 1, "audit": SETTINGS["audit"] | limits}
    return summary(labels, groups, scores, "central region", settings).set_index("control")


def test_the_ratio_is_that_of_what_exceeds_chance():
    table = rows(*scored(0.95, 0.75, 0.5))
    whole, border = table.loc["whole", "value"], table.loc["border_alone"]
    assert border["ratio"] == pytest.approx((border["value"] - 0.5) / (whole - 0.5))
    assert border["ratio_ci_low"] < border["ratio"] < border["ratio_ci_high"]
    assert 0.45 < border["ratio"] < 0.65 and not border["flagged"]
    assert table.loc["no_places", "ratio_ci_low"] < 0 < table.loc["no_places", "ratio_ci_high"]


def test_a_control_is_flagged_when_its_whole_interval_lies_above_the_limit():
    border = rows(*scored(0.95, 0.75, 0.5)).loc["border_alone"]
    between = (border["ratio_ci_low"] + border["ratio"]) / 2
    for limit, flagged in ((border["ratio_ci_low"] - 0.01, True), (between, False)):
        assert border["ratio"] > limit
        assert rows(*scored(0.95, 0.75, 0.5), flag=limit).loc["border_alone", "flagged"] == flagged


def test_without_a_whole_image_above_the_limit_no_ratio_is_defined():
    for table in (rows(*scored(0.5, 0.75, 0.5)), rows(*scored(0.75, 0.75, 0.5), least_auc=0.75)):
        assert table.loc[["border_alone", "no_places"], "status"].eq("not defined").all()
        assert table[["ratio", "ratio_ci_low", "ratio_ci_high"]].isna().all(axis=None) and not table["flagged"].any()
        assert table.loc["border_alone", "value"] > 0.6


def test_the_bootstrap_is_that_of_a_plain_loop_over_groups_and_runs():
    labels, groups, scores = scored(0.95, 0.75, count=80)
    areas = shortcuts.bootstrap(labels, groups, scores, seed=3, count=2000)
    rng, expected = np.random.default_rng(99), []
    members = {group: [place for place in range(80) if groups[place] == group] for group in set(groups)}
    of_class = [[group for group in members if labels[members[group][0]] == label] for label in (0, 1)]
    for _ in range(2000):
        images = [p for pool in of_class for group in rng.choice(pool, len(pool)) for p in members[group]]
        chosen = rng.choice(3, 3)
        pair = []
        for values in scores.values():
            below = [
                (
                    values[run][[p for p in images if labels[p]]][:, None]
                    > values[run][[p for p in images if not labels[p]]]
                )
                for run in chosen
            ]
            pair.append(np.mean(below))
        expected.append(shortcuts.ratio(pair[1], pair[0]))
    ratios = shortcuts.ratio(areas["border_alone"], areas["whole"])
    assert np.mean(ratios) == pytest.approx(np.mean(expected), abs=0.01)
    assert np.std(ratios) == pytest.approx(np.std(expected), rel=0.08)
    assert intervals.percentiles(ratios) == pytest.approx(np.quantile(expected, [0.025, 0.975]), abs=0.03)


def test_copies_widen_the_interval_and_are_drawn_whole():
    labels, _, scores = scored(0.75, count=80, runs=1)
    labels, scores = np.repeat(labels, 2), {"whole": np.repeat(scores["whole"], 2, axis=1)}
    copied = np.std(shortcuts.bootstrap(labels, np.arange(160) // 2, scores, seed=1)["whole"])
    single = np.std(shortcuts.bootstrap(labels, np.arange(160), scores, seed=1)["whole"])
    assert copied / single == pytest.approx(np.sqrt(2), rel=0.1)
    drawn = shortcuts.resamples(labels, np.arange(160) // 2, np.random.default_rng(1), count=20)
    assert np.array_equal(drawn[:, ::2], drawn[:, 1::2]) and drawn.max() > 1
    assert (drawn[:, labels == 1].sum(axis=1) == 80).all() and (drawn[:, labels == 0].sum(axis=1) == 80).all()


def test_a_perfect_control_has_the_exact_bound():
    labels, groups, _ = scored(0.95, count=40)
    table = rows(labels, groups, {"whole": np.stack([labels] * 2), "border_alone": np.stack([labels] * 2)})
    assert table.loc["whole", ["ci_low", "ci_high"]].tolist() == list(intervals.auc_interval(labels, labels))
    assert table.loc["border_alone", "ratio"] == 1 and table.loc["border_alone", "flagged"]


# Counterfactuals.


@pytest.fixture
def images():
    rng, labels = np.random.default_rng(2), np.repeat([0.0, 1.0], 20)
    base = rng.normal(110, 8, (40, 1, 1)) + 40 * labels[:, None, None]
    noise = rng.normal(0, 1, (40, SIZE, SIZE)) * (15 + 10 * labels)[:, None, None]
    return np.clip(np.round(base + noise), 0, 255).astype(np.uint8), labels


def test_edits_change_what_they_say_and_nothing_else(images):
    images, labels = images
    inside = np.broadcast_to(regions.central(SIZE), images.shape)
    found = np.zeros(images.shape, bool)
    found[:, 1:3, 14:18] = True
    for edit, blanked in {"edges": found | regions.corners(SIZE), "inside": inside}.items():
        after = counterfactuals.altered(edit, images, labels, inside, found)
        assert after.dtype == np.uint8 and np.array_equal(after[~blanked], images[~blanked])
        means = np.broadcast_to(images.mean(axis=(1, 2), keepdims=True).astype(np.uint8), images.shape)
        assert np.array_equal(after[blanked], means[blanked])
    step = np.arange(SIZE, dtype=np.uint8)
    ramp = counterfactuals.altered("crop", np.tile(8 * step, (1, SIZE, 1)), labels[:1], inside[:1], found[:1])[0]
    assert ramp.shape == (SIZE, SIZE) and (ramp[0, 0], ramp[0, -1]) == (8 * 3, 8 * 28)


def test_each_class_takes_brightness_and_contrast_of_the_other(images):
    images, labels = images
    after = counterfactuals.altered("grey", images, labels, None, None)
    for moment in (np.mean, np.std):
        before, now = moment(images, axis=(1, 2)), moment(after, axis=(1, 2))
        for label in (0, 1):
            assert now[labels == label].mean() == pytest.approx(before[labels != label].mean(), rel=0.02)
        order = np.corrcoef(before[labels == 1], now[labels == 1])[0, 1]
        assert order > 0.99, "images keep their order within the class"


def test_effects_are_of_probabilities_and_of_verdicts_at_the_threshold():
    labels, groups = np.repeat([0.0, 1.0], [30, 10]), np.arange(40)
    before = np.where(labels == 1, 2.0, -2.0) + np.random.default_rng(0).normal(0, 0.3, 40)
    after = before.copy()
    after[30:34] = 0.25  # below the threshold, and above a probability of one half
    table = pd.DataFrame(counterfactuals.effects(labels, groups, {"original": before, "edges": after}, 0.5, seed=1))
    table = table.set_index("label")
    change = (expit(after) - expit(before))[labels == 1]
    assert table.loc["covid", "value"] == pytest.approx(change.mean())
    draws = np.random.default_rng(8).choice(change, (4000, 10)).mean(axis=1)
    expected = np.quantile(draws, [0.025, 0.975])
    assert table.loc["covid", ["ci_low", "ci_high"]].to_numpy(float) == pytest.approx(expected, abs=0.03)
    assert table.loc["covid", "flipped"] == 0.4 and table.loc["covid", "images"] == 10
    assert table.loc["covid", ["flipped_ci_low", "flipped_ci_high"]].tolist() == list(intervals.wilson(4, 10))
    assert (table.loc["normal", ["value", "ci_low", "ci_high", "flipped"]] == 0).all()


def test_markers_are_counted_by_class_and_examples_are_those_that_change_most():
    labels = np.array([0, 1, 0, 1, 0], float)
    found = np.zeros((5, 4, 4), bool)
    found[[0, 2, 3], 1, 1:3] = True
    table = counterfactuals.marker_rows(labels, found).set_index("label")
    assert table["hits"].to_dict() == {"normal": 2, "covid": 1} and table.loc["normal", "value"] == pytest.approx(2 / 3)
    original = np.full(5, 0.5)
    probabilities = {
        "baseline": {"original": original, "crop": original + [0, 0.1, 0.3, 0, 0]},
        "transfer": {"original": original, "crop": original - [0, 0, 0, 0.2, 0.1]},
    }
    assert counterfactuals.most_changed(labels, probabilities).tolist() == [2, 3]


# Both wordings of the region, through tables and figures.


@pytest.fixture(scope="module", params=["lungs", "central region"])
def built(request, tmp_path_factory):
    """The stage's outputs on noise that carries markers, with a model each that measures brightness."""
    import keras

    folder = tmp_path_factory.mktemp("counterfactuals")
    files = write(folder, np.ones((SIZE, SIZE), bool), masks=lungs if request.param == "lungs" else None)
    for model, sign in {"baseline": 1, "transfer": -1}.items():
        inputs = keras.Input((SIZE, SIZE, 1))
        mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(sign / 20, offset=-sign * 6)(inputs))
        network = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(mean))
        network.save(folder / f"{model}.keras")
    out = {"table": "counterfactuals.csv", "marker_table": "markers.csv", "samples": "samples.csv"}
    out |= {"sample_images": "samples.npz", "marker_images": "markers.npz"}
    out = {name: folder / "out" / file for name, file in out.items()}
    counterfactuals.audit_counterfactuals(
        folder / "baseline.keras",
        folder / "transfer.keras",
        files["val"],
        files["val_masks"],
        files["val_index"],
        SETTINGS,
        **out,
    )
    return request.param, out


def test_the_stage_tells_of_lungs_or_of_a_central_region(built):
    region, out = built
    table = pd.read_csv(out["table"])
    assert table[["model", "edit", "label"]].values.tolist() == [
        [model, edit, label]
        for model in ("baseline", "transfer")
        for label in ("normal", "covid")
        for edit in ("edges", "inside", "grey", "crop")
    ]
    assert (table["region"] == region).all() and f"{region} blanked" in set(table["name"])
    assert (table["ci_low"] <= table["value"]).all() and (table["value"] <= table["ci_high"]).all()
    samples = pd.read_csv(out["samples"])
    assert samples["label"].value_counts().to_dict() == {"normal": 5, "covid": 5}
    assert samples["name"].tolist()[2] == f"{region} blanked"
    assert np.load(out["sample_images"])["images"].shape == (10, SIZE, SIZE)


def test_figures_are_drawn_from_tables_alone(built, tmp_path):
    _, out = built
    labels, groups, scores = scored(0.95, 0.95, 0.5, runs=2)
    for least in (0.6, 0.99):
        rows(labels, groups, scores, least_auc=least).reset_index().to_csv(tmp_path / "controls.csv", index=False)
        runs = [
            {"control": c, "seed": s, "val_auc": metrics.auc(labels, v)}
            for c in scores
            for s, v in enumerate(scores[c])
        ]
        pd.DataFrame(runs).to_csv(tmp_path / "runs.csv", index=False)
        figures = [tmp_path / f"{name}_{least}.pdf" for name in ("controls", "counterfactuals", "markers")]
        arrays = (out["samples"], out["sample_images"], out["marker_images"])
        plots.audit(tmp_path / "runs.csv", tmp_path / "controls.csv", *arrays, *figures)
        assert all(file.read_bytes().startswith(b"%PDF") for file in figures)


# Leakage.


def answers(folder, splits=None, ledger=("baseline", "transfer"), controls=None):
    index = pd.DataFrame({"file": list("abcd"), "split": ["train", "val", "test", "test"], "group": list("abcc")})
    index["label"] = ["covid", "normal", "covid", "normal"]
    index["split"] = splits or index["split"]
    index.to_csv(folder / "index.csv", index=False)
    found = {"images": 4, "exact_pairs": 0, "near_pairs": 1, "threshold": 0.98, "groups": 1, "dropped": 0}
    pd.DataFrame([found]).to_csv(folder / "duplicates.csv", index=False)
    pd.DataFrame({"model": ledger, "weights_sha256": range(len(ledger))}).to_csv(folder / "ledger.csv", index=False)
    controls = rows(*scored(0.95, 0.95, 0.5, runs=2)) if controls is None else controls
    controls.reset_index().to_csv(folder / "controls.csv", index=False)
    inputs = [folder / f"{name}.csv" for name in ("index", "duplicates", "ledger", "controls")]
    leakage.audit_leakage(*inputs, folder / "new/leakage.csv")
    return pd.read_csv(folder / "new/leakage.csv").set_index("code")


def test_all_eight_types_are_answered_with_how_it_is_known(tmp_path):
    table = answers(tmp_path)
    assert table.index.tolist() == ["L1.1", "L1.2", "L1.3", "L1.4", "L2", "L3.1", "L3.2", "L3.3"]
    assert set(table["how"]) == {leakage.GRAPH, leakage.TESTED, leakage.UNKNOWN}
    assert table.loc["L1.1", "answer"] == "absent: there are 2 test images, which each final model predicts once"
    assert (
        table.loc["L1.4", "answer"].startswith("absent: ")
        and "1 near pairs of 4 images" in table.loc["L1.4", "evidence"]
    )
    assert table.loc["L2", "answer"] == "present, enough for a high score: border only"
    assert table.loc["L3.2", "answer"] == "open: the films name no patients"
    assert table.notna().all(axis=None)


@pytest.mark.parametrize("ledger", [("baseline", "transfer", "transfer"), ("baseline",), ("baseline", "baseline")])
def test_another_look_than_the_one_is_told(tmp_path, ledger):
    row = answers(tmp_path, ledger=ledger).loc["L1.1"]
    assert row["answer"].startswith("present: ") and f"baseline {ledger.count('baseline')}" in row["evidence"]


def test_copies_left_in_two_splits_are_told(tmp_path):
    answer = answers(tmp_path, splits=["train", "val", "test", "train"]).loc["L1.4", "answer"]
    assert answer == "present: 1 group(s) of copies are in two splits"


def test_controls_without_a_flag_or_a_ratio_leave_features_open(tmp_path):
    none = answers(tmp_path, controls=rows(*scored(0.95, 0.5, 0.5))).loc["L2"]
    assert none["answer"].startswith("not found") and none["how"] == leakage.TESTED
    undefined = answers(tmp_path, controls=rows(*scored(0.5, 0.5, 0.5))).loc["L2"]
    assert undefined["answer"].startswith("open") and undefined["how"] == leakage.UNKNOWN
    assert undefined["evidence"].endswith("none")


@pytest.mark.parametrize(
    "region, answer", [("lungs", "present, enough for a high score: blanked"), ("central region", "not found")]
)
def test_around_a_central_region_parts_of_the_lungs_are_left(tmp_path, region, answer):
    controls = pd.DataFrame(
        {"name": ["blanked", "border"], "region": region, "blind": True, "ratio": [0.9, 0.5], "flagged": [True, False]},
        index=pd.Index(["inside_blanked", "border_alone"], name="control"),
    )
    assert answers(tmp_path, controls=controls).loc["L2", "answer"].startswith(answer)


# Verdicts.

CONTROLS_TABLE = {
    "whole": (0.97, 0.95, 0.98, np.nan, False),
    "inside_blanked": (0.96, 0.94, 0.97, 0.98, True),
    "border_alone": (0.92, 0.9, 0.94, 0.89, True),
    "no_places": (0.9, 0.87, 0.92, 0.85, True),
}
CROPS = {  # by model and class: flipped, its interval
    ("baseline", "covid"): (0.03, 0.01, 0.08),
    ("baseline", "normal"): (0.66, 0.62, 0.71),
    ("transfer", "covid"): (0.02, 0.01, 0.06),
    ("transfer", "normal"): (0.42, 0.37, 0.46),
}


def stated(
    folder,
    region="central region",
    changed=None,
    flips=(0.17, 0.12, 0.24),
    normal_flips=(0.08, 0.06, 0.11),
    crops=None,
    marks=(0.2, 0.6),
):
    """{topic: row of the verdicts} from made-up tables.

    Args:
        changed: {control: (value, low, high, ratio, flagged)}; the interval of the ratio is 0.04 to either side.
        flips, normal_flips: share of the transfer model's verdicts on each class that blanking `region` flips, with its
            interval.
        crops: what differs from CROPS.
    """
    controls = pd.DataFrame(
        [
            {"control": name, "name": name, "region": region, "blind": name in BLIND, "value": value,
             "ci_low": low, "ci_high": high, "ratio": ratio, "ratio_ci_low": ratio - 0.04,
             "ratio_ci_high": ratio + 0.04, "flagged": flagged, "flag": 0.8,
             "status": "not defined" if np.isnan(ratio) else "defined"}
            for name, (value, low, high, ratio, flagged) in (CONTROLS_TABLE | (changed or {})).items()
        ]
    )  # fmt: skip
    edits = pd.DataFrame(
        [
            {"model": model, "edit": edit, "label": label, "region": region, "flipped": share, "flipped_ci_low": low,
             "flipped_ci_high": high}
            for (model, edit, label), (share, low, high) in {
                ("transfer", "inside", "covid"): flips,
                ("transfer", "inside", "normal"): normal_flips,
                **{(model, "crop", label): shares for (model, label), shares in (CROPS | (crops or {})).items()},
            }.items()
        ]
    )  # fmt: skip
    markers = pd.DataFrame(
        [
            {"label": label, "value": value, "ci_low": value - 0.1, "ci_high": value + 0.1}
            for label, value in zip(("covid", "normal"), marks, strict=True)
        ]
    )
    files = []
    for name, table in {"controls": controls, "counterfactuals": edits, "markers": markers}.items():
        files.append(folder / f"{name}.csv")
        table.to_csv(files[-1], index=False)
    verdict.audit_verdict(*files, folder / "new/verdict.csv")
    return pd.read_csv(folder / "new/verdict.csv").set_index("topic")


def not_flagged(value, low, ratio=0.1):
    return {name: (value, low, value + 0.02, ratio, False) for name in ("inside_blanked", "border_alone", "no_places")}


UNDEFINED = {name: (0.7, 0.65, 0.75, np.nan, False) for name in ("inside_blanked", "border_alone", "no_places")}
# Too wide an interval to be above the limit, or below it.
UNSURE = {("transfer", "normal"): (0.42, 0.05, 0.8)}


@pytest.mark.parametrize("region", ["lungs", "central region"])
def test_a_shortcut_is_said_in_words_with_the_cells_it_follows_from(tmp_path, region):
    table = stated(tmp_path, region)
    assert table["verdict"].to_dict() == {
        "summary": "flagged", "outside": "enough", "no_places": "better than chance", "models": "stay",
        "crop": "both",
        "markers": "differ",
    }  # fmt: skip
    assert table.loc["summary", "statement"] == (
        f"Without the {region}, a small network reaches a validation AUC of 0.960, against 0.970 on whole images: a "
        "high score on this data does not show that a model recognises the disease."
    )
    assert table.loc["models", "statement"].startswith(f"Without the {region}, 83% of the transfer model's predictions")
    assert "flips 2% of the transfer" in table.loc["crop", "statement"]
    assert "(baseline: 3%) and 42% on normal ones (baseline: 66%)" in table.loc["crop", "statement"]
    assert table.loc["outside", "statement"] == (
        f"A network trained without the {region} reaches a val AUC of 0.960 (0.940 to 0.970), 98% of the whole image's "
        "AUC above chance."
    )
    assert table.loc["outside", "cells"] == "tables/audit/controls.csv, control inside_blanked: value"
    assert table.loc["crop", "cells"].count("tables/audit/counterfactuals.csv, model transfer, edit crop") == 2
    other = {"lungs": "central region", "central region": "lungs"}[region]
    assert not table["statement"].str.contains(other).any()


@pytest.mark.parametrize(
    "topic, found, words, changed",
    [
        (
            "summary",
            "not flagged",
            "no shortcut that was tested explains the score",
            {"changed": not_flagged(0.55, 0.48)},
        ),
        (
            "summary",
            "undecided",
            "whether this is at least 80% of the AUC above chance is undecided",
            {"changed": not_flagged(0.8, 0.7, ratio=0.78)},
        ),
        ("summary", "not defined", "too poorly on whole images for an audit", {"changed": UNDEFINED}),
        (
            "summary",
            "flagged",
            "On the border_alone, a small network reaches a validation AUC of 0.900",
            {"changed": not_flagged(0.5, 0.4) | {"border_alone": (0.9, 0.8, 1, 0.9, True)}},
        ),
        (
            "summary",  # the border's ratio is greater, but its interval too wide for it to be flagged
            "flagged",
            "Without the central region, a small network reaches a validation AUC of 0.880",
            {"changed": {"inside_blanked": (0.88, 0.8, 1, 0.85, True), "border_alone": (0.9, 0.8, 1, 0.9, False)}},
        ),
        ("outside", "part", "part of the score", {"changed": not_flagged(0.6, 0.55)}),
        ("outside", "chance", "indistinguishable from chance", {"changed": not_flagged(0.55, 0.48)}),
        ("outside", "not defined", "too poorly for a comparison", {"changed": UNDEFINED}),
        ("no_places", "chance", "indistinguishable from chance", {"changed": not_flagged(0.55, 0.48)}),
        ("models", "flip", "most of them depend on this region", {"flips": (0.8, 0.7, 0.9)}),
        ("models", "undecided", "whether most of them depend on this region is undecided", {"flips": (0.4, 0.3, 0.6)}),
        ("models", "undecided", "but 90% of those on normal images change", {"normal_flips": (0.9, 0.8, 0.95)}),
        ("crop", "baseline", "affects the predictions of the baseline", {"crops": UNSURE}),
        (
            "crop",
            "transfer",
            "affects the predictions of the transfer model",
            {"crops": {("baseline", "normal"): (0.12, 0.08, 0.16), ("transfer", "covid"): (0.42, 0.37, 0.46)}},
        ),
        (
            "crop",
            "not shown",
            "an effect on more than 10% of them is not shown",
            {"crops": UNSURE | {("baseline", "normal"): (0.12, 0.08, 0.16)}},
        ),
        ("markers", "alike", "no detectable difference", {"marks": (0.5, 0.6)}),
        ("markers", "differ", "a non-anatomical cue", {"marks": (0.5, 0.65)}),  # though their intervals overlap
    ],
)
def test_the_other_branches(tmp_path, topic, found, words, changed):
    row = stated(tmp_path, **changed).loc[topic]
    assert row["verdict"] == found and words in row["statement"]
