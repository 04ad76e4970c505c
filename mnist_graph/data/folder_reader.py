"""Reads a data set from a folder, in any of three layouts.

1. The four IDX files of MNIST and its successors (Fashion-MNIST, EMNIST, ...),
   gzipped or plain: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
   `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`.
2. Keras's `mnist.npz` with arrays x_train, y_train, x_test, y_test.
3. A tree of pictures: `train/LABEL/*.png` and `test/LABEL/*.png`.
"""

import math
import os
import re
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.data import picture_tree
from mnist_graph.data.idx import ALWAYS_ALLOWED_BYTES, MAX_EXPANSION, read_idx

_IDX_NAME = re.compile(r'(?P<prefix>.*-)?(?P<part>train|t10k|test)-(?P<what>images|labels)[-.]idx\d-ubyte(?P<gz>\.gz)?')
_NPZ_NAMES = ('x_train', 'y_train', 'x_test', 'y_test')
_MAX_CLASSES = 1000


class RawData(NamedTuple):
    """The arrays of a data set as read.

    Attributes:
      name: A short name for it.
      train_images, test_images: uint8 [n, height, width] or [n, height, width, channels].
      train_labels, test_labels: uint8 or int [n], each in [0, len(class_names)).
      class_names: What each label stands for.
      where: The folder or file, for messages.
      made_digits: Whether each picture was made what MNIST would have made of it.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    where: str
    made_digits: bool = False


def read_folder(folder: str) -> RawData | None:
    """The data set in `folder`, or None when it holds no complete one.

    Raises:
      DataError: There is a data set, but it is damaged or contradicts itself.
    """
    name = os.path.basename(os.path.abspath(folder))
    idx_files = _idx_files(folder)
    if len(idx_files) == 4:
        return _read_idx_files(name, folder, idx_files)
    if os.path.isfile(npz := os.path.join(folder, 'mnist.npz')):
        return _read_npz(name, npz)
    if os.path.isdir(os.path.join(folder, 'train')) and not idx_files:
        return RawData(name, *picture_tree.read(folder))
    return None


def idx_paths(folder: str) -> list[str]:
    """The IDX files in the folder, be they a whole data set or a part of one; [] if there is no such folder.

    Raises:
      DataError: They are of several data sets.
    """
    return list(_idx_files(folder).values())


def other_files(folder: str) -> list[str]:
    """Names of what is in the folder beside IDX files, whole or half downloaded, and hidden files."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [name for name in names if not name.startswith('.') and not _IDX_NAME.match(name)]


def _idx_files(folder: str) -> dict[tuple[str, str], str]:
    """{('train' or 'test', 'images' or 'labels'): path} of the IDX files; plain ones win over gzipped."""
    found: dict[tuple[str, str], str] = {}
    try:
        names = sorted(os.listdir(folder), key=lambda name: (name.endswith('.gz'), name))
    except OSError:
        return found
    prefixes = set()
    for name in names:
        # A folder may have such a name, too.
        if (match := _IDX_NAME.fullmatch(name)) and os.path.isfile(os.path.join(folder, name)):
            prefixes.add(match['prefix'])
            found.setdefault(
                ('train' if match['part'] == 'train' else 'test', match['what']), os.path.join(folder, name)
            )
    if len(prefixes) > 1:
        raise DataError(f'{folder}: holds IDX files of several data sets; give each a folder of its own.')
    return found


def _read_idx_files(name: str, folder: str, files: dict[tuple[str, str], str]) -> RawData:
    order = [('train', 'images'), ('train', 'labels'), ('test', 'images'), ('test', 'labels')]
    paths = [files[key] for key in order]
    with ThreadPoolExecutor(4) as pool:  # unpacking releases the interpreter lock
        train_images, train_labels, test_images, test_labels = pool.map(read_idx, paths)
    for images, labels, images_path, labels_path in (
        (train_images, train_labels, *paths[:2]),
        (test_images, test_labels, *paths[2:]),
    ):
        if images.ndim not in (3, 4) or 0 in images.shape:
            raise DataError(f'{images_path}: holds an array of shape {images.shape}, not pictures.')
        if labels.ndim != 1:
            raise DataError(f'{labels_path}: holds an array of shape {labels.shape}, not a list of labels.')
        if len(images) != len(labels):
            raise DataError(f'{images_path} has {len(images)} pictures, but {labels_path} has {len(labels)} labels.')
    if os.path.basename(paths[0]).startswith('emnist'):
        # EMNIST's files hold every picture transposed (Cohen et al. 2017).
        train_images, test_images = train_images.swapaxes(1, 2), test_images.swapaxes(1, 2)
    _check_same_shape(train_images, test_images, paths[2])
    n_classes = _n_classes(train_labels, test_labels, paths[1], paths[3])
    return RawData(
        name, train_images, train_labels, test_images, test_labels, tuple(map(str, range(n_classes))), folder
    )


