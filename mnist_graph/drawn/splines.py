"""From the texts of `strokes` to matrices that turn control points into points along the pen's path."""

import functools
from typing import NamedTuple

import numpy as np

from mnist_graph.drawn.strokes import Way

N_SAMPLES = 72  # points along the path; about one per pixel for the longest digit, an 8

# Textbook matrices of the uniform cubic splines. Rows: the coefficients of 1, t, t^2 and t^3;
# columns: the four points around a segment.
CATMULL_ROM = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
B_SPLINE = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6


class Skeleton(NamedTuple):
    """A way of writing, prepared for drawing.

    Attributes:
      forms: float32 [forms, points, 2], (x, y) in the unit box.
      sharp: float32 [N_SAMPLES, points], takes control points to points on the path, with corners.
      round: float32 [N_SAMPLES, points], the same as a B-spline, which cuts every corner.
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
    numbers, corners = [], []
    for word in text.split():
        if word == '|':
            corners.append(len(numbers) // 2 - 1)
        else:
            numbers.append(float(word) / 100)
    return np.array(numbers).reshape(-1, 2), corners


def spline_matrix(
    segment: np.ndarray, t: np.ndarray, breaks: list[int], n_points: int, basis: np.ndarray
) -> np.ndarray:
    """The matrix that takes control points to points on a cubic spline.

    Args:
      segment: int [samples], the control point at which each sample's segment begins.
      t: float64 [samples], where in its segment the sample lies, in [0, 1].
      breaks: Indices of the points where the curve ends or begins anew: strokes'
        ends and corners. There the missing neighbour is the reflection of the
        one that there is (p[-1] = 2 p[0] - p[1]).
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
def skeleton(way: Way) -> Skeleton:
    """Prepares a way of writing."""
    parsed = [[parse_stroke(text) for text in form] for form in way.forms]
    forms = np.stack([np.concatenate([points for points, _ in form]) for form in parsed])
    counts = [len(points) for points, _ in parsed[0]]
    first = np.concatenate([[0], np.cumsum(counts)])
    stroke_of_point = np.repeat(np.arange(len(counts)), counts)
    starts = np.array([k for k in range(len(forms[0]) - 1) if stroke_of_point[k] == stroke_of_point[k + 1]])
    lengths = np.linalg.norm(np.diff(forms.mean(axis=0), axis=0), axis=1)[starts]
    # Samples are spread evenly over the summed length of all strokes.
    reach = np.concatenate([[0], np.cumsum(lengths)])
    places = (np.arange(N_SAMPLES) + 0.5) / N_SAMPLES * reach[-1]
    index = np.searchsorted(reach, places, side='right') - 1
    t = (places - reach[index]) / lengths[index]
    ends, breaks, corners = [], [], []
    for stroke, (_, its_corners) in enumerate(parsed[0]):
        a, b = first[stroke], first[stroke + 1] - 1
        ends += [(a, a + 1), (b, b - 1)]
        breaks += [a, b]
        corners += [a + c for c in its_corners]
    arguments = (starts[index], t)
    return Skeleton(
        forms.astype(np.float32),
        spline_matrix(*arguments, breaks + corners, len(forms[0]), CATMULL_ROM).astype(np.float32),
        spline_matrix(*arguments, breaks, len(forms[0]), B_SPLINE).astype(np.float32),
        np.array(ends),
        stroke_of_point,
    )
