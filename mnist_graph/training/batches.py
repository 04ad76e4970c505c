"""The order of mini-batches."""

import numpy as np


class BatchOrder:
    """Which pictures each mini-batch holds, as a function of seed and step alone.

    Every epoch is a fresh permutation of all pictures, and the batches are
    consecutive pieces of the endless row of epochs: batch k holds positions
    k * batch_size to (k + 1) * batch_size - 1, so every picture is used once in
    each epoch, whether or not the batch size divides their number. Nothing
    about earlier steps need be known to continue from any step.
    """

    def __init__(self, n_images: int, batch_size: int, seed: int):
        self.n_images, self.batch_size, self.seed = n_images, batch_size, seed
        self._epoch, self._permutation = -1, np.zeros(0, np.int32)

    def rows(self, first_step: int, n_steps: int, last_position: int | None = None) -> np.ndarray:
        """int32 [n_steps * batch_size] indices of the pictures of these steps, in order.

        Args:
          first_step: Steps done so far; the first batch of all is step 0.
          n_steps: Number of batches.
          last_position: The row ends here if it would go beyond (a whole number
            of epochs whose last batch is short).
        """
        start, end = first_step * self.batch_size, (first_step + n_steps) * self.batch_size
        end = end if last_position is None else min(end, last_position)
        pieces = []
        while start < end:
            epoch, offset = divmod(start, self.n_images)
            piece = self._of_epoch(epoch)[offset : offset + end - start]
            pieces.append(piece)
            start += len(piece)
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int32)

    def _of_epoch(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            generator = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
            self._epoch, self._permutation = epoch, generator.permutation(self.n_images).astype(np.int32)
        return self._permutation
