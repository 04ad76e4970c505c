"""Reading a data set from a folder, whatever it is packed in.

To add a format, write a module with a `FORMAT` and put it into FORMATS.
"""

import os

from mnist_graph.base.errors import DataError
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import class_folders, idx_files, npz, pickled, subfolders, tables
from mnist_graph.data.readers.format import Format

# The first that a folder looks like is read.
FORMATS: tuple[Format, ...] = (
    idx_files.FORMAT,
    npz.FORMAT,
    pickled.FORMAT,
    tables.FORMAT,
    subfolders.FORMAT,
    class_folders.FORMAT,
)


def read_folder(folder: str, options: ReadOptions = ReadOptions()) -> RawData | None:
    """The data set in `folder`, or None when it holds no complete one.

    Raises:
      DataError: There is a data set, but it is damaged or contradicts itself.
      ImageError: A picture cannot be read.
    """
    for index, data_format in enumerate(FORMATS):
        if data_format.looks_like(folder):
            raw = data_format.read(folder, options)
            others = ' and '.join(each.layout for each in FORMATS[index + 1 :] if _also_holds(each, folder))
            if not others:
                return raw
            notice = f'{folder}: holds {data_format.layout}, which were read, and also {others}, which were not.'
            return raw._replace(notices=(notice, *raw.notices))
    return None


def _also_holds(data_format: Format, folder: str) -> bool:
    try:
        return data_format.looks_like(folder)
    except DataError:  # it holds several of this format
        return True


def layouts() -> str:
    """What a folder may hold, for messages: 'the four IDX files, mnist.npz, or …'."""
    names = [data_format.layout for data_format in FORMATS]
    return f'{", ".join(names[:-1])}, or {names[-1]}'


def other_files(folder: str) -> list[str]:
    """Names of what is in the folder beside IDX files (whole or half downloaded) and hidden files."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [name for name in names if not name.startswith('.') and not idx_files.is_idx_name(name)]
