"""Opening and decoding picture files.

A decoded picture is float32 [height, width, channels] in [0, 1], one channel
where it holds no colour and three (red, green, blue) where it does. Memory is
bounded: what decoding will take is estimated from the file's header before a
pixel is decoded, and a large photo is reduced while it is decoded where its
format allows that.
"""

import contextlib
import io
import os
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from mnist_graph.base import extras
from mnist_graph.base.errors import ImageError
from mnist_graph.base.files import is_special
from mnist_graph.base.picture_paths import NOT_A_FILE
from mnist_graph.pictures.pixels import (
    array_to_picture,
    array_to_pixels,
    as_floats,
    deep_image_to_picture,
    reduce_image,
    reduce_picture,
)

# A 48-megapixel phone photo passes.
MAX_PIXELS = 64_000_000
# Bytes that decoding a picture may take; each process that reads pictures may take as much. With less, 48 megapixels of
# WebP would be refused.
MAX_BYTES = 768_000_000

# Bytes that Pillow stores for a pixel, by mode; 4 in other modes.
_STORED_BYTES = {'1': 1, 'L': 1, 'P': 1, 'I;16': 2, 'I;16B': 2, 'I;16L': 2, 'I;16N': 2}
# Bytes of a pixel's second copy: turned upright, converted to another mode, or with colours multiplied by alpha.
_COPY_BYTES = 4
# Bytes that decoders keep for a pixel besides, as measured: WebP's has a canvas and a frame of RGBA, AVIF's the
# picture, JPEG 2000's 32 bits for each channel. See `_decoder_bytes` for JPEG and TIFF.
_DECODER_BYTES = {'WEBP': 8, 'AVIF': 4, 'HEIF': 8, 'JPEG2000': 16}
# What the files of phones call themselves; AVIF begins likewise.
_HEIC_BRANDS = (b'heic', b'heix', b'heim', b'heis', b'hevc', b'mif1', b'msf1')

_EMPTY = 'the file is empty (0 bytes); save the picture again.'

# No zlib stream unpacks to more than this many times its size (zlib's technical details page).
_DEFLATE_RATIO = 1032
# Bytes of a PNG file of one pixel.
_SMALLEST_PNG = 67

# Pixels: the longest side of a picture in the first look at it, and in the closest one.
WORKING_SIDE, CLOSEST_SIDE = 256, 1280


def read_picture(source: Any, longest_side: int | None = WORKING_SIDE) -> np.ndarray:
    """Reads a picture from a file, the content of one, a PIL image or an array.

    Args:
      source: a path (of a TIFF file also with a page, as in `scan.tif#2`), an `io.BytesIO` of a file's content, a `PIL.Image.Image`, or an array [height, width] or
        [height, width, 1 to 4] (grey, grey and alpha, RGB, RGBA) of integers
        (of 8 and 16 bits: 0 to the type's largest value), booleans, or floats
        and longer integers ([0, 1], [0, 255] or [0, 65535], whichever holds the
        largest value; a float in [0, 1] may overshoot, as resizing does).
      longest_side: a picture with a side above this many pixels is reduced to
        it by averaging; None keeps every pixel.

    Returns:
      float32 [height, width, 1 or 3] in [0, 1], upright as its EXIF orientation
      asks, with paper where it is transparent.

    Raises:
      ImageError: the file cannot be read as a picture, or is too large.
    """
    return as_floats(read_pixels(source, longest_side))


def read_pixels(source: Any, longest_side: int | None = WORKING_SIDE) -> np.ndarray:
    """As `read_picture`, but a uint8 source without transparency stays uint8, which is much smaller."""
    if isinstance(source, np.ndarray):
        return reduce_picture(array_to_picture(source), longest_side)
    is_path = not isinstance(source, (Image.Image, io.BytesIO))
    name = os.fspath(source) if is_path else getattr(source, 'filename', '') or 'picture'
    try:
        if isinstance(source, Image.Image):
            return _decode(source, name, longest_side)
        if isinstance(source, io.BytesIO):
            return _read_open(io.BytesIO(source.getbuffer()), name, longest_side, len(source.getbuffer()))
        return _read_file(name, longest_side)
    except ImageError:
        raise
    except Exception as error:  # damaged files make decoders raise anything
        raise ImageError(f'{name}: {_reason(error, name)}') from None


