"""Finding the picture files that a command line names.

Nothing is opened and nothing large imported, so that a wrong path is answered
at once.
"""

import os
from collections.abc import Sequence

from mnist_graph.base.errors import ImageError

PICTURE_ENDINGS = frozenset(
    {
        '.avif',
        '.bmp',
        '.dib',
        '.gif',
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


def find_files(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The picture files that paths and folders name, and a line for each path that names none."""
    files, errors = [], []
    for path in paths:
        try:
            files += list_pictures([path])
        except ImageError as error:
            errors.append(str(error))
    return files, errors


def list_pictures(paths):
    """Returns the picture files that `paths` name.

    Args:
      paths: a path or a list of paths. A file is taken as it is, whatever its
        ending; a folder gives all files below it with a picture's ending, in
        sorted order, hidden ones left out.

    Raises:
      ImageError: a path does not exist, or a folder holds no picture or
        cannot be read.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    files = []
    for path in paths:
        path = os.fspath(path)
        if os.path.isdir(path):
            files.extend(_pictures_below(path))
        elif os.path.exists(path):
            files.append(path)
        else:
            raise ImageError(f'{path}: no such file or folder; check the path.')
    return files


def _pictures_below(folder):
    def refuse(error):
        raise ImageError(f'{error.filename}: cannot be read ({error.strerror}); see to its permissions.')

    found = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if name[0] != '.')
        found.extend(
            os.path.join(parent, name)
            for name in names
            if name[0] != '.' and os.path.splitext(name)[1].lower() in PICTURE_ENDINGS
        )
    if not found:
        raise ImageError(f'{folder}: no pictures in this folder; it should hold .png, .jpg or similar files.')
    return sorted(found)
