"""Pictures of the kinds that people photograph, drawn: sheets on tables, rows, touching digits, dates, forms, clutter.

    python benchmarks/drawn_kinds.py FOLDER [--reserved] [--fonts=FOLDER]

writes a few of each kind, with the label in the file's name, to be looked at. `kinds` gives the functions themselves:
each takes a seed, an integer, and returns a picture and its label. The same seed gives the same picture. In a label the
rows are separated by '/', marks that are no digits are left out, and 'none' is a picture without digits.

Tune on the seeds of `seeds(n)` alone. Those of `seeds(n, reserved=True)` are for the figures that are reported.
"""

import argparse
import functools
import glob
import os
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from drawing_kit import Pen, page, paint, photograph, set_type, table
from PIL import Image, ImageDraw, ImageFont

NONE = 'none'
Kind = Callable[[int], tuple[Image.Image, str]]
_FIRST_RESERVED_SEED = 1_000_000
_LETTERS = 'ABCDEFGHKMNPRTUVWXYabdefghkmnprtuvwxy'  # without those that could be a 0, 1, 2, 5 or 9


def seeds(n: int, reserved: bool = False) -> range:
    """The seeds of n pictures, to tune on or reserved for reporting."""
    first = _FIRST_RESERVED_SEED if reserved else 0
    return range(first, first + n)


def _sheet(pen: Pen) -> tuple[Image.Image, str]:
    ink, label = pen.number(int(pen.random.integers(60, 120)), pen.equal(1, 4), pen.between(0.25, 0.4))
    light = np.full(3, pen.between(0.85, 1))
    return Image.fromarray(np.uint8(255 * (light * (1 - 0.9 * page(ink)[:, :, None])))), label


def turned_sheet(pen: Pen):
    """A sheet of paper on a table, turned by up to 30 degrees, table all around."""
    sheet, label = _sheet(pen)
    turned = sheet.convert('RGBA').rotate(pen.between(-30, 30), Image.Resampling.BICUBIC, expand=True)
    left, top = (int(pen.random.integers(10, 60)) for _ in range(2))
    picture = table(pen, turned.width + left + int(pen.random.integers(10, 60)), turned.height + 2 * top)
    picture.paste(turned, (left, top), turned)
    return photograph(pen, picture), label


def partly_visible_table(pen: Pen):
    """A sheet that leaves the picture, so that the table shows on one or two sides."""
    sheet, label = _sheet(pen)
    off_x, off_y = (int(side * pen.between(0.1, 0.25)) for side in sheet.size)
    which = int(pen.random.integers(3))  # one side, the other, or both: a corner
    off_x, off_y = off_x * (which != 0), off_y * (which != 1)
    picture = table(pen, sheet.width + off_x, sheet.height + off_y)
    picture.paste(sheet, (off_x * int(pen.random.integers(2)), off_y * int(pen.random.integers(2))))
    return photograph(pen, picture), label


def rows(pen: Pen):
    """Two to four rows of two to six digits."""
    height = int(pen.random.integers(40, 80))
    numbers = [
        pen.number(height, pen.equal(2, 6), pen.between(0.2, 0.4)) for _ in range(int(pen.random.integers(2, 5)))
    ]
    gap, width = round(height * pen.between(0.4, 0.9)), max(ink.shape[1] for ink, _ in numbers)
    lines = [np.pad(ink, ((0, gap), (0, width - ink.shape[1]))) for ink, _ in numbers]
    return photograph(pen, paint(pen, page(np.concatenate(lines)[:-gap], 0.3))), '/'.join(text for _, text in numbers)


def row(pen: Pen, n: tuple[int, int], least: float, gaps: tuple[float, float]):
    """One row of digits, of heights from `least` to 1 and with gaps in heights."""
    heights = [pen.between(least, 1) for _ in range(int(pen.random.integers(n[0], n[1] + 1)))]
    if least < 0.7:
        heights[:2] = [1.0, least]
        pen.random.shuffle(heights)
    ink, label = pen.number(int(pen.random.integers(60, 120)), heights, pen.between(*gaps))
    return photograph(pen, paint(pen, page(ink))), label


def with_sign(pen: Pen, sign: str):
    """A date with a slash, or an amount with a point: two numbers and a sign between them."""
    height = int(pen.random.integers(60, 120))
    first, first_label = pen.number(height, pen.equal(1, 2), 0.2)
    second, second_label = pen.number(height, pen.equal(2, 2), 0.2)
    stroke = max(4, round(height * pen.between(0.08, 0.12)))
    between = Image.new('L', (round(height * (0.6 if sign == '/' else 0.4)), height))
    draw = ImageDraw.Draw(between)
    if sign == '/':
        draw.line((0.1 * height, 0.95 * height, 0.5 * height, 0.05 * height), fill=255, width=stroke)
    else:
        draw.ellipse((0.2 * height - stroke, height - 2 * stroke, 0.2 * height + stroke, height - 1), fill=255)
    ink = np.hstack([first, np.asarray(between, np.float32) / 255, second])
    return photograph(pen, paint(pen, page(ink))), first_label + second_label


def on_lines(pen: Pen, is_squared: bool):
    """A number on ruled or squared paper, whose lines run behind it and through it."""
    height = int(pen.random.integers(50, 120))
    ink, label = pen.number(height, pen.equal(1, 3), pen.between(0.25, 0.4))
    ink = page(ink)
    canvas = Image.new('L', ink.shape[::-1])
    draw, gap = ImageDraw.Draw(canvas), height * pen.between(0.5, 1.2)
    width, off = max(1, round(height * pen.between(0.01, 0.04))), pen.between(-0.01, 0.01) * canvas.width
    for y in np.arange(pen.between(0, gap), canvas.height, gap):
        draw.line((0, y, canvas.width, y + off), fill=255, width=width)
    for x in np.arange(pen.between(0, gap), canvas.width, gap) if is_squared else ():
        draw.line((x, 0, x - off, canvas.height), fill=255, width=width)
    lines = pen.between(0.4, 1) * np.asarray(canvas, np.float32) / 255
    return photograph(pen, paint(pen, np.maximum(ink, lines))), label


