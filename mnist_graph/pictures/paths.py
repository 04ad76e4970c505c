"""The best way through a row of ink, by the scores of every piece of it that may be one digit.

Cuts are made where they may be right, every run of atoms between two of them is scored, and the path through them whose
logarithms add up to the most is kept, as in LeCun et al. 1998, section V. The sum over all paths, forwards and
backwards (section VI), says how sure each step of it is.
"""

from typing import NamedTuple

import numpy as np

from mnist_graph.pictures import rows
from mnist_graph.pictures.doubts import LEAST_ONE

# Natural logarithm: how much better than a digit `none` must be.
_NONE_PENALTY = -2.5
# Natural logarithms: how much better than a whole digit the parts on both sides of a cut must be, than two pieces the
# digit that they make together, and a 1, which any piece is like, than the rest.
_CUT_PENALTY, JOIN_PENALTY, _ONE_PENALTY = -0.5, -0.1, -0.3
# Natural logarithm: an atom of which nothing is known but that its figure was read whole.
_UNKNOWN = -20.0
# Of the row's height: what is lower and narrower than this is a point, and lower than the second a dash or a comma.
_POINT, _LOW = 0.22, 0.4
# Of the ink of two runs together: what they share if they are taken for the same figure.
_SAME_INK = 0.6

Run = tuple[int, int]


class Step(NamedTuple):
    """A step of a path.

    Attributes:
      run: (first, stop) of its atoms.
      is_digit: Whether it is read, or left out.
      share: Probability, in [0, 1], that its ink is read like this rather than cut otherwise.
    """

    run: Run
    is_digit: bool
    share: float = 1.0


class _Edge(NamedTuple):
    """What a path may take: a run, read as `label` or (None) left out, and its logarithm times its ink."""

    run: Run
    label: int | None
    value: float


def best_path(atoms: list[rows.Atom], scores: dict[Run, np.ndarray]) -> list[Step]:
    """The steps that together cover a row's atoms and score best.

    A run's score is the logarithm of its probability times its ink, so that the path of few runs is not preferred.

    Args:
      atoms: Of one row.
      scores: float [classes] of each run that was scored.
    """
    edges = _edges(atoms, scores)
    n, best = len(atoms), {0: 0.0}
    came: dict[int, _Edge] = {}
    for edge in edges:
        first, stop = edge.run
        if first in best and best[first] + edge.value > best.get(stop, -np.inf):
            best[stop], came[stop] = best[first] + edge.value, edge
    path, at = [], n
    while at:
        path.append(came[at])
        at = came[at].run[0]
    return _with_shares(path[::-1], edges, np.array([atom.area for atom in atoms]))


def _edges(atoms: list[rows.Atom], scores: dict[Run, np.ndarray]) -> list[_Edge]:
    """All that paths may take, in order of where it begins."""
    n, height = len(atoms), max(atom.bottom - atom.top for atom in atoms)
    edges = []
    for first, stop in sorted({*scores, *((k, k + 1) for k in range(n))}):
        run, of = atoms[first:stop], scores.get((first, stop))
        area = sum(atom.area for atom in run)
        if of is None:
            edges.append(_Edge((first, stop), None, area * _UNKNOWN))
            continue
        cut = _CUT_PENALTY if first > 0 and atoms[first - 1].group == run[0].group else 0.0
        as_digit, as_none = _values(run, of, height, n)
        edges.append(_Edge((first, stop), int(of[:10].argmax()), area * (as_digit + cut)))
        edges.append(_Edge((first, stop), None, area * as_none))
    return edges


def _values(run: list[rows.Atom], of: np.ndarray, height: int, n: int) -> tuple[float, float]:
    """What a run is worth, in natural logarithms, as a digit and as none.

    Args:
      run: The atoms; there are n in the row, which is `height` pixels high.
      of: Its scores.
    """
    left, top, right, bottom = rows.box(run)
    high, wide = bottom - top, right - left
    sure, none, is_one = float(of[:10].max()), float(of[10:].sum()), int(of[:10].argmax()) == 1
    if high < _LOW * height and is_one or max(high, wide) < _POINT * height or wide > 2 * high:
        sure = 0.0
    elif is_one and high < LEAST_ONE * height:
        sure *= 0.2
    penalty = JOIN_PENALTY * sum(one.group != other.group for one, other in zip(run, run[1:]))
    penalty += _ONE_PENALTY * (n > 1 and is_one)
    return np.log(max(sure, 1e-6)) + penalty, np.log(max(none, 1e-3)) + _NONE_PENALTY


def _with_shares(path: list[_Edge], edges: list[_Edge], areas: np.ndarray) -> list[Step]:
    """The path's steps with the share that paths which read the same there have of all paths.

    Args:
      path, edges: The best path, and all that paths may take.
      areas: int [atoms].
    """
    n_digits = max(1, sum(edge.label is not None for edge in path))
    scale = areas.sum() / n_digits  # one digit's ink counts once
    forward, backward = np.full(len(areas) + 1, -np.inf), np.full(len(areas) + 1, -np.inf)
    forward[0] = backward[-1] = 0.0
    for edge in edges:
        first, stop = edge.run
        forward[stop] = np.logaddexp(forward[stop], forward[first] + edge.value / scale)
    for edge in reversed(edges):
        first, stop = edge.run
        backward[first] = np.logaddexp(backward[first], backward[stop] + edge.value / scale)
    ends = np.concatenate([[0], np.cumsum(areas)])

    def is_alike(one: _Edge, other: _Edge) -> bool:
        start, stop = max(one.run[0], other.run[0]), min(one.run[1], other.run[1])
        shared = ends[stop] - ends[start] if stop > start else 0
        around = ends[max(one.run[1], other.run[1])] - ends[min(one.run[0], other.run[0])]
        return one.label == other.label and shared > _SAME_INK * around

    def share(step: _Edge) -> float:
        logs = [forward[e.run[0]] + e.value / scale + backward[e.run[1]] for e in edges if is_alike(step, e)]
        return min(1.0, float(np.exp(np.array(logs) - forward[-1]).sum()))

    return [Step(edge.run, edge.label is not None, share(edge) if edge.label is not None else 1.0) for edge in path]
