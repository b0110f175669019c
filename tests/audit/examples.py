"""Made-up films of train and val, and scores of controls."""

import numpy as np
import pandas as pd
import yaml

from pipeline.audit.controls import summary
from pipeline.images.examples import Examples

with open("config/config.yaml") as file:
    DEFAULTS = yaml.safe_load(file)
SETTINGS = DEFAULTS | {
    "compute": {"threads": 2, "mixed_precision": False},
    "ablate": DEFAULTS["ablate"]
    | {"seeds": [1, 2], "epochs": 8, "images": 120, "filters": 8, "learning_rates": {"adam": [0.01]}},
}
SIZE = 32
COUNTS = {"train": 120, "val": 60}


def stripes(rng, covid):
    """Stripes of any phase, down the image for covid and across it otherwise: as many pixels of each grey value."""
    waves = np.tile(np.where((np.arange(SIZE) + rng.integers(8)) % 8 < 4, 60, 180), (SIZE, 1))
    return waves if covid else waves.T


def film(rng, covid, where):
    """Noise, with stripes that tell the class `where` it is true, and stripes of a random class elsewhere."""
    image = np.where(where, stripes(rng, covid), stripes(rng, rng.random() < 0.5))
    return np.clip(image + rng.normal(0, 10, (SIZE, SIZE)), 0, 255).astype(np.uint8)


def lungs(rng, covid=False):
    """A mask: an ellipse in the middle, taller for covid."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    return np.where(np.hypot(x / 0.7, y / (0.68 if covid else 0.5)) < 1, 255, 0).astype(np.uint8)


def splits(where, masks=None):
    """Examples, rows of the index and masks of train and val, half covid: the inputs of the controls."""
    inputs = {}
    for seed, (split, count) in enumerate(COUNTS.items()):
        rng = np.random.default_rng(seed)
        covid = np.arange(count) % 2 == 0
        index = pd.DataFrame({"label": np.where(covid, "covid", "normal")})
        index["file"] = index["group"] = [f"{split}{number}" for number in range(count)]
        inputs[f"{split}_index"] = index.assign(width=256, height=256, mode="L", bit_depth=8, bytes=1000)
        of_split = [masks(rng, label) for label in covid] if masks else np.empty((0, SIZE, SIZE))
        inputs[f"{split}_masks"] = np.asarray(of_split, np.uint8)
        films = np.stack([film(rng, label, where) for label in covid])
        inputs[split] = Examples(films, covid.astype(np.float32), index["file"].to_numpy(str))
    return inputs


def scored(*areas, count=400, runs=3):
    """Labels, groups of two, and scores of controls with about these AUCs."""
    rng = np.random.default_rng(5)
    labels = np.repeat([0.0, 1.0], count // 2)
    names = ["whole", "border_alone", "no_places"]
    shifts = [np.sqrt(2) * {0.5: 0, 0.75: 0.6745, 0.95: 1.645}[area] for area in areas]
    scores = {name: rng.normal(size=(runs, count)) + shift * labels for name, shift in zip(names, shifts, strict=False)}
    return labels, np.arange(count) // 2, scores


def summarised(labels, groups, scores, **limits):
    settings = {"seed": 1, "audit": SETTINGS["audit"] | limits}
    return summary(labels, groups, scores, "central region", settings).set_index("control")
