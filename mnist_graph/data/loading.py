"""Getting a data set: from a folder, by download, or drawn; then splitting it."""

import os
import re

import numpy as np

from mnist_graph.base import files
from mnist_graph.base.errors import DataError, UsageError
from mnist_graph.choices.datasets import DATASETS
from mnist_graph.data import folders, readers
from mnist_graph.data.dataset import MNIST_FINGERPRINT, Dataset, Split, fingerprint
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import idx_files

# Training pictures held out by default: so many, as TensorFlow's own MNIST tutorial did, or a tenth if that is fewer.
_N_VALIDATION, _LEAST_FOR_EACH = 5000, 10


class NoDataError(DataError):
    """There is no data set in the folder and none could be downloaded."""


def load(
    dataset: str = 'auto',
    data_dir: str | os.PathLike | None = None,
    n_validation: int | None = None,
    show_progress: bool = False,
    pictures: str = 'auto',
    skip_bad_pictures: bool = False,
) -> Dataset:
    """Reads a data set, downloading or drawing it if necessary.

    Args:
      dataset: 'mnist' (from `data_dir`, and downloaded into it if it is not
        there), 'drawn' (the drawn digits), 'handwriting' (MNIST, found
        likewise, with what `handwriting.add_to` adds), or 'auto': the data set in
        `data_dir`; without a `data_dir`, MNIST, or the drawn digits if it
        cannot be downloaded, which a notice then says.
      data_dir: A folder in one of the formats of `readers`, or a file of one of
        the data sets in it, if there are several; None is `files.cache_folder()`.
      n_validation: How many pictures to hold out, the first of the training
        set. None holds out 5000, or a tenth if that is fewer: MNIST becomes
        55,000 / 5,000 / 10,000.
      show_progress: Draw a bar for downloads and drawing on standard error.
      pictures: What class folders of pictures become: 'raw' (as they are),
        'digits' (each a 28x28 digit like MNIST's), or 'auto', which decides by
        looking at them and says so in a notice.
      skip_bad_pictures: Go on without the pictures of class folders that cannot
        be read; a notice says how many.

    Raises:
      DataError: There is no data set, or it is damaged; names the file.
      ImageError: Pictures of class folders cannot be read; names them.
      UsageError: An argument has an unknown value, or `n_validation` leaves
        nothing to train on.
    """
    if dataset not in DATASETS:
        raise UsageError(f'dataset={dataset}: must be one of {", ".join(DATASETS)}.')
    is_of_mnist = dataset in ('mnist', 'handwriting')
    options = ReadOptions(pictures, skip_bad_pictures)
    if dataset == 'drawn':
        raw = _drawn(show_progress)
    elif data_dir and files.expand_user(data_dir) != files.cache_folder():
        raw = _read_named(os.fspath(data_dir), is_of_mnist, options, show_progress)
    else:
        raw = _read_cache(is_of_mnist, options, show_progress)
    found = fingerprint(raw)
    if dataset == 'handwriting':
        raw = _with_other_hands(raw, found)
        found = fingerprint(raw)
    name = 'mnist' if found == MNIST_FINGERPRINT else raw.name
    if dataset == 'mnist' and name != 'mnist':
        raise DataError(f'{raw.where}: holds other data than the MNIST database; use --dataset=auto to train on it.')
    return _split(raw, name, found, n_validation)


def _read_named(data_dir: str, may_download: bool, options: ReadOptions, show_progress: bool) -> RawData:
    """The data set in a folder, or of a file, that the user named. Nothing is put into it unless that was asked for."""
    if re.match('[A-Za-z][A-Za-z0-9+.-]+:/', data_dir):
        raise DataError(f'{data_dir}: is an address, but --data_dir must be a folder or a file of this machine.')
    folder = files.expand_user(data_dir)
    if files.is_special(folder):
        raise DataError(f'{data_dir}: is a named pipe, a socket or a device; give a folder or a file.')
    is_file = os.path.exists(folder) and not os.path.isdir(folder)
    raw = readers.read_file(folder, options) if is_file else readers.read_folder(folder, options)
    if raw is None:
        _check_may_be_filled(folder)
        if not may_download:
            raise _nothing_in(data_dir, folder)
        try:
            raw = _download(folder, options, show_progress)
        except NoDataError as error:
            raise _with_alternative(error) from None
    # A folder's name is not to be taken for that of a data set that it is not.
    return raw._replace(name=f'folder {raw.name}') if raw.name in DATASETS else raw


