"""What drawn pictures are made with: a pen, paper, a table, and a camera. See `drawn_kinds`."""

import io
import os
import sys
from collections.abc import Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mnist_graph.drawn.pen import draw_block


class Pen:
    """Writes digits, drawn ones or those of a data set.

    Args:
      random: numpy.random.Generator.
      digits: uint8 [n, 28, 28] and labels [n]; None draws them.
    """

    def __init__(self, random: np.random.Generator, digits: tuple[np.ndarray, np.ndarray] | None = None):
        self.random, self._digits = random, digits

    def number(self, height: int, heights: Sequence[float], gap: float) -> tuple[np.ndarray, str]:
        """Digits in a row that stand on one line: ink float32 [h, w] in [0, 1], and their labels.

        Args:
          height: of the row, in pixels.
          heights: of each digit, in heights of the row.
          gap: between digits, in heights of the row; less than 0 overlaps.
        """
        row, label = np.zeros((height, 0), np.float32), ''
        for part in heights:
            digit, text = self.digit(max(8, round(part * height)))
            start = max(0, row.shape[1] + (round(gap * height) if label else 0))
            wide = np.zeros((height, max(row.shape[1], start + digit.shape[1])), np.float32)
            wide[:, : row.shape[1]] = row
            place = wide[height - len(digit) :, start : start + digit.shape[1]]
            np.maximum(place, digit, out=place)
            row, label = wide, label + text
        return row, label

    def digit(self, height: int) -> tuple[np.ndarray, str]:
        """One digit cut out to its ink."""
        if self._digits:
            number = int(self.random.integers(len(self._digits[1])))
            image, label = self._digits[0][number], int(self._digits[1][number])
        else:
            label = int(self.random.integers(10))
            image = draw_block(np.array([label]), self.random)[0]
        rows, columns = (np.flatnonzero((image > 64).any(axis=axis)) for axis in (1, 0))
        image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        width = max(3, round(height * image.shape[1] / image.shape[0]))
        large = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
        return np.clip(np.asarray(large, np.float32) / 127.5 - 0.5, 0, 1), str(label)

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def equal(self, low: int, high: int) -> list[float]:
        """Nearly equal heights of low to high digits."""
        return [self.between(0.9, 1) for _ in range(int(self.random.integers(low, high + 1)))]


def page(ink: np.ndarray, margin: float = 0.6) -> np.ndarray:
    """Ink with empty paper around it, `margin` heights of it (at most 80 pixels) on each side."""
    return np.pad(ink, min(80, max(12, round(margin * len(ink)))))


def paint(pen: Pen, ink: np.ndarray) -> Image.Image:
    """Ink on light or dark paper, RGB."""
    paper = pen.random.uniform(0.75, 1, 3) if pen.random.random() < 0.3 else np.full(3, pen.between(0.75, 1))
    colour = pen.random.uniform(0, 0.3, 3)
    if pen.random.random() < 0.15:
        paper, colour = 1 - paper, 1 - colour
    return Image.fromarray(np.uint8(255 * (paper + (colour - paper) * ink[:, :, None])))


def photograph(pen: Pen, picture: Image.Image) -> Image.Image:
    """Uneven light, blur, noise and JPEG compression."""
    picture = picture.filter(ImageFilter.GaussianBlur(pen.between(0, 1)))
    shade = np.asarray(picture.convert('RGB'), np.float32) / 255
    height, width = shade.shape[:2]
    angle = pen.between(0, 2 * np.pi)
    light = np.cos(angle) * np.linspace(-1, 1, width) + np.sin(angle) * np.linspace(-1, 1, height)[:, None]
    shade = shade * (1 + pen.between(0, 0.15) * light[:, :, None] / 2**0.5 - 0.1)
    shade += pen.random.normal(0, pen.between(0, 0.03), shade.shape)
    file = io.BytesIO()
    Image.fromarray(np.uint8(255 * shade.clip(0, 1))).save(file, 'JPEG', quality=int(pen.random.integers(50, 96)))
    return Image.open(file)


def table(pen: Pen, width: int, height: int) -> Image.Image:
    """A dark or middling ground with grain along it, RGB."""
    colour = pen.random.uniform(0.1, 0.55) * pen.random.uniform(0.7, 1, 3)
    grain = np.cumsum(pen.random.normal(0, 0.02, (height, 1)), axis=0) + pen.random.normal(0, 0.02, (height, width))
    grain = grain - grain.mean()
    return Image.fromarray(np.uint8(255 * (colour + grain[:, :, None].clip(-0.1, 0.1)).clip(0, 1)))


def set_type(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str) -> np.ndarray:
    """A text in a font's type, cut out: ink float32 [h, w] in [0, 1]."""
    left, top, right, bottom = font.getbbox(text)
    line = Image.new('L', (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(line).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(line, np.float32) / 255
