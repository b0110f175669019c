"""Image files to 8-bit grey arrays."""

import io
import re
import struct

import numpy as np
from PIL import Image, ImageOps

from pipeline.images import kinds

MAX_PIXELS = 64_000_000
# The limit above is checked before decoding, with a message of its own.
Image.MAX_IMAGE_PIXELS = None

BIT_DEPTHS = {"1": 1, "I;16": 16, "I;16L": 16, "I;16B": 16, "I;16N": 16, "I": 16}
RANGES = (8, 10, 12, 14, 16)  # bits that values in 16-bit files use
PHANTOM_KEY = "phantom"
MIN_SIDE = 16  # pixels
MIN_CONTRAST = 16  # grey levels of 256 between the darkest and the brightest pixel

# TIFF tags (TIFF 6.0).
BITS_PER_SAMPLE, PHOTOMETRIC_INTERPRETATION = 258, 262
GREATEST_VALUES = (281, 341)  # MaxSampleValue, SMaxSampleValue
WHITE_IS_ZERO = 0


class DecodeError(ValueError):
    """Why a file cannot be used as an image: the cause, in the same words for all such files, and a detail of one."""

    def __init__(self, cause, detail=""):
        super().__init__(f"{cause} ({detail})" if detail else cause)
        self.cause, self.detail = cause, detail


def decode(content, bits=None):
    """Decode one image file.

    16-bit grey is scaled from the range that its values use, 0 to 2^b - 1, to 0 to 255. b comes from the file where it
    says so (TIFF's BitsPerSample, PNG's sBIT, PGM's greatest value); else it is `bits`, or the least of 8, 10, 12, 14
    and 16 that holds all values and TIFF's SMaxSampleValue. Where TIFF says that white is zero, values are inverted.
    Colour becomes luminance (ITU-R 601-2), transparency is laid over black; an image is turned as its EXIF orientation
    says.

    Args:
        content: bytes of the file.
        bits: least b of a 16-bit file that does not state it; None for that of its own values.

    Returns:
        pixels: uint8 array (height, width), and a dict with what the file was: width, height, mode (Pillow's name),
        bit_depth (bits a channel, b where that is 16-bit grey), range_known (False where b was not stated), phantom
        (whether the file says that it was generated).

    Raises:
        DecodeError: not an image, several in one file, cut short, floating-point or beyond 16 bits, or larger than 64
            megapixels.
    """
    try:
        image = Image.open(io.BytesIO(content))
    except Exception:
        known = kinds.kind(content[: kinds.HEAD])
        raise DecodeError(f"not an image, but {known}" if known else "not an image") from None
    if image.width * image.height > MAX_PIXELS:
        raise DecodeError(f"more than {MAX_PIXELS // 10**6} megapixels", f"{image.width}x{image.height}")
    if image.mode == "F":
        raise DecodeError("floating-point pixels, whose range no file states")
    was = {"mode": image.mode, "phantom": PHANTOM_KEY in image.info}
    try:
        # A second picture in a phone's JPEG is a preview of the first.
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        if frames > 1:
            raise DecodeError("several images in one file; save each as a file of its own", f"{frames} images")
        grey, depth = _deep(image, content, bits) if image.mode.startswith("I") else _shallow(image)
    except DecodeError:
        raise
    except Exception:
        raise DecodeError("cut short or damaged") from None
    return grey, was | depth | {"width": grey.shape[1], "height": grey.shape[0]}


def film(content, bits=None):
    """`decode` a file that should show a chest film.

    Raises:
        DecodeError: what `decode` raises; or an image that is too small or has too little contrast to show anything.
    """
    grey, was = decode(content, bits)
    if min(grey.shape) < MIN_SIDE:
        raise DecodeError(f"a side of less than {MIN_SIDE} pixels", f"{was['width']}x{was['height']}")
    darkest, brightest = int(grey.min()), int(grey.max())
    if brightest - darkest < MIN_CONTRAST:
        raise DecodeError(
            f"blank: black, transparent or nearly uniform, with less than {MIN_CONTRAST} of 256 grey levels between "
            "darkest and brightest pixel",
            f"{darkest} to {brightest}",
        )
    return grey, was


def bits_of(greatest):
    """Bits that values up to `greatest` use: 8, 10, 12, 14 or 16."""
    return next(bits for bits in RANGES if greatest < 2**bits)


def _shallow(image):
    """Pixels of up to 8 bits, or of 16-bit colour, of which Pillow keeps the upper 8."""
    # Pillow's mode of 16-bit colour is that of 8-bit colour; what it passes to its decoder tells them apart.
    bit_depth = 16 if re.search(";16[BLN]", str(image.tile)) else BIT_DEPTHS.get(image.mode, 8)
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return np.asarray(image.convert("L")), {"bit_depth": bit_depth, "range_known": True}


def _deep(image, content, bits):
    """Grey pixels of 16 bits."""
    tags = image.tag_v2 if image.format == "TIFF" else {}
    stated = _stated_bits(image.format, tags, content)
    inverted = tags.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO  # which Pillow undoes up to 8 bits
    values = np.asarray(ImageOps.exif_transpose(image), dtype=np.float64)
    least, greatest = int(values.min()), int(values.max())
    if least < 0 or greatest > 65535:
        raise DecodeError("pixels beyond the range of 16 bits", f"{least} to {greatest}")
    if stated:
        used = stated if greatest < 2**stated else 16
    else:
        # One number a channel in some files, a single one in others; of this image in some, of the scanner in others.
        tagged = [int(np.max(tags[tag])) for tag in GREATEST_VALUES if tag in tags]
        used = max(bits or 0, *(bits_of(value) for value in [greatest, *tagged] if value < 65536))
    limit = 2**used - 1
    values = limit - values if inverted else values
    depth = {"bit_depth": used, "range_known": stated is not None}
    return np.round(values * (255 / limit)).astype(np.uint8), depth


def _stated_bits(format, tags, content):
    """Bits that the file says its values use, or None."""
    if format in ("PPM", "JPEG2000"):
        return 16  # Pillow has scaled the values by what the file says
    if format == "PNG":
        return _significant_bits(content)
    bits = tags.get(BITS_PER_SAMPLE, (16,))[0]
    return bits if bits < 16 else None


def _significant_bits(content):
    """What PNG's chunk sBIT states, which is before the pixels; None without one."""
    place = 8
    while place + 8 <= len(content):
        length, name = struct.unpack(">I4s", content[place : place + 8])
        if name == b"sBIT" and length == 1 and 0 < content[place + 8] < 16:
            return content[place + 8]
        if name == b"IDAT":
            return None
        place += 12 + length
    return None


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