def _read_cache(must_be_mnist: bool, options: ReadOptions, show_progress: bool) -> RawData:
    """MNIST from the cache folder, into which it is downloaded, or the drawn digits if that is impossible."""
    folder = files.cache_folder()
    raw = readers.read_folder(folder, options)
    if raw is not None:
        return raw
    try:
        return _download(folder, options, show_progress)
    except NoDataError as error:
        if must_be_mnist:
            raise _with_alternative(error) from None
        notice = f'MNIST could not be downloaded, so this uses the drawn digits instead: {error}'
        return _drawn(show_progress)._replace(notices=(notice,))


def _download(folder: str, options: ReadOptions, show_progress: bool) -> RawData:
    from mnist_graph.data import download  # which imports slow modules of the standard library

    parts = idx_files.paths(folder)
    if foreign := [path for path in parts if not download.is_mnist_file(path)]:
        raise DataError(_incomplete(folder, foreign))
    try:
        download.download_mnist(folder, show_progress=show_progress)
    except DataError as error:
        kind = DataError if parts else NoDataError
        raise kind(str(error)) from None
    raw = readers.read_folder(folder, options)
    if raw is None:
        raise DataError(f'{folder}: the files of MNIST were removed while they were downloaded; start again.')
    return raw


def _with_alternative(error: NoDataError) -> NoDataError:
    return NoDataError(f'{error} Or use --dataset=drawn, digits that the package draws itself.')


def _check_may_be_filled(folder: str) -> None:
    """Raises DataError if the folder holds other things, to which MNIST is not to be added."""
    others = readers.other_files(folder)
    if others:
        raise DataError(
            f'{folder}: holds {others[0]}, but no data set ({readers.layouts()}).{_renaming(folder)} '
            f'For MNIST, give a new --data_dir with --dataset=mnist.'
        )


def _nothing_in(data_dir: str, folder: str) -> DataError:
    """The error about a named folder without a data set."""
    remedy = 'To download MNIST into it, add --dataset=mnist.'
    if not os.path.isdir(folder):
        return NoDataError(f'{data_dir}: there is no such folder.{folders.suggestion(data_dir)} {remedy}')
    if parts := idx_files.paths(folder):
        return DataError(f'{_incomplete(folder, parts)} If it is MNIST, --dataset=mnist downloads the rest.')
    return NoDataError(f'{data_dir}: holds no data set. {remedy}')


def _incomplete(folder: str, parts: list[str]) -> str:
    names = ', '.join(os.path.basename(path) for path in parts)
    return (
        f'{folder}: holds {names}, but not all four IDX files of that data set; add the rest of it, or give another '
        f'--data_dir.{_renaming(folder)}'
    )


def _renaming(folder: str) -> str:
    """' Rename "train-images (1).gz" to …' for files with changed names, or ''."""
    advice = [f'"{name}" to {right_name}' for name, right_name in idx_files.misnamed(folder)]
    return f' Rename {", ".join(advice)}.' if advice else ''


def _drawn(show_progress: bool) -> RawData:
    from mnist_graph import drawn

    progress = None
    if show_progress:
        from tqdm import tqdm

        progress = lambda steps: tqdm(steps, desc='Drawing digits', leave=False)
    arrays = drawn.load_or_draw(files.cache_folder(), progress=progress)
    return RawData('drawn', *arrays, tuple('0123456789'), 'the drawn digits')


def _with_other_hands(mnist: RawData, found_fingerprint: str) -> RawData:
    """The data set 'handwriting'."""
    from mnist_graph.data import handwriting  # which draws with OpenCV

    if found_fingerprint != MNIST_FINGERPRINT:
        raise DataError(
            f'{mnist.where}: holds other data than the MNIST database, to which --dataset=handwriting adds.'
        )
    return handwriting.add_to(mnist)


def _split(raw: RawData, name: str, found_fingerprint: str, n_validation: int | None) -> Dataset:
    n_train = len(raw.train_labels)
    if n_validation is None:
        n_validation = min(_N_VALIDATION, n_train // _LEAST_FOR_EACH)
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
        fingerprint=found_fingerprint,
        notices=raw.notices,
        made_digits=raw.made_digits,
    )


def _with_channels(images: np.ndarray) -> np.ndarray:
    return images[..., np.newaxis] if images.ndim == 3 else images