def _read_file(path: str, longest_side: int | None) -> np.ndarray:
    """Opens and decodes a file; see `read_picture`."""
    file_name, page = _split_page(path)
    if is_special(file_name):
        raise ImageError(f'{path}: {NOT_A_FILE}')
    # Opened here, as Pillow (13) scrambles some turned TIFF files that it maps into memory by itself.
    with open(file_name, 'rb') as file:
        return _read_open(file, path, longest_side, os.fstat(file.fileno()).st_size, page)


def _read_open(file, name: str, longest_side: int | None, n_bytes: int, page: int = 0) -> np.ndarray:
    """Decodes a page, counted from 1, of an open file of so many bytes; see `read_picture`."""
    with warnings.catch_warnings():
        # Pillow warns of what is refused below, and of flaws in a file's tags that do not keep it from being read.
        warnings.simplefilter('ignore')
        if n_bytes == 0:
            raise ImageError(f'{name}: {_EMPTY}')
        with _open(file, name) as image:
            _check_png_holds_its_pixels(image, name, n_bytes)
            if page:
                image.seek(page - 1)
            return _decode(image, name, longest_side, may_draft=True)


def _open(file, path: str) -> Image.Image:
    """Opens a picture file, also of the kind that phones write, without teaching Pillow anything for good."""
    start = file.read(1024)
    file.seek(0)
    if start.lstrip().startswith(b'%PDF-'):
        raise ImageError(f'{path}: is a PDF, not a picture; save or export it as PNG first.')
    if start.lstrip().startswith((b'<svg', b'<?xml')) and b'<svg' in start:
        raise ImageError(f'{path}: is an SVG drawing, not a picture; save or export it as PNG first.')
    start = start[:32]
    if start[4:8] != b'ftyp' or b'avif' in start or not any(brand in start for brand in _HEIC_BRANDS):
        return Image.open(file)
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise ImageError(
            f'{path}: is a HEIC picture; save it as JPEG, or install what reads it with {extras.install_command("heic")}.'
        ) from None
    return HeifImageFile(file)


def with_pages(paths: Sequence[str]) -> list[str]:
    """The paths, but those of TIFF files of several pages replaced by one for each page, as `read_picture` takes them."""
    result = []
    for path in paths:
        n_pages = 1
        if path.lower().endswith(('.tif', '.tiff')) and not is_special(path):
            with contextlib.suppress(Exception), open(path, 'rb') as file, Image.open(file) as image:
                n_pages = getattr(image, 'n_frames', 1)
        result += [path] if n_pages == 1 else [f'{path}#{page}' for page in range(1, n_pages + 1)]
    return result


def _split_page(path: str) -> tuple[str, int]:
    """A path and the page that `with_pages` added to it, counted from 1; 0 if it added none."""
    found = re.fullmatch(r'(.+\.tiff?)#([1-9]\d*)', path, re.IGNORECASE | re.DOTALL)
    return (found[1], int(found[2])) if found and not os.path.exists(path) else (path, 0)


def _reason(error: Exception, path: str) -> str:
    """What an error says about a picture, and what to do."""
    if isinstance(error, Image.DecompressionBombError):
        return _too_many_pixels()
    if isinstance(error, Image.UnidentifiedImageError):
        return 'not a picture, or of a format that cannot be read; save it as PNG or JPEG.'
    if isinstance(error, FileNotFoundError):
        return 'no such file; check the path.'
    if isinstance(error, IsADirectoryError):
        return 'is a folder, not a picture; name a file.'
    if isinstance(error, PermissionError):
        return 'no permission to read this file; allow it with chmod.'
    if isinstance(error, OSError) and error.strerror:
        return f'cannot be read ({error.strerror}); check the path and the disk.'
    reason = ' '.join(str(error).split()) or type(error).__name__
    return f'damaged or truncated picture ({reason}); save or copy it again.'


