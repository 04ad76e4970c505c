"""The interface of TensorFlow 1's `tensorflow.examples.tutorials.mnist.input_data`, on today's data.

    from mnist_graph import input_data
    mnist = input_data.read_data_sets('MNIST_data/', one_hot=True)
    batch_x, batch_y = mnist.train.next_batch(100)

It reads whatever `mnist_graph.data` reads. It needs numpy, but no TensorFlow.
"""

import os
import sys
import urllib.parse
from typing import Any, NamedTuple

import numpy as np

from mnist_graph import data
from mnist_graph.base import files
from mnist_graph.base.errors import DataError
from mnist_graph.data import readers

DEFAULT_SOURCE_URL = 'https://storage.googleapis.com/cvdf-datasets/mnist/'
# Hosts whose files are those of MNIST, so that the package's own download of it will do.
HOSTS_OF_MNIST = ('storage.googleapis.com', 'yann.lecun.com', 'ossci-datasets.s3.amazonaws.com')
_VALIDATION_EXAMPLES = 5000
_FAKE_EXAMPLES, _FAKE_PIXELS, _FAKE_CLASSES = 10000, 784, 10
# What was said on standard error, each line once in a process.
_said: set[str] = set()


class DataSet:
    """Pictures with their labels, handed out in batches."""

    def __init__(
        self,
        images: Any,
        labels: Any,
        fake_data: bool = False,
        one_hot: bool = False,
        dtype: Any = np.float32,
        reshape: bool = True,
        seed: int | np.random.RandomState | None = None,
    ):
        """Wraps arrays; they are copied only where they must be converted.

        Args:
          images: uint8 [n, height, width, channels], 0 to 255.
          labels: [n] class numbers, or [n, classes] one-hot rows.
          fake_data: Ignore `images` and `labels`; every picture is white and of class 0.
          one_hot: Whether fake labels are one-hot rows; of no effect otherwise.
          dtype: uint8 leaves the pixels as they are; float32 scales them to
            0..1. Types of numpy and of TensorFlow are understood.
          reshape: Whether each picture becomes one row of height x width pixels;
            it must have one channel then.
          seed: Of the order; None takes numpy's global random numbers, which
            `numpy.random.seed` governs.

        Raises:
          TypeError: `dtype` is another.
          ValueError: There are not as many labels as pictures, or colour
            pictures are to become rows.
        """
        kind = np.dtype(getattr(dtype, 'as_numpy_dtype', dtype))
        if kind not in (np.uint8, np.float32):
            raise TypeError(f'dtype={dtype!r}: must be uint8 or float32.')
        self.one_hot = one_hot
        self._random = np.random.RandomState(seed) if isinstance(seed, int) else seed or np.random
        self._epochs_completed = 0
        self._index_in_epoch = 0
        if fake_data:
            self._images, self._labels, self._num_examples = images, labels, _FAKE_EXAMPLES
            return
        if len(images) != len(labels):
            raise ValueError(f'{len(images)} pictures but {len(labels)} labels.')
        if reshape:
            if images.shape[3] != 1:
                raise ValueError(f'Pictures of {images.shape[3]} channels cannot become rows; give reshape=False.')
            images = images.reshape(len(images), images.shape[1] * images.shape[2])
        if kind == np.float32:
            images = images.astype(np.float32) * np.float32(1.0 / 255.0)
        self._images, self._labels, self._num_examples = images, labels, len(images)

    @property
    def images(self) -> Any:
        """All pictures, in the order of the present epoch."""
        return self._images

    @property
    def labels(self) -> Any:
        """The labels of `images`."""
        return self._labels

    @property
    def num_examples(self) -> int:
        """How many pictures there are."""
        return self._num_examples

    @property
    def epochs_completed(self) -> int:
        """How many times all pictures have been handed out."""
        return self._epochs_completed

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Any, Any]:
        """The next `batch_size` pictures and their labels.

        The pictures are shuffled before the first batch, and again whenever an
        epoch ends. A batch that begins at an epoch's end takes the rest of it
        and is filled from the beginning of the next; with `shuffle=False` that
        is the same order again. More than one epoch's end does not fit into a
        batch: one that is larger than the data set is short.
        """
        if fake_data:
            label = [1] + [0] * (_FAKE_CLASSES - 1) if self.one_hot else 0
            return [[1] * _FAKE_PIXELS for _ in range(batch_size)], [label for _ in range(batch_size)]
        start = self._index_in_epoch
        if start == 0 and self._epochs_completed == 0 and shuffle:
            self._shuffle()
        if start + batch_size <= self._num_examples:
            self._index_in_epoch += batch_size
            return self._rows(start, self._index_in_epoch)
        self._epochs_completed += 1
        last_images, last_labels = self._rows(start, self._num_examples)
        if shuffle:
            self._shuffle()
        self._index_in_epoch = batch_size - len(last_images)
        first_images, first_labels = self._rows(0, self._index_in_epoch)
        return np.concatenate((last_images, first_images)), np.concatenate((last_labels, first_labels))

    def _rows(self, start: int, end: int) -> tuple[Any, Any]:
        return self._images[start:end], self._labels[start:end]

    def _shuffle(self) -> None:
        order = np.arange(self._num_examples)
        self._random.shuffle(order)
        self._images, self._labels = self._images[order], self._labels[order]


