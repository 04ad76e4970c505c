"""Picture files to be written: checked before the work is done, written whole or not at all."""

import os
from collections.abc import Collection

from mnist_graph.base import files
from mnist_graph.base.errors import UsageError


def check(path: str, endings: Collection[str]) -> None:
    """Checks what can be checked before there is a picture.

    Args:
      path: The file to be written.
      endings: Those of the formats that can be, such as '.png'.

    Raises:
      UsageError: The ending is another one, or the folder is missing or cannot be written.
    """
    if os.path.splitext(path)[1].lower() not in endings:
        raise UsageError(f'{path}: has no ending of a picture; use one of {", ".join(endings)}.')
    folder = os.path.dirname(path) or '.'
    problem = (
        'is a folder'
        if os.path.isdir(path)
        else 'its folder does not exist'
        if not os.path.isdir(folder)
        else 'its folder cannot be written'
        if not os.access(folder, os.W_OK)
        else ''
    )
    if problem:
        raise UsageError(f'{path}: {problem}; give the path of a new picture file.')


def check_folder(folder: str) -> None:
    """Checks that pictures can be written into a folder, which need not exist yet and is not made.

    Raises:
      UsageError: It is a file, or it or what it would be made in cannot be written.
    """
    existing = os.path.abspath(folder)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise UsageError(f'{folder}: {"is" if os.path.exists(folder) else "would be inside"} a file; give a folder.')
    if not os.access(existing, os.W_OK):
        raise UsageError(f'{folder}: cannot be written; give another folder.')


def write(path: str, content: bytes) -> None:
    """Writes the file, and makes its folder if there is none.

    Raises:
      UsageError: It cannot be written.
    """
    try:
        os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
        files.write_atomically(path, content)
    except OSError as error:
        raise UsageError(f'{path}: cannot be written ({error.strerror}); give another path.') from None
