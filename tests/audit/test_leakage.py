"""audit: the eight types of leakage are answered, each with how the answer is known."""

import pandas as pd
import pytest

from pipeline.audit import leakage


def controls(region="central region", **rows):
    """The table of the controls; of each its ratio, and whether it is flagged."""
    return pd.DataFrame(
        [
            {"control": name, "name": name, "region": region, "blind": True, "ratio": ratio, "flagged": flagged}
            for name, (ratio, flagged) in rows.items()
        ]
    )


def answers(splits=None, ledger=("baseline", "transfer"), of_controls=None):
    index = pd.DataFrame({"file": list("abcd"), "split": ["train", "val", "test", "test"], "group": list("abcc")})
    index["label"] = ["covid", "normal", "covid", "normal"]
    index["split"] = splits or index["split"]
    found = {"images": 4, "exact_pairs": 0, "near_pairs": 1, "threshold": 0.98, "groups": 1, "dropped": 0}
    looks = pd.DataFrame({"model": ledger, "weights_sha256": range(len(ledger))})
    of_controls = controls(border_alone=(0.9, True)) if of_controls is None else of_controls
    return leakage.answer(index, pd.DataFrame([found]), looks, of_controls)["table"].set_index("code")


def test_all_eight_types_are_answered_with_how_it_is_known():
    table = answers()
    assert table.index.tolist() == ["L1.1", "L1.2", "L1.3", "L1.4", "L2", "L3.1", "L3.2", "L3.3"]
    assert set(table["how"]) == {leakage.GRAPH, leakage.TESTED, leakage.UNKNOWN}
    assert table.loc["L1.1", "answer"] == "absent: there are 2 test images, which each final model predicts once"
    assert (
        table.loc["L1.4", "answer"].startswith("absent: ")
        and "1 near pairs of 4 images" in table.loc["L1.4", "evidence"]
    )
    assert table.loc["L2", "answer"] == "present, enough for a high score: border_alone"
    assert table.loc["L3.2", "answer"] == "open: the films name no patients"
    assert table.notna().all(axis=None)


@pytest.mark.parametrize("ledger", [("baseline", "transfer", "transfer"), ("baseline",), ("baseline", "baseline")])
def test_another_look_than_the_one_is_told(ledger):
    row = answers(ledger=ledger).loc["L1.1"]
    assert row["answer"].startswith("present: ") and f"baseline {ledger.count('baseline')}" in row["evidence"]


def test_copies_left_in_two_splits_are_told():
    answer = answers(splits=["train", "val", "test", "train"]).loc["L1.4", "answer"]
    assert answer == "present: 1 group(s) of copies are in two splits"


def test_controls_without_a_flag_or_a_ratio_leave_features_open():
    none = answers(of_controls=controls(border_alone=(0.5, False))).loc["L2"]
    assert none["answer"].startswith("not found") and none["how"] == leakage.TESTED
    undefined = answers(of_controls=controls(border_alone=(float("nan"), False))).loc["L2"]
    assert undefined["answer"].startswith("open") and undefined["how"] == leakage.UNKNOWN
    assert undefined["evidence"].endswith("none")


@pytest.mark.parametrize(
    "region, answer", [("lungs", "present, enough for a high score: inside_blanked"), ("central region", "not found")]
)
def test_around_a_central_region_parts_of_the_lungs_are_left(region, answer):
    found = controls(region, inside_blanked=(0.9, True), border_alone=(0.5, False))
    assert answers(of_controls=found).loc["L2", "answer"].startswith(answer)
