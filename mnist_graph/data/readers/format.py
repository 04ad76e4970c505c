"""What a format of data is to the table of formats, and what its readers share."""

import os
from collections.abc import Callable
from typing import NamedTuple

from mnist_graph.data.raw_data import RawData, ReadOptions


class Format(NamedTuple):
    """One way in which data sets are stored in a folder.

    Attributes:
      layout: What such a folder holds, in a few words for messages.
      looks_like: Whether the folder at a path holds it, judged by names alone.
      read: The data set in the folder. Raises DataError, or ImageError for
        pictures, naming the file.
    """

    layout: str
    looks_like: Callable[[str], bool]
    read: Callable[[str, ReadOptions], RawData]


def folder_name(folder: str) -> str:
    """The name of a data set in this folder: the folder's own."""
    return os.path.basename(os.path.abspath(folder))


def list_files(folder: str) -> list[str]:
    """Names of the files in a folder, sorted; [] if there is no such folder."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError:
        return []
