"""What a format of data is to the table of formats, and what its readers share."""

import os
from collections.abc import Callable
from typing import NamedTuple

from mnist_graph.base.errors import DataError
from mnist_graph.data.raw_data import RawData, ReadOptions

# The paths of the files, or of the folders, that one data set consists of. The first stands for it in messages.
Files = tuple[str, ...]


class Format(NamedTuple):
    """One way in which data sets are stored in a folder.

    Attributes:
      layout: What such a folder holds, in a few words for messages.
      find: The data sets of this format in the folder at a path, judged by names alone.
      read: The data set in a folder that consists of these files. Raises
        DataError, or ImageError for pictures, naming the file.
      endings: Endings, in small letters, of files that can be read alone when the
        user names them, whatever else they are called.
    """

    layout: str
    find: Callable[[str], list[Files]]
    read: Callable[[str, Files, ReadOptions], RawData]
    endings: tuple[str, ...] = ()


def folder_name(folder: str) -> str:
    """The name of a data set in this folder: the folder's own."""
    return os.path.basename(os.path.abspath(folder))


def list_files(folder: str) -> list[str]:
    """Names of the files in a folder, sorted; [] if there is no such folder, or it cannot be read."""
    try:
        return files_in(folder)
    except DataError:
        return []


def list_folders(folder: str) -> list[str]:
    """Names of the folders in a folder that are not hidden, sorted; [] if there is no such folder, or it cannot be read."""
    try:
        return folders_in(folder)
    except DataError:
        return []


def files_in(folder: str) -> list[str]:
    """Names of the files in a folder, sorted.

    Raises:
      DataError: The folder cannot be read.
    """
    return _names(folder, os.DirEntry.is_file)


def folders_in(folder: str) -> list[str]:
    """Names of the folders in a folder that are not hidden, sorted.

    Raises:
      DataError: The folder cannot be read.
    """
    return [name for name in _names(folder, os.DirEntry.is_dir) if not name.startswith('.')]


def _names(folder: str, is_wanted: Callable[[os.DirEntry], bool]) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if is_wanted(entry))
    except OSError as error:
        raise DataError(f'{folder}: cannot be read ({error.strerror}); see to its permissions.') from None


def one_line(error: Exception) -> str:
    """What an error of a library says, in at most 200 characters on one line."""
    return ' '.join(str(error).split())[:200] or type(error).__name__
