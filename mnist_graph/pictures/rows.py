"""Chaining pieces of ink into rows, and cutting rows into what may be one digit each."""

from typing import NamedTuple

import numpy as np

from mnist_graph.base.opencv import cv2
from mnist_graph.pictures.pieces import Pieces

# Of the lower of two neighbours: what they share of their heights if they are in one row.
_SHARED_HEIGHT = 0.45
# Of the taller of two neighbours: the widest gap between them in a row.
_WIDEST_GAP = 4.0
# Of the row's height: a piece lower than this is a part of a digit, a point or a dash, and begins no figure of its own.
_LEAST_FIGURE = 0.35
# Of the typical height: the least digit, where it stands by itself.
_LEAST_DIGIT = 0.25
# Of the height of the nearest figure: how far from it a part of it may lie.
_NEAR_PART = 0.5
# Of the picture's side: a line as long is no digit among others, an upright one if it goes all along. Of its length:
# what is lower is flat.
_CROSSES, _ALL_ALONG, _FLAT = 0.6, 0.9, 0.25
# Of a figure's height: a narrower one is one digit for sure, and a wider one than the second is not.
_ONE_DIGIT, _WIDEST_DIGIT = 0.62, 1.5
# Of the row's height: a cut is made so far from the last one, or more.
_LEAST_STEP = 0.12
# Of the row's height: the widest gap within a broken digit.
_WIDEST_BREAK = 0.45
# Times its height: the widest digit that may be in several pieces beside each other.
_WIDEST_BROKEN = 0.95
# Cuts through one piece, at most, and atoms that one digit may be made of.
_MOST_CUTS, _MOST_ATOMS = 12, 5


class Atom(NamedTuple):
    """A piece of ink that is not cut further.

    Attributes:
      left, top, right, bottom: Its box, half open.
      mask: uint8 [height, width] of its box: 1 on its ink.
      group: Number of the figure it was cut from.
    """

    left: int
    top: int
    right: int
    bottom: int
    mask: np.ndarray
    group: int

    @property
    def area(self) -> int:
        return int(np.count_nonzero(self.mask))


def find_rows(pieces: Pieces, keep: np.ndarray) -> list[list[int]]:
    """Groups the kept pieces into rows, top to bottom; each is the numbers of its pieces, left to right.

    Args:
      pieces: All pieces.
      keep: bool [pieces].
    """
    numbers = np.flatnonzero(keep)
    if not len(numbers):
        return []
    heights, typical = pieces.height[numbers], typical_height(pieces, numbers)
    tall = numbers[heights >= _LEAST_FIGURE * typical]
    # Low pieces near a figure are its parts; others may be digits that are smaller than the rest.
    low = numbers[heights < _LEAST_FIGURE * typical]
    parts = {}
    for number in low.tolist():
        distances = _distances(pieces, number, tall)
        nearest = int(tall[distances.argmin()])
        if distances.min() <= _NEAR_PART * pieces.height[nearest]:
            parts[number] = nearest
        elif pieces.height[number] >= _LEAST_DIGIT * typical:
            tall = np.append(tall, number)
    rows = [set(chain) for chain in _chains(pieces, tall)]
    for number, nearest in parts.items():
        next(row for row in rows if nearest in row).add(number)
    rows.sort(key=lambda row: np.mean([pieces.top[n] + pieces.bottom[n] for n in row]))
    return [sorted(row, key=lambda n: pieces.left[n]) for row in rows]


def typical_height(pieces: Pieces, numbers: np.ndarray) -> float:
    """The height that half of the ink is in pieces of, of those that do not cross the picture."""
    is_crossing = crossing(pieces)[numbers]
    numbers = numbers if is_crossing.all() else numbers[~is_crossing]
    numbers = numbers[np.argsort(pieces.height[numbers])]
    ink = np.cumsum(pieces.area[numbers])
    return float(pieces.height[numbers[np.searchsorted(ink, ink[-1] / 2)]])


def crossing(pieces: Pieces) -> np.ndarray:
    """bool [pieces]: lines along most of the picture, and frames around it."""
    height, width = pieces.labels.shape
    level = (pieces.width >= _CROSSES * width) & (pieces.height < _FLAT * pieces.width)
    upright = (pieces.height >= _ALL_ALONG * height) & (pieces.width < _FLAT * pieces.height)
    return level | upright | (pieces.height >= _ALL_ALONG * height) & (pieces.width >= _ALL_ALONG * width)


