"""explore_findings: what the exploration shows, at both sides of each limit."""

import pandas as pd
import pytest

from pipeline.explore import findings as explore
from pipeline.explore.describe import SMALL


def table(name, rows):
    made = pd.DataFrame(rows)
    made.attrs["table"] = f"explore/{name}"
    return made


@pytest.mark.parametrize(
    ("exact", "near", "dropped", "value"),
    [(0, 0, 0, "none"), (1, 0, 0, "kept"), (0, 1, 0, "kept"), (2, 1, 1, "removed")],
)
def test_copies(exact, near, dropped, value):
    summary = table("summary", [{"exact_pairs": exact, "near_pairs": near, "dropped": dropped}])
    assert explore.copies(summary)["value"] == value


def classes(*shares):
    splits = zip(("train", "val", "test"), shares, strict=True)
    return table("classes", [{"split": split, "label": "covid", "share": share} for split, share in splits])


@pytest.mark.parametrize(
    ("p", "effect", "last", "value", "limit", "margin"),
    [
        (0.06, 0.01, 0.2599, "uniform", 0.01, 0.01),
        (0.04, 0.0999, 0.2599, "uniform", 0.01, 0.01),
        (0.06, 0.01, 0.2601, "undetected", 0.01, 0.01),
        (0.06, 0.01, 0.29, "undetected", 0.05, 0.2),
        (0.04, 0.01, 0.2401, "uniform", 0.01, 0.01),
        (0.04, 0.01, 0.2399, "negligible", 0.01, 0.01),
        (0.04, 0.01, 0.29, "negligible", 0.05, 0.2),
        (0.01, 0.099, 0.29, "negligible", 0.1, 0.01),
        # The spread plays no part.
        (0.04, 0.2, 0.2599, "different", 0.05, 0.2),
        (0.01, 0.11, 0.2599, "different", 0.1, 0.1),
    ],
)
def test_classes_are_divided_uniformly_to_within_a_percentage_point(p, effect, last, value, limit, margin):
    decided = explore.division(classes(0.25, 0.25, last), uniformity(("chi-square", p, effect)))
    assert (decided["value"], decided["limit"], decided["margin"]) == (value, limit, pytest.approx(margin))


@pytest.mark.parametrize(
    ("share", "value"),
    [(0.399, "unbalanced"), (0.4, "balanced"), (0.5, "balanced"), (0.6, "balanced"), (0.601, "unbalanced")],
)
def test_classes_are_balanced_between_40_and_60_percent(share, value):
    assert explore.balance(classes(share, 0.5, 0.5))["value"] == value


@pytest.mark.parametrize(("width", "height", "value"), [(60, 70, "same"), (61, 70, "different"), (60, 69, "different")])
def test_images_have_one_size_or_several(width, height, value):
    rows = [{"min_width": 60, "max_width": 60, "min_height": 70, "max_height": 70} for _ in range(2)]
    rows[1] |= {"max_width": max(60, width), "min_height": min(70, height)}
    assert explore.size(table("sizes", rows))["value"] == value


@pytest.mark.parametrize(("side", "value"), [(59, "down"), (60, "not_down"), (61, "not_down")])
@pytest.mark.parametrize(("width", "height", "least"), [(60, 200, "min_width"), (200, 60, "min_height")])
def test_images_are_downsampled_where_both_sides_are_greater(width, height, least, side, value):
    sizes = table("sizes", [{"split": "train", "min_width": width, "min_height": height}])
    decided = explore.resizing(sizes, side)
    assert (decided["value"], decided["cells"]) == (value, f"explore/sizes:1:{least}")


@pytest.mark.parametrize(
    ("covid", "value"), [(126.01, "differs"), (125.99, "alike"), (113.99, "differs"), (114.01, "alike")]
)
def test_classes_differ_in_brightness_by_a_tenth_of_the_deviation(covid, value):
    means = {"normal": 120, "covid": covid, "all": 121}
    pixels = table(
        "pixels", [{"split": "train", "label": label, "mean": mean, "sd": 60} for label, mean in means.items()]
    )
    assert explore.brightness(pixels)["value"] == value


def shortcuts(strongest=(0.4, 0.7, 0.8), together=(0.4, 0.6, 0.8), weakest=(0.4, 0.6, 0.8)):
    cues = {"contrast": weakest, "sharpness": strongest, "all together": together}
    return table("shortcuts", [{"cue": cue, "ci_low": low, "value": value, "ci_high": high}
                               for cue, (low, value, high) in cues.items()])  # fmt: skip


@pytest.mark.parametrize(("area", "value"), [(0.999, "overlapping"), (1, "separable")])
def test_classes_overlap_in_a_statistic_or_not(area, value):
    assert explore.overlap(shortcuts(together=(0.9, area, 1)))["value"] == value


