"""An external set: copies of known images are dropped, and its metrics stand beside those on the test split."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit

from pipeline.command import InputError
from pipeline.data.external import data_external
from pipeline.data.index import data
from pipeline.evaluate.external import evaluate_external
from pipeline.evaluate.metrics import metric_rows
from pipeline.images import cache
from pipeline.statistics import comparisons
from pipeline.vocabulary import SPLITS
from tests.data.test_index import CLASSES, RATIOS, zipped
from tests.phantoms import database_contents, phantom, png, write_archive

SIZE = 40
SETTINGS = {
    "seed": 1,
    "demo": True,
    "dataset": {"classes": CLASSES, "image_size": SIZE, "ratios": RATIOS, "duplicates": "drop", "draw": None},
}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The archive as the stage data leaves it."""
    folder = tmp_path_factory.mktemp("known")
    write_archive(folder / "known.zip", 64, {"train": 40, "val": 8, "test": 8}, seed=3)
    tables = {name: folder / f"{name}.csv" for name in ("index", "duplicates_table", "summary")}
    files = {
        name: [folder / f"{split}{ending}" for split in SPLITS]
        for name, ending in (("splits", ".csv"), ("caches", ".npy"), ("masks", "_masks.npy"))
    }
    data(folder / "known.zip", SETTINGS, **tables, **files)
    return {"index": tables["index"], "caches": files["caches"]}


def checked(archive, known, folder, **changed):
    out = {"external_index": folder / "new/index.csv", "external_images": folder / "external.npy"}
    data_external(archive, **known, settings=SETTINGS | changed, **out, summary=folder / "new/summary.csv")
    (summary,) = pd.read_csv(folder / "new/summary.csv").to_dict("records")
    return pd.read_csv(out["external_index"]), cache.read(out["external_images"]), summary


def film(seed, label):
    return phantom(np.random.default_rng(seed), label, 64)


def test_the_databases_layout_is_indexed_and_cached_as_one_set(known, tmp_path):
    archive = zipped(tmp_path / "external.zip", database_contents((6, 4), 64, 32))
    index, images, summary = checked(archive, known, tmp_path)
    assert index["split"].eq("external").all() and index["label"].value_counts().to_dict() == {"normal": 6, "covid": 4}
    assert images.shape == (10, SIZE, SIZE) and (tmp_path / "external.npy.sha256").exists()
    assert {name: summary[name] for name in ("images", "normal", "covid", "dropped")} == {
        "images": 10, "normal": 6, "covid": 4, "dropped": 0,
    }  # fmt: skip


def test_splits_are_left_aside(known, tmp_path):
    write_archive(tmp_path / "external.zip", 64, {"train": 8, "val": 4, "test": 4}, seed=9)
    index, images, _ = checked(tmp_path / "external.zip", known, tmp_path)
    assert len(index) == len(images) == 16 and index["split"].eq("external").all()


def test_one_split_is_enough(known, tmp_path):
    films = {f"test/{label}/{n}.png": png(film((5, n), label)) for label in ("covid", "normal") for n in range(4)}
    index, _, _ = checked(zipped(tmp_path / "external.zip", films), known, tmp_path)
    assert sorted(index["file"]) == sorted(films)
    without = {name: content for name, content in films.items() if "covid" not in name}
    with pytest.raises(InputError, match="no images in covid; found test/normal; both classes"):
        checked(zipped(tmp_path / "without.zip", without), known, tmp_path)


@pytest.mark.parametrize("split", SPLITS)
def test_copies_of_images_of_any_split_are_dropped(known, tmp_path, split):
    place = SPLITS.index(split)
    index = pd.read_csv(known["index"])
    first = index[(index["split"] == split) & (index["label"] == "normal")].iloc[0]
    with_name = {
        "covid": [film((7, n), "covid") for n in range(3)],
        "normal": [film((8, n), "normal") for n in range(3)],
    }
    contents = {
        f"x/{label}/{n}.png": png(image) for label, images in with_name.items() for n, image in enumerate(images)
    }
    with zipfile.ZipFile(known["index"].parent / "known.zip") as source:
        original = source.read(first["file"])
    exact = contents | {"x/normal/copy.png": original}
    brighter = np.asarray(Image.open(io.BytesIO(original)).convert("L")).astype(int) * 9 // 10 + 12
    near = contents | {"x/normal/copy.png": png(brighter.astype(np.uint8))}
    assert len(cache.read(known["caches"][place])) == (index["split"] == split).sum()
    for name, given in {"exact": exact, "near": near}.items():
        folder = tmp_path / name
        folder.mkdir()
        left, images, summary = checked(zipped(folder / "external.zip", given), known, folder)
        assert summary["dropped"] == 1 and len(images) == len(left) == 6
        assert not left["file"].str.endswith("copy.png").any()


