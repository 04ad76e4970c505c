"""Decoding picture files to arrays.

A decoded picture is float32 [height, width, channels] in [0, 1], one channel
where it holds no colour and three (red, green, blue) where it does. Everything
here bounds its memory: the size is judged before a pixel is decoded, and a
large photo is reduced while it is decoded where its format can do that.
"""

import contextlib
import os
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps

from mnist_graph.base.errors import ImageError

# A 48-megapixel phone photo passes; as RGBA it decodes to 256 MB at most.
MAX_PIXELS = 64_000_000

# No zlib stream unpacks to more than this many times its size (zlib's technical details page).
_DEFLATE_RATIO = 1032
# Bytes of a PNG file of one pixel.
_SMALLEST_PNG = 67

# Pixels: the longest side of a picture in the first look at it, and in the closest one.
WORKING_SIDE, CLOSEST_SIDE = 256, 1280


def read_picture(source, longest_side=WORKING_SIDE):
    """Reads a picture from a file, a PIL image or an array.

    Args:
      source: a path, a `PIL.Image.Image`, or an array [height, width] or
        [height, width, 1 to 4] (grey, grey and alpha, RGB, RGBA) of integers
        (of 8 and 16 bits: 0 to the type's largest value), booleans, or floats
        and longer integers ([0, 1], [0, 255] or [0, 65535], whichever holds the
        largest value; a float in [0, 1] may overshoot, as resizing does).
      longest_side: a picture with a side above this many pixels is reduced to
        it by averaging; None keeps every pixel.

    Returns:
      float32 [height, width, 1 or 3] in [0, 1], upright as its EXIF
      orientation asks, transparent places filled as `_fill_transparent` says.

    Raises:
      ImageError: the file cannot be read as a picture, or is too large.
    """
    if isinstance(source, np.ndarray):
        return _reduce(_array_to_picture(source), longest_side)
    if isinstance(source, Image.Image):
        path = getattr(source, 'filename', '') or 'picture'
    else:
        path = os.fspath(source)
    try:
        if isinstance(source, Image.Image):
            return _decode(source, path, longest_side)
        with warnings.catch_warnings():
            # Pillow warns of what is refused below, and of flaws in a file's
            # tags that do not keep it from being read.
            warnings.simplefilter('ignore')
            # Opened here, as Pillow (13) scrambles some turned TIFF files that it maps into memory by itself.
            with open(path, 'rb') as file, Image.open(file) as image:
                _check_png_holds_its_pixels(image, path)
                return _decode(image, path, longest_side, may_draft=True)
    except Image.DecompressionBombError:
        raise ImageError(_too_large(path)) from None
    except Image.UnidentifiedImageError:
        if os.path.isfile(path) and os.path.getsize(path) == 0:
            raise ImageError(f'{path}: the file is empty (0 bytes); save the picture again.') from None
        raise ImageError(
            f'{path}: not a picture, or of a format that cannot be read; save it as PNG or JPEG.'
        ) from None
    except FileNotFoundError:
        raise ImageError(f'{path}: no such file; check the path.') from None
    except IsADirectoryError:
        raise ImageError(f'{path}: is a folder, not a picture; name a file.') from None
    except PermissionError:
        raise ImageError(f'{path}: no permission to read this file; allow it with chmod.') from None
    except ImageError:
        raise
    except Exception as error:  # Damaged files make decoders raise anything.
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise ImageError(f'{path}: damaged or truncated picture ({reason}); save or copy it again.') from None


def _too_large(name):
    return f'{name}: more than {MAX_PIXELS // 1_000_000} megapixels; make the picture smaller first.'


def _check_png_holds_its_pixels(image, path):
    """Refuses a PNG too short for the size it claims, before memory is taken for that size."""
    if image.format != 'PNG':
        return
    # Grey levels and palettes may take one bit, whatever mode they are decoded to.
    bits = {'I;16': 16, 'LA': 16, 'RGB': 24, 'RGBA': 32}.get(image.mode, 1)
    least = image.width * image.height * bits / (8 * _DEFLATE_RATIO)
    if least > _SMALLEST_PNG and os.path.isfile(path) and os.path.getsize(path) < least:
        raise ImageError(
            f'{path}: damaged or truncated picture ({os.path.getsize(path)} bytes cannot hold '
            f'{image.width} x {image.height} pixels); save or copy it again.'
        )


def _decode(image, name, longest_side, may_draft=False):
    """Decodes an open PIL image; see `read_picture`.

    Args:
      may_draft: whether `image` may be changed, as no caller holds it.
    """
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(_too_large(name))
    if may_draft and longest_side is not None:
        # JPEG can be decoded at 1/2, 1/4 or 1/8 of its size, much faster.
        image.draft(None, (2 * longest_side, 2 * longest_side))
    image.load()
    with contextlib.suppress(Exception):  # damaged tags raise anything, and do not keep the pixels from being read
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
    if image.mode in ('P', 'PA', '1', 'CMYK', 'YCbCr', 'LAB', 'HSV', 'La', 'RGBa', 'RGBX'):
        image = image.convert(_plain_mode(image))
    elif image.mode in ('L', 'RGB') and 'transparency' in image.info:
        image = image.convert('LA' if image.mode == 'L' else 'RGBA')
    if longest_side is not None and image.mode in ('L', 'LA', 'RGB', 'RGBA'):
        image = _reduce_image(image, longest_side)
    return _reduce(_array_to_picture(np.asarray(image)), longest_side)


