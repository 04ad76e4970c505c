"""Pictures that the tests of picture reading draw for themselves."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

# Strokes as points (x, y) in the unit box.
STROKES = {
    '1': [[(0.3, 0.25), (0.55, 0), (0.55, 1)]],
    '2': [[(0.1, 0.2), (0.3, 0), (0.65, 0), (0.8, 0.25), (0.1, 1), (0.9, 1)]],
    '4': [[(0.6, 0), (0.05, 0.65), (0.95, 0.65)], [(0.65, 0.3), (0.65, 1)]],
    '5': [[(0.2, 0.12), (0.15, 0.5), (0.7, 0.5), (0.85, 0.75), (0.6, 1), (0.1, 0.95)], [(0.25, 0), (0.9, 0)]],
    '7': [[(0.05, 0), (0.9, 0), (0.4, 1)]],
}


def draw_share(digit='2', size=(120, 120), box=(30, 20, 60, 80), pen=8):
    """float32 [height, width] in [0, 1]: how much of each pixel a digit's pen covers.

    Args:
      digit: A key of STROKES.
      size: Width and height.
      box: Left, top, width and height of the pen's path.
      pen: Width of the pen, in pixels.
    """
    scale = 4
    canvas = Image.new('L', (size[0] * scale, size[1] * scale))
    draw = ImageDraw.Draw(canvas)
    radius = pen * scale / 2
    for stroke in STROKES[digit]:
        points = [((box[0] + x * box[2]) * scale, (box[1] + y * box[3]) * scale) for x, y in stroke]
        draw.line(points, fill=255, width=round(2 * radius))
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(canvas.resize(size, Image.Resampling.BOX), np.float32) / 255


def draw_picture(digit='2', paper=(255, 255, 255), ink=(0, 0, 0), **options):
    """An RGB picture of `draw_share` in the colours given."""
    share = draw_share(digit, **options)[:, :, None]
    return Image.fromarray(np.uint8(np.round(share * np.array(ink) + (1 - share) * np.array(paper))))


def correlation(one, other):
    """Pearson's, of two images: 1 for the same up to brightness and a shift by a pixel at most.

    A centre of mass that lies half way between two pixels may go to either.
    """
    return max(
        float(np.corrcoef(np.ravel(np.roll(one, (down, right), (0, 1))), np.ravel(other))[0, 1])
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    )


def assert_like_mnist(image, tolerance=0.02):
    """28x28, bright on black, the ink's longest side 20 pixels, its centre of mass at index 14."""
    assert image.shape == (28, 28) and image.dtype == np.float32
    assert image.min() == 0 and image.max() == pytest.approx(1, abs=0.01)
    rows, columns = (np.flatnonzero(image.max(axis=axis) > 0.2) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (20, 21)  # it may begin and end within a pixel
    for axis in (0, 1):
        centre = image.sum(axis=1 - axis) @ np.arange(28) / image.sum()
        assert centre == pytest.approx(14, abs=tolerance)
