"""One's own labelled pictures to measure a model on: `FOLDER/LABEL/*.png`, or files named `LABEL_anything.png`.

There is nothing to train on among them, and any of the model's classes may be missing.
"""

import os
from collections.abc import Sequence

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.base.picture_paths import PICTURE_ENDINGS
from mnist_graph.data.dataset import Split
from mnist_graph.data.raw_data import ReadOptions
from mnist_graph.data.readers import class_folders
from mnist_graph.data.readers.format import files_in, folders_in, list_files
from mnist_graph.data.readers.pictures import read_pictures


def find(folder: str, class_names: Sequence[str]) -> list[tuple[str, int]]:
    """The labelled pictures of a folder, in the order of their names; [] if it is not of this kind.

    Args:
      folder: Where to look.
      class_names: The model's classes.

    Returns:
      (path, label) of each.

    Raises:
      DataError: Some have labels, and others have none that the model knows;
        or the folder, or one named for a class, cannot be read.
    """
    labels = {name: label for label, name in enumerate(class_names)}
    if not os.path.isdir(folder) or class_folders.has_parts(folder):
        return []
    found, unknown = [], []
    is_folder = dict.fromkeys(files_in(folder), False) | dict.fromkeys(folders_in(folder), True)
    for name in sorted(is_folder):
        path = os.path.join(folder, name)
        word = name if is_folder[name] else name.split('_')[0]
        files = [name]
        if is_folder[name]:
            files = files_in(path) if word in labels else list_files(path)
        pictures = [file for file in files if _is_picture(file)]
        if pictures and word not in labels:
            unknown.append(path)
        elif pictures:
            inside = path if is_folder[name] else folder
            found += [(os.path.join(inside, file), labels[word]) for file in pictures]
    if found and unknown:
        raise DataError(
            f'{unknown[0]}: does not begin with a class of the model ({", ".join(class_names)}); name it '
            f'LABEL_anything.png, or put it into a folder LABEL.'
        )
    return found


def _is_picture(name: str) -> bool:
    return not name.startswith('.') and os.path.splitext(name)[1].lower() in PICTURE_ENDINGS


def read(folder: str, found: list[tuple[str, int]], options: ReadOptions) -> tuple[Split, tuple[str, ...]]:
    """Reads what `find` found.

    Returns:
      The pictures, and lines for the user.

    Raises:
      DataError: None can be read.
      ImageError: Some cannot be read; names them.
    """
    pictures = read_pictures(folder, [path for path, _ in found], options)
    labels = np.array([label for _, label in found], np.int32)[pictures.kept]
    images = pictures.images
    return Split(images if images.ndim == 4 else images[..., None], labels), pictures.notices
