"""Mixed precision against float32, paired by seed: python -m tests.benchmarks.precision BUILD

The baseline with its default hyperparameters, at the budget of a study (ablate.images of train, ablate.epochs, the
learning rate falling to 0), from the caches of a finished build. Each seed is run with compute.mixed_precision true and
with it false; val is scored in float32 by both. On a CPU without bfloat16 instructions the two are one.
"""

import time

import pandas as pd
from scipy.stats import ttest_rel

from pipeline.images import inputs
from pipeline.models import baseline, fitting, runtime
from pipeline.statistics import metrics
from tests.benchmarks import common

SEEDS = range(1, 6)


def main():
    build = common.parser(__doc__).parse_args().build
    settings = common.settings()
    runtime.start(settings["compute"])
    train, val = (
        inputs.Examples.read(build / f"results/data/{split}.npy", build / f"tables/data/index_{split}.csv")
        for split in ("train", "val")
    )
    train = train.stratified(settings["ablate"]["images"], settings["seed"])
    measured, aucs = {"mixed": [], "float32": []}, {"mixed": [], "float32": []}
    for seed in SEEDS:
        for name in measured:
            compute = settings["compute"] | {"mixed_precision": name == "mixed"}
            start = time.perf_counter()
            aucs[name].append(val_auc(train, val, settings | {"compute": compute}, seed))
            measured[name].append(time.perf_counter() - start)
    aucs = pd.DataFrame(aucs, index=pd.Index(SEEDS, name="seed"))
    interval = ttest_rel(aucs["mixed"], aucs["float32"]).confidence_interval()
    print(f"val AUC of {len(train)} images and {settings['ablate']['epochs']} epochs")
    print(aucs.assign(difference=aucs["mixed"] - aucs["float32"]).round(5).to_string())
    mean = (aucs["mixed"] - aucs["float32"]).mean()
    print(
        f"mixed - float32: {mean:.5f}, 95 % interval over seeds {interval.low:.5f} to {interval.high:.5f}; "
        f"standard deviation of float32 over seeds {aucs['float32'].std():.5f}"
    )
    common.print_table(measured, "seconds a run")


def val_auc(train, val, settings, seed):
    """AUC on val of a network fitted on train."""
    hyperparameters = settings["baseline"]["hyperparameters"]
    epochs = settings["ablate"]["epochs"]
    network, _ = fitting.run(baseline, hyperparameters, train, settings, seed=seed, epochs=epochs, decay=True)
    return metrics.auc(val.labels, fitting.logits(network, baseline.unaugmented(val.values)))


if __name__ == "__main__":
    main()