def _plain_mode(image):
    """The mode, among L, RGB and RGBA, that keeps all `image` holds."""
    if image.mode == '1':
        return 'L'
    if image.mode in ('PA', 'La', 'RGBa') or 'transparency' in image.info:
        return 'RGBA' if image.mode != 'La' else 'LA'
    return 'RGB'


def _array_to_picture(array):
    """An array of any values and channels to float32 [h, w, 1 or 3]: no alpha, no idle colour."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or 0 in array.shape:
        raise ImageError(
            f'array of shape {array.shape} is not a picture; it should be [height, width] or [height, width, 1 to 4].'
        )
    if array.dtype != np.uint8:
        array = _to_unit(array)
    # Idle colour goes first, as there may be less to compute with.
    if array.shape[2] in (1, 3):
        return _from_bytes(_drop_idle_colour(array))
    colour, alpha = _drop_idle_colour(array[:, :, :-1]), array[:, :, -1:]
    return _drop_idle_colour(_fill_transparent(_from_bytes(colour), _from_bytes(alpha)))


def _from_bytes(array):
    """Scales uint8 to float32 in [0, 1]; floats are so already."""
    return np.multiply(array, np.float32(1 / 255), dtype=np.float32) if array.dtype == np.uint8 else array


def _to_unit(array):
    """Scales values that are not bytes to float32 in [0, 1]."""
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    if array.dtype.kind in 'iu' and array.dtype.itemsize <= 2:
        scale = np.iinfo(array.dtype).max
    elif array.dtype.kind in 'iuf':
        # 32-bit pictures carry no scale of their own: 1, 8 or 16 bits'.
        scales = (1, 255, 65535)
        array = np.nan_to_num(array.astype(np.float64), posinf=0, neginf=0)
        top = float(array.max())
        scale = next((scale for scale in scales if top <= 1.5 * scale), top)
    else:
        raise ImageError(f'array of {array.dtype} is not a picture; it should hold numbers.')
    scaled = np.multiply(array, 1.0 / scale, dtype=np.float32)
    return np.clip(scaled, 0, 1, out=scaled)


def _drop_idle_colour(array):
    """[h, w, 1] of a [h, w, 3] whose channels are alike; anything else as it is."""
    if array.shape[2] == 3:
        first = array[:, :, 0]
        if (first == array[:, :, 1]).all() and (first == array[:, :, 2]).all():
            return array[:, :, :1]
    return array


def _fill_transparent(colour, alpha):
    """Puts paper behind a picture with transparency.

    Where the picture is mostly transparent or what is opaque has one colour,
    that is the ink, and the paper is white or black, whichever is farther from
    it. Where it is mostly opaque and has several, it brings its own paper,
    whose typical colour fills the rest.

    Args:
      colour: float32 [h, w, 1 or 3] in [0, 1].
      alpha: float32 [h, w, 1] in [0, 1], 0 transparent.
    """
    cover = float(alpha.sum()) / alpha.size
    if cover >= 0.999 or cover == 0:
        return colour if cover else np.ones_like(colour)
    shown = colour * alpha
    opaque = colour[alpha[:, :, 0] > 0.5]
    if cover > 0.6 and np.ptp(opaque, axis=0).max(initial=0) > 0.1:
        paper = np.median(opaque, axis=0)
    else:
        ink = float(shown.sum()) / shown.size / cover
        paper = np.float32(1.0 if ink < 0.5 else 0.0)
        if cover > 0.4 and np.ptp(opaque, axis=0).max(initial=0) <= 0.1:
            # A figure of one colour, cut out: the paper is around it, too.
            margin = max(2, max(alpha.shape) // 12)
            around = ((margin, margin), (margin, margin), (0, 0))
            shown, alpha = np.pad(shown, around), np.pad(alpha, around)
    return shown + paper * (1 - alpha)


def _reduce_image(image, longest_side):
    """Averages an image down to at most `longest_side` pixels."""
    scale = max(image.size) / longest_side
    if scale <= 1:
        return image
    size = tuple(max(1, round(side / scale)) for side in image.size)
    return image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def _reduce(picture, longest_side):
    """`_reduce_image` for float32 [h, w, c]."""
    height, width = picture.shape[:2]
    if longest_side is None or max(height, width) <= longest_side:
        return picture
    return np.stack(
        [
            np.asarray(_reduce_image(Image.fromarray(picture[:, :, channel]), longest_side))
            for channel in range(picture.shape[2])
        ],
        axis=2,
    )
