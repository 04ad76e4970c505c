"""Data sets in memory: reading, splitting, and how pixels and labels are fed.

Pictures stay unsigned bytes until they enter the graph. No TensorFlow here.
"""

import dataclasses
import hashlib
import os
import zlib
from typing import NamedTuple

import numpy as np

from mnist_graph.base import files
from mnist_graph.base.errors import DataError, UsageError
from mnist_graph.base.inputs import InputSpec
from mnist_graph.data import folder_reader

DATASETS = ('auto', 'mnist', 'drawn', 'handwriting')
# `fingerprint` of the canonical MNIST files, however they are packed.
MNIST_FINGERPRINT = '57ed3f7af808d214'
# How many pictures, and from which value of a pixel on, tell whether a data set's pictures reach their edges.
_LOOKED_AT, _FAINTEST_INK = 5000, 64


def look_like_digits(spec: InputSpec, class_names: tuple[str, ...]) -> bool:
    """Whether pictures of these are taken for MNIST's kind: 28x28, grey, and of classes with numbers, or none, for names."""
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
      name: 'mnist', 'drawn', or the name of the folder it came from.
      train, validation, test: The three splits; validation may be empty.
      class_names: What each label stands for: ('0', ..., '9') for digits.
      fingerprint: Hex digits that change when any picture, label or their order does.
      notice: One line that the user should see, or ''.
      made_digits: Whether reading made digits of the pictures, as `predict` does.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    fingerprint: str
    notice: str = ''
    made_digits: bool = False

    @property
    def reads_digits(self) -> bool:
        """Whether other pictures are to be made into MNIST's 28x28 digits to be like these."""
        return self.made_digits or (
            look_like_digits(self.input_spec(), self.class_names)
            and _share_at_edge(self.train.images[:_LOOKED_AT]) < 0.25
        )

    def flag_for_again(self, asked: str) -> str:
        """The --dataset that gives this one again, or nothing, where `asked` gave it now."""
        if self.notice:
            return 'drawn'
        return self.name if self.name in ('mnist', 'handwriting') else asked

    def input_spec(self, standardize: bool = False) -> InputSpec:
        """The shape of the pictures, and their mean and deviation if asked for."""
        mean, std = pixel_statistics(self.train.images) if standardize else (0.0, 1.0)
        return InputSpec(*self.train.images.shape[1:], len(self.class_names), mean, std)


def load(
    dataset: str = 'auto', data_dir: str | None = None, n_validation: int = 5000, show_progress: bool = False
) -> Dataset:
    """Reads a data set, downloading or drawing it if need be.

    Args:
      dataset: 'mnist' (from `data_dir`, else downloaded into it), 'drawn' (the
        built-in digits), 'handwriting' (MNIST, found likewise, with what
        `handwriting.add_to` adds), or 'auto': whatever `data_dir` holds, else MNIST, and
        else, without a `data_dir`, the built-in digits, which `notice` then says.
      data_dir: Folder of the four IDX files, of `mnist.npz`, or of
        train/LABEL/*.png and test/LABEL/*.png; None is `files.cache_folder()`.
      n_validation: The first so many training pictures are held out, as
        TensorFlow's own MNIST tutorial did (55,000 / 5,000 / 10,000).
      show_progress: Draw a bar for downloads and drawing on standard error.

    Raises:
      DataError: The data cannot be had, or is damaged; names the file.
      ImageError: A picture of a tree of pictures cannot be read; names it.
      UsageError: `dataset` is unknown, or `n_validation` leaves nothing to train on.
    """
    if dataset not in DATASETS:
        raise UsageError(f'dataset={dataset}: must be one of {", ".join(DATASETS)}.')
    folder = os.path.expanduser(data_dir or files.cache_folder())
    notice = ''
    if dataset == 'drawn':
        raw = _drawn(show_progress)
    else:
        try:
            raw = _read_or_download(folder, show_progress)
        except NoDataError as error:
            if dataset in ('mnist', 'handwriting') or data_dir:  # what was asked for by name is not replaced
                missing = '' if os.path.isdir(folder) else f'{folder}: there is no such folder to read, and '
                raise NoDataError(f'{missing}{error} Or use --dataset=drawn, the built-in digits.') from None
            notice = f'MNIST could not be had, so this uses the built-in drawn digits instead: {error}'
            raw = _drawn(show_progress)
    fingerprint = _fingerprint(raw)
    if dataset == 'handwriting':
        if fingerprint != MNIST_FINGERPRINT:
            raise DataError(f'{folder}: holds other data than the MNIST database, to which --dataset=handwriting adds.')
        from mnist_graph.data import handwriting

        raw = handwriting.add_to(raw)
        fingerprint = _fingerprint(raw)
    name = 'mnist' if fingerprint == MNIST_FINGERPRINT else raw.name
    if dataset == 'mnist' and name != 'mnist':
        raise DataError(f'{folder}: holds other data than the MNIST database; use --dataset=auto to train on it.')
    return _split(raw, name, fingerprint, n_validation, notice)


