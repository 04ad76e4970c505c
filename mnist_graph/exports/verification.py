"""Whether an exported file reads as the model that it was made from."""

from typing import Any, NamedTuple

import numpy as np

from mnist_graph.base.errors import ExportError
from mnist_graph.data import Split
from mnist_graph.exports.formats.format import Reader

BATCH_SIZE = 500
# Largest difference of a probability. Measured are about 1e-6, from other orders of sums; a wrong constant or a lost
# operation gives differences near 1.
TOLERANCE = 1e-3
# Weights in 8 bits move probabilities near one half by more than that, so there it is the fraction of pictures that may
# be read otherwise. Measured is less than a tenth of it.
_QUANTIZED_DISAGREEMENT = 0.01


class Agreement(NamedTuple):
    """How an exported file compares with the model, on the same pictures.

    Attributes:
      n: Number of pictures.
      agreement: Fraction of which both say the same class.
      largest_difference: Of any probability.
      accuracy: Of the model.
      exported_accuracy: Of the file.
    """

    n: int
    agreement: float
    largest_difference: float
    accuracy: float
    exported_accuracy: float


def compare(reader: Reader, pixels: Any, split: Split, probabilities: np.ndarray, quantized: bool = False) -> Agreement:
    """Reads all pictures with the exported file.

    Args:
      reader: Of the file.
      pixels: The `pixels.Pixels` that it takes.
      split: At least one picture, with its label.
      probabilities: float [n, classes]: what the model says of them.
      quantized: Whether the file holds weights of 8 bits.

    Raises:
      ExportError: They do not agree.
    """
    starts = range(0, len(split), BATCH_SIZE)
    parts = [reader(pixels.of(split.images[start : start + BATCH_SIZE])) for start in starts]
    read = np.concatenate(parts)
    if read.shape != probabilities.shape:
        raise ExportError(f'The exported file returns {read.shape} probabilities instead of {probabilities.shape}.')
    same = read.argmax(axis=1) == probabilities.argmax(axis=1)
    found = Agreement(
        n=len(split),
        agreement=float(same.mean()),
        largest_difference=float(np.abs(read - probabilities).max()),
        accuracy=float((probabilities.argmax(axis=1) == split.labels).mean()),
        exported_accuracy=float((read.argmax(axis=1) == split.labels).mean()),
    )
    if quantized:
        agrees = found.agreement >= 1 - _QUANTIZED_DISAGREEMENT
    else:
        agrees = found.largest_difference <= TOLERANCE  # a difference that is no number fails, too
    if not agrees:
        raise ExportError(
            f'The exported file reads {int((~same).sum())} of {found.n} pictures otherwise than the model (largest '
            f'difference of a probability {found.largest_difference:.2g}); it was removed.'
        )
    return found