def printed(pen: Pen, fonts: Sequence[str]):
    """One digit in a font's type."""
    label = str(pen.random.integers(10))
    font = ImageFont.truetype(fonts[int(pen.random.integers(len(fonts)))], int(pen.random.integers(30, 160)))
    return photograph(pen, paint(pen, page(set_type(font, label)))), label


def clutter(pen: Pen, what: str):
    """A page without digits: blank, or with lines, texture or letters."""
    side = int(pen.random.integers(80, 400))
    canvas = Image.new('L', (side, int(side * pen.between(0.6, 1.4))))
    draw = ImageDraw.Draw(canvas)
    if what == 'lines':
        for y in range(int(pen.random.integers(5, 30)), canvas.height, int(pen.random.integers(15, 60))):
            draw.line((0, y, canvas.width, y + pen.between(-6, 6)), fill=255, width=int(pen.random.integers(1, 4)))
    ink = np.asarray(canvas, np.float32) / 255
    if what == 'texture':
        coarse = pen.random.random((int(pen.random.integers(4, 40)), int(pen.random.integers(4, 40))), np.float32)
        ink = np.asarray(Image.fromarray(coarse).resize(canvas.size, Image.Resampling.BICUBIC)).clip(0, 1)
    if what == 'letters':
        text = ''.join(pen.random.choice(list(_LETTERS), int(pen.random.integers(1, 6))))
        ink = page(set_type(ImageFont.load_default(int(pen.random.integers(30, 120))), text))
    return photograph(pen, paint(pen, ink)), NONE


def cell(pen: Pen, is_empty: bool, has_remnants: bool):
    """A sudoku's cell, cut out by hand: remnants of its frame on some sides, a digit or none."""
    side = int(pen.random.integers(40, 140))
    ink, label = np.zeros((side, side), np.float32), NONE
    if not is_empty:
        digit, label = pen.digit(round(side * pen.between(0.45, 0.65)))
        digit = digit[:, : side - 4]
        top, left = ((side - length) // 2 for length in digit.shape)
        ink[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    if has_remnants:
        for number in pen.random.permutation(4)[: int(pen.random.integers(1, 5))].tolist():
            turned = np.rot90(ink, number)  # a view: drawn on in place
            width, inset = (
                max(1, round(side * pen.between(0.01, 0.05))),
                int(pen.random.integers(0, max(2, side // 16))),
            )
            start = int(side * pen.between(0, 0.4)) * int(pen.random.integers(2))
            turned[inset : inset + width, start:] = 1
    return photograph(pen, paint(pen, ink)), label


def kinds(digits: tuple[np.ndarray, np.ndarray] | None = None, fonts: Sequence[str] = ()) -> dict[str, Kind]:
    """Name → function of a seed.

    Args:
      digits: uint8 [n, 28, 28] and labels [n] to write with; None draws digits.
      fonts: Font files; without any, there are no printed digits.
    """
    makers: dict[str, Callable] = {
        'sheet turned by up to 30 degrees': turned_sheet,
        'table partly visible': partly_visible_table,
        'rows': rows,
        'unequal sizes': functools.partial(row, n=(3, 5), least=0.45, gaps=(0.2, 0.4)),
        'touching': functools.partial(row, n=(2, 4), least=0.85, gaps=(0, 0)),
        'overlapping': functools.partial(row, n=(2, 3), least=0.85, gaps=(-0.12, -0.04)),
        'date with a slash': functools.partial(with_sign, sign='/'),
        'amount with a point': functools.partial(with_sign, sign='.'),
        'on ruled paper': functools.partial(on_lines, is_squared=False),
        'on squared paper': functools.partial(on_lines, is_squared=True),
        **{
            f'no digit: {what}': functools.partial(clutter, what=what)
            for what in ('blank', 'lines', 'texture', 'letters')
        },
        'no digit: empty cell': functools.partial(cell, is_empty=True, has_remnants=False),
        'no digit: cell with remnants': functools.partial(cell, is_empty=True, has_remnants=True),
        'digit in a cell with remnants': functools.partial(cell, is_empty=False, has_remnants=True),
    }
    if fonts:
        makers['printed'] = functools.partial(printed, fonts=sorted(fonts))

    def make(name: str, seed: int) -> tuple[Image.Image, str]:
        return makers[name](Pen(np.random.default_rng([seed, zlib.crc32(name.encode())]), digits))

    return {name: functools.partial(make, name) for name in makers}


def font_files(folder: str | None) -> list[str]:
    """The TrueType and OpenType files below a folder."""
    return sorted(glob.glob(os.path.join(folder, '**', '*.[to]tf'), recursive=True)) if folder else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder')
    parser.add_argument('--reserved', action='store_true', help='the pictures that are not to be tuned on')
    parser.add_argument('--fonts', help='folder of font files with ordinary digits')
    parser.add_argument('--n', type=int, default=5, help='pictures of each kind')
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    for name, kind in kinds(fonts=font_files(options.fonts)).items():
        for seed in seeds(options.n, options.reserved):
            picture, label = kind(seed)
            file_name = f'{name} {seed}__{label}.png'.replace(':', '').replace('/', '-').replace(' ', '_')
            picture.save(os.path.join(options.folder, file_name))


if __name__ == '__main__':
    main()
