"""Telling pictures of handwriting from other pictures, without reading them.

Handwriting is grey, on paper of one shade, and of strokes that are thin beside what they make up; garments, faces and
textures fail one or more of these. The limits below were measured on digits: MNIST's own, drawn ones on canvases of
several sizes, dark on light and light on dark, with noise and shadows. At least 98% of them lie within each limit.
"""

from collections.abc import Sequence

import numpy as np

from mnist_graph.pictures.mnist_style import mean_stroke_width

# Pixels: on smaller pictures a stroke is one pixel wide, and cutting digits out of them gains nothing.
_SMALLEST_SIDE = 20
# How many pictures are looked at, and the fraction of them that must show handwriting.
_LOOKED_AT, _MOST_OF_THEM = 200, 0.8

# Brightness, from 0 to 1: the least difference between ink and paper (0.6 was the least measured), the most by which
# paper varies along the edges of a picture, and the least that counts as a mark of the other shade than the ink's.
_LEAST_CONTRAST, _SHADOW = 0.4, 0.2
# Fraction of the contrast beyond the paper, away from the ink, that is no noise.
_OPPOSITE = 0.25
# Fractions of the pixels: paper at the edges (digits reach over 0% of them, garments over 12% or more), ink (at most
# 25% were measured; a filled shape has more), and pixels of the opposite shade.
_LEAST_PAPER_AT_EDGES, _MOST_INK, _MOST_OPPOSITE = 0.9, 0.35, 0.05
# Mean width of the strokes beside the longest side of all ink: at most 0.25 for a thick pen, 0.5 for a disc.
_WIDEST_STROKE = 0.3


def show_handwriting(pictures: Sequence[np.ndarray]) -> bool:
    """Whether most of the pictures, uint8 [height, width, channels] of one size, show handwriting."""
    if not pictures or min(pictures[0].shape[:2]) < _SMALLEST_SIDE:
        return False
    step = -(-len(pictures) // _LOOKED_AT)
    sample = pictures[::step]
    return sum(map(_shows_handwriting, sample)) >= _MOST_OF_THEM * len(sample)


def _shows_handwriting(picture: np.ndarray) -> bool:
    if picture.shape[2] != 1:
        return False
    grey = picture[:, :, 0].astype(np.float32) / 255
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = np.median(edges)
    ink = grey - paper
    if ink.max() < -ink.min():
        ink = -ink
    contrast = float(ink.max())
    if contrast < _LEAST_CONTRAST or np.mean(np.abs(edges - paper) < _SHADOW) < _LEAST_PAPER_AT_EDGES:
        return False
    ink /= contrast
    inked = ink > 0.5
    if inked.mean() > _MOST_INK or np.mean(ink < -_OPPOSITE) > _MOST_OPPOSITE:
        return False
    longest = max(np.ptp(np.flatnonzero(inked.any(axis=axis))) + 1 for axis in (0, 1))
    return bool(mean_stroke_width(np.pad(np.maximum(ink, 0), 1)) <= _WIDEST_STROKE * longest)
