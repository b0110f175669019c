"""audit: the eight types of leakage of Kapoor & Narayanan (2023, Patterns 4:100804), answered from what the
build knows.

Three ways to know: the graph of the build, in which no path leads from the test split to what is fitted or chosen (the
tests walk it); a test, of the data or of the ledger, that every build makes; or not at all, from this data.

Reads   tables/data/index.csv and duplicates_summary.csv; tables/evaluate/ledger.csv; tables/audit/controls.csv.
Returns one row a type.
"""

import pandas as pd

from pipeline.command import run
from pipeline.images import regions
from pipeline.vocabulary import MODELS

GRAPH = "proven by the graph"
TESTED = "checked by a test"
UNKNOWN = "cannot be known from this data"


def answer(index: pd.DataFrame, duplicates: pd.DataFrame, ledger: pd.DataFrame, controls: pd.DataFrame):
    """Answer each type of leakage, with how the answer is known and on what it stands."""
    rows = [
        {"code": "L1.1", "type": "no test set", **test_evaluations(index, ledger)},
        {
            "code": "L1.2",
            "type": "pre-processing on train and test",
            "answer": "absent: constants are those of train",
            "how": GRAPH,
            "evidence": "no rule that normalises or augments for training reads test; copies alone are sought over all "
            "splits, and without labels",
        },
        {
            "code": "L1.3",
            "type": "selection on train and test",
            "answer": "absent: hyperparameters, epochs and thresholds are chosen on train and val",
            "how": GRAPH,
            "evidence": "no path leads from test to the rules of tune, train, finetune and ablate, to the controls and "
            "counterfactuals of audit, nor to evaluate_thresholds, for which the prediction of test waits",
        },
        {"code": "L1.4", "type": "duplicates", **copies(index, duplicates.iloc[0])},
        {"code": "L2", "type": "illegitimate features", **features(controls)},
        {
            "code": "L3.1",
            "type": "temporal leakage",
            "answer": "open: the films have no dates",
            "how": UNKNOWN,
            "evidence": f"columns of tables/data/index.csv: {', '.join(index.columns)}",
        },
        {
            "code": "L3.2",
            "type": "dependence between train and test",
            "answer": "open: the films name no patients",
            "how": UNKNOWN,
            "evidence": f"columns of tables/data/index.csv: {', '.join(index.columns)}",
        },
        {
            "code": "L3.3",
            "type": "sampling bias of the test set",
            "answer": "open: test and train come from the same archive",
            "how": UNKNOWN,
            "evidence": covid_share(index),
        },
    ]
    return {"table": pd.DataFrame(rows)}


def test_evaluations(images, ledger):
    """Whether there is a test split that each final model predicts once."""
    count, looks = int((images["split"] == "test").sum()), ledger["model"].value_counts().to_dict()
    once = looks == dict.fromkeys(MODELS, 1)
    seen = "each final model predicts once" if once else "a final model predicts more than once or not at all"
    told = ", ".join(f"{model} {looks.get(model, 0)}" for model in MODELS)
    return {
        "answer": f"{'absent' if once else 'present'}: there are {count} test images, which {seen}",
        "how": TESTED,
        "evidence": f"looks in tables/evaluate/ledger.csv: {told}",
    }


def copies(images, found):
    """Whether copies of one image are left in two splits."""
    across = int((images.groupby("group")["split"].nunique() > 1).sum())
    left = (
        "no group of copies is left in two splits" if not across else f"{across} group(s) of copies are in two splits"
    )
    return {
        "answer": f"{'present' if across else 'absent'}: {left}",
        "how": TESTED,
        "evidence": "tables/data/duplicates_summary.csv: "
        f"{found['exact_pairs']:.0f} exact and {found['near_pairs']:.0f} near pairs of {found['images']:.0f} images, "
        f"{found['dropped']:.0f} images dropped; a correlation below {found['threshold']:.3f} is no copy",
    }


def features(controls):
    """Whether what is no sign of the disease is enough for a score."""
    # Around the central region, which stands in for lungs without masks, parts of them are left.
    free = controls["blind"] & ~((controls["control"] == "inside_blanked") & (controls["region"] != regions.LUNGS))
    tested = controls[free & controls["ratio"].notna()]
    flagged = tested[tested["flagged"]]
    if tested.empty:
        answer, how = "open: whole images separate the classes too poorly", UNKNOWN
    elif flagged.empty:
        answer, how = "not found: no control without the anatomy is shown to reach the limit", TESTED
    else:
        answer, how = f"present, enough for a high score: {', '.join(flagged['name'])}", TESTED
    ratios = ", ".join(f"{name} {ratio:.2f}" for name, ratio in zip(tested["name"], tested["ratio"], strict=True))
    return {
        "answer": answer,
        "how": how,
        "evidence": f"shortcut ratios of tables/audit/controls.csv: {ratios or 'none'}",
    }


def covid_share(images):
    share = (images.loc[images["split"] == "test", "label"] == "covid").mean()
    return f"tables/data/index.csv: {share:.1%} of the test images are covid"


if __name__ == "__main__":
    run(answer)
