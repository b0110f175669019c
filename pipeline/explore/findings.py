"""explore: what the exploration of the data shows.

Reads   the tables of the stage, and what was found of copies.
Returns findings (pipeline.findings).
"""

import pandas as pd

from pipeline import findings as decide
from pipeline.command import run
from pipeline.explore.describe import SMALL
from pipeline.findings import CHANCE, SIGNIFICANT, Finding, Margin
from pipeline.vocabulary import LABELS

MAX_SPREAD = 0.01  # of the share of a class over the splits: a percentage point, less than the article shows
BALANCED = (0.4, 0.6)  # share of a class: outside, a model that knows only the majority is right in 60 % and more
# Difference of the classes' mean grey values, in standard deviations of all pixels: half of a small effect in the sense
# of Cohen (1988), since the mean over thousands of pixels shows less than a single image may.
MIN_BRIGHTNESS = 0.1
MAX_RATIO = 2.5  # of mean images: exceeded by 1 in 20 random divisions, even if all pixels vary together

COPIES = Finding("copies", ("none", "kept", "removed"), "pairs of identical or nearly identical images")
DIVISION = Finding(
    "division",
    ("uniform", "undetected", "negligible", "different"),
    "the share of COVID-19 differs by less than a percentage point over the splits, and the chi-square test finds no "
    "relevant difference; else what that test finds",
)
BALANCE = Finding("balance", ("balanced", "unbalanced"), "the share of COVID-19 in train lies between 40 and 60 %")
SIZE = Finding("size", ("same", "different"), "all images have one width and one height")
RESIZING = Finding("resizing", ("down", "not_down"), "dataset.image_size is below the least width and height in train")
BRIGHTNESS = Finding(
    "brightness",
    ("differs", "alike"),
    "the classes' mean grey values in train differ by more than a tenth of the standard deviation of all pixels",
)
OVERLAP = Finding("overlap", ("overlapping", "separable"), "no image statistic reaches an AUC of 1 on val")
CUES = Finding(
    "cues", ("separate", "undetected"), "the 95 % interval of the AUC of all cues together lies above chance"
)
STRONGEST_CUE = Finding(
    "strongest_cue", ("separates", "undetected"), "the 95 % interval of the cue with the highest AUC lies above chance"
)
QUALITY = Finding("quality", ("differs", "undetected"), "a cue, or all cues together, separate the classes")
SPLITS = Finding(
    "splits",
    ("undetected", "negligible", "different"),
    "the worst of what the tests between splits find: corrected p below 0.05, and an effect of relevant size",
)
MEAN_IMAGES = Finding(
    "mean_images",
    ("alike", "apart"),
    "the largest distance between mean images of two splits, relative to that expected of a random division",
)
POWER = Finding(
    "power",
    ("insufficient", "not_shown"),
    "effects that are not significant, relative to the smallest relevant one: as large, they could not be detected",
)
MAJORITY = Finding("majority", LABELS, "the class with the larger share in val")

RESULTS = {"none found": "undetected", "negligible": "negligible", "different": "different"}


def findings(
    data_duplicates_summary: pd.DataFrame,
    sizes: pd.DataFrame,
    classes: pd.DataFrame,
    pixels: pd.DataFrame,
    mean_images: pd.DataFrame,
    uniformity: pd.DataFrame,
    shortcuts: pd.DataFrame,
    settings: dict,
):
    """Decide the findings. One parameter per input of the rule."""
    of_cues = cues(shortcuts)
    decided = [copies(data_duplicates_summary), division(classes, uniformity), balance(classes), size(sizes)]
    decided += [resizing(sizes, settings["dataset"]["image_size"]), brightness(pixels), overlap(shortcuts)]
    decided += [*of_cues, quality(of_cues), splits(uniformity), power(uniformity), distance(mean_images)]
    decided.append(majority(classes))
    return {"findings": decide.table(decided)}


def copies(summary):
    row = decide.row(summary)
    value = "none" if row["exact_pairs"] + row["near_pairs"] == 0 else "removed" if row["dropped"] else "kept"
    return COPIES.is_(value, cells=[(row, column) for column in ("exact_pairs", "near_pairs", "dropped")])


def division(classes, uniformity):
    """How the classes are divided among the splits."""
    rows, test = decide.rows(classes, label="covid"), decide.row(uniformity, test="chi-square")
    shares = [row["share"] for row in rows]
    spread, found = max(shares) - min(shares), RESULTS[test["result"]]
    value = "uniform" if found != "different" and spread < MAX_SPREAD else found
    by_spread, by_test = (Margin.of_number(spread, MAX_SPREAD), MAX_SPREAD), min(margins_of_test(test))
    margin, limit = {"uniform": by_spread, "different": by_test}.get(value, min(by_spread, by_test))
    cells = [*((row, "share") for row in rows), (test, "result"), (test, "p_holm"), (test, "value")]
    return DIVISION.is_(value, cells=cells, limit=limit, margin=margin)


