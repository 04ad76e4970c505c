"""Connected components of a mask, from its runs, and its bounding box, with numpy alone."""

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


def bounding_box(mask):
    """(top, bottom, left, right), half open, of a bool array, or None if it is all False."""
    rows, columns = np.logical_or.reduce(mask, axis=1), np.logical_or.reduce(mask, axis=0)
    top, left = int(rows.argmax()), int(columns.argmax())
    if not rows[top]:
        return None
    return (top, rows.size - int(rows[::-1].argmax()),
            left, columns.size - int(columns[::-1].argmax()))


def find_components(mask):
    """Returns the `Components` of a bool array [height, width].

    Runs of neighbouring rows that touch are linked; a union-find over the runs,
    far fewer than pixels, then joins what is linked.
    """
    height, width = mask.shape
    stride = width + 2
    padded = np.zeros((height, stride), bool)
    padded[:, 1:-1] = mask
    padded = padded.ravel()
    edges = np.flatnonzero(padded[1:] != padded[:-1]) + 1
    start, stop = edges[::2], edges[1::2]
    # Of the row below, the runs from the first that stops at or right of this
    # run's left diagonal to the last that starts at or left of its right one.
    first = np.searchsorted(stop, start + stride, side='left')
    last = np.searchsorted(start, stop + stride, side='right')
    count = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(start.size), count)
    offset = np.arange(upper.size) - np.repeat(np.cumsum(count) - count, count)
    label, total = _joined(start.size, upper, first[upper] + offset)
    row, column = start // stride, start % stride - 1
    end = column + stop - start
    # `reduceat` takes the runs component after component.
    order = np.argsort(label, kind='stable')
    firsts = np.searchsorted(label[order], np.arange(total))
    return Components(
        (height, width), row * width + column, row * width + end, label,
        *(combine.reduceat(values[order], firsts) if total else firsts
          for combine, values in ((np.add, stop - start), (np.minimum, row), (np.minimum, column),
                                  (np.maximum, row + 1), (np.maximum, end))))


def _joined(nodes, one, other):
    """Numbers what is linked, directly or not, in the order of its least node.

    Returns:
      (int64 [nodes], each node's number from 0; how many numbers there are).
    """
    parent = list(range(nodes))
    for a, b in zip(one.tolist(), other.tolist()):
        while parent[a] != a:
            parent[a] = a = parent[parent[a]]
        while parent[b] != b:
            parent[b] = b = parent[parent[b]]
        if a < b:
            parent[b] = a
        else:
            parent[a] = b
    numbers, total = [], 0
    for node in range(nodes):
        if parent[node] == node:
            numbers.append(total)
            total += 1
        else:
            # No parent is greater than its child, so it has its number by then.
            numbers.append(numbers[parent[node]])
    return np.array(numbers, dtype=np.int64), total