def _check_same_shape(train_images, test_images, where: str) -> None:
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f'{where}: pictures of shape {test_images.shape[1:]}, but those to train on have {train_images.shape[1:]}.'
        )


def _n_classes(train_labels, test_labels, train_where: str, test_where: str) -> int:
    """One more than the largest label, if the labels look like labels."""
    present = np.unique(train_labels)
    n_classes = int(present[-1]) + 1
    if present[0] < 0 or n_classes > _MAX_CLASSES or n_classes > 2 * len(present) + 1:
        raise DataError(
            f'{train_where}: label {present[-1] if present[0] >= 0 else present[0]} is out of range: '
            f'only {len(present)} different labels occur.'
        )
    if test_labels.min() < 0 or test_labels.max() >= n_classes:
        wrong = test_labels.min() if test_labels.min() < 0 else test_labels.max()
        raise DataError(f'{test_where}: label {wrong} is out of range: the training labels are 0 to {n_classes - 1}.')
    return n_classes


def _read_npz(name: str, path: str) -> RawData:
    """Keras's archive; pickled objects are refused, never loaded."""
    arrays = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # numpy's, of oddities that it reads or that are refused below
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    _check_member(path, archive, member)
            with np.load(path, allow_pickle=False) as archive:
                for key in _NPZ_NAMES:
                    if key not in archive:
                        raise DataError(f'{path}: has no array {key}; it must hold {", ".join(_NPZ_NAMES)}.')
                    arrays[key] = np.asarray(archive[key])
    except DataError:
        raise
    except MemoryError:
        raise DataError(f'{path}: claims an array larger than the memory.') from None
    except Exception as error:  # zipfile and numpy raise a dozen types on damaged archives
        raise DataError(f'{path}: is damaged or no npz archive ({_one_line(error)}).') from None
    train_images, train_labels, test_images, test_labels = (arrays[key] for key in _NPZ_NAMES)
    for images, labels, key in ((train_images, train_labels, 'train'), (test_images, test_labels, 'test')):
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
            raise DataError(f'{path}: x_{key} is {images.dtype} {images.shape}, not uint8 pictures.')
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
            raise DataError(f'{path}: y_{key} is {labels.dtype} {labels.shape}, not a list of whole numbers.')
        if len(images) != len(labels):
            raise DataError(f'{path}: x_{key} has {len(images)} pictures, but y_{key} has {len(labels)} labels.')
    _check_same_shape(train_images, test_images, f'{path}: x_test')
    n_classes = _n_classes(train_labels, test_labels, f'{path}: y_train', f'{path}: y_test')
    return RawData(name, train_images, train_labels, test_images, test_labels, tuple(map(str, range(n_classes))), path)


def _check_member(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuses a member that would fill the memory, before any of it is unpacked.

    Raises:
      DataError: It packs too well to be data, or its header announces more than follows.
    """
    packed = min(member.compress_size, os.path.getsize(path))
    if member.file_size > max(MAX_EXPANSION * packed, ALWAYS_ALLOWED_BYTES):
        raise DataError(
            f'{path}: {member.filename} claims {member.file_size:,} bytes packed into {packed:,}; '
            f'that is not a data set.'
        )
    if member.filename.endswith('.npy'):
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0}.get(
                version, np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(file)
        if math.prod(shape) * dtype.itemsize > member.file_size:
            raise DataError(f'{path}: {member.filename} announces an array of shape {shape}, but is too short for it.')


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:200] or type(error).__name__