def test_an_image_that_the_archive_has_under_the_other_label_is_refused(known, tmp_path):
    with zipfile.ZipFile(known["index"].parent / "known.zip") as source:
        name = next(name for name in source.namelist() if "/val/normal/" in name)
        copied = {f"x/{label}/{n}.png": png(film((9, n), label)) for label in ("covid", "normal") for n in range(4)}
        copied["x/covid/copy.png"] = source.read(name)
    with pytest.raises(InputError, match=f"1 image.s. under two labels.*{name} = x/covid/copy.png"):
        checked(zipped(tmp_path / "external.zip", copied), known, tmp_path)


def test_a_set_of_copies_alone_is_refused(known, tmp_path):
    with pytest.raises(InputError, match=r"known.zip: of normal, all \d+ images are copies.*dataset.external"):
        checked(known["index"].parent / "known.zip", known, tmp_path)


def test_real_images_do_not_pass_in_a_demonstration(known, tmp_path):
    archive = zipped(tmp_path / "external.zip", database_contents((6, 4), 64, 32, generated=False))
    with pytest.raises(InputError, match="real images in a demonstration"):
        checked(archive, known, tmp_path)


def test_metrics_stand_beside_those_of_test_at_the_thresholds_of_val(tmp_path):
    rng = np.random.default_rng(4)
    thresholds = {"baseline": 0.7, "transfer": -0.2}
    tables, on_test, files = {}, [], []
    for model, threshold in thresholds.items():
        for name, shift, count in (("external", 0.8, 120), ("test", 2.5, 200)):
            labels = np.where(np.arange(count) % 4 == 0, "covid", "normal")
            logit = rng.normal(size=count) + shift * (labels == "covid")
            tables[model, name] = pd.DataFrame({"file": range(count), "label": labels, "model": model, "logit": logit})
        on_test += [{"model": model, **row} for row in metric_rows(tables[model, "test"], threshold, 1)]
        files.append(tmp_path / f"{model}.csv")
        tables[model, "external"].to_csv(files[-1], index=False)
    limits = pd.DataFrame(thresholds.items(), columns=["model", "logit"])
    limits.assign(threshold=expit(limits["logit"])).to_csv(tmp_path / "thresholds.csv", index=False)
    pd.DataFrame(on_test).to_csv(tmp_path / "test.csv", index=False)
    ledger = pd.DataFrame(
        {"time": [1, 2, 3], "model": ["transfer", "baseline", "transfer"], "weights_sha256": "w", "data_sha256": "d"}
    )
    ledger.to_csv(tmp_path / "ledger.csv", index=False)
    inputs = [tmp_path / f"{name}.csv" for name in ("thresholds", "test", "ledger")]
    outputs = [tmp_path / f"new/{name}.csv" for name in ("metrics", "compare", "looks")]
    evaluate_external(files, *inputs, {"seed": 1}, *outputs)
    found = pd.read_csv(tmp_path / "new/metrics.csv").set_index(["model", "metric"])
    for model, threshold in thresholds.items():
        row = found.loc[(model, "sensitivity")]
        covid = tables[model, "external"].query("label == 'covid'")
        assert row["value"] == pytest.approx((covid["logit"] >= threshold).mean()) and row["n"] == 30
        known = pd.DataFrame(on_test).set_index(["model", "metric"]).loc[(model, "auc")]
        row = found.loc[(model, "auc")]
        sides = [(known["value"], (known["ci_low"], known["ci_high"])), (row["value"], (row["ci_low"], row["ci_high"]))]
        difference, interval = comparisons.independent(*sides)
        assert row["difference"] == pytest.approx(difference) and difference < 0
        assert (row["difference_ci_low"], row["difference_ci_high"]) == pytest.approx(interval)
    paired = pd.read_csv(tmp_path / "new/compare.csv").iloc[0]
    aucs = [found.loc[(model, "auc"), "value"] for model in ("baseline", "transfer")]
    assert paired["difference"] == pytest.approx(aucs[1] - aucs[0])
    assert paired["ci_low"] < paired["difference"] < paired["ci_high"] and paired["n"] == 120
    assert pd.read_csv(tmp_path / "new/looks.csv")["model"].tolist() == ["baseline", "transfer"]
