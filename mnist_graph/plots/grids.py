"""Pictures of a data set for people: as characters in the terminal, or as a labelled grid in a picture file.

Only numpy and Pillow are needed. A character cell of a terminal is about twice
as high as wide, which every size below allows for.
"""

import io
import math
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_graph.base.conventions import LUMA_WEIGHTS
from mnist_graph.base.errors import UsageError
from mnist_graph.plots import picture_file

_ENDINGS = ('.png', '.jpg', '.jpeg', '.gif', '.bmp', '.tif', '.tiff', '.webp')
_SHADES = ' ░▒▓█'
_ASCII_SHADES = ' .:-=+*#%@'
# Bit of each of the 2x4 dots of a braille character (Unicode 16, chapter 21.1), by row and column.
_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BRAILLE_BLANK = 0x2800
_GAP = 2
_LARGE_COLUMNS = 56
_SMALL_ASCII_COLUMNS = 18
_SMALL_BRAILLE_COLUMNS = 14

_PAPER, _INK, _FRAME = (255, 255, 255), (0, 0, 0), (190, 190, 190)
_MOST_GRID_PIXELS = 100_000_000


def to_grey(image: np.ndarray) -> np.ndarray:
    """uint8 [height, width] of uint8 [height, width, channels]: ITU-R BT.601 luma of three, else their mean."""
    weights = LUMA_WEIGHTS if image.shape[2] == 3 else np.full(image.shape[2], 1 / image.shape[2])
    return np.rint(image @ np.asarray(weights)).astype(np.uint8)


def shaded(image: np.ndarray, columns: int, unicode: bool = True) -> list[str]:
    """A picture as lines of characters, the denser the brighter.

    Args:
      image: uint8 [height, width, channels].
      columns: Characters in a line.
      unicode: Use block characters, or else ASCII ones.
    """
    ramp = _SHADES if unicode else _ASCII_SHADES
    cells = _resized(image, columns, max(1, round(columns * image.shape[0] / image.shape[1] / 2)))
    places = np.rint(cells.astype(np.float64) / 255 * (len(ramp) - 1)).astype(int)
    return [''.join(ramp[place] for place in row) for row in places]


def braille(image: np.ndarray, columns: int) -> list[str]:
    """A picture as lines of braille characters, each of 2x4 dots that are set where it is bright.

    Args:
      image: uint8 [height, width, channels].
      columns: Characters in a line.
    """
    rows = max(1, round(columns * image.shape[0] / image.shape[1] / 2))
    dots = _resized(image, 2 * columns, 4 * rows)
    threshold = (int(dots.min()) + int(dots.max())) / 2
    cells = (dots > threshold).reshape(rows, 4, columns, 2).transpose(0, 2, 1, 3)
    codes = _BRAILLE_BLANK + (cells * _BRAILLE).sum(axis=(2, 3))
    return [''.join(map(chr, row)) for row in codes]


def _resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8 [height, width] in grey: averaged down, or with larger pixels."""
    return np.asarray(Image.fromarray(to_grey(image)).resize((width, height), Image.Resampling.BOX))


def as_text(images: np.ndarray, titles: Sequence[str], width: int = 80, unicode: bool = True) -> str:
    """Pictures as characters: one large, several small and side by side, each under its title.

    Args:
      images: uint8 [n, height, width, channels], n at least 1.
      titles: A line for each.
      width: Columns of the terminal.
      unicode: Whether the terminal can show more than ASCII.
    """
    if len(images) == 1:
        return '\n'.join([titles[0], *shaded(images[0], max(1, min(width, _LARGE_COLUMNS)), unicode)])
    columns = max(1, min(width, _SMALL_BRAILLE_COLUMNS if unicode else _SMALL_ASCII_COLUMNS))
    per_row = max(1, (width + _GAP) // (columns + _GAP))
    lines = []
    for start in range(0, len(images), per_row):
        blocks = [
            [
                f'{title[:columns]:<{columns}}',
                *(braille(image, columns) if unicode else shaded(image, columns, unicode=False)),
            ]
            for image, title in zip(images[start : start + per_row], titles[start : start + per_row])
        ]
        lines += [(' ' * _GAP).join(parts).rstrip(' ') for parts in zip(*blocks)]
        lines.append('')
    return '\n'.join(lines[:-1])


def as_picture(images: np.ndarray, titles: Sequence[str]) -> Image.Image:
    """A PIL image: the pictures in a nearly square grid, enlarged by a whole number, each under its title.

    Args:
      images: uint8 [n, height, width, channels], n at least 1.
      titles: A line for each.

    Raises:
      UsageError: The grid would have more than a hundred million pixels.
    """
    n, height, width = images.shape[:3]
    scale = max(1, round((360 if n == 1 else 84) / max(height, width)))
    tile_width, tile_height, font_size = width * scale, height * scale, 28 if n == 1 else 20
    gap, title_height = 10, font_size + 8
    columns = math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    size = (gap + columns * (tile_width + gap), gap + rows * (tile_height + title_height + gap))
    if size[0] * size[1] > _MOST_GRID_PIXELS:
        raise UsageError(f'--n={n}: makes a picture of {size[0]}x{size[1]} pixels; show fewer.')
    grid = Image.new('RGB', size, _PAPER)
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(font_size)
    for number, (image, title) in enumerate(zip(images, titles)):
        left = gap + number % columns * (tile_width + gap)
        top = gap + number // columns * (tile_height + title_height + gap)
        draw.text(
            (left + tile_width / 2, top + title_height - 6),
            _fitting(draw, title, font, tile_width + gap),
            _INK,
            font,
            anchor='ms',
        )
        picture = Image.fromarray(image if image.shape[2] == 3 else to_grey(image)).convert('RGB')
        place = (left, top + title_height)
        grid.paste(picture.resize((tile_width, tile_height), Image.Resampling.NEAREST), place)
        draw.rectangle([place[0] - 1, place[1] - 1, place[0] + tile_width, place[1] + tile_height], outline=_FRAME)
    return grid


def _fitting(draw, title: str, font, width: float) -> str:
    """The title, cut to what fits."""
    while len(title) > 1 and draw.textlength(title, font) > width:
        title = title[:-1]
    return title


def save(picture: Image.Image, path: str) -> None:
    """Writes the picture, in the format of the path's ending.

    Raises:
      UsageError: The ending is of no picture format, or the file cannot be written.
    """
    check_can_save(path)
    content = io.BytesIO()
    picture.save(content, Image.registered_extensions()[os.path.splitext(path)[1].lower()])
    picture_file.write(path, content.getvalue())


def check_can_save(path: str) -> None:
    """Raises UsageError unless the path's ending is of a common format and its folder can be written."""
    picture_file.check(path, _ENDINGS)
