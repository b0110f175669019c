"""ablate_compare: differences of val AUCs and their intervals, which hold for images and runs, and for all at once."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, ttest_rel

from pipeline.ablate.compare import compare_shares, compare_variants, compare_views
from pipeline.statistics import comparisons, metrics, studies
from tests.benchmarks.studies import simulated

LABELS = np.repeat([1.0, 0.0], [40, 120])
ALONE = np.arange(len(LABELS))  # groups of one image each


def compared(scores, groups=ALONE, labels=LABELS):
    """Difference and interval of each variant but the first from the first."""
    reference, *others = scores
    found = studies.differences(labels, groups, scores, {reference: others}, seed=1)
    return {name: (row["difference"], row["ci_low"], row["ci_high"]) for name, row in found.items()}


def scores_of(variants, seeds=3, **options):
    return simulated(np.random.default_rng(0), variants, seeds, LABELS, auc=0.9, **options)


def test_runs_that_agree_leave_the_interval_of_delong():
    once = {name: np.stack([runs[0]] * 3) for name, runs in scores_of(2).items()}
    ((difference, low, high),) = compared(once).values()
    expected, interval, _ = comparisons.paired_aucs(LABELS, *(runs[0] for runs in once.values()))
    assert difference == pytest.approx(expected)
    assert (low, high) == pytest.approx(interval, abs=0.002)  # of simulated deviations


def test_images_that_agree_leave_the_interval_of_student():
    """So many images that all that varies is the runs, whose AUCs are set."""
    labels = np.repeat([1.0, 0.0], 3000)
    aucs = {"first": [0.90, 0.94, 0.91], "second": [0.93, 0.95, 0.96]}
    ranks = np.concatenate([norm.ppf((np.arange(3000) + 0.5) / 3000)] * 2)
    scores = {name: np.stack([ranks + labels * 2**0.5 * norm.ppf(auc) for auc in of]) for name, of in aucs.items()}
    ((difference, low, high),) = compared(scores, np.arange(6000), labels).values()
    expected = ttest_rel(aucs["second"], aucs["first"])
    assert difference == pytest.approx(np.subtract(aucs["second"], aucs["first"]).mean(), abs=1e-3)
    assert (high - low) / 2 == pytest.approx(difference - expected.confidence_interval().low, rel=0.05)


def test_copies_of_an_image_count_once():
    scores = scores_of(3)
    doubled = {name: np.repeat(runs, 2, axis=1) for name, runs in scores.items()}
    labels = np.repeat(LABELS, 2)
    alone, copies = compared(scores), compared(doubled, np.repeat(ALONE, 2), labels)
    apart = compared(doubled, np.arange(len(labels)), labels)
    for name in alone:
        assert copies[name] == pytest.approx(alone[name], abs=1e-3)
        assert apart[name][1] > copies[name][1] and apart[name][2] < copies[name][2]


def test_more_variants_make_wider_intervals():
    scores = scores_of(5, seed_sd=0)
    widths = [np.ptp(compared(dict(itertools.islice(scores.items(), count)))["variant 1"][1:]) for count in (3, 5)]
    assert widths[0] < widths[1]


def test_perfect_runs_prove_no_equality():
    """An interval of one point would say that the populations' AUCs are equal."""
    perfect = {name: np.stack([LABELS, 2 * LABELS]) for name in ("first", "second")}
    ((difference, low, high),) = compared(perfect).values()
    assert difference == 0 and low < -0.05 and high > 0.05


def test_equal_variants_rarely_differ():
    """Over images and runs; Student's interval over the seeds does not hold over images."""
    generator, ours, student = np.random.default_rng(1), 0, 0
    for _ in range(100):
        scores = simulated(generator, 4, 3, LABELS, auc=0.95, seed_sd=0.002)
        ours += any(low > 0 or high < 0 for _, low, high in compared(scores).values())
        first, *others = [[metrics.auc(LABELS, run) for run in runs] for runs in scores.values()]
        student += any(ttest_rel(other, first).pvalue < 0.05 for other in others)
    assert ours <= 5 < 15 <= student


# The tables


GIVEN = {
    "val_index": pd.DataFrame({"label": np.where(LABELS == 1, "covid", "normal"), "group": ALONE}),
    "settings": {"seed": 1},
}


