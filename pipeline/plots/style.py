"""How all figures look: drawn at their printed size, in the article's font, in colours that colour-blind readers tell
apart (Okabe & Ito)."""

import matplotlib
from matplotlib.figure import Figure

from pipeline.names import MODELS

COLUMN = 3.4  # inches, a column of the article
PAGE = 7.0  # inches, both columns

COLOURS = {"normal": "#0072B2", "covid": "#D55E00", "train": "#0072B2", "val": "#D55E00", "test": "#009E73"}
MODEL_COLOURS = {"baseline": "#E69F00", "transfer": "#56B4E9"}
FROZEN = MODELS | {"transfer": f"{MODELS['transfer']}, frozen"}  # before fine-tuning

matplotlib.rcParams.update(
    {
        "font.family": "serif",
        "font.serif": ["STIXGeneral"],
        "mathtext.fontset": "stix",
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "legend.fontsize": 7,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "axes.formatter.useoffset": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "lines.linewidth": 1.2,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
        "pdf.fonttype": 42,
        "image.cmap": "gray",
    }
)


def figure(width, height, rows=1, columns=1, **options):
    """A figure of `width` x `height` inches, and its axes."""
    drawing = Figure(figsize=(width, height))
    return drawing, drawing.subplots(rows, columns, **options)


def show_image(axis, image, title, colour="black"):
    """An X-ray with its caption above, without ticks; uint8 (height, width) or (height, width, 3)."""
    axis.imshow(image, vmin=0, vmax=255, interpolation="nearest")
    axis.set_title(title, fontsize=6.5, color=colour, pad=2)
    axis.set_axis_off()
