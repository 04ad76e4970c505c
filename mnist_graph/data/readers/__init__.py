"""Reading a data set from a folder, whatever it is packed in.

To add a format, write a module with a `FORMAT` and put it into FORMATS.
"""

import os

from mnist_graph.base.errors import DataError
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import class_folders, idx_files, mat, npy, npz, parquet, pickled, subfolders, tables
from mnist_graph.data.readers.format import Files, Format, files_in, folders_in

# How many data sets a message names.
_MOST_NAMED = 5
# The first that a folder looks like is read.
FORMATS: tuple[Format, ...] = (
    idx_files.FORMAT,
    npz.FORMAT,
    npy.FORMAT,
    pickled.FORMAT,
    tables.FORMAT,
    mat.FORMAT,
    parquet.FORMAT,
    subfolders.FORMAT,
    class_folders.FORMAT,
)


def read_folder(folder: str, options: ReadOptions = ReadOptions()) -> RawData | None:
    """The data set in `folder`, or None when it holds no complete one.

    Of several in different formats, the first by FORMATS is read, and a notice names the others.

    Raises:
      DataError: There is a data set, but it is damaged or contradicts itself, or
        there are several in one format.
      ImageError: A picture cannot be read.
    """
    found = [(data_format, files) for data_format in FORMATS for files in data_format.find(folder)]
    if not found:
        return None
    data_format, files = found[0]
    if alike := [each[0] for other_format, each in found if other_format is data_format][1:]:
        names = ', '.join(os.path.relpath(path, folder) for path in (files[0], *alike)[:_MOST_NAMED])
        raise DataError(f'{folder}: holds several data sets, {names}; choose one with --data_dir={files[0]}.')
    raw = data_format.read(folder, files, options)
    others = ' and '.join(dict.fromkeys(_names(*each) for each in found[1:]))
    if not others:
        return raw
    to_pick = [each[0] for _, each in found[1:] if os.path.isfile(each[0])]
    how = f' Choose with --data_dir={to_pick[0]}.' if to_pick else ''
    notice = f'{folder}: holds several data sets; this reads {_names(data_format, files)}, and not {others}.{how}'
    return raw._replace(notices=(notice, *raw.notices))


def _names(data_format: Format, files: Files) -> str:
    """The names of a data set's files, or what it consists of if that is folders or more than two files."""
    few = len(files) <= 2 and all(map(os.path.isfile, files))
    return ' and '.join(map(os.path.basename, files)) if few else data_format.layout


def read_file(path: str, options: ReadOptions = ReadOptions()) -> RawData:
    """The data set that a file belongs to, whatever else its folder holds.

    A file whose name says nothing, such as `digits.csv`, is a data set by itself.

    Returns:
      The data set; its name is the file's.

    Raises:
      DataError: The file is of none, or its data set is damaged.
    """
    folder, name = os.path.split(path)
    for data_format in FORMATS:
        for files in data_format.find(folder or os.curdir):
            if name in map(os.path.basename, filter(os.path.isfile, files)):
                return data_format.read(folder or os.curdir, files, options)._replace(name=name)
    for data_format in FORMATS:
        if data_format.endings and name.lower().endswith(data_format.endings):
            return data_format.read(folder or os.curdir, (path,), options)._replace(name=name)
    endings = ', '.join(ending for data_format in FORMATS for ending in data_format.endings)
    what = 'the rest of its data set is not beside it' if idx_files.is_idx_name(name) else 'is no data set'
    raise DataError(
        f'{path}: {what}; --data_dir must be a folder, or a file of a data set, such as train-images-idx3-ubyte or '
        f'one that ends in {endings}.'
    )


def layouts() -> str:
    """What a folder may hold, for messages: 'the four IDX files, mnist.npz, or …'."""
    names = [data_format.layout for data_format in FORMATS]
    return f'{", ".join(names[:-1])}, or {names[-1]}'


def has_data_set(folder: str) -> bool:
    """Whether a folder holds what is named like a data set, or a part of one; it may be damaged."""
    return bool(idx_files.paths(folder)) or any(data_format.find(folder) for data_format in FORMATS)


def other_files(folder: str) -> list[str]:
    """Names of what is in the folder beside IDX files (whole or half downloaded) and hidden files; [] if there is no such folder.

    Raises:
      DataError: The folder cannot be read.
    """
    if not os.path.isdir(folder):
        return []
    names = sorted([*folders_in(folder), *files_in(folder)])
    return [name for name in names if not name.startswith('.') and not idx_files.is_idx_name(name)]
