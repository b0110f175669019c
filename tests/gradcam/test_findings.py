"""gradcam: what is claimed of the maps, on both sides of each limit."""

import math

import pandas as pd
import pytest

from pipeline.gradcam.findings import findings

IMAGES = {"true covid": 20, "false alarm": 12, "true normal": 30, "missed covid": 11}
COMPARED = [("true covid", "true normal"), ("false alarm", "true covid"), ("missed covid", "true normal")]
NONE = (math.nan, math.nan)
SEEDS, SHUFFLED, DELETION = (
    "two seeds, less other image",
    "shuffled weights, all layers",
    "deletion, random less hottest",
)


def frame(name, rows):
    """The table as a stage's function gets it."""
    made = pd.DataFrame(rows)
    made.attrs["table"] = name
    return made


def decided(
    areas=(0.9, 0.95), images=None, empty=(0, 0), lifts=None, shares=(0.3, 0.4), differences=None, checks=None, cells=20
):
    """{"FINDING SUBJECT": row} of made-up tables.

    Args:
        areas: test AUC of baseline and transfer model; the better one is explained.
        images: what differs from IMAGES.
        empty: empty maps of the predicted and of the other class.
        lifts: {(group, region): interval}; otherwise that of uniform heat.
        shares: interval of the share of heat in the lungs of true covid.
        differences: {(first, region): interval}; otherwise about 0.
        checks: {(model, check): interval}; otherwise above 0, but for shuffled weights.
        cells: along a side of a map.
    """
    images = IMAGES | (images or {})
    model = "transfer" if areas[1] > areas[0] else "baseline"
    regions = [
        {"group": group, "region": region, "images": count, "height": 0.1,
         "share_ci_low": shares[0], "share_ci_high": shares[1], "lift_ci_low": low, "lift_ci_high": high}
        for group, count in images.items()
        for region in ("lungs", "border", "corners")
        for low, high in [(lifts or {}).get((group, region), (0.9, 1.1))]
    ]  # fmt: skip
    of_pairs = [
        {"first": first, "second": second, "region": region, "ci_low": low, "ci_high": high}
        for first, second in COMPARED
        for region in ("lungs", "border", "corners")
        for low, high in [(differences or {}).get((first, region), (-0.1, 0.1))]
    ]
    expected = {SEEDS: (0.1, 0.3), SHUFFLED: (0.1, 0.3), DELETION: (0.1, 0.3)}
    trust = [
        frame(f"gradcam/{model}_trust", [
            {"check": check, "ci_low": ends[0], "ci_high": ends[1]}
            for check, usual in expected.items()
            for ends in [(checks or {}).get((model, check), usual)]
            if ends
        ])
        for model in ("baseline", "transfer")
    ]  # fmt: skip
    metrics = [
        {"model": model, "metric": "auc", "value": value}
        for model, value in zip(("baseline", "transfer"), areas, strict=True)
    ]
    classes = [{"predicted": label, "empty": count, "other_empty": other}
               for label, count, other in (("normal", 0, 0), ("covid", *empty))]  # fmt: skip
    groups = [{"group": group, "images": count, "model": model, "height": cells} for group, count in images.items()]
    table = findings(
        frame("gradcam/groups", groups),
        frame("gradcam/classes", classes),
        frame("gradcam/regions", regions),
        frame("gradcam/differences", of_pairs),
        trust,
        frame("evaluate/test_metrics", metrics),
    )["findings"]
    return {f"{row['finding']} {row['subject']}".strip(): row for row in table.to_dict("records")}


BORDER, CORNERS = ("true covid", "border"), ("true normal", "corners")
TOO_FEW = {(group, region): NONE for group in IMAGES for region in ("lungs", "border", "corners")}


