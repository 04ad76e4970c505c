"""Digits and letters set in the fonts that Python packages bring: matplotlib's, Pillow's own, and OpenCV's.

Fonts that the machine happens to have are not used, so that the same packages give the same pictures.
"""

import functools
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_graph.base import extras
from mnist_graph.base.errors import UsageError
from mnist_graph.base.opencv import cv2

# Pixels: the size in which text is set; it is several times MNIST's 20, so that reducing it is what blurs it.
_FONT_SIZE = 64
# Pixels around the text, for what reaches out of its line.
_MARGIN = 32
# Of matplotlib's fonts, those whose digits are text figures of usual shapes.
_MATPLOTLIB_FONTS = tuple(
    f'DejaVu{family}{style}.ttf'
    for family in ('Sans', 'SansMono', 'Serif')
    for style in ('', '-Bold', '-BoldOblique' if family != 'Serif' else '-BoldItalic')
) + (
    'DejaVuSans-Oblique.ttf',
    'DejaVuSerif-Italic.ttf',
    'STIXGeneral.ttf',
    'STIXGeneralBol.ttf',
    'STIXGeneralItalic.ttf',
    'STIXGeneralBolIta.ttf',
    'cmb10.ttf',
    'cmr10.ttf',
    'cmss10.ttf',
    'cmti10.ttf',
    'cmtt10.ttf',
)
_HERSHEY_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SIMPLEX | cv2.FONT_ITALIC,
    cv2.FONT_HERSHEY_COMPLEX | cv2.FONT_ITALIC,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


@functools.cache
def fonts() -> tuple:
    """What `draw` takes: Pillow's fonts, and the numbers of OpenCV's.

    Raises:
      UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise UsageError(
            f'Some fonts of the printed digits come with matplotlib; install it with {extras.install_command("plots")}.'
        ) from None
    folder = os.path.join(matplotlib.get_data_path(), 'fonts', 'ttf')
    outlines = [ImageFont.truetype(os.path.join(folder, name), _FONT_SIZE) for name in _MATPLOTLIB_FONTS]
    return (*outlines, ImageFont.load_default(_FONT_SIZE), *_HERSHEY_FONTS)


def draw(text: str, font, thickness: int = 4) -> np.ndarray:
    """Sets a short text: uint8 [height, width], bright on black, with room around it.

    Args:
      text: One letter or a few.
      font: One of `fonts()`.
      thickness: Pixels, of the stroke of OpenCV's fonts, which have no width of their own.
    """
    if isinstance(font, int):
        canvas = np.zeros((_FONT_SIZE + 2 * _MARGIN, (_FONT_SIZE * len(text)) + 2 * _MARGIN), np.uint8)
        return cv2.putText(canvas, text, (_MARGIN, _FONT_SIZE + _MARGIN), font, 2.2, 255, thickness, cv2.LINE_AA)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new('L', (int(right - left) + 2 * _MARGIN, int(bottom - top) + 2 * _MARGIN))
    ImageDraw.Draw(image).text((_MARGIN - left, _MARGIN - top), text, 255, font)
    return np.asarray(image)