def _chains(pieces: Pieces, numbers: np.ndarray) -> list[list[int]]:
    """Pieces chained with their nearest neighbour to the right that is level with them."""
    order = numbers[np.argsort(pieces.left[numbers], kind='stable')]
    parent = {int(n): int(n) for n in order}

    def root(n):
        while parent[n] != n:
            n = parent[n]
        return n

    top, bottom, left, right = pieces.top, pieces.bottom, pieces.left, pieces.right
    for index, n in enumerate(order.tolist()):
        others = order[index + 1 :]
        height = np.minimum(bottom[n] - top[n], bottom[others] - top[others])
        shared = np.minimum(bottom[n], bottom[others]) - np.maximum(top[n], top[others])
        gap = left[others] - right[n]
        taller = np.maximum(bottom[n] - top[n], bottom[others] - top[others])
        fits = (shared >= _SHARED_HEIGHT * height) & (gap <= _WIDEST_GAP * taller)
        # All that overlap it, and the next one beyond.
        near = others[fits & (gap <= 0.1 * taller)]
        beyond = others[fits & (gap > 0.1 * taller)]
        for other in [*near.tolist(), *beyond[np.argsort(left[beyond])][:1].tolist()]:
            parent[root(other)] = root(n)
    groups: dict[int, list[int]] = {}
    for n in order.tolist():
        groups.setdefault(root(n), []).append(n)
    return list(groups.values())


def _distances(pieces: Pieces, one: int, others: np.ndarray) -> np.ndarray:
    """float [others]: from the box of one piece to those of others."""
    gap_x = np.maximum(pieces.left[one] - pieces.right[others], pieces.left[others] - pieces.right[one])
    gap_y = np.maximum(pieces.top[one] - pieces.bottom[others], pieces.top[others] - pieces.bottom[one])
    return np.hypot(np.maximum(gap_x, 0), np.maximum(gap_y, 0))


def atoms(pieces: Pieces, row: list[int]) -> list[Atom]:
    """Cuts a row into atoms, left to right: its figures, and the wide ones among them cut where they may be joined."""
    heights = pieces.height[row]
    height = float(heights.max())
    figures: list[list[int]] = []
    for n in row:
        if figures and _belongs(pieces, figures[-1], n, height):
            figures[-1].append(n)
        else:
            figures.append([n])
    result = []
    for group, figure in enumerate(figures):
        left, right = pieces.left[figure].min(), pieces.right[figure].max()
        top, bottom = pieces.top[figure].min(), pieces.bottom[figure].max()
        labels = pieces.labels[top:bottom, left:right]
        mask = np.isin(labels, np.add(figure, 1)).astype(np.uint8)
        cuts = _cuts(mask, height) if right - left > _ONE_DIGIT * (bottom - top) else []
        edges = [0, *cuts, right - left]
        for start, stop in zip(edges, edges[1:]):
            part = mask[:, start:stop]
            x, y, w, h = cv2.boundingRect(part)
            if w and h:
                part = part[y : y + h, x : x + w]
                result.append(Atom(left + start + x, top + y, left + start + x + w, top + y + h, part, group))
    return result


def _belongs(pieces: Pieces, figure: list[int], n: int, height: float) -> bool:
    """Whether a piece lies over or under a figure, or a small one beside it: parts of one digit."""
    left, right = pieces.left[figure].min(), pieces.right[figure].max()
    shared = min(right, pieces.right[n]) - max(left, pieces.left[n])
    return shared > 0.5 * min(right - left, pieces.width[n])


def _cuts(mask: np.ndarray, height: float) -> list[int]:
    """Columns where a figure may be cut: where little ink, or little depth of it, is in a column."""
    wide = mask.shape[1]
    ink = mask.sum(axis=0).astype(np.float32)
    first = np.argmax(mask, axis=0)
    last = mask.shape[0] - 1 - np.argmax(mask[::-1], axis=0)
    depth = np.where(ink > 0, last - first, 0).astype(np.float32)
    # Thin places, and places where the outline is pinched.
    cost = cv2.GaussianBlur((ink + 0.25 * depth)[None], (0, 0), max(0.6, 0.02 * height))[0]
    step = max(2, round(_LEAST_STEP * height))
    candidates = []
    for x in range(step, wide - step + 1):
        window = cost[max(0, x - step) : x + step + 1]
        if cost[x] <= window.min() + 1e-6:
            candidates.append((float(cost[x]), x))
    chosen: list[int] = []
    for _, x in sorted(candidates):
        if len(chosen) < _MOST_CUTS and all(abs(x - other) >= step for other in chosen):
            chosen.append(x)
    return sorted(chosen)


def candidates(row_atoms: list[Atom]) -> list[tuple[int, int]]:
    """(first, stop) of every run of atoms that may be one digit."""
    result = []
    height = max((atom.bottom - atom.top for atom in row_atoms), default=0)
    for first, start in enumerate(row_atoms):
        for stop in range(first + 1, min(first + _MOST_ATOMS, len(row_atoms)) + 1):
            run = row_atoms[first:stop]
            wide = max(atom.right for atom in run) - start.left
            high = max(atom.bottom for atom in run) - min(atom.top for atom in run)
            gap = run[-1].left - max((atom.right for atom in run[:-1]), default=run[-1].left)
            if stop > first + 1 and (wide > _WIDEST_DIGIT * max(high, 0.5 * height) or gap > _WIDEST_BREAK * height):
                break
            if gap > 0 and run[0].group != run[-1].group and wide > _WIDEST_BROKEN * high:
                continue
            result.append((first, stop))
    return result


def box(run: list[Atom]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) around some atoms."""
    return (
        int(min(atom.left for atom in run)),
        int(min(atom.top for atom in run)),
        int(max(atom.right for atom in run)),
        int(max(atom.bottom for atom in run)),
    )
