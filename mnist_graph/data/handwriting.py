"""The data that the package's own reader is trained on: MNIST, other hands, print, and what is no digit.

MNIST's digits are American; the package's drawn digits add a 1 with a flag, a
crossed 7, an open 4 and more. The class `none` is the answer to blanks and
clutter, and the score by which a row of touching digits is cut.
"""

import numpy as np

from mnist_graph import drawn
from mnist_graph.base.errors import ImageError
from mnist_graph.base.opencv import cv2
from mnist_graph.data import clutter, printed
from mnist_graph.data.raw_data import RawData
from mnist_graph.pictures.mnist_style import normalize_digit

NONE = 'none'
CLASS_NAMES = (*'0123456789', NONE)
_SEED = 2016
# Pictures of each kind beside MNIST's; the test set has a tenth of each, from another stream.
_N_DRAWN, _N_PRINTED, _N_NONE = 15000, 10000, 30000


def add_to(mnist: RawData) -> RawData:
    """MNIST with drawn and printed digits, and pictures of no digit as an eleventh class.

    Args:
      mnist: With uint8 images [n, 28, 28] and labels in 0..9.

    Returns:
      Training and test sets with the additions shuffled in.
    """
    halves = []
    for stream, (images, labels, share) in enumerate(
        [(mnist.train_images, mnist.train_labels, 1.0), (mnist.test_images, mnist.test_labels, 0.1)]
    ):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(_SEED, spawn_key=(stream,))))
        strokes, of_strokes = drawn.draw_digits(round(share * _N_DRAWN), 2 * _SEED + stream)
        print_, of_print = _print(round(share * _N_PRINTED), rng)
        nothing = clutter.make(round(share * _N_NONE), np.concatenate([images, strokes]), rng)
        every = np.concatenate([images, strokes, print_, nothing])
        every_label = np.concatenate([labels, of_strokes, of_print, np.full(len(nothing), 10)]).astype(np.int32)
        order = rng.permutation(len(every))
        halves.append((every[order], every_label[order]))
    (train, train_labels), (test, test_labels) = halves
    return RawData('handwriting', train, train_labels, test, test_labels, CLASS_NAMES, mnist.where)


def _print(n: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """n digits set in fonts, as `drawn.draw_digits` returns drawn ones."""
    images: list[np.ndarray] = []
    labels: list[int] = []
    fonts = printed.fonts()
    while len(images) < n:
        label = len(images) % 10
        canvas = printed.draw(str(label), fonts[rng.integers(len(fonts))], int(rng.integers(2, 10)))
        canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.5, 3))
        # Worn print: hairlines fade before stems do.
        canvas = 255 * (canvas / np.float32(255)) ** rng.uniform(0.8, 2.2)
        stretch = rng.uniform(0.75, 1.3)
        canvas = cv2.resize(canvas, None, fx=stretch, fy=1, interpolation=cv2.INTER_AREA)
        try:
            images.append(np.rint(normalize_digit(canvas / 255) * 255).astype(np.uint8))
        except ImageError:
            continue
        labels.append(label)
    return np.stack(images), np.array(labels, np.uint8)