def _too_many_pixels() -> str:
    return f'more than {MAX_PIXELS // 1_000_000} megapixels; make the picture smaller first.'


def _check_png_holds_its_pixels(image: Image.Image, name: str, n_bytes: int) -> None:
    """Refuses a PNG too short for the size it claims, before memory is taken for that size."""
    if image.format != 'PNG':
        return
    # Grey levels and palettes may take one bit, whatever mode they are decoded to.
    bits = {'I;16': 16, 'LA': 16, 'RGB': 24, 'RGBA': 32}.get(image.mode, 1)
    least = image.width * image.height * bits / (8 * _DEFLATE_RATIO)
    if least > _SMALLEST_PNG and n_bytes < least:
        raise ImageError(
            f'{name}: damaged or truncated picture ({n_bytes} bytes cannot hold '
            f'{image.width} x {image.height} pixels); save or copy it again.'
        )


def _decode(image: Image.Image, name: str, longest_side: int | None, may_draft: bool = False) -> np.ndarray:
    """Decodes an open PIL image; see `read_picture`.

    Args:
      may_draft: whether `image` may be changed, as no caller holds it.
    """
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(f'{name}: {_too_many_pixels()}')
    n_bytes = _decoder_bytes(image)
    if may_draft and longest_side is not None:
        # JPEG can be decoded at 1/2, 1/4 or 1/8 of its size, much faster.
        image.draft(None, (2 * longest_side, 2 * longest_side))
    n_bytes += image.width * image.height * (_STORED_BYTES.get(image.mode, 4) + _COPY_BYTES)
    if n_bytes > MAX_BYTES:
        raise ImageError(
            f'{name}: {image.width} x {image.height} pixels of this kind take {n_bytes // 1_000_000} MB to read, '
            f'and the limit is {MAX_BYTES // 1_000_000} MB; make the picture smaller, or save it as JPEG.'
        )
    image.load()
    with contextlib.suppress(Exception):  # damaged tags raise anything, and do not keep the pixels from being read
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
    if image.mode in ('I', 'F') or image.mode.startswith('I;16'):
        return deep_image_to_picture(image, longest_side)
    if image.mode in ('P', 'PA', '1', 'CMYK', 'YCbCr', 'LAB', 'HSV', 'La', 'RGBa', 'RGBX'):
        image = image.convert(_plain_mode(image))
    elif image.mode in ('L', 'RGB') and 'transparency' in image.info:
        image = image.convert('LA' if image.mode == 'L' else 'RGBA')
    image = reduce_image(image, longest_side)
    return array_to_pixels(np.asarray(image))


def _decoder_bytes(image: Image.Image) -> int:
    """About how many bytes the decoder of an image keeps besides the pixels, from the header alone."""
    n_pixels, n_channels = image.width * image.height, len(image.getbands())
    if image.format == 'JPEG' and 'progressive' in image.info:
        return n_pixels * n_channels * 2  # all coefficients, of 16 bits
    if image.format == 'TIFF' and hasattr(image, 'tag_v2'):
        # A row of tiles, or a strip, which may be the whole picture.
        tags, names = image.tag_v2, ExifTags.Base
        rows = tags.get(names.RowsPerStrip, tags.get(names.TileLength, image.height))
        bits = tags.get(names.BitsPerSample, (8,))[0] * tags.get(names.SamplesPerPixel, 1)
        return min(image.height, rows) * image.width * bits // 8
    return n_pixels * _DECODER_BYTES.get(image.format or '', 0)


def _plain_mode(image: Image.Image) -> str:
    """The mode, among L, LA, RGB and RGBA, that keeps all that `image` holds."""
    if image.mode == '1':
        return 'L'
    if image.mode in ('PA', 'La', 'RGBa') or 'transparency' in image.info:
        return 'RGBA' if image.mode != 'La' else 'LA'
    return 'RGB'
