"""Masks of ink: connected components, bounding boxes, erosion and dilation, with numpy alone."""

import functools
from typing import NamedTuple

import numpy as np


class Components(NamedTuple):
    """The 8-connected components of a mask [height, width], numbered from 0.

    Boxes are half open: rows top to bottom - 1, columns left to right - 1.

    Attributes:
      shape: (height, width) of the mask.
      run_start, run_stop: int64 [runs], flat indices (stop exclusive) into the
        mask of each horizontal run of ink.
      run_label: int64 [runs], the component that the run belongs to.
      area: int64 [components], pixels.
      top, left, bottom, right: int64 [components].
    """

    shape: tuple[int, int]
    run_start: np.ndarray
    run_stop: np.ndarray
    run_label: np.ndarray
    area: np.ndarray
    top: np.ndarray
    left: np.ndarray
    bottom: np.ndarray
    right: np.ndarray

    @property
    def height(self) -> np.ndarray:
        """int64 [components]."""
        return self.bottom - self.top

    @property
    def width(self) -> np.ndarray:
        """int64 [components]."""
        return self.right - self.left

    @property
    def longest(self) -> np.ndarray:
        """int64 [components]: the longer of height and width."""
        return np.maximum(self.height, self.width)

    def extent(self, which: 'np.ndarray | list[int]') -> tuple[int, int]:
        """(height, width) of the box around some components: bool [components] or a list of numbers."""
        return (self.bottom[which].max() - self.top[which].min(), self.right[which].max() - self.left[which].min())

    def mask(self, keep: np.ndarray) -> np.ndarray:
        """bool [height, width]: the components for which `keep`, bool [components], is true."""
        runs = keep[self.run_label]
        height, width = self.shape
        steps = np.zeros(height * width + 1, np.int8)
        # Where a run stops another may start, if a row ends there.
        steps[self.run_start[runs]] += 1
        steps[self.run_stop[runs]] -= 1
        return np.cumsum(steps[:-1], dtype=np.int8).reshape(height, width).astype(bool)


@functools.lru_cache(maxsize=256)
def ones(count: int) -> np.ndarray:
    """float32 [count]: a matrix product with these ones adds much faster than `sum` does."""
    return np.ones(count, np.float32)


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right), half open, of a bool array, or None if it is all False."""
    rows, columns = np.logical_or.reduce(mask, axis=1), np.logical_or.reduce(mask, axis=0)
    top, left = int(rows.argmax()), int(columns.argmax())
    if not rows[top]:
        return None
    return (top, rows.size - int(rows[::-1].argmax()), left, columns.size - int(columns[::-1].argmax()))


def erode(mask: np.ndarray) -> np.ndarray:
    """bool [h, w]: where the 3x3 neighbourhood is all in the mask. The outermost pixels stay as they are."""
    rows = mask[:-2] & mask[1:-1] & mask[2:]
    result = mask.copy()
    result[1:-1, 1:-1] = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return result


def dilate(mask: np.ndarray) -> np.ndarray:
    """bool [h, w]: where any pixel of the 3x3 neighbourhood is in the mask."""
    rows = mask.copy()
    rows[1:] |= mask[:-1]
    rows[:-1] |= mask[1:]
    result = rows.copy()
    result[:, 1:] |= rows[:, :-1]
    result[:, :-1] |= rows[:, 1:]
    return result


def find_components(mask: np.ndarray) -> Components:
    """Returns the `Components` of a bool array [height, width].

    Works on horizontal runs of ink, which are far fewer than pixels.
    """
    height, width = mask.shape
    stride = width + 2
    padded = np.zeros((height, stride), bool)
    padded[:, 1:-1] = mask
    padded = padded.ravel()
    edges = np.flatnonzero(padded[1:] != padded[:-1]) + 1
    start, stop = edges[::2], edges[1::2]
    label, total = _label_runs(start.tolist(), stop.tolist(), stride)
    row = start // stride
    column, length = start - row * stride - 1, stop - start
    end = column + length
    boxes = ((np.add, length), (np.minimum, row), (np.minimum, column), (np.maximum, row + 1), (np.maximum, end))
    if total == 1:
        measures = [combine.reduce(values, keepdims=True) for combine, values in boxes]
    else:
        # `reduceat` takes the runs component after component.
        order = np.argsort(label, kind='stable')
        firsts = np.searchsorted(label[order], np.arange(total))
        measures = [combine.reduceat(values[order], firsts) if total else firsts for combine, values in boxes]
    start = row * width + column
    return Components((height, width), start, start + length, label, *measures)


def _label_runs(starts: list[int], stops: list[int], stride: int) -> tuple[np.ndarray, int]:
    """Numbers the runs of a mask; runs that touch, directly or through others, get the same number.

    Nearly every run just passes its number on to those that it touches in the
    next row. Where two numbers meet, the greater one points to the less from
    then on (union-find).

    Args:
      starts, stops: the runs' flat indices in ascending order.
      stride: from an index to the one below it.

    Returns:
      int64 [runs], numbers from 0 in the order of each component's first run,
      and how many there are.
    """
    count = len(starts)
    label, parent, first = [-1] * count, list[int](), 0
    for run in range(count):
        number = label[run]
        if number < 0:
            label[run] = number = len(parent)
            parent.append(number)
        # Of the row below, the runs from the first that stops at or right of
        # this one's left diagonal to the last that starts at or left of its right one.
        left, right = starts[run] + stride, stops[run] + stride
        while first < count and stops[first] < left:
            first += 1
        below = first
        while below < count and starts[below] <= right:
            number_below = label[below]
            if number_below < 0:
                label[below] = number
            elif number_below != number:
                number, number_below = _root(parent, number), _root(parent, number_below)
                parent[max(number, number_below)] = number = min(number, number_below)
            below += 1
    roots = [number for number in range(len(parent)) if parent[number] == number]
    if len(roots) < len(parent):
        rank = {root: number for number, root in enumerate(roots)}
        label = [rank[_root(parent, number)] for number in label]
    return np.array(label, np.int64), len(roots)


def _root(parent: list[int], number: int) -> int:
    """The number that `number` points to in the end."""
    while parent[number] != number:
        parent[number] = number = parent[parent[number]]
    return number
