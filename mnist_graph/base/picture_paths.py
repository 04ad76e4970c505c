"""Finding the picture files that a command line names.

Nothing is opened and nothing large imported, so that a wrong path is answered
at once.
"""

import os
from collections.abc import Iterable, Sequence
from typing import NoReturn

from mnist_graph.base.errors import ImageError
from mnist_graph.base.files import is_special

PICTURE_ENDINGS = frozenset(
    {
        '.avif',
        '.bmp',
        '.dib',
        '.gif',
        '.heic',
        '.heif',
        '.jfif',
        '.jp2',
        '.jpeg',
        '.jpg',
        '.pbm',
        '.pgm',
        '.png',
        '.pnm',
        '.ppm',
        '.tga',
        '.tif',
        '.tiff',
        '.webp',
    }
)


NOT_A_FILE = 'is a named pipe, a socket or a device, not a picture file; save the picture as a file and name that.'


def find_files(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The picture files that paths and folders name, and a line for each path that names none."""
    files, errors = [], []
    for path in paths:
        try:
            files += list_pictures([path])
        except ImageError as error:
            errors.append(str(error))
    return files, errors


def list_pictures(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> list[str]:
    """Returns the picture files that `paths` name.

    Args:
      paths: a path or several. A file is taken as it is, whatever its ending; a
        folder gives all files below it with a picture's ending, in sorted
        order, without hidden ones.

    Raises:
      ImageError: a path does not exist or is no file, or a folder holds no
        picture or cannot be read.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    files: list[str] = []
    for path in [os.fspath(path) for path in paths]:
        if os.path.isdir(path):
            files.extend(_pictures_below(path))
        elif is_special(path):
            raise ImageError(f'{path}: {NOT_A_FILE}')
        elif os.path.exists(path):
            files.append(path)
        else:
            raise ImageError(f'{path}: no such file or folder; check the path.')
    return files


def _pictures_below(folder: str) -> list[str]:
    """The picture files in a folder and its subfolders, sorted."""

    def refuse(error: OSError) -> NoReturn:
        raise ImageError(f'{error.filename}: cannot be read ({error.strerror}); see to its permissions.')

    found: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if name[0] != '.')
        found.extend(
            os.path.join(parent, name)
            for name in names
            if name[0] != '.'
            and os.path.splitext(name)[1].lower() in PICTURE_ENDINGS
            and not is_special(os.path.join(parent, name))
        )
    if not found:
        raise ImageError(f'{folder}: no pictures in this folder; it should hold .png, .jpg or similar files.')
    return sorted(found)
