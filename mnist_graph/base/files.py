"""Small files that are written whole or not at all, and paths as messages show them."""

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import time
from typing import Any

from mnist_graph.base.cache import cache_folder as cache_folder
from mnist_graph.base.errors import UsageError

_CHUNK_BYTES = 1 << 20
# A file name has at most 255 bytes, and a character at most 4, so this many leave room for the rest of the name.
_PREFIX_CHARACTERS = 40
_LEFTOVER = re.compile(r'.+\.[0-9a-f]{8}\.part')


def write_atomically(path: str, content: bytes | str) -> None:
    """Replaces the file at `path`, so that a reader sees the old content or the new, never a part.

    The file gets the permissions that `open` would give it, or keeps its own.
    Behind a symbolic link it is the link's target that is replaced. What is no
    regular file, as a pipe or /dev/stdout, is written to as it is.

    Raises:
      OSError: It could not be written; the old file stays, and no other is left behind.
    """
    content = content.encode() if isinstance(content, str) else content
    path = os.path.realpath(path)
    old = _status(path)
    if is_special(path):
        with open(path, 'wb') as file:
            file.write(content)
        return
    temporary = temporary_name(path)
    try:
        with open(temporary, 'xb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if old:
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def temporary_name(path: str) -> str:
    """A path beside `path` that no other process uses, for a file or folder that is renamed to `path` when it is whole."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f'{name[:_PREFIX_CHARACTERS]}.{secrets.token_hex(4)}.part')


def sync(path: str) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk and outlasts a power cut.

    Raises:
      OSError: It could not be written.
    """
    is_folder = os.path.isdir(path)
    if is_folder and os.name == 'nt':
        return  # Windows opens no folders, and keeps their names in order by itself
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (is_folder and error.errno in (errno.EINVAL, errno.ENOTSUP)):  # some network disks sync no folders
            raise
    finally:
        os.close(descriptor)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def is_special(path: str) -> bool:
    """Whether a path is neither a file nor a folder: to open a named pipe may take for ever."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False  # opening it will tell why
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def remove_leftovers(folder: str, min_age: float = 0.0) -> None:
    """Removes what `write_atomically` has left in a folder when its process was killed.

    Args:
      folder: Where nobody else is writing now; else give an age.
      min_age: Only files that were written so many seconds ago.
    """
    with contextlib.suppress(OSError):  # another time, then
        for entry in os.scandir(folder):
            if _LEFTOVER.fullmatch(entry.name) and time.time() - entry.stat().st_mtime >= min_age:
                os.unlink(entry.path)


def write_json(path: str, value: Any) -> None:
    """Writes `value` as readable JSON, atomically."""
    write_atomically(path, json.dumps(value, indent=2) + '\n')


def how_to_mend(error: OSError) -> str:
    """What to do about a file that cannot be written."""
    return 'free some space' if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else 'see to its permissions'


def sha256(path: str) -> str:
    """Hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def relative(path: str | os.PathLike) -> str:
    """The path as seen from the working directory if it lies inside it, else unchanged."""
    path = os.fspath(path)
    try:
        here = os.path.join(os.getcwd(), '')
    except OSError:  # the working directory was removed
        return path
    return os.path.relpath(path, here) if os.path.join(path, '').startswith(here) else path


def expand_user(path: str | os.PathLike) -> str:
    """`path` with a leading ~ replaced by the home folder; a file that is really named so is left alone.

    Raises:
      UsageError: There is no such home folder. Python would leave the ~ as it
        is, and a folder of that name would be made.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith('~') and not os.path.lexists(expanded.split(os.sep)[0]):
        raise UsageError(f'{path}: there is no home folder to put in place of the ~; give the whole path.')
    return expanded
