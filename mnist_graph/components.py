"""Connected components of a mask, from its runs, with numpy alone."""

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

    def mask(self, keep):
        """bool [height, width]: the components where `keep` [components]."""
        runs = keep[self.run_label]
        height, width = self.shape
        steps = np.zeros(height * width + 1, np.int8)
        # Where a run stops another may start, if a row ends there.
        steps[self.run_start[runs]] += 1
        steps[self.run_stop[runs]] -= 1
        return np.cumsum(steps[:-1], dtype=np.int8).reshape(
            height, width).astype(bool)


def find_components(mask):
    """Returns the `Components` of a bool array [height, width].

    Runs of neighbouring rows that touch are linked, and labels spread along
    the links until nothing changes, which takes few rounds of array operations
    whatever the mask's size.
    """
    height, width = mask.shape
    stride = width + 2
    padded = np.zeros((height, stride), np.int8)
    padded[:, 1:-1] = mask
    edges = np.diff(padded.ravel(), prepend=np.int8(0))
    start = np.flatnonzero(edges == 1)
    stop = np.flatnonzero(edges == -1)
    # Of the row below, the runs from the first that stops at or right of this
    # run's left diagonal to the last that starts at or left of its right one.
    first = np.searchsorted(stop, start + stride, side='left')
    last = np.searchsorted(start, stop + stride, side='right')
    count = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(start.size), count)
    offset = np.arange(upper.size) - np.repeat(np.cumsum(count) - count, count)
    label = _spread(start.size, upper, first[upper] + offset)
    is_root = label == np.arange(label.size)
    label = (np.cumsum(is_root) - 1)[label]
    row, column = start // stride, start % stride - 1
    end = column + stop - start
    total = int(is_root.sum())
    top, left = np.full(total, height), np.full(total, width)
    bottom, right = np.zeros(total, int), np.zeros(total, int)
    np.minimum.at(top, label, row)
    np.minimum.at(left, label, column)
    np.maximum.at(bottom, label, row + 1)
    np.maximum.at(right, label, end)
    area = np.bincount(label, weights=stop - start,
                       minlength=total).astype(np.int64)
    return Components((height, width), row * width + column, row * width + end,
                      label, area, top, left, bottom, right)


def _spread(nodes, one, other):
    """int64 [nodes]: the least node each is linked to, directly or not."""
    label = np.arange(nodes)
    while True:
        least = np.minimum(label[one], label[other])
        previous = label.copy()
        # Hook the roots, not the nodes, so that whole trees merge.
        np.minimum.at(label, previous[one], least)
        np.minimum.at(label, previous[other], least)
        while True:
            jumped = label[label]
            if np.array_equal(jumped, label):
                break
            label = jumped
        if np.array_equal(label, previous):
            return label