def shuffled(runs, scores):
    """Runs of a study and their logits, in another order."""
    order = np.random.default_rng(0).permutation(len(runs))
    return {"runs": runs.iloc[order].reset_index(drop=True), "logits": np.concatenate(list(scores.values()))[order]}


def runs_of(scores, **columns):
    """One row per run."""
    rows = []
    for (name, logits), seed in itertools.product(scores.items(), range(len(next(iter(scores.values()))))):
        row = {"variant": name, "reference": name == "variant 1", "seed": seed, "train_auc": 0.99, "val_loss": 0.1}
        rows.append(row | {"val_auc": metrics.auc(LABELS, logits[seed])} | columns)
    return pd.DataFrame(rows)


def test_a_study_has_a_row_for_each_variant():
    scores = scores_of(3, seeds=2)
    study = shuffled(runs_of(scores, images=9, epochs=7), scores)
    table = compare_variants(**study, **GIVEN)["table"].set_index("variant")
    assert set(table.index) == set(scores) and table.index[table["reference"]].tolist() == ["variant 1"]
    expected = compared({name: scores[name] for name in ("variant 1", "variant 0", "variant 2")})
    for name, row in table.iterrows():
        aucs = [metrics.auc(LABELS, run) for run in scores[name]]
        assert (row["val_auc"], row["val_auc_sd"]) == pytest.approx((np.mean(aucs), np.std(aucs, ddof=1)))
        # Others' order decides which deviations are simulated for them.
        assert tuple(row[["difference", "ci_low", "ci_high"]]) == pytest.approx(expected.get(name, (0, 0, 0)), abs=2e-3)
    assert (table[["seeds", "images", "epochs", "train_auc"]] == [2, 9, 7, 0.99]).all(axis=None)


def test_models_are_compared_at_each_share_and_the_last_step_for_each_model():
    keys = list(itertools.product(("baseline", "transfer"), (0.1, 0.5, 1.0)))
    scores = dict(zip(keys, scores_of(6).values(), strict=True))
    runs = runs_of(scores)
    runs[["model", "share"]] = runs["variant"].tolist()
    tables = compare_shares(**shuffled(runs.assign(images=7), scores), **GIVEN)
    table = tables["table"].set_index(["model", "share"])
    assert set(table.index) == set(keys)
    for model, share in keys:
        row = table.loc[model, share]
        if model == "baseline":
            assert row[["difference", "ci_low", "ci_high"]].isna().all()
        else:
            pair = {key: scores[key] for key in (("baseline", share), ("transfer", share))}
            ((difference, low, high),) = compared(pair).values()
            assert row["difference"] == pytest.approx(difference)
            assert row["ci_low"] < low and row["ci_high"] > high, "for all shares at once"
    for row in tables["rise"].to_dict("records"):
        pair = {key: scores[key] for key in ((row["model"], 0.5), (row["model"], 1.0))}
        assert (row["difference"], row["ci_low"], row["ci_high"]) == pytest.approx(*compared(pair).values())


@pytest.mark.parametrize("changed", [{}, {"epochs": 9}, {"parameters": 9}], ids=["same", "epochs", "parameters"])
def test_views_are_compared_with_plain_images_where_all_else_is_equal(changed):
    scores, of_studies = scores_of(4), {}
    for name, (variants, columns) in {"head": ([0, 1], {}), "cut": ([2, 1], changed)}.items():
        of_study = {f"variant {place}": list(scores.values())[variant] for place, variant in enumerate(variants)}
        # The reference is the second of each study, here the same one in both.
        runs = runs_of(of_study, **{"images": 7, "epochs": 7, "parameters": 7} | columns)
        of_studies |= {f"{name}_{kind}": value for kind, value in shuffled(runs, of_study).items()}
    of_studies["cut_logits"] *= 2  # which changes no AUC
    table = compare_views(**of_studies, **GIVEN)["table"]
    assert list(table.columns) == ["plain_val_auc", "views_val_auc", "difference", "ci_low", "ci_high"]
    assert len(table) == (not changed)
    if not changed:
        assert table["difference"].item() == pytest.approx(0)
        mean = np.mean([metrics.auc(LABELS, run) for run in scores["variant 1"]])
        assert table[["plain_val_auc", "views_val_auc"]].iloc[0].tolist() == pytest.approx([mean, mean])
