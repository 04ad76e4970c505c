"""Running a trained network over many pictures, every one of them, in bounded memory."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from mnist_graph.base.inputs import to_input
from mnist_graph.data import Split

BATCH_SIZE = 500


class Metrics(NamedTuple):
    """How a network does on a split.

    Attributes:
      n: Number of pictures.
      loss: Mean cross-entropy in nats; nan without pictures.
      accuracy: Fraction whose likeliest class is the labelled one; nan without pictures.
    """

    n: int
    loss: float
    accuracy: float


def logits(network, sess, images: np.ndarray, n_threads: int = 1, show=None) -> np.ndarray:
    """The network's output layer for each picture, with dropout off.

    Args:
      network: A `graph.Network`.
      sess: A session on its graph whose variables have values.
      images: uint8 [n, height, width, channels], or float32 of that shape in [0, 1].
      n_threads: Batches computed at the same time.
      show: Wraps the iteration over batches, as tqdm does.

    Returns:
      float32 [n, classes].
    """

    def run(start):
        batch = images[start : start + BATCH_SIZE]
        X = to_input(batch) if batch.dtype == np.uint8 else batch.reshape(len(batch), -1).astype(np.float32)
        return sess.run(network.output_layer, {network.X: X, network.keep_prob: 1.0})

    if not len(images):
        return np.zeros((0, network.Y.shape[1]), np.float32)
    starts = range(0, len(images), BATCH_SIZE)
    if len(starts) == 1 and show is None:  # a thread would take longer to start than a few pictures do
        return run(0)
    with ThreadPoolExecutor(n_threads) as pool:
        batches = pool.map(run, starts)
        return np.concatenate(list(batches if show is None else show(batches, total=len(starts))))


def softmax(values: np.ndarray) -> np.ndarray:
    """float64 [n, classes] probabilities of logits [n, classes]."""
    exponents = np.exp(values.astype(np.float64) - values.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def probabilities(network, sess, images: np.ndarray, n_threads: int = 1, views=None) -> np.ndarray:
    """The probabilities of each picture's classes, float64 [n, classes] in [0, 1], with dropout off.

    Args:
      network, sess, images, n_threads: As `logits` takes them.
      views: The `views.Views` of each picture to average over; None for the picture alone.
    """
    if views is None:
        return softmax(logits(network, sess, images, n_threads))
    return views.mean(images, lambda moved: softmax(logits(network, sess, moved, n_threads)))


def evaluate(network, sess, split: Split, n_threads: int = 1, views=None) -> Metrics:
    """Loss and accuracy over all of `split`; see `probabilities` for the arguments.

    The loss is infinite if a label has no probability in any of the views.
    """
    if views is None:
        return metrics_of(logits(network, sess, split.images, n_threads), split.labels)
    averaged = probabilities(network, sess, split.images, n_threads, views)
    with np.errstate(divide='ignore'):  # a class may have no probability in any view
        return metrics_of(np.log(averaged), split.labels)  # logarithms of probabilities are logits, too


def metrics_of(values: np.ndarray, labels: np.ndarray) -> Metrics:
    """Metrics of logits [n, classes] against labels [n]."""
    if not len(labels):
        return Metrics(0, float('nan'), float('nan'))
    shifted = values.astype(np.float64) - values.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    losses = log_sums - shifted[np.arange(len(labels)), labels]
    return Metrics(len(labels), float(losses.mean()), float((values.argmax(axis=1) == labels).mean()))