class Datasets(NamedTuple):
    """The three parts of a data set."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: str | os.PathLike,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = np.float32,
    reshape: bool = True,
    validation_size: int | None = None,
    seed: int | None = None,
    source_url: str = DEFAULT_SOURCE_URL,
) -> Datasets:
    """Reads a data set and splits it; a line on standard error says once where it came from.

    Args:
      train_dir: The folder with the data set. If it has none, MNIST is taken
        from the package's cache folder, into which it is downloaded if need be;
        without an internet connection, the drawn digits serve.
      fake_data: Read nothing, and make a data set without pictures.
      one_hot: Whether labels become float64 rows with a single 1 instead of uint8 numbers
        (int32 if there are more than 256 classes).
      dtype, reshape: As `DataSet` takes them.
      validation_size: How many of the first training pictures to hold out. None is
        TensorFlow's 5000, or a tenth where there are fewer than 50,000.
      seed: Of the order of all three parts, which share its random numbers.
      source_url: Where TensorFlow would download from. Addresses of MNIST are
        understood as MNIST.

    Raises:
      ValueError: There are fewer training pictures than `validation_size`.
      DataError: The data set in `train_dir` is damaged, or `source_url` is that
        of another data set, which is not in `train_dir`.
      ImageError: The data set in `train_dir` has pictures that cannot be read.
    """
    random = None if seed is None else np.random.RandomState(seed)
    if fake_data:
        train, validation, test = (
            DataSet([], [], fake_data=True, one_hot=one_hot, dtype=dtype, seed=random) for _ in range(3)
        )
        return Datasets(train, validation, test)
    found = _find(train_dir, source_url or DEFAULT_SOURCE_URL)
    n_train = len(found.train)
    if validation_size is None:
        validation_size = min(_VALIDATION_EXAMPLES, n_train // 10)
    if not 0 <= validation_size <= n_train:
        raise ValueError(f'validation_size={validation_size}: must be 0 to {n_train}.')
    n_classes = len(found.class_names)
    kind = np.uint8 if n_classes <= 256 else np.int32

    def part(split: data.Split) -> DataSet:
        labels = dense_to_one_hot(split.labels, n_classes) if one_hot else split.labels.astype(kind)
        return DataSet(split.images, labels, dtype=dtype, reshape=reshape, seed=random)

    return Datasets(part(found.train[validation_size:]), part(found.train[:validation_size]), part(found.test))


def dense_to_one_hot(labels_dense: np.ndarray, num_classes: int) -> np.ndarray:
    """float64 [n, num_classes] with a 1 in the column that each label names."""
    rows = np.zeros((len(labels_dense), num_classes))
    rows[np.arange(len(labels_dense)), np.ravel(labels_dense)] = 1
    return rows


def load_mnist(train_dir: str | os.PathLike = 'MNIST-data') -> Datasets:
    """`read_data_sets` with its defaults."""
    return read_data_sets(train_dir)


def _find(train_dir: str | os.PathLike, source_url: str) -> data.Dataset:
    """The data set in `train_dir`; in its absence, MNIST or the drawn digits."""
    if readers.has_data_set(files.expand_user(train_dir)):  # scripts also name folders that hold other things
        return _told(data.load(data_dir=train_dir, n_validation=0), f'from {train_dir}')
    if urllib.parse.urlsplit(source_url).hostname not in HOSTS_OF_MNIST:
        raise DataError(
            f'{source_url}: is no known address of MNIST. Download its files by hand, and place them in {train_dir}.'
        )
    found = data.load(n_validation=0, show_progress=sys.stderr.isatty())
    return _told(found, f'from {files.cache_folder()}' if found.name == 'mnist' else 'drawn by the program')


def _told(found: data.Dataset, origin: str) -> data.Dataset:
    line = f'input_data: {found.name} ({len(found.train):,} and {len(found.test):,} pictures), {origin}'
    for each in (*found.notices, line):
        if each not in _said:
            _said.add(each)
            sys.stderr.write(each + '\n')
    return found