class NoDataError(DataError):
    """There is no data set in the folder and none could be downloaded."""


def _read_or_download(folder: str, show_progress: bool) -> folder_reader.RawData:
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise DataError(f'{folder}: is a file; --data_dir must be a folder.')
    raw = folder_reader.read_folder(folder)
    if raw is None:
        others = folder_reader.other_files(folder)
        if others and folder != files.cache_folder():
            raise DataError(
                f'{folder}: holds {others[0]}, but no data set: neither the four IDX files, nor mnist.npz, '
                f'nor train/LABEL/*.png and test/LABEL/*.png. For MNIST, give a new --data_dir.'
            )
        from mnist_graph.data import download  # which needs slow modules of the standard library

        parts = folder_reader.idx_paths(folder)
        if foreign := [os.path.basename(path) for path in parts if not download.is_mnist_file(path)]:
            raise DataError(
                f'{folder}: holds {", ".join(foreign)}, but not all four IDX files of that data set; add the '
                f'rest of it, or give another --data_dir.'
            )
        try:
            download.download_mnist(folder, show_progress=show_progress)
        except DataError as error:
            kind = DataError if parts else NoDataError
            raise kind(str(error)) from None
        raw = folder_reader.read_folder(folder)
    # A folder's name is not to be taken for that of a data set that it is not.
    return raw._replace(name=f'folder {raw.name}') if raw.name in DATASETS else raw


def _drawn(show_progress: bool) -> folder_reader.RawData:
    from mnist_graph import drawn

    progress = None
    if show_progress:
        from tqdm import tqdm

        progress = lambda steps: tqdm(steps, desc='Drawing digits', leave=False)
    arrays = drawn.load_or_draw(files.cache_folder(), progress=progress)
    return folder_reader.RawData('drawn', *arrays, tuple('0123456789'), 'the built-in drawn digits')


def _split(raw: folder_reader.RawData, name: str, fingerprint: str, n_validation: int, notice: str) -> Dataset:
    n_train = len(raw.train_labels)
    if n_validation < 0:
        raise UsageError(f'n_validation={n_validation}: must be 0 or more.')
    if n_validation >= n_train:
        raise UsageError(
            f'n_validation={n_validation}: leaves no training image of the {n_train} in {raw.where}; '
            f'give a smaller --n_validation.'
        )
    everything = Split(_with_channels(raw.train_images), raw.train_labels.astype(np.int32))
    return Dataset(
        name=name,
        train=everything[n_validation:],
        validation=everything[:n_validation],
        test=Split(_with_channels(raw.test_images), raw.test_labels.astype(np.int32)),
        class_names=raw.class_names,
        fingerprint=fingerprint,
        notice=notice,
        made_digits=raw.made_digits,
    )


def _with_channels(images: np.ndarray) -> np.ndarray:
    return images[..., np.newaxis] if images.ndim == 3 else images


def _share_at_edge(images: np.ndarray) -> float:
    """The fraction of uint8 [n, height, width, channels] with ink in an outermost pixel.

    Digits made as MNIST's are seldom reach so far: 1.2% of MNIST's own. Other
    pictures of that shape, such as Fashion-MNIST's garments, often do.
    """
    inked = [
        (side > _FAINTEST_INK).any(axis=(1, 2))
        for side in (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    ]
    return float(np.logical_or.reduce(inked).mean())


def _fingerprint(raw: folder_reader.RawData) -> str:
    """Detects change, not forgery: CRC-32 of the pixels, as it keeps pace with reading."""
    label_type = np.uint8 if len(raw.class_names) <= 256 else np.int32
    parts = [
        f'{array.shape} {zlib.crc32(np.ascontiguousarray(array)):08x}'
        for array in (
            raw.train_images,
            raw.train_labels.astype(label_type),
            raw.test_images,
            raw.test_labels.astype(label_type),
        )
    ]
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
