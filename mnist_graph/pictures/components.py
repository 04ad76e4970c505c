"""Connected components of a mask, from its runs, and its bounding box, with numpy alone."""

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

    shape: tuple
    run_start: np.ndarray
    run_stop: np.ndarray
    run_label: np.ndarray
    area: np.ndarray
    top: np.ndarray
    left: np.ndarray
    bottom: np.ndarray
    right: np.ndarray

    @property
    def height(self):
        return self.bottom - self.top

    @property
    def width(self):
        return self.right - self.left

    def extent(self, which):
        """(height, width) of the box around some components: bool [components] or a list of numbers."""
        return (self.bottom[which].max() - self.top[which].min(), self.right[which].max() - self.left[which].min())

    def mask(self, keep):
        """bool [height, width]: the components where `keep` [components]."""
        runs = keep[self.run_label]
        height, width = self.shape
        steps = np.zeros(height * width + 1, np.int8)
        # Where a run stops another may start, if a row ends there.
        steps[self.run_start[runs]] += 1
        steps[self.run_stop[runs]] -= 1
        return np.cumsum(steps[:-1], dtype=np.int8).reshape(height, width).astype(bool)


@functools.lru_cache(maxsize=256)
def ones(count):
    """float32 [count]: ones, for a matrix product to add by; that is much faster than `sum`."""
    return np.ones(count, np.float32)


def bounding_box(mask):
    """(top, bottom, left, right), half open, of a bool array, or None if it is all False."""
    rows, columns = np.logical_or.reduce(mask, axis=1), np.logical_or.reduce(mask, axis=0)
    top, left = int(rows.argmax()), int(columns.argmax())
    if not rows[top]:
        return None
    return (top, rows.size - int(rows[::-1].argmax()), left, columns.size - int(columns[::-1].argmax()))


def find_components(mask):
    """Returns the `Components` of a bool array [height, width].

    Works on runs, which are far fewer than pixels.
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


def _label_runs(starts, stops, stride):
    """Numbers the runs of a mask, those that touch, directly or not, alike.

    Nearly every run just hands its number down to those that it touches in the
    next row. Where two numbers meet, the greater one points to the less from
    then on (union-find).

    Args:
      starts, stops: lists of int, the runs' flat indices in ascending order.
      stride: int, from an index to the one below it.

    Returns:
      (int64 [runs], numbers from 0 in the order of each component's first run;
      how many there are).
    """
    count = len(starts)
    label, parent, first = [-1] * count, [], 0
    for run in range(count):
        mine = label[run]
        if mine < 0:
            label[run] = mine = len(parent)
            parent.append(mine)
        # Of the row below, the runs from the first that stops at or right of
        # this one's left diagonal to the last that starts at or left of its right one.
        left, right = starts[run] + stride, stops[run] + stride
        while first < count and stops[first] < left:
            first += 1
        below = first
        while below < count and starts[below] <= right:
            its = label[below]
            if its < 0:
                label[below] = mine
            elif its != mine:
                mine, its = _root(parent, mine), _root(parent, its)
                parent[max(mine, its)] = mine = min(mine, its)
            below += 1
    roots = [number for number in range(len(parent)) if parent[number] == number]
    if len(roots) < len(parent):
        rank = {root: number for number, root in enumerate(roots)}
        label = [rank[_root(parent, number)] for number in label]
    return np.array(label, np.int64), len(roots)


def _root(parent, number):
    """The number that `number` points to in the end."""
    while parent[number] != number:
        parent[number] = number = parent[parent[number]]
    return number
