"""A data set in memory: its splits, classes and fingerprint.

Pictures stay unsigned bytes until they enter the graph. No TensorFlow here.
"""

import dataclasses
import hashlib
import json
import zlib
from typing import NamedTuple

import numpy as np

from mnist_graph.base.inputs import InputSpec
from mnist_graph.data.raw_data import RawData

# `fingerprint` of the canonical MNIST files, however they are packed.
MNIST_FINGERPRINT = '57ed3f7af808d214'
# Whether a data set's pictures reach their edges: how many pictures are looked at, the grey level from which an
# outermost pixel counts as ink, and the fraction of the pictures that may have such pixels. Of MNIST's own 1.2% have,
# of garments nearly all.
_LOOKED_AT, _FAINTEST_INK, _MOST_AT_EDGE = 5000, 64, 0.25


def look_like_digits(spec: InputSpec, class_names: tuple[str, ...]) -> bool:
    """Whether a data set may be of MNIST's kind: 28x28 grey pictures of classes with numbers, or 'none', for names."""
    return spec[:3] == (28, 28, 1) and all(name.isdecimal() or name == 'none' for name in class_names)


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Pictures with their labels.

    Attributes:
      images: uint8 [n, height, width, channels], ink bright on black for MNIST.
      labels: int32 [n], each in [0, n_classes).
    """

    images: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows) -> 'Split':
        """A Split of the given rows (a slice or an index array)."""
        return Split(self.images[rows], self.labels[rows])

    def __len__(self) -> int:
        return self.labels.shape[0]


class Dataset(NamedTuple):
    """A data set, split and ready for training.

    Attributes:
      name: 'mnist', 'drawn', 'handwriting', or the name of the folder it came from.
      train, validation, test: The three splits; validation may be empty.
      class_names: What each label stands for: ('0', ..., '9') for digits.
      fingerprint: See `fingerprint`.
      notices: Lines that the user should see.
      made_digits: Whether reading made each picture a digit, as `predict` does
        (True), or took it as it is (False). None: they came as arrays.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    fingerprint: str
    notices: tuple[str, ...] = ()
    made_digits: bool | None = None

    @property
    def notice(self) -> str:
        """All notices, one a line."""
        return '\n'.join(self.notices)

    @property
    def reads_digits(self) -> bool:
        """Whether pictures must be made into 28x28 digits, as `predict` does, to be like these."""
        if self.made_digits is not None:
            return self.made_digits
        return (
            look_like_digits(self.input_spec(), self.class_names)
            and _fraction_at_edge(self.train.images[:_LOOKED_AT]) < _MOST_AT_EDGE
        )

    @property
    def suffix(self) -> str:
        """What output says after "test set", so that nobody takes other data for MNIST: '' or ' (drawn)'."""
        return '' if self.name == 'mnist' else f' ({self.name})'

    def flag_for_again(self, asked: str) -> str:
        """The --dataset that gives this data set again, and no other, after `asked` gave it now."""
        return self.name if self.name in ('mnist', 'drawn', 'handwriting') else asked

    def with_classes(self, class_names: tuple[str, ...]) -> 'Dataset':
        """The same pictures, with the labels of a longer list of classes; itself if that lacks one of its own."""
        if not set(self.class_names) <= set(class_names):
            return self
        labels = np.array([class_names.index(name) for name in self.class_names], np.int32)
        splits = [Split(split.images, labels[split.labels]) for split in (self.train, self.validation, self.test)]
        return self._replace(train=splits[0], validation=splits[1], test=splits[2], class_names=class_names)

    def input_spec(self, standardize: bool = False) -> InputSpec:
        """The shape of the pictures, and their mean and deviation if asked for."""
        mean, std = pixel_statistics(self.train.images) if standardize else (0.0, 1.0)
        height, width, channels = self.train.images.shape[1:]
        return InputSpec(height, width, channels, len(self.class_names), mean, std)


def _fraction_at_edge(images: np.ndarray) -> float:
    """The fraction of uint8 [n, height, width, channels] with ink in an outermost pixel.

    Digits in MNIST's format seldom do. Other pictures of that shape, such as
    Fashion-MNIST's garments, often do.
    """
    inked = [
        (side > _FAINTEST_INK).any(axis=(1, 2))
        for side in (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    ]
    return float(np.logical_or.reduce(inked).mean())


def _crc32(array: np.ndarray) -> int:
    """CRC-32 of an array's bytes in C's order, taken a part at a time: what is mapped from a file is never copied whole."""
    result = 0
    for start in range(0, len(array), 1000):
        result = zlib.crc32(np.ascontiguousarray(array[start : start + 1000]).data, result)
    return result


def fingerprint(raw: RawData) -> str:
    """Hex digits that change when any picture, label, class name or their order does.

    It detects change, not forgery: CRC-32 of the pixels is as fast as reading
    them. Class names count only where they are not the labels' own numbers, so
    that MNIST has the fingerprint that it always had.
    """
    label_type = np.uint8 if len(raw.class_names) <= 256 else np.int32
    parts = [
        f'{array.shape} {_crc32(array):08x}'
        for array in (
            raw.train_images,
            raw.train_labels.astype(label_type),
            raw.test_images,
            raw.test_labels.astype(label_type),
        )
    ]
    if raw.class_names != tuple(map(str, range(len(raw.class_names)))):
        parts.append(json.dumps(raw.class_names))
    return hashlib.sha256(';'.join(parts).encode()).hexdigest()[:16]


def pixel_statistics(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of uint8 pixels scaled to [0, 1], from every pixel."""
    counts = np.zeros(256, np.int64)
    for start in range(0, len(images), 1000):
        counts += np.bincount(images[start : start + 1000].ravel(), minlength=256)
    values = np.arange(256) / 255
    mean = float(counts @ values / counts.sum())
    std = float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum()))
    return mean, std if std > 1e-6 else 1.0  # pixels that are all alike differ by rounding only
