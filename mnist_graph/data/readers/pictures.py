"""Reading many picture files alike: as they are, or each made into the digit that MNIST would have made of it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mnist_graph.base.errors import DataError, ImageError, UsageError
from mnist_graph.choices.datasets import PICTURES
from mnist_graph.data.raw_data import ReadOptions
from mnist_graph.data.readers.handwriting import show_handwriting

# Pixels: the longest side of pictures that are taken as they are. Larger ones are photographs.
_LARGEST_RAW = 256
# How many bad pictures a message names.
_MOST_NAMED = 10


class Pictures(NamedTuple):
    """Pictures in memory.

    Attributes:
      images: uint8 [n, height, width, channels].
      kept: int [n]: which of the files each came from.
      made_digits: Whether each was made a digit.
      notices: Lines for the user.
    """

    images: np.ndarray
    kept: np.ndarray
    made_digits: bool
    notices: tuple[str, ...]


class _BadPictures:
    """Collects the pictures that cannot be read, to name all of them at once."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, reader: Callable[[str], np.ndarray], path: str) -> np.ndarray | None:
        try:
            return reader(path)
        except ImageError as error:
            self.problems.append(str(error))
            return None

    def notice(self, where: str, n_files: int, may_skip: bool) -> str:
        """A line about those that were skipped, or ''.

        Raises:
          ImageError: There are some, and they may not be skipped.
        """
        if not self.problems:
            return ''
        n = len(self.problems)
        if may_skip:
            return f'{where}: skipped {n} of {n_files} pictures that cannot be read, such as {self.problems[0]}'
        listed = ' '.join(self.problems[:_MOST_NAMED])
        more = f' and {n - _MOST_NAMED} more.' if n > _MOST_NAMED else ''
        raise ImageError(
            f'{where}: {n} of {n_files} pictures cannot be read; mend or delete them, or go on without them with '
            f'--skip_bad_pictures: {listed}{more}'
        )


def read_pictures(where: str, paths: list[str], options: ReadOptions) -> Pictures:
    """Reads picture files, all in the way that `options.pictures` asks for.

    'raw' takes them as they are, which needs one size. 'digits' makes each a
    28x28 digit. 'auto' makes them digits if their sizes differ, if they are
    larger than _LARGEST_RAW pixels, or if they show handwriting.

    Raises:
      ImageError: Pictures cannot be read; names them.
      DataError: They are too large or of too many sizes to be taken as they are.
      UsageError: `options.pictures` is unknown.
    """
    if options.pictures not in PICTURES:
        raise UsageError(f'pictures={options.pictures}: must be one of {", ".join(PICTURES)}.')
    if options.pictures == 'digits':
        return _read_digits(where, paths, options, '')
    found, bad = _RawPictures(), _BadPictures()
    for index, path in enumerate(paths):
        picture = bad.read(_read_raw, path)
        if picture is not None and (problem := found.add(index, path, picture)):
            if options.pictures == 'raw':
                raise DataError(
                    f'{where}: {problem}, so they cannot be taken as they are; make them of one size of at most '
                    f'{_LARGEST_RAW} pixels, or use --pictures=digits.'
                )
            return _read_digits(where, paths, options, f'since {problem}')
    if options.pictures == 'auto' and show_handwriting(found.images):
        reason = 'since they show strokes on plain paper; --pictures=raw takes them as they are'
        return _read_digits(where, paths, options, reason)
    skipped = bad.notice(where, len(paths), options.skip_bad_pictures)
    images = found.stacked(where)
    chosen = ''
    if options.pictures == 'auto':
        height, width, channels = images.shape[1:]
        chosen = (
            f'{where}: took the pictures as they are ({width}x{height} pixels, {"grey" if channels == 1 else "colour"}); '
            f'--pictures=digits makes each a 28x28 digit.'
        )
    return Pictures(images, np.array(found.kept), False, tuple(filter(None, (chosen, skipped))))


class _RawPictures:
    """Pictures of one size, as they are."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.kept: list[int] = []
        self._first_path = ''

    def add(self, index: int, path: str, picture: np.ndarray) -> str:
        """Adds a uint8 [height, width, channels]; returns why that is impossible, or ''."""
        if max(picture.shape) > _LARGEST_RAW:
            return f'{path} is larger than {_LARGEST_RAW} pixels'
        if self.images and picture.shape[:2] != self.images[0].shape[:2]:
            return f'{self._first_path} and {path} have different sizes'
        self._first_path = self._first_path or path
        self.images.append(picture)
        self.kept.append(index)
        return ''

    def stacked(self, where: str) -> np.ndarray:
        if not self.images:
            raise DataError(f'{where}: none of its pictures can be read.')
        if any(picture.shape[2] == 3 for picture in self.images):  # reading reduces pictures without colour to grey
            self.images = [np.broadcast_to(picture, (*picture.shape[:2], 3)) for picture in self.images]
        return np.stack(self.images)


def _read_digits(where: str, paths: list[str], options: ReadOptions, reason: str) -> Pictures:
    bad = _BadPictures()
    digits = [bad.read(_read_digit, path) for path in paths]
    skipped = bad.notice(where, len(paths), options.skip_bad_pictures)
    kept = [index for index, digit in enumerate(digits) if digit is not None]
    if not kept:
        raise DataError(f'{where}: none of its pictures can be read.')
    chosen = f'{where}: made each picture a 28x28 digit like those of MNIST, {reason}.' if reason else ''
    images = np.stack([digit for digit in digits if digit is not None])
    return Pictures(images, np.array(kept), True, tuple(filter(None, (chosen, skipped))))


def _read_raw(path: str) -> np.ndarray:
    from mnist_graph.pictures import extract

    return _to_bytes(extract.read_picture(path, longest_side=_LARGEST_RAW + 1))


def _read_digit(path: str) -> np.ndarray:
    from mnist_graph.pictures import extract

    return _to_bytes(extract.picture_to_digit(path)[..., np.newaxis])


def _to_bytes(picture: np.ndarray) -> np.ndarray:
    return np.round(picture * 255).astype(np.uint8)
