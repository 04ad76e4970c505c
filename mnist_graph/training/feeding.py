"""What each run of the in-graph loop is fed: the pictures of as many steps as are convenient."""

import math

import numpy as np

from mnist_graph.data import Split
from mnist_graph.hparams import HParams
from mnist_graph.training.batches import BatchOrder

# A run is short enough to answer Ctrl-C soon, and long enough that Python's part of it does not count.
_SECONDS_PER_RUN = 0.4
# Copying so many bytes into the graph takes a few milliseconds.
_BYTES_PER_RUN = 16 << 20
# The speed is not known before the first run.
_FIRST_RUN_STEPS = 10


class Feeder:
    """Cuts a training into runs of the in-graph loop.

    The batches are a function of the seed and the step alone, so how they are
    cut into runs changes nothing of what is trained.

    Args:
      hparams: Batch size, seed and number of epochs.
      split: The training pictures.
    """

    def __init__(self, hparams: HParams, split: Split):
        self._images, self._labels = split.images, split.labels
        self._batch_size = hparams.batch_size
        self._order = BatchOrder(len(split), hparams.batch_size, hparams.seed)
        self._last_position = hparams.n_epochs * len(split) if hparams.n_epochs else None
        self._most_steps = max(1, _BYTES_PER_RUN // (math.prod(self._images.shape[1:]) * hparams.batch_size))
        self._steps_per_run = min(_FIRST_RUN_STEPS, self._most_steps)
        self._n_steps = 0
        self._rows: np.ndarray | None = None

    def next_steps(self, step: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """The pictures and labels of the steps from `step` toward `end`, as many as one run should take.

        Returns:
          uint8 [n, features] and int32 [n], batch after batch.
        """
        self._n_steps = min(end - step, self._steps_per_run)
        self._rows = self._order.rows(step, self._n_steps, self._last_position)
        return self._of_rows(self._rows)

    def took(self, seconds: float) -> None:
        """Adapts the length of the next run to how long the last one took."""
        steps_in_time = int(_SECONDS_PER_RUN * self._n_steps / seconds) if seconds > 0 else self._most_steps
        self._steps_per_run = max(1, min(self._most_steps, 2 * self._steps_per_run, steps_in_time))

    def last_batch(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Pictures and labels of the last mini-batch that `next_steps` returned; None before the first."""
        if self._rows is None:
            return None
        return self._of_rows(self._rows[(self._n_steps - 1) * self._batch_size :])

    def _of_rows(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Flattened only now: all at once would copy pictures that are not in C's order, such as EMNIST's.
        return self._images[rows].reshape(len(rows), -1), self._labels[rows]
