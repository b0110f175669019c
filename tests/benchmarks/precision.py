"""Mixed precision against float32, paired by seed: python -m tests.benchmarks.precision BUILD

Two runs, each from the caches of a finished build and at the budget of a study (ablate.images of train, the learning
rate falling to 0), with the default hyperparameters:

- the baseline, for ablate.epochs;
- fine-tuning, for `FINETUNE_EPOCHS`, of the build's backbone under a head that was fitted on the cached features of the
  same images in float32, one head a seed.

Each seed is run with compute.mixed_precision true and with it false; val is scored in float32 by both. On a CPU without
bfloat16 instructions the two are one, and differences are 0.
"""

import tempfile
import time
from functools import partial
from pathlib import Path

import pandas as pd
from scipy.stats import ttest_rel

from pipeline.finetune import runs
from pipeline.images.examples import Examples
from pipeline.models import baseline, fitting, runtime, transfer
from pipeline.statistics import metrics
from tests.benchmarks import common

SEEDS = range(1, 6)
FINETUNE_EPOCHS = 4


def main():
    build = common.parser(__doc__).parse_args().build
    settings = common.settings()
    runtime.start(settings["compute"])
    budget = settings["ablate"]["images"], settings["seed"]
    images, val = examples(build, "data", "train").stratified(*budget), examples(build, "data", "val")
    print(f"val AUC of {len(images)} images and {settings['ablate']['epochs']} epochs")
    compare(partial(baseline_auc, images, val), settings)
    features = examples(build, "features", "train").stratified(*budget)  # of the same images
    print(f"\nval AUC after fine-tuning on {len(images)} images for {FINETUNE_EPOCHS} epochs")
    with tempfile.TemporaryDirectory() as folder:
        heads = {seed: Path(folder) / f"{seed}.keras" for seed in SEEDS}
        for seed, file in heads.items():
            assembled(features, build / "results/features/backbone.keras", settings, seed).save(file)
        compare(partial(finetuned_auc, heads, images, val), settings)


def examples(build, stage, split):
    """What `stage` has cached of a split: images of data, features of features."""
    return Examples.read(build / f"results/{stage}/{split}.npy", build / f"tables/data/index_{split}.csv")


def compare(val_auc, settings):
    """Print val_auc(settings, seed) in both precisions, their mean difference over seeds, and the seconds of a run."""
    measured, aucs = {"mixed": [], "float32": []}, {"mixed": [], "float32": []}
    for seed in SEEDS:
        for name in measured:
            compute = settings["compute"] | {"mixed_precision": name == "mixed"}
            start = time.perf_counter()
            aucs[name].append(val_auc(settings | {"compute": compute}, seed))
            measured[name].append(time.perf_counter() - start)
    aucs = pd.DataFrame(aucs, index=pd.Index(SEEDS, name="seed"))
    interval = ttest_rel(aucs["mixed"], aucs["float32"]).confidence_interval()
    print(aucs.assign(difference=aucs["mixed"] - aucs["float32"]).round(5).to_string())
    mean = (aucs["mixed"] - aucs["float32"]).mean()
    print(
        f"mixed - float32: {mean:.5f}, 95 % interval over seeds {interval.low:.5f} to {interval.high:.5f}; "
        f"standard deviation of float32 over seeds {aucs['float32'].std():.5f}"
    )
    common.print_table(measured, "seconds a run")


def baseline_auc(train, val, settings, seed):
    """AUC on val of a network fitted on train."""
    hyperparameters = settings["baseline"]["hyperparameters"]
    epochs = settings["ablate"]["epochs"]
    network, _ = fitting.run(baseline, hyperparameters, train, settings, seed=seed, epochs=epochs, decay=True)
    return metrics.auc(val.labels, fitting.logits(network, baseline.unaugmented(val.values)))


def assembled(features, backbone, settings, seed):
    """The transfer model whose head is fitted on cached features, in float32."""
    hyperparameters, epochs = settings["transfer"]["hyperparameters"], settings["ablate"]["head_epochs"]
    settings = settings | {"compute": settings["compute"] | {"mixed_precision": False}}
    head, _ = fitting.run(transfer, hyperparameters, features, settings, seed=seed, epochs=epochs, decay=True)
    return transfer.assemble(head, [backbone])


def finetuned_auc(heads, train, val, settings, seed):
    """AUC on val of the model of this seed, fine-tuned on train as a build does at its first attempt."""
    schedule = settings["transfer"]["hyperparameters"] | {"learning_rate": settings["finetune"]["learning_rate"]}
    network = runs.load(heads[seed], seed)
    _, history = runs.fine_tune(network, train, settings | {"seed": seed}, schedule, val=val, epochs=FINETUNE_EPOCHS)
    return history["val_auc"].iloc[-1]


if __name__ == "__main__":
    main()
