"""The one prediction of test, and the ledger of looks at it."""

import fcntl
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pandas as pd
import pytest

from pipeline.evaluate.predict import predict_test, record
from pipeline.models import runtime
from pipeline.storage import weights_sha256

runtime.start({"threads": 2})


def test_record_appends_and_writes_the_header_once(tmp_path):
    ledger = tmp_path / "results" / "evaluate" / "ledger.csv"
    record(ledger, "baseline", "w1", "d1")
    before = ledger.read_text()
    record(ledger, "transfer", "w2", "d1")
    after = ledger.read_text()
    assert after.startswith(before) and len(after.splitlines()) == 3
    table = pd.read_csv(ledger)
    assert list(table) == ["time", "model", "weights_sha256", "data_sha256"]
    assert table.iloc[:, 1:].to_numpy().tolist() == [["baseline", "w1", "d1"], ["transfer", "w2", "d1"]]
    assert (pd.Timestamp.now("UTC") - pd.to_datetime(table["time"])).max() < pd.Timedelta(minutes=1)


def test_a_look_waits_for_one_that_is_being_recorded(tmp_path):
    """Both models may be evaluated at once, and both find the ledger empty: still one header, ahead of both lines."""
    ledger = tmp_path / "ledger.csv"
    with ThreadPoolExecutor(1) as pool, open(ledger, "a") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = pool.submit(record, ledger, "transfer", "w2", "data")
        with pytest.raises(TimeoutError):
            second.result(timeout=0.2)
        first.write("time,model,weights_sha256,data_sha256\n2025-01-01,baseline,w1,data\n")
    assert pd.read_csv(ledger)["weights_sha256"].tolist() == ["w1", "w2"]


def test_predict_test(tmp_path):
    """A network whose logit is known: the mean grey value less 100, in the order of the index."""
    grey_values = keras.Input((8, 8, 1))
    mean = keras.layers.GlobalAveragePooling2D()(grey_values)
    network = keras.Model(grey_values, keras.layers.Dense(1)(mean))
    network.set_weights([np.ones((1, 1)), np.array([-100.0])])
    network.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (150, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "test.npy", images)
    (tmp_path / "test.npy.sha256").write_text("digest of test\n")
    index = pd.DataFrame({"file": [f"{n}.png" for n in range(150)], "label": "covid", "width": 8})
    settings = {"compute": {"threads": 2, "mixed_precision": True}}
    files = tmp_path / "model.keras", tmp_path / "test.npy"
    table = predict_test(*files, index, "transfer", tmp_path / "ledger.csv", settings)["logits"]
    assert list(table) == ["file", "label", "model", "logit"] and table["file"].equals(index["file"])
    assert table["logit"].to_numpy() == pytest.approx(images.mean(axis=(1, 2)) - 100, abs=1e-3)
    (look,) = pd.read_csv(tmp_path / "ledger.csv").to_dict("records")
    assert look["weights_sha256"] == weights_sha256(network)
    assert look["data_sha256"] == "digest of test"
