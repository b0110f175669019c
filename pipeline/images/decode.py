"""Image files to 8-bit grey arrays."""

import io
import re

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 64_000_000
# The limit above is checked before decoding, with a message of its own.
Image.MAX_IMAGE_PIXELS = None

BIT_DEPTHS = {"1": 1, "I;16": 16, "I;16L": 16, "I;16B": 16, "I;16N": 16, "I": 16}
PHANTOM_KEY = "phantom"


class DecodeError(ValueError):
    """Why a file cannot be read as an image, in a few words."""


def decode(content):
    """Decode one image file.

    16-bit grey is scaled by 1/257 (the PNG specification's sample depth scaling), colour becomes luminance (ITU-R
    601-2), transparency is laid over black; an image is turned as its EXIF orientation says.

    Args:
        content: bytes of the file.

    Returns:
        pixels: uint8 array (height, width), and a dict with what the file was: width, height, mode (Pillow's name),
        bit_depth (bits a channel), phantom (whether the file says that it was generated).

    Raises:
        DecodeError: not an image, cut short, floating-point or beyond 16 bits, or larger than 64 megapixels.
    """
    try:
        image = Image.open(io.BytesIO(content))
    except Exception:
        raise DecodeError("not an image") from None
    if image.width * image.height > MAX_PIXELS:
        raise DecodeError(f"{image.width}x{image.height} pixels, more than {MAX_PIXELS // 10**6} megapixels")
    if image.mode == "F":
        raise DecodeError("floating-point pixels, whose range no file states")
    was = {
        "mode": image.mode,
        "bit_depth": _bit_depth(image),
        "phantom": PHANTOM_KEY in image.info,
    }
    try:
        grey = _grey(image)
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(f"cut short or damaged ({error})") from None
    return grey, was | {"width": grey.shape[1], "height": grey.shape[0]}


def _bit_depth(image):
    # Pillow's mode of 16-bit colour is that of 8-bit colour; what it passes to its decoder tells them apart.
    return 16 if re.search(";16[BLN]", str(image.tile)) else BIT_DEPTHS.get(image.mode, 8)


def _grey(image):
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):
        values = np.asarray(image, dtype=np.float64)
        if values.min() < 0 or values.max() > 65535:
            raise DecodeError(f"pixels from {values.min():.0f} to {values.max():.0f}, beyond the range of 16 bits")
        return np.round(values / 257).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return np.asarray(image.convert("L"))


def resize(pixels, size):
    """`pixels` (height, width) as uint8 (size, size): bilinear with antialiasing."""
    if pixels.shape == (size, size):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def as_mask(pixels, size):
    """A mask (height, width) as uint8 (size, size) of 0 and 255: its nearest pixel, white above half of its greatest
    value, which is 255 in some files and 1 in others."""
    nearest = Image.fromarray(pixels).resize((size, size), Image.Resampling.NEAREST)
    return np.where(np.asarray(nearest) > pixels.max() / 2, np.uint8(255), np.uint8(0))
