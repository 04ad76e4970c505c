"""Any picture of a digit to what MNIST would have made of it: reading, ink, digits, and each as MNIST has it."""

import numpy as np
from PIL import Image

from mnist_graph.base.conventions import CENTRE_POSITION, IMAGE_SIDE, INK_SIDE, LUMA_WEIGHTS
from mnist_graph.base.errors import ImageError
from mnist_graph.pictures.components import bounding_box
from mnist_graph.pictures.decode import WORKING_SIDE, read_picture
from mnist_graph.pictures.ink import BLANK, INK_THRESHOLD, extract_ink
from mnist_graph.pictures.mnist_style import centre_of_mass, mean_stroke_width, normalize_digit
from mnist_graph.pictures.picture_paths import list_pictures
from mnist_graph.pictures.segment import isolate_digit, split_digits
from mnist_graph.pictures.sheet import find_sheet

__all__ = [
    'list_pictures',
    'read_picture',
    'extract_ink',
    'normalize_digit',
    'picture_to_digit',
    'picture_to_digits',
    'plain_resize',
    'mnist_digit',
]

# Pixels: a digit found smaller than this, or of thinner strokes, is looked at again in more detail.
SMALL_DIGIT, THIN_STROKE = 16, 1.6
# So is what is so many times as wide as high, as several digits or a digit and a frame run together are.
WIDE = 1.5
# Pixels: the longest side of the picture in the closest look.
CLOSEST_SIDE = 4 * WORKING_SIDE


def picture_to_digit(source):
    """Returns the digit in a picture as MNIST would have it.

    Args:
      source: a path, PIL image or array; see `read_picture`.

    Returns:
      float32 [28, 28] in [0, 1], bright ink on black.

    Raises:
      ImageError: the picture cannot be read or is blank.
    """
    return picture_to_digits(source, digits='one')[0]


def picture_to_digits(source, digits='auto'):
    """Returns the digits in a picture, in reading order.

    Args:
      source: a path, PIL image or array; see `read_picture`.
      digits: 'one', 'many', or 'auto': several only where that is plain.

    Returns:
      float32 [digits, 28, 28] in [0, 1], bright ink on black.

    Raises:
      ImageError: the picture cannot be read or is blank.
    """
    if digits not in ('one', 'many', 'auto'):
        raise ValueError(f"digits is {digits!r}; use 'one', 'many' or 'auto'")
    picture = read_picture(source)
    ready = mnist_digit(picture) if digits != 'many' else None
    if ready is not None:
        return ready[None]
    try:
        parts = _look(source, picture, digits)
        if not parts:
            raise ImageError(BLANK)
        return np.array([normalize_digit(part) for part in parts])
    except ImageError as error:
        if isinstance(source, (np.ndarray, Image.Image)):
            raise
        raise ImageError(f'{source}: {error}') from None


def _look(source, picture, digits):
    """The ink of each digit, looked for in more and more detail where the picture was reduced and that may help.

    Args:
      source: As of `picture_to_digits`.
      picture: What `read_picture` made of it.
      digits: As of `picture_to_digits`.

    Returns:
      A list of float32 [height, width], empty for a blank picture.
    """
    side, parts = WORKING_SIDE, _find_digits(picture, digits)
    while (why := _wants_closer_look(parts)) and max(picture.shape) == side < CLOSEST_SIDE:
        side *= 2
        picture = read_picture(source, longest_side=side)
        closer = _find_digits(picture, digits)
        if why == 'small':
            parts = closer or parts
        elif _is_better(closer, parts):
            return closer
        elif why == 'thin':
            break  # closer still, thin strokes fall to pieces
    return parts


def _find_digits(picture, digits):
    """The ink of each digit in float32 [h, w, c], a list of [h', w'].

    Returns an empty list for a blank picture.
    """
    try:
        ink = extract_ink(picture)
        sheet = find_sheet(ink >= INK_THRESHOLD)
        if sheet:
            ink = extract_ink(picture[sheet])
        if digits == 'one':
            return [isolate_digit(ink)]
        return split_digits(ink, plain_only=digits == 'auto')
    except ImageError:
        return []


def _wants_closer_look(parts):
    """Why a picture should be looked at in more detail: 'small', 'wide', 'thin' or ''."""
    if min((max(part.shape) for part in parts), default=0) < SMALL_DIGIT:
        return 'small'
    if _is_wide(parts):
        return 'wide'
    return 'thin' if min(mean_stroke_width(np.pad(part, 1)) for part in parts) < THIN_STROKE else ''


def _is_wide(parts):
    return any(part.shape[1] > WIDE * part.shape[0] for part in parts)


def _is_better(closer, parts):
    """Whether a look at twice the size found as much as before, and no lines across the page."""
    if not closer or _is_wide(closer):
        return False
    growth = max(max(part.shape) for part in closer) / max(max(part.shape) for part in parts)
    return _is_wide(parts) or len(closer) == len(parts) and 1.8 < growth < 4


def mnist_digit(picture):
    """Returns a picture that MNIST's makers could have made, or None.

    That is a grey one of 28x28, bright on black or (then inverted) dark on
    white, whose ink fits 20 pixels with its longest side and whose centre of
    mass is the centre, as all of MNIST's images do (of three in 20,000 the
    longest side is 19).

    Args:
      picture: float32 [height, width, channels] in [0, 1].

    Returns:
      float32 [28, 28], or None.
    """
    if picture.shape != (IMAGE_SIDE, IMAGE_SIDE, 1):
        return None
    image = picture[:, :, 0]
    if image[0, 0] > 0.5:
        image = 1 - image
    if image.max() < 0.98 or max(abs(place - CENTRE_POSITION) for place in centre_of_mass(image)) > 0.55:
        return None
    top, bottom, left, right = bounding_box(image > 0)
    return image if max(bottom - top, right - left) in (19, INK_SIDE) else None


def plain_resize(source, height, width, channels):
    """Returns a picture resized as it is, for models of other images.

    Args:
      source: a path, PIL image or array; see `read_picture`.
      height, width: pixels of the result.
      channels: 1 (grey) or 3 (red, green, blue).

    Returns:
      float32 [height, width, channels] in [0, 1].

    Raises:
      ImageError: the picture cannot be read, or no picture has so many channels.
    """
    if channels not in (1, 3):
        raise ImageError(
            f'{source}: a picture has 1 channel or 3, but the model reads {channels}; only arrays can be given to it.'
        )
    picture = read_picture(source, longest_side=max(256, 2 * height, 2 * width))
    if channels == 1 and picture.shape[2] == 3:
        picture = (picture @ np.array(LUMA_WEIGHTS, np.float32))[:, :, None]
    resized = np.stack(
        [
            np.asarray(Image.fromarray(picture[:, :, channel]).resize((width, height), Image.Resampling.BILINEAR))
            for channel in range(picture.shape[2])
        ],
        axis=2,
    )
    return np.repeat(resized, channels // resized.shape[2], axis=2)
