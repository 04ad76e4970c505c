"""Hugging Face's tables: `train-00000-of-00001.parquet` and `test-00000-of-00001.parquet`, in the folder or in one below it.

Each row has an encoded picture and a label. This needs the extra `parquet` (pyarrow).
"""

import io
import json
import os
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mnist_graph.base import extras
from mnist_graph.base.errors import DataError, ImageError, UsageError
from mnist_graph.data import unpacking
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import named_arrays
from mnist_graph.data.readers.format import Files, Format, folder_name, list_files, list_folders, one_line

# `train-00000-of-00002-1a2b3c.parquet`: which of how many files of the part it is, and a hash that older ones have.
_NAME = re.compile(r'(?P<part>train|valid|validation|val|test)(-\d{5}-of-(?P<n>\d{5}))?(-[0-9a-f]+)?\.parquet')
_PICTURE_COLUMNS, _LABEL_COLUMNS = ('image', 'img', 'picture'), ('label', 'labels', 'target')
_ROWS_AT_A_TIME = 1000
# Pixels: the longest side. Larger pictures are photographs, as in folders of pictures.
_LARGEST = 256


class _Columns(NamedTuple):
    """The names of the columns with pictures and labels."""

    picture: str
    label: str


def _find(folder: str) -> list[Files]:
    found = []
    for place in (folder, *(os.path.join(folder, name) for name in list_folders(folder))):
        paths = [os.path.join(place, name) for name in list_files(place) if _NAME.fullmatch(name)]
        in_order = sorted(paths, key=lambda path: (not os.path.basename(path).startswith('train'), path))
        if in_order and os.path.basename(in_order[0]).startswith('train'):
            found.append(tuple(in_order))
    return found


def _read(folder: str, files: Files, options: ReadOptions) -> RawData:
    arrays: dict[str, np.ndarray] = {}
    class_names: tuple[str, ...] = ()
    for part, paths in _by_part(files).items():
        tables = [_open(path) for path in paths]
        class_names = class_names or _class_names(tables[0])
        pictures, labels = [], []
        for path, table in zip(paths, tables):
            for some_pictures, some_labels in _rows(path, table):
                pictures += some_pictures
                labels += some_labels
        arrays[f'{part}_images'] = _stacked(paths[0], pictures)
        arrays[f'{part}_labels'] = np.array(labels)
    return named_arrays.to_raw_data(folder_name(folder), files[0], arrays, class_names=class_names)


def _by_part(files: Files) -> dict[str, list[str]]:
    """{'train', 'validation' or 'test': paths}.

    Raises:
      DataError: Some of a part's files are missing.
    """
    parts: dict[str, list[str]] = {}
    for path in files:
        match = _NAME.fullmatch(os.path.basename(path))
        paths = parts.setdefault(match['part'] if match else 'train', [])
        paths.append(path)
    for paths in parts.values():
        match = _NAME.fullmatch(os.path.basename(paths[0]))
        expected = int(match['n'] or len(paths)) if match else 1
        if len(paths) != expected:
            raise DataError(
                f'{paths[0]}: only {len(paths)} of the {expected} files of this part are here; add the others.'
            )
    return parts


def _open(path: str) -> Any:
    """A `pyarrow.parquet.ParquetFile`.

    Raises:
      DataError: It is damaged, or claims to unpack to too much.
      UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            f'{path}: reading it needs pyarrow; install it with {extras.install_command("parquet")}.'
        ) from None
    try:
        table = pyarrow.parquet.ParquetFile(path)
        groups = [table.metadata.row_group(index) for index in range(table.num_row_groups)]
    except Exception as error:  # pyarrow raises many types on damaged files
        raise DataError(f'{path}: is damaged or no parquet file ({one_line(error)}).') from None
    unpacking.check_size(path, os.path.getsize(path), sum(group.total_byte_size for group in groups), deflated=False)
    return table


def _columns(path: str, table: Any) -> _Columns:
    names = table.schema_arrow.names
    found = [next((name for name in usual if name in names), None) for usual in (_PICTURE_COLUMNS, _LABEL_COLUMNS)]
    if found[0] is None or found[1] is None:
        raise DataError(f'{path}: must have columns image and label, but has {", ".join(names[:8]) or "none"}.')
    return _Columns(found[0], found[1])


def _rows(path: str, table: Any) -> Iterator[tuple[list[np.ndarray], list[int]]]:
    """Pictures and labels, some rows at a time."""
    columns = _columns(path, table)
    n_bytes = 0
    try:
        for batch in table.iter_batches(_ROWS_AT_A_TIME, columns=list(columns)):
            cells = batch.column(columns.picture).to_pylist()
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # Pillow's, about sizes that are refused anyway
                pictures = [_decoded(path, cell) for cell in cells]
            n_bytes += sum(picture.nbytes for picture in pictures)
            unpacking.check_size(path, os.path.getsize(path), n_bytes, deflated=False)
            yield pictures, batch.column(columns.label).to_pylist()
    except (DataError, ImageError):
        raise
    except MemoryError:
        raise DataError(f'{path}: claims more than fits into the memory.') from None
    except Exception as error:
        raise DataError(f'{path}: is damaged or holds other things than pictures ({one_line(error)}).') from None


def _decoded(path: str, cell: Any) -> np.ndarray:
    """A picture, uint8 [height, width] or [height, width, 3], of the content of a picture file."""
    from PIL import Image

    from mnist_graph.pictures import extract

    content = cell.get('bytes') if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise DataError(f'{path}: holds a row without the content of a picture file.')
    with Image.open(io.BytesIO(content)) as image:
        if max(image.size) > _LARGEST:
            raise DataError(
                f'{path}: holds a picture of {image.width}x{image.height} pixels; at most {_LARGEST} are read.'
            )
        if image.mode in ('L', 'RGB') and 'transparency' not in image.info:
            return np.asarray(image)
        picture = np.round(extract.read_picture(image, longest_side=None) * 255).astype(np.uint8)
        return picture[..., 0] if picture.shape[2] == 1 else picture


def _stacked(path: str, pictures: list[np.ndarray]) -> np.ndarray:
    if len(shapes := {picture.shape for picture in pictures}) != 1:
        raise DataError(f'{path}: holds {"pictures of several sizes" if shapes else "no pictures"}.')
    return np.stack(pictures)


def _class_names(table: Any) -> tuple[str, ...]:
    """The names that Hugging Face's description of the columns gives the labels, or () if it gives none."""
    try:
        described = json.loads((table.schema_arrow.metadata or {})[b'huggingface'])['info']['features']
        names = next(described[name]['names'] for name in _LABEL_COLUMNS if name in described)
        usable = len(set(names)) == len(names) and all(isinstance(name, str) and name.isprintable() for name in names)
        return tuple(names) if usable else ()
    except (KeyError, TypeError, ValueError, StopIteration, AttributeError):
        return ()


FORMAT = Format('train-00000-of-00001.parquet', _find, _read, ('.parquet',))
