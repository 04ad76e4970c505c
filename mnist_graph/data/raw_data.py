"""What every reader of data returns, and the checks that all of them share."""

from typing import NamedTuple

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.data.pixel_range import to_bytes

MAX_CLASSES = 1000


class RawData(NamedTuple):
    """The arrays of a data set as read.

    Attributes:
      name: A short name for it.
      train_images, test_images: uint8 [n, height, width] or [n, height, width, channels].
      train_labels, test_labels: uint8 or int [n], each in [0, len(class_names)).
      class_names: What each label stands for.
      where: The folder or file, for messages.
      made_digits: Whether each picture was made into what MNIST would have made
        of it (True), taken as it is (False), or came as an array (None).
      notices: What the user should know about how it was read, one line each.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    where: str
    made_digits: bool | None = None
    notices: tuple[str, ...] = ()


class Part(NamedTuple):
    """The training or the test half of a data set, with names for messages.

    Attributes:
      images: [n, height, width], [n, height, width, channels], or [n, height * width] of square pictures; any numbers.
      labels: [n] or [n, 1] of whole numbers, or one-hot [n, n_classes].
      images_where, labels_where: The files or arrays they came from.
    """

    images: np.ndarray
    labels: np.ndarray
    images_where: str
    labels_where: str

    def check_lengths(self) -> None:
        """Raises DataError unless there is a label for each picture."""
        for array, where in ((self.images, self.images_where), (self.labels, self.labels_where)):
            if array.ndim == 0:
                raise DataError(f'{where}: holds an array of shape (), not a list.')
        if len(self.images) != len(self.labels):
            raise DataError(
                f'{self.images_where} has {len(self.images)} pictures, but {self.labels_where} has '
                f'{len(self.labels)} labels.'
            )


class ReadOptions(NamedTuple):
    """How data is to be read; see `data.load`."""

    pictures: str = 'auto'
    skip_bad_pictures: bool = False


def from_arrays(name: str, where: str, train: Part, test: Part, class_names: tuple[str, ...] = ()) -> RawData:
    """A data set of arrays: checked, its pixels scaled to bytes and its labels counted from 0.

    Args:
      name, where: See `RawData`.
      train, test: The two halves.
      class_names: What the labels stand for; by default their numbers.

    Raises:
      DataError: The arrays are no pictures and labels, or contradict each other.
    """
    train_images, train_labels = _checked(train)
    test_images, test_labels = _checked(test)
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f'{test.images_where}: pictures of shape {test_images.shape[1:]}, but those to train on have '
            f'{train_images.shape[1:]}.'
        )
    train_images, test_images, range_notice = to_bytes(train_images, test_images, where)
    train_labels, test_labels, names, label_notice = _classes(
        train_labels, test_labels, train.labels_where, test.labels_where
    )
    if class_names:
        names = _named(names, class_names, train.labels_where)
    notices = tuple(notice for notice in (range_notice, label_notice) if notice)
    return RawData(name, train_images, train_labels, test_images, test_labels, names, where, notices=notices)


def _checked(part: Part) -> tuple[np.ndarray, np.ndarray]:
    images, labels = _pictures(part), plain_labels(part.labels, part.labels_where)
    part.check_lengths()
    return images, labels


def _pictures(part: Part) -> np.ndarray:
    """[n, height, width] or [n, height, width, channels] of any real numbers."""
    images = part.images
    if images.dtype.kind not in 'buif':
        raise DataError(f'{part.images_where}: is {images.dtype} {images.shape}, not pictures of numbers.')
    if images.ndim == 2 and images.size:
        side = round(images.shape[1] ** 0.5)
        if side > 1 and side**2 == images.shape[1]:
            return images.reshape(-1, side, side)
        raise DataError(
            f'{part.images_where}: holds an array of shape {images.shape}, not pictures; rows of {images.shape[1]} '
            f'pixels make no square: reshape it to (pictures, height, width) or (pictures, height, width, channels).'
        )
    if images.ndim == 4 and images.shape[3] == 1:  # grey pictures are the same with or without this axis
        images = images[..., 0]
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise DataError(
            f'{part.images_where}: holds an array of shape {images.shape}, not pictures; it must be '
            f'(pictures, height, width) or (pictures, height, width, channels).'
        )
    return images


def plain_labels(labels: np.ndarray, where: str) -> np.ndarray:
    """Labels as int or uint8 [n]: of one-hot rows, columns or whole floats; they need not count from 0.

    Raises:
      DataError: They are no labels.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in 'buif' and _is_one_hot(labels):
        labels = labels.argmax(axis=1)
    if labels.ndim != 1:
        raise DataError(f'{where}: holds an array of shape {labels.shape}, not a list of labels.')
    if labels.dtype.kind == 'f' and np.all(np.isfinite(labels)) and np.all(labels == np.round(labels)):
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in 'ui' or labels.dtype == np.uint64:
        raise DataError(f'{where}: is {labels.dtype} {labels.shape}, not a list of whole numbers.')
    return labels


def _is_one_hot(labels: np.ndarray) -> bool:
    return bool(np.all((labels == 0) | (labels == 1)) and np.all(labels.sum(axis=1) == 1))


def _classes(
    train_labels: np.ndarray, test_labels: np.ndarray, train_where: str, test_where: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], str]:
    """Labels counted from 0, the labels that they were as names, and a notice if these differ.

    Labels from 0 to n - 1 with few gaps stay what they are. Others, such as 3 and
    8, or EMNIST's letters from 1 to 26, become 0, 1 and so on in their order.
    """
    present = np.unique(train_labels)
    largest = int(present[-1])
    if present[0] < 0:
        raise DataError(f'{train_where}: label {present[0]} is out of range: labels count from 0.')
    if len(present) == 1:
        raise DataError(f'{train_where}: every picture has the label {largest}; there must be at least two classes.')
    if len(present) > MAX_CLASSES:
        raise DataError(
            f'{train_where}: has {len(present):,} different labels, more than the {MAX_CLASSES:,} that classes may '
            f"have; it must hold the number of each picture's class."
        )
    unknown = np.setdiff1d(test_labels, present)
    if present[0] == 0 and largest < MAX_CLASSES and largest <= 2 * len(present):
        if len(unknown) and (unknown[0] < 0 or unknown[-1] > largest):
            wrong = unknown[0] if unknown[0] < 0 else unknown[-1]
            raise DataError(f'{test_where}: label {wrong} is out of range: the training labels are 0 to {largest}.')
        return train_labels, test_labels, tuple(map(str, range(largest + 1))), ''
    if len(unknown):
        raise DataError(
            f'{test_where}: label {unknown[0]} is out of range: it does not occur among the {len(present)} different '
            f'labels of the training pictures.'
        )
    names = tuple(map(str, present.tolist()))
    shown = ', '.join(names[:5]) + (', …' if len(names) > 5 else '')
    notice = f'The labels do not count from 0: the {len(names)} classes are named {shown} as in {train_where}.'
    return (
        np.searchsorted(present, train_labels).astype(np.int32),
        np.searchsorted(present, test_labels).astype(np.int32),
        names,
        notice,
    )


def _named(numbers: tuple[str, ...], class_names: tuple[str, ...], where: str) -> tuple[str, ...]:
    if int(numbers[-1]) >= len(class_names):
        raise DataError(f'{where}: label {numbers[-1]} has no name: there are names for 0 to {len(class_names) - 1}.')
    names = tuple(class_names[int(number)] for number in numbers)
    if len(set(names)) < len(names):
        raise DataError(f'{where}: two of its labels have one name.')
    return names
