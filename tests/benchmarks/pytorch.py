"""Seconds of the second epoch of the baseline in PyTorch: python -m tests.benchmarks.pytorch BUILD

For tests.benchmarks.training. The layers of pipeline.models.baseline, channels_last, bfloat16 autocast where the CPU
has it (elsewhere it takes nine times as long as float32); one affine map a batch by grid_sample, from a uint8 tensor in
memory, which is faster than a DataLoader with transforms of single images.
"""

import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from tests.benchmarks import common

BLOCKS = 4


def main():
    build = common.parser(__doc__).parse_args().build
    settings = common.settings()
    hyperparameters = settings["baseline"]["hyperparameters"]
    values = np.load(build / "results/data/train.npy")
    labels = torch.tensor(pd.read_csv(build / "tables/data/index_train.csv")["label"] == "covid", dtype=torch.float32)
    positive, mean, deviation = labels.mean(), float(values.mean()), float(values.std())
    # Of mean 1 over the images, as the baseline's loss has them.
    weights = torch.where(labels == 1, 0.5 / positive, 0.5 / (1 - positive))
    values = torch.from_numpy(values)
    network = build_network(hyperparameters).to(memory_format=torch.channels_last).train()
    # The derivative of l2 * w**2, which Keras' regulariser adds to the loss.
    decay = 2 * hyperparameters["l2"]
    optimizer = torch.optim.Adam(network.parameters(), hyperparameters["learning_rate"], weight_decay=decay)
    bfloat16 = "bf16" in Path("/proc/cpuinfo").read_text()
    for _ in range(2):
        start = time.perf_counter()
        for chosen in torch.randperm(len(labels)).split(hyperparameters["batch_size"]):
            images = (augment(values[chosen, None].float(), settings["augmentation"]) - mean) / deviation
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = network(images.contiguous(memory_format=torch.channels_last))[:, 0]
            loss = functional.binary_cross_entropy_with_logits(logits.float(), labels[chosen], weights[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(time.perf_counter() - start)


def build_network(hyperparameters):
    """The baseline after its normalisation."""
    channels, stack = 1, []
    for block in range(BLOCKS):
        filters = hyperparameters["filters"] * 2**block
        stack.append(nn.Conv2d(channels, filters, 3, stride=1 if block else 2, padding=1, bias=False))
        if block < BLOCKS - 1:
            stack.append(nn.MaxPool2d(2))
        stack += [nn.BatchNorm2d(filters), nn.ReLU()]
        channels = filters
    stack += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, hyperparameters["dense_units"]), nn.ReLU()]
    return nn.Sequential(*stack, nn.Dropout(hyperparameters["dropout"]), nn.Linear(hyperparameters["dense_units"], 1))


def augment(images, bounds):
    """pipeline.images.augment: float32 (batch, 1, height, width), grey values 0..255."""
    rotation, right, down, zoom, contrast, brightness = torch.rand(6, len(images)) * 2 - 1
    angle, zoom = rotation * math.radians(bounds["rotation"]), 1 + zoom * bounds["zoom"]
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    # grid_sample's coordinates go from -1 to 1: twice the part of the side.
    right, down = 2 * right * bounds["shift"], 2 * down * bounds["shift"]
    maps = torch.stack([cos, -sin, right, sin, cos, down], dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(maps, images.shape, align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    contrast = (1 + contrast * bounds["contrast"]).view(-1, 1, 1, 1)
    brightness = (brightness * bounds["brightness"] * 255).view(-1, 1, 1, 1)
    mean = images.mean((1, 2, 3), keepdim=True)
    return ((images - mean) * contrast + mean + brightness).clamp(0, 255)


if __name__ == "__main__":
    main()
