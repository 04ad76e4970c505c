"""Test-time augmentation: slightly moved views of a picture, to average a prediction over, --tta."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_graph.base.inputs import PIXEL_SCALE, InputSpec
from mnist_graph.network import augmentation

# (degrees, scale, rows, columns) of the views after the first: opposite pairs, the mildest first.
_VIEWS = (
    (0.0, 1.0, 0.5, 0.5),
    (0.0, 1.0, -0.5, -0.5),
    (0.0, 1.0, 0.5, -0.5),
    (0.0, 1.0, -0.5, 0.5),
    (6.0, 1.0, 0.0, 0.0),
    (-6.0, 1.0, 0.0, 0.0),
    (0.0, 1.06, 0.0, 0.0),
    (0.0, 1 / 1.06, 0.0, 0.0),
)


def make_views(images: tf.Tensor, count: int = 9) -> tf.Tensor:
    """Deterministic, slightly moved views of each image, to average a prediction over.

    The first is the image itself; then come shifts by half a pixel along both
    axes, turns by 6 degrees and scalings by 6%.

    Args:
      images: uint8 or float [batch, height, width, channels].
      count: Number of views, 1 to 9.

    Returns:
      float32 [count, batch, height, width, channels].
    """
    if not 1 <= count <= len(_VIEWS) + 1:
        raise ValueError(f'{count} views were asked for: choose 1 to {len(_VIEWS) + 1}.')
    first = tf.cast(images, tf.float32)[tf.newaxis]
    if count == 1:
        return first
    maps = []
    for degrees, scale, rows, columns in _VIEWS[: count - 1]:
        sine, cosine = math.sin(math.radians(degrees)) * scale, math.cos(math.radians(degrees)) * scale
        maps.append([[rows, sine, cosine], [columns, cosine, -sine]])
    coefficients = tf.repeat(tf.constant(maps, tf.float32), tf.shape(images)[0], axis=0)
    # Plain operations: a prediction is too short to repay a compilation.
    moved = augmentation.warp(tf.tile(images, [count - 1, 1, 1, 1]), coefficients, compiled=False)
    shape = tf.concat([[count - 1], tf.shape(images)], axis=0)
    return tf.concat([first, tf.reshape(moved, shape)], axis=0)


# Pixels of the views that are made at a time: nine each of 500 of MNIST's pictures. Making them takes several times as
# much memory.
_MOST_PIXELS = 500 * 9 * 28 * 28


class Views:
    """`make_views` in a graph and a session of its own, used as a context manager.

    Args:
      spec: Shape of the pictures.
      n_views: How many views to make of each, 1 to 9.

    Raises:
      UsageError: The pictures are too small to be moved.
    """

    def __init__(self, spec: InputSpec, n_views: int):
        self._graph, self._n_views = tf.Graph(), n_views
        self._sess: tf.Session | None = None
        with self._graph.as_default():
            self._images = tf.placeholder(tf.float32, [None, spec.height, spec.width, spec.channels])
            self._views = make_views(self._images, n_views)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float32 [views, n, height, width, channels] in [0, 1] of uint8 or float32 images."""
        # Opened only now: the first session of a process, which is to be the network's, sets the number of threads.
        if self._sess is None:
            self._sess = tf.Session(graph=self._graph)
        floats = images * PIXEL_SCALE if images.dtype == np.uint8 else images.astype(np.float32)
        return self._sess.run(self._views, {self._images: floats})

    def mean(self, images: np.ndarray, probabilities: Callable[[np.ndarray], np.ndarray], show=None) -> np.ndarray:
        """float64 [n, classes]: the mean of the probabilities of each image's views.

        Args:
          images: uint8 [n, height, width, channels], or float32 of that shape in [0, 1].
          probabilities: Function of float32 [m, height, width, channels] that returns float64 [m, classes].
          show: Wraps the iteration over batches, as tqdm does.
        """
        n_together = max(1, _MOST_PIXELS // (self._n_views * math.prod(images.shape[1:])))
        starts = range(
            0, max(1, len(images)), n_together
        )  # of no pictures there is one batch, which says how many classes
        parts = []
        for start in starts if show is None else show(starts, total=len(starts)):
            views = self(images[start : start + n_together])
            flat = probabilities(views.reshape(-1, *views.shape[2:]))
            parts.append(flat.reshape(*views.shape[:2], flat.shape[-1]).mean(axis=0))
        return np.concatenate(parts)

    def __enter__(self) -> 'Views':
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def close(self) -> None:
        """Closes the session."""
        if self._sess:
            self._sess.close()
