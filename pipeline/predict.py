"""predict: try one image with a saved model of a finished build. A command for users, not a stage.

    python -m pipeline.predict IMAGE... [--explain] [--model baseline|transfer] [--build FOLDER]

For each image: the probability of covid, corrected for what the class weights did to the logit, and the prediction at
the operating threshold of the build, on the same scale; with --explain also
NAME_gradcam.png, the image with its Grad-CAM map, in the current folder. It is no medical device.
"""

import argparse
import sys
from pathlib import Path

from pipeline.command import InputError, one_line
from pipeline.images.decode import DecodeError, film, resize
from pipeline.vocabulary import MODELS

DISCLAIMER = "Coursework and research: no medical device, nothing here is a diagnosis."


def predict(images, model, build, explained):
    """Print one line an image; write the overlays where they are wanted.

    Args:
        images: list of Path; model: baseline or transfer; build: folder of a finished build; explained: bool.

    Raises:
        InputError: no such build, files that are no images, or two of one name to be explained; then nothing is printed
            or written.
    """
    stems = [image.stem for image in images]
    if explained and len(set(stems)) < len(stems):
        raise InputError(
            f"{stems}: two images of one name would share a file NAME_gradcam.png; explain them one by one"
        )
    model_file, tables = build / f"results/final/{model}.keras", build / "tables/evaluate"
    thresholds, corrections = tables / "thresholds.csv", tables / "corrections.csv"
    index = build / "tables/data/index_train.csv"
    for file in (model_file, thresholds, corrections, index):
        if not file.is_file():
            raise InputError(f"{file}: no such file; expected the folder of a finished build (--build FOLDER)")

    import pandas as pd

    trained = pd.read_csv(index)
    # A 16-bit film is read as those that the model was trained on were, whatever range it uses itself.
    bits = trained.loc[trained["mode"].str.startswith("I"), "bit_depth"].max()
    pixels = [
        read(image, None if pd.isna(bits) else int(bits)) for image in images
    ]  # before TensorFlow, which takes seconds

    import keras
    import numpy as np
    from PIL import Image

    from pipeline.models import explain
    from pipeline.statistics import calibration

    damaged = "is damaged, cut short or of an older version; delete it and build it again: make report"

    def of_model(file, *columns):
        try:
            return pd.read_csv(file).set_index("model").loc[model, list(columns)]
        except (KeyError, ValueError):
            raise InputError(f"{file} {damaged}") from None

    threshold = of_model(thresholds, "logit")["logit"]
    correction = of_model(corrections, "intercept", "slope", "prevalence")
    try:
        network = keras.models.load_model(model_file)
    except Exception:  # its parts raise errors of many types
        raise InputError(f"{model_file} {damaged}") from None

    def formatted(logit):
        return f"{calibration.corrected(logit, correction['intercept'], correction['slope']):.3f}"

    size = network.input_shape[1]
    layer = explain.target_layer(network, None, "layer")
    maps, logits = explain.signed_maps(network, layer, np.stack([resize(each, size) for each in pixels]))
    covid = logits >= threshold
    heat = explain.heat(maps, covid)
    for image, original, logit, prediction, of_image in zip(images, pixels, logits, covid, heat, strict=True):
        line = f"{image}: P(covid) {formatted(logit)}, {'covid' if prediction else 'normal'}"
        line += f" at the threshold {formatted(threshold)}"
        if explained:
            out = Path(f"{image.stem}_gradcam.png")
            enlarged = explain.enlarged(of_image[None], *original.shape)[0]
            Image.fromarray(explain.overlay(original, enlarged)).save(out)
            line += f", {out}" + ("" if of_image.any() else " (empty map)")
        print(line)
    print(f"P(covid) is corrected for class weights and holds where {correction['prevalence']:.0%} of films are covid.")
    print(DISCLAIMER)


def read(image, bits=None):
    """The image as uint8 (height, width).

    Args:
        bits: that 16-bit values use at least; None: as many as this image's.

    Raises:
        InputError: no such file, or no image that can be read and shows something.
    """
    try:
        return film(image.read_bytes(), bits)[0]
    except OSError as error:
        raise InputError(f"{image}: {error.strerror}; expected an image file") from None
    except DecodeError as error:
        raise InputError(f"{image}: {error}; expected a chest film of 8 or 16 bits") from None


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.predict", description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--model", choices=MODELS, default="transfer")
    parser.add_argument("--build", type=Path, default=Path(), help="folder of a finished build; this one by default")
    parser.add_argument("--explain", action="store_true", help="write NAME_gradcam.png here")
    options = parser.parse_args()
    # A file's name may have letters that the terminal does not, or be no Unicode.
    sys.stdout.reconfigure(errors="backslashreplace")
    with one_line():
        predict(options.images, options.model, options.build, options.explain)


if __name__ == "__main__":
    main()