def balance(classes):
    row = decide.row(classes, split="train", label="covid")
    low, high = BALANCED
    if row["share"] < (low + high) / 2:
        return BALANCE.of_number(row, "share", limit=low, above="balanced", below="unbalanced", equal="balanced")
    return BALANCE.of_number(row, "share", limit=high, above="unbalanced", below="balanced", equal="balanced")


def size(sizes):
    rows = decide.rows(sizes)
    sides = [{row[f"{end}_{side}"] for row in rows for end in ("min", "max")} for side in ("width", "height")]
    cells = [(row, f"{end}_{side}") for row in rows for side in ("width", "height") for end in ("min", "max")]
    return SIZE.is_("same" if all(len(values) == 1 for values in sides) else "different", cells=cells)


def resizing(sizes, side):
    row = decide.row(sizes, split="train")
    least = min(("min_width", "min_height"), key=row.values.get)
    return RESIZING.of_number(row, least, limit=side, above="down", below="not_down", equal="not_down")


def brightness(pixels):
    normal, covid, both = (decide.row(pixels, split="train", label=label) for label in (*LABELS, "all"))
    difference = abs(covid["mean"] - normal["mean"]) / both["sd"]
    value = "differs" if difference > MIN_BRIGHTNESS else "alike"
    cells = [(normal, "mean"), (covid, "mean"), (both, "sd")]
    margin = Margin.of_number(difference, MIN_BRIGHTNESS)
    return BRIGHTNESS.is_(value, cells=cells, limit=MIN_BRIGHTNESS, margin=margin)


def overlap(shortcuts):
    highest = max(decide.rows(shortcuts), key=lambda row: row["value"])
    return OVERLAP.of_number(highest, "value", limit=1, above="separable", below="overlapping", equal="separable")


def cues(shortcuts):
    """All cues together, and the strongest."""
    together = decide.row(shortcuts, cue="all together")
    single = [row for row in decide.rows(shortcuts) if row["cue"] != together["cue"]]
    strongest = max(reversed(single), key=lambda row: row["value"])
    return [
        finding.of_interval(row, limit=CHANCE, above=above, below="undetected", neither="undetected", subject=subject)
        for finding, row, above, subject in (
            (CUES, together, "separate", ""),
            (STRONGEST_CUE, strongest, "separates", strongest["cue"]),
        )
    ]


def quality(of_cues):
    differing = [row for row in of_cues if row["value"] != "undetected"]
    return QUALITY.any_of(differing, of_cues, some="differs", none="undetected")


def splits(uniformity):
    """By the worst result of a test, and the test that would be the first to turn it."""
    rows = decide.rows(uniformity)
    worst = max((row["result"] for row in rows), key=list(RESULTS).index)
    value, alike = RESULTS[worst], [row for row in rows if row["result"] == worst]

    def nearest(row):
        return min(margins_of_test(row))

    # One test is enough for the worst result of all: it turns with the last of them.
    row = (max if value == "different" else min)(alike, key=nearest)
    margin, limit = nearest(row)
    return SPLITS.is_(value, cells=[(row, "p_holm"), (row, "value")], limit=limit, margin=margin)


def margins_of_test(row):
    """(margin, limit) of its p and, where that is significant, of its effect: either turns the result."""
    yield Margin.of_number(row["p_holm"], SIGNIFICANT), SIGNIFICANT
    if row["p_holm"] < SIGNIFICANT:
        yield Margin.of_number(row["value"], SMALL[row["test"]]), SMALL[row["test"]]


def power(uniformity):
    """By the largest effect that is not significant."""
    rows = [row for row in decide.rows(uniformity) if RESULTS[row["result"]] == "undetected"]
    if not rows:
        return POWER.is_("not_shown")
    largest = max(rows, key=lambda row: row["value"] / SMALL[row["test"]])
    values = {"above": "insufficient", "equal": "insufficient", "below": "not_shown"}
    return POWER.of_number(largest, "value", limit=SMALL[largest["test"]], **values)


def distance(mean_images):
    farthest = max(decide.rows(mean_images), key=lambda row: row["ratio"])
    return MEAN_IMAGES.of_number(farthest, "ratio", limit=MAX_RATIO, above="apart", below="alike", equal="apart")


def majority(classes):
    """The class that a model without any skill would give every image of val."""
    normal, covid = (decide.row(classes, split="val", label=label) for label in LABELS)
    return MAJORITY.of_number(normal, "share", limit=(covid, "share"), above="normal", below="covid", equal="normal")


if __name__ == "__main__":
    run(findings)
