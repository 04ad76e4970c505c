"""From any picture of digits to MNIST's pictures of them: read, tell ink from paper, find the digits, fit each to MNIST."""

from typing import Any

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

# A closer look at a picture that was reduced.
# Pixels: a digit with a shorter longest side, or with thinner strokes, is looked at again in more detail. Its loops
# close and its strokes break at smaller sizes; larger digits gain nothing and take time.
_SMALL_DIGIT, _THIN_STROKE = 16, 1.6
# So is what is so many times as wide as high, as several digits or a digit and a frame that run together are. A wide 2
# is not.
_WIDE = 1.5
# Pixels: the longest side of the picture in the closest look. Smaller, rows of many digits stay blurred; larger, each
# step takes four times as long.
_CLOSEST_SIDE = 4 * WORKING_SIDE
# Twice the size must make the largest digit about twice as large: less shows that it fell to pieces, more that it is
# something else, such as lines across the page.
_LEAST_GROWTH, _MOST_GROWTH = 1.8, 4

# MNIST's own pictures.
# Least value of the brightest pixel: the makers' scaling leaves it at 255 or nearly so.
_BRIGHTEST = 0.98
# Pixels from the centre of mass to the picture's centre: half a pixel of rounding, and the grey levels'.
_OFF_CENTRE = 0.55
# Pixels of the ink's longest side; in three of 20,000 pictures it is the first.
_INK_SIDES = (INK_SIDE - 1, INK_SIDE)

# Pixels: a picture is reduced to this longest side, or twice the result's, before it is resized.
_RESIZED_SIDE = 256


def picture_to_digit(source: Any) -> np.ndarray:
    """Returns the digit in a picture as MNIST would have it.

    Args:
      source: a path, PIL image or array; see `read_picture`.

    Returns:
      float32 [28, 28] in [0, 1], bright ink on black.

    Raises:
      ImageError: the picture cannot be read or is blank.
    """
    return picture_to_digits(source, digits='one')[0]


def picture_to_digits(source: Any, digits: str = 'auto') -> np.ndarray:
    """Returns the digits in a picture, in reading order.

    Args:
      source: a path, PIL image or array; see `read_picture`.
      digits: 'one', 'many', or 'auto': several only where no single
        digit could look like that.

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


def _look(source: Any, picture: np.ndarray, digits: str) -> list[np.ndarray]:
    """The ink of each digit, looked for in more and more detail where the picture was reduced and that may help.

    Args:
      source, digits: as of `picture_to_digits`.
      picture: `source` as `read_picture` returns it.

    Returns:
      float32 [height, width] of each digit; no digits for a blank picture.
    """
    side, parts = WORKING_SIDE, _find_digits(picture, digits)
    while (why := _why_look_closer(parts)) and max(picture.shape) == side < _CLOSEST_SIDE:
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


def _find_digits(picture: np.ndarray, digits: str) -> list[np.ndarray]:
    """float32 [h', w'] of each digit in float32 [h, w, c]; no digits for a blank picture."""
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


def _why_look_closer(parts: list[np.ndarray]) -> str:
    """Why a picture should be looked at in more detail: 'small', 'wide', 'thin' or ''."""
    if min((max(part.shape) for part in parts), default=0) < _SMALL_DIGIT:
        return 'small'
    if _is_wide(parts):
        return 'wide'
    return 'thin' if min(mean_stroke_width(np.pad(part, 1)) for part in parts) < _THIN_STROKE else ''


def _is_wide(parts: list[np.ndarray]) -> bool:
    """Whether a digit's ink is too wide for one."""
    return any(part.shape[1] > _WIDE * part.shape[0] for part in parts)


def _is_better(closer: list[np.ndarray], parts: list[np.ndarray]) -> bool:
    """Whether a look at twice the size found the same digits as before, or took apart what was too wide."""
    if not closer or _is_wide(closer):
        return False
    growth = max(max(part.shape) for part in closer) / max(max(part.shape) for part in parts)
    return _is_wide(parts) or len(closer) == len(parts) and _LEAST_GROWTH < growth < _MOST_GROWTH


def mnist_digit(picture: np.ndarray) -> np.ndarray | None:
    """Returns a picture that MNIST's makers could have made, or None.

    That is a grey one of 28x28, bright on black or (then inverted) dark on
    white, whose ink fits 20 pixels with its longest side and whose centre of
    mass is the centre, as in all of MNIST's pictures.

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
    box = bounding_box(image > 0)
    if box is None or image.max() < _BRIGHTEST:
        return None
    if max(abs(position - CENTRE_POSITION) for position in centre_of_mass(image)) > _OFF_CENTRE:
        return None
    top, bottom, left, right = box
    return image if max(bottom - top, right - left) in _INK_SIDES else None


def plain_resize(source: Any, height: int, width: int, channels: int) -> np.ndarray:
    """Returns a whole picture resized, for models of other pictures than digits.

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
    picture = read_picture(source, longest_side=max(_RESIZED_SIDE, 2 * height, 2 * width))
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