@pytest.mark.parametrize(
    "name, value, changed",
    [
        ("explained", "transfer", {"areas": (0.9, 0.91)}),
        ("explained", "equal", {"areas": (0.9, 0.9)}),
        ("explained", "baseline", {"areas": (0.91, 0.9)}),
        ("empty_groups", "none", {}),
        ("empty_groups", "some", {"images": {"false alarm": 0}}),
        ("empty_maps", "none", {"empty": (0, 1)}),
        ("empty_maps", "some", {"empty": (1, 0)}),
        ("other_empty_maps", "none", {"empty": (1, 0)}),
        ("other_empty_maps", "some", {"empty": (0, 1)}),
        ("inside_heat", "more", {"lifts": {("true covid", "lungs"): (1.01, 1.2)}}),
        ("inside_heat", "undetected", {"lifts": {("true covid", "lungs"): (0.99, 1.2)}}),
        ("inside_heat", "undetected", {"lifts": {("true covid", "lungs"): (0.8, 1.01)}}),
        ("inside_heat", "less", {"lifts": {("true covid", "lungs"): (0.8, 0.99)}}),
        ("inside_heat", "too_few", {"lifts": TOO_FEW}),
        ("heat_elsewhere", "most", {"shares": (0.4, 0.49)}),
        ("heat_elsewhere", "undetected", {"shares": (0.4, 0.51)}),
        ("class_heat", "larger", {"differences": {("true covid", "lungs"): (0.01, 0.1)}}),
        ("class_heat", "undetected", {"differences": {("true covid", "lungs"): (-0.01, 0.1)}}),
        ("class_heat", "smaller", {"differences": {("true covid", "lungs"): (-0.1, -0.01)}}),
        ("class_heat", "too_few", {"differences": {("true covid", "lungs"): NONE}}),
        ("border_heat true covid", "more", {"lifts": {BORDER: (1.01, 1.2)}}),
        ("border_heat true covid", "undetected", {"lifts": {BORDER: (0.99, 1.2)}}),
        ("border_heat true covid", "too_few", {"lifts": {BORDER: NONE}}),
        ("corner_heat true normal", "more", {"lifts": {CORNERS: (1.01, 1.2)}}),
        ("corner_heat true normal", "undetected", {"lifts": {CORNERS: (0.5, 0.6)}}),
        ("bias", "undetected", {}),
        ("bias", "supported", {"lifts": {BORDER: (1.01, 1.2)}}),
        ("bias", "supported", {"lifts": TOO_FEW | {CORNERS: (1.01, 1.2)}}),
        ("bias", "hint", {"lifts": {BORDER: (1.01, 1.2)}, "checks": {("transfer", DELETION): (-0.01, 0.1)}}),
        ("bias", "supported", {"lifts": {BORDER: (1.01, 1.2)}, "checks": {("baseline", DELETION): (-0.01, 0.1)}}),
        ("bias", "undetected", {"lifts": TOO_FEW | {CORNERS: (0.9, 1.1)}}),
        ("bias", "unknown", {"lifts": TOO_FEW}),
        ("border_bias", "supported", {"lifts": {BORDER: (1.01, 1.2)}}),
        ("border_bias", "undetected", {"lifts": {CORNERS: (1.01, 1.2)}}),
        ("border_bias", "hint", {"lifts": {BORDER: (1.01, 1.2)}, "checks": {("transfer", DELETION): (-0.01, 0.1)}}),
        ("border_bias", "unknown", {"lifts": TOO_FEW}),
        ("cells", "wider", {"cells": 9}),
        ("cells", "narrower", {"cells": 10}),
        ("misclassified", "some", {"images": {"missed covid": 1, "false alarm": 0}}),
        ("misclassified", "none", {"images": {"missed covid": 0, "false alarm": 0}}),
        ("error_group missed covid", "some", {"images": {"missed covid": 1}}),
        ("error_group missed covid", "none", {"images": {"missed covid": 0}}),
        ("error_heat missed covid", "undetected", {}),
        ("error_heat missed covid", "different", {"differences": {("missed covid", "border"): (0.01, 0.1)}}),
        ("error_heat missed covid", "different", {"differences": {("missed covid", "lungs"): (-0.1, -0.01)}}),
        ("error_heat missed covid", "undetected", {"differences": {("missed covid", "corners"): (0.01, 0.1)}}),
        (
            "error_heat missed covid",
            "too_few",
            {"differences": {("missed covid", region): NONE for region in ("lungs", "border")}},
        ),
        ("error_means false alarm", "both", {}),
        ("error_means false alarm", "missing", {"images": {"true covid": 0}}),
        ("error_maps", "undetected", {}),
        ("error_maps", "different", {"differences": {("false alarm", "lungs"): (0.01, 0.1)}}),
        ("seeds baseline", "above", {"checks": {("baseline", SEEDS): (0.01, 0.1)}}),
        ("seeds baseline", "undetected", {"checks": {("baseline", SEEDS): (-0.01, 0.1)}}),
        ("seeds baseline", "one_seed", {"checks": {("baseline", SEEDS): None}}),
        ("weights transfer", "matter", {"checks": {("transfer", SHUFFLED): (0.3, 0.49)}}),
        ("weights transfer", "undetected", {"checks": {("transfer", SHUFFLED): (0.3, 0.51)}}),
        ("weights_models", "both", {}),
        ("weights_models", "baseline", {"checks": {("transfer", SHUFFLED): (0.3, 0.51)}}),
        ("deletion transfer", "faster", {"checks": {("transfer", DELETION): (0.01, 0.1)}}),
        ("deletion transfer", "undetected", {"checks": {("transfer", DELETION): (-0.01, 0.1)}}),
        ("deletion transfer", "slower", {"checks": {("transfer", DELETION): (-0.1, -0.01)}}),
        ("deletion_models", "transfer", {"checks": {("baseline", DELETION): (-0.01, 0.1)}}),
        ("deletion_models", "neither", {"checks": {(m, DELETION): (-0.1, 0.1) for m in ("baseline", "transfer")}}),
    ],
)
def test_each_value_is_decided_by_its_limit(name, value, changed):
    assert decided(**changed)[name]["value"] == value


def test_one_region_or_group_that_differs_is_enough():
    """The farthest would have to turn; where there is none, the nearest is enough."""
    near, far = (0.1, 1.1), (0.2, 0.4)
    found = decided(differences={("missed covid", "lungs"): near, ("missed covid", "border"): far,
                                 ("false alarm", "lungs"): (0.1, 0.3)})  # fmt: skip
    assert found["error_heat missed covid"]["margin"] == pytest.approx(2)
    assert found["error_heat false alarm"]["margin"] == pytest.approx(1)
    assert (found["error_maps"]["value"], found["error_maps"]["margin"]) == ("different", pytest.approx(2))
    found = decided(differences={("missed covid", "lungs"): (-0.1, 0.3), ("missed covid", "border"): NONE})
    assert found["error_heat missed covid"]["margin"] == pytest.approx(0.5)
    assert (found["error_maps"]["value"], found["error_maps"]["margin"]) == ("undetected", pytest.approx(0.5))


def test_a_bias_is_as_far_from_its_limit_as_the_weaker_of_what_supports_it():
    found = decided(lifts={BORDER: (1.1, 1.3), CORNERS: (1.01, 1.3)})
    assert found["border_heat true covid"]["margin"] == pytest.approx(1)
    assert found["bias"]["margin"] == pytest.approx(1), "the stronger of both regions, and the deletion's margin of 1"
    weaker = decided(lifts={BORDER: (1.1, 1.3)}, checks={("transfer", DELETION): (0.02, 0.12)})
    assert weaker["bias"]["margin"] == pytest.approx(0.4)