@pytest.mark.parametrize(
    ("strongest", "together", "expected"),
    [
        (0.501, 0.499, ["undetected", "separates", "differs"]),
        (0.5, 0.501, ["separate", "undetected", "differs"]),
        (0.5, 0.5, ["undetected", "undetected", "undetected"]),
    ],
)
def test_cues_separate_the_classes_where_their_interval_lies_above_chance(strongest, together, expected):
    decided = explore.cues(shortcuts((strongest, 0.7, 0.8), (together, 0.6, 0.8), weakest=(0.55, 0.6, 0.8)))
    assert [row["value"] for row in [*decided, explore.quality(decided)]] == expected
    assert [row["subject"] for row in decided] == ["", "sharpness"]


def test_one_way_to_separate_the_classes_is_enough():
    """The stronger one would have to fall; where there is none, the nearer one would be enough."""
    together, strongest = explore.cues(shortcuts((0.51, 0.7, 0.71), (0.6, 0.65, 0.7)))
    assert explore.quality([together, strongest])["margin"] == together["margin"] == pytest.approx(2)
    together, strongest = explore.cues(shortcuts((0.49, 0.7, 0.69), (0.4, 0.5, 0.6)))
    assert explore.quality([together, strongest])["margin"] == strongest["margin"] == pytest.approx(0.1)


def uniformity(*rows):
    """(test, p_holm, value), with the result that follows from them."""
    made = [{"test": test, "p_holm": p, "value": value} for test, p, value in rows]
    for row in made:
        relevant = "negligible" if row["value"] < SMALL[row["test"]] else "different"
        row["result"] = "none found" if row["p_holm"] >= 0.05 else relevant
    return table("uniformity", made)


@pytest.mark.parametrize(
    ("rows", "value", "deciding", "limit", "margin"),
    [
        ([("chi-square", 0.06, 0.01), ("classifier", 0.9, 0.52)], "undetected", 1, 0.05, 0.2),
        # p that is no longer significant turns it, and so does a relevant effect.
        ([("chi-square", 0.04, 0.01), ("classifier", 0.9, 0.52)], "negligible", 1, 0.05, 0.2),
        ([("chi-square", 0.01, 0.09), ("classifier", 0.9, 0.52)], "negligible", 1, 0.1, 0.1),
        ([("chi-square", 0.01, 0.13), ("classifier", 0.9, 0.52)], "different", 1, 0.1, 0.3),
        ([("chi-square", 0.045, 0.13), ("classifier", 0.9, 0.52)], "different", 1, 0.05, 0.1),
        # One different test is enough: the farther one decides.
        ([("chi-square", 0.01, 0.11), ("chi-square", 0.01, 0.15)], "different", 2, 0.1, 0.5),
        ([("chi-square", 0.04, 0.05), ("classifier", 0.01, 0.6)], "different", 2, SMALL["classifier"],
         0.6 / SMALL["classifier"] - 1),
    ],
)  # fmt: skip
def test_splits_are_as_different_as_the_worst_test(rows, value, deciding, limit, margin):
    decided = explore.splits(uniformity(*rows))
    assert (decided["value"], decided["limit"], decided["margin"]) == (value, limit, pytest.approx(margin))
    assert decided["cells"] == f"explore/uniformity:{deciding}:p_holm; explore/uniformity:{deciding}:value"


@pytest.mark.parametrize(("distance", "value"), [(0.0797, "insufficient"), (0.0796, "not_shown")])
def test_power_is_insufficient_where_an_undetected_effect_would_be_relevant(distance, value):
    tests = uniformity(("Kolmogorov-Smirnov", 0.3, distance), ("classifier", 0.9, 0.52), ("chi-square", 0.01, 0.5))
    assert explore.power(tests)["value"] == value
    assert explore.power(uniformity(("chi-square", 0.01, 0.5)))["value"] == "not_shown"


@pytest.mark.parametrize(("ratio", "value"), [(2.49, "alike"), (2.5, "apart"), (2.51, "apart")])
def test_mean_images_lie_apart_beyond_the_variation_of_a_random_division(ratio, value):
    assert explore.distance(table("mean_images", [{"ratio": 1.0}, {"ratio": ratio}]))["value"] == value


@pytest.mark.parametrize(("covid", "value"), [(0.49, "normal"), (0.5, "normal"), (0.51, "covid")])
def test_the_majority_of_val(covid, value):
    shares = {("val", "normal"): 1 - covid, ("val", "covid"): covid, ("train", "normal"): 0.4, ("train", "covid"): 0.6}
    rows = [{"split": split, "label": label, "share": share} for (split, label), share in shares.items()]
    assert explore.majority(table("classes", rows))["value"] == value
