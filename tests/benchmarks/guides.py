"""Input as Keras' guides show it (keras.io, Image classification from scratch), and a clock for epochs."""

import time

import keras
import tensorflow as tf
from keras import layers
from PIL import Image

from pipeline.vocabulary import LABELS


def augmentation(bounds):
    """This project's augmentation by the layers that Keras has for it."""
    return keras.Sequential(
        [
            layers.RandomRotation(bounds["rotation"] / 360, fill_mode="nearest"),
            layers.RandomTranslation(bounds["shift"], bounds["shift"], fill_mode="nearest"),
            layers.RandomZoom(bounds["zoom"], fill_mode="nearest"),
            layers.RandomContrast(bounds["contrast"]),
            layers.RandomBrightness(bounds["brightness"]),
        ]
    )


def write_files(examples, folder):
    """The images as FOLDER/LABEL/NUMBER.png, at the size at which they are trained on: nobody has to resize them."""
    for label in LABELS:
        (folder / label).mkdir()
    for number, (pixels, label) in enumerate(zip(examples.values, examples.labels, strict=True)):
        Image.fromarray(pixels).save(folder / LABELS[int(label)] / f"{number}.png")


def batches(folder, image_size, batch_size, bounds):
    """Files decoded anew in each epoch, augmented by batches in the dataset, which the guides advise on a CPU."""
    augment = augmentation(bounds)
    files = keras.utils.image_dataset_from_directory(
        folder,
        label_mode="binary",
        color_mode="grayscale",
        image_size=(image_size, image_size),
        batch_size=batch_size,
        verbose=False,
    )
    augmented = files.map(
        lambda images, labels: (augment(images, training=True), labels), num_parallel_calls=tf.data.AUTOTUNE
    )
    return augmented.prefetch(tf.data.AUTOTUNE)


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch: of its training steps, and whole, with what is scored at its end."""

    def __init__(self):
        super().__init__()
        self.training, self.whole = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = self.last_step = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.last_step = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.training.append(self.last_step - self.start)
        self.whole.append(time.perf_counter() - self.start)
