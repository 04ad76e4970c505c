"""Splines through the points of `strokes`, as matrices that turn control points into points along the pen's path."""

import functools
from typing import NamedTuple

import numpy as np

from mnist_graph.drawn.strokes import Way

N_SAMPLES = 72  # points along the path; about one per pixel for the longest digit, an 8

# Textbook matrices of the uniform cubic splines. Rows: the coefficients of 1, t, t^2 and t^3;
# columns: the four points around a segment.
CATMULL_ROM = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
B_SPLINE = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6


class Curves(NamedTuple):
    """A way of writing with the matrices that draw it.

    Attributes:
      forms: float32 [forms, points, 2], (x, y) in the unit box.
      sharp: float32 [N_SAMPLES, points], turns control points into points on the path, with corners.
      round: float32 [N_SAMPLES, points], the same for a B-spline, which rounds every corner.
      ends: int [2 * strokes, 2], (end point, its neighbour) for both ends of every stroke.
      stroke_of_point: int [points], which stroke each control point belongs to.
    """

    forms: np.ndarray
    sharp: np.ndarray
    round: np.ndarray
    ends: np.ndarray
    stroke_of_point: np.ndarray


def parse_stroke(text: str) -> tuple[np.ndarray, list[int]]:
    """Returns the points of a stroke, float64 [points, 2] in the unit box, and the indices of its corners."""
    numbers: list[float] = []
    corners: list[int] = []
    for word in text.split():
        if word == '|':
            corners.append(len(numbers) // 2 - 1)
        else:
            numbers.append(float(word) / 100)
    return np.array(numbers).reshape(-1, 2), corners


def spline_matrix(
    segment: np.ndarray, t: np.ndarray, breaks: list[int], n_points: int, basis: np.ndarray
) -> np.ndarray:
    """The matrix that turns control points into points on a cubic spline.

    Args:
      segment: int [samples], the control point at which each sample's segment begins.
      t: float64 [samples], where in its segment the sample lies, in [0, 1].
      breaks: Indices of the points where the curve begins or ends: ends of strokes,
        and corners. The point beyond such a point is its neighbour, reflected
        at it (p[-1] = 2 p[0] - p[1]).
      n_points: Number of control points.
      basis: CATMULL_ROM or B_SPLINE.

    Returns:
      float64 [samples, n_points], each row adding up to 1.
    """
    matrix = np.zeros((len(t), n_points))
    powers = np.stack([np.ones_like(t), t, t**2, t**3], axis=1) @ basis
    for row, (k, weights) in enumerate(zip(segment, powers)):
        matrix[row, k] += weights[1]
        matrix[row, k + 1] += weights[2]
        if k in breaks:
            matrix[row, k] += 2 * weights[0]
            matrix[row, k + 1] -= weights[0]
        else:
            matrix[row, k - 1] += weights[0]
        if k + 1 in breaks:
            matrix[row, k + 1] += 2 * weights[3]
            matrix[row, k] -= weights[3]
        else:
            matrix[row, k + 2] += weights[3]
    return matrix


@functools.cache
def prepare(way: Way) -> Curves:
    """The `Curves` of a way of writing."""
    parsed = [[parse_stroke(text) for text in form] for form in way.forms]
    forms = np.stack([np.concatenate([points for points, _ in form]) for form in parsed])
    counts = [len(points) for points, _ in parsed[0]]
    first = np.concatenate([[0], np.cumsum(counts)])
    stroke_of_point = np.repeat(np.arange(len(counts)), counts)
    starts = np.array([k for k in range(len(forms[0]) - 1) if stroke_of_point[k] == stroke_of_point[k + 1]])
    lengths = np.linalg.norm(np.diff(forms.mean(axis=0), axis=0), axis=1)[starts]
    # Samples are spread evenly over the summed length of all strokes.
    distances = np.concatenate([[0], np.cumsum(lengths)])
    samples = (np.arange(N_SAMPLES) + 0.5) / N_SAMPLES * distances[-1]
    index = np.searchsorted(distances, samples, side='right') - 1
    t = (samples - distances[index]) / lengths[index]
    ends, breaks, corners = [], [], []
    for stroke, (_, stroke_corners) in enumerate(parsed[0]):
        a, b = first[stroke], first[stroke + 1] - 1
        ends += [(a, a + 1), (b, b - 1)]
        breaks += [a, b]
        corners += [a + c for c in stroke_corners]
    arguments = (starts[index], t)
    return Curves(
        forms.astype(np.float32),
        spline_matrix(*arguments, breaks + corners, len(forms[0]), CATMULL_ROM).astype(np.float32),
        spline_matrix(*arguments, breaks, len(forms[0]), B_SPLINE).astype(np.float32),
        np.array(ends),
        stroke_of_point,
    )
