"""audit: each control is flagged for what it should and nothing else; the shortcut ratio and its bootstrap."""

import numpy as np
import pandas as pd
import pytest

from pipeline.audit.controls import CONTROLS, boosted, describe, remove, run_controls
from pipeline.images import regions
from pipeline.models import runtime
from pipeline.statistics import intervals, metrics, shortcuts
from tests.audit.examples import SETTINGS, SIZE, lungs, scored, splits, summarised

runtime.start(SETTINGS["compute"])


def tables_of(inputs, **changed):
    settings = SETTINGS | {"ablate": SETTINGS["ablate"] | changed}
    return run_controls(**inputs, settings=settings)


def test_a_label_in_the_border_alone_is_flagged_there_and_nowhere_else():
    tables = tables_of(splits(~regions.central(SIZE)), seeds=[1])
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
    assert tables["runs"]["control"].tolist() == controls
    assert len(tables["cost"]) == len(tables["runs"]) and (tables["cost"]["seconds"] > 0).all()


@pytest.mark.slow
def test_a_label_in_the_lungs_alone_is_flagged_by_no_control_that_is_blind_to_them():
    inside = lungs(None) > 0
    tables = tables_of(splits(inside, masks=lambda rng, covid: lungs(rng)), seeds=[1])
    table = tables["table"].set_index("control")
    assert table.loc["whole", "ci_low"] > 0.6
    assert not table.loc[table["blind"], "flagged"].any()
    assert table.index[table["blind"]].tolist() == ["inside_blanked", "border_alone", "outline"]
    assert table.loc["inside_alone", "flagged"] and table.loc["thumbnail", "flagged"], "neither is blind to the lungs"
    assert (table["region"] == "lungs").all() and table.loc["inside_alone", "name"] == "lungs only"
    assert table.loc["outline", "value"] == 0.5, "all outlines are alike"


def test_a_label_in_the_outline_of_the_lungs_is_flagged(monkeypatch):
    monkeypatch.setattr("pipeline.audit.controls.CONTROLS", {name: CONTROLS[name] for name in ("whole", "outline")})
    # The outline is seen in the image as well: where the label is, is bounded by it.
    inputs = splits(np.ones((SIZE, SIZE), bool), masks=lungs)
    tables = tables_of(inputs)
    table = tables["table"].set_index("control")
    assert tables["runs"][["control", "seed"]].values.tolist() == [
        [c, seed] for c in ("whole", "outline") for seed in (1, 2)
    ]
    means = tables["runs"].groupby("control")["val_auc"].mean()
    assert means[table.index].to_numpy() == pytest.approx(table["value"].to_numpy())
    assert table.loc["outline", "flagged"] and table.loc["outline", "status"] == "defined"


def test_what_each_control_leaves():
    rng = np.random.default_rng(0)
    images = rng.integers(1, 256, (3, SIZE, SIZE)).astype(np.uint8)
    inside = np.stack([lungs(None)] * 3) > 0
    assert np.array_equal(remove("whole", images, inside), images)
    blanked, alone = remove("inside_blanked", images, inside), remove("inside_alone", images, inside)
    assert (blanked[inside] == 0).all() and np.array_equal(blanked[~inside], images[~inside])
    assert np.array_equal(blanked + alone, images)
    border = remove("border_alone", images, inside)
    assert (border[:, 4:-4, 4:-4] == 0).all() and np.array_equal(border[:, :3], images[:, :3])
    assert not remove("border_alone", images, np.ones_like(inside)).any(), "lungs that reach into it are not seen"
    assert np.array_equal(np.unique(remove("outline", images, inside)), [0, 255])
    thumbnail = remove("thumbnail", images, inside)
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
        values, labels = describe(index, images), covid.astype(float)

    logits = boosted(Train, Train, seed=1, settings=None)
    assert metrics.auc(Train.labels, logits) == 1
    shuffled = describe(index, rng.permuted(images, axis=0))
    assert shuffled.shape == (120, 4 + 1 + 2 + 16)


def test_the_ratio_is_that_of_what_exceeds_chance():
    table = summarised(*scored(0.95, 0.75, 0.5))
    whole, border = table.loc["whole", "value"], table.loc["border_alone"]
    assert border["ratio"] == pytest.approx((border["value"] - 0.5) / (whole - 0.5))
    assert border["ratio_ci_low"] < border["ratio"] < border["ratio_ci_high"]
    assert 0.45 < border["ratio"] < 0.65 and not border["flagged"]
    assert table.loc["no_places", "ratio_ci_low"] < 0 < table.loc["no_places", "ratio_ci_high"]


def test_a_control_is_flagged_when_its_whole_interval_lies_above_the_limit():
    border = summarised(*scored(0.95, 0.75, 0.5)).loc["border_alone"]
    between = (border["ratio_ci_low"] + border["ratio"]) / 2
    for limit, flagged in ((border["ratio_ci_low"] - 0.01, True), (between, False)):
        assert border["ratio"] > limit
        assert summarised(*scored(0.95, 0.75, 0.5), flag=limit).loc["border_alone", "flagged"] == flagged


def test_without_a_whole_image_above_the_limit_no_ratio_is_defined():
    for table in (summarised(*scored(0.5, 0.75, 0.5)), summarised(*scored(0.75, 0.75, 0.5), least_auc=0.75)):
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
    table = summarised(labels, groups, {"whole": np.stack([labels] * 2), "border_alone": np.stack([labels] * 2)})
    assert table.loc["whole", ["ci_low", "ci_high"]].tolist() == list(intervals.auc_interval(labels, labels))
    assert table.loc["border_alone", "ratio"] == 1 and table.loc["border_alone", "flagged"]
