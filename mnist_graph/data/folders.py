"""Folders that a user names: suggestions for mistyped ones, and making them without a trace if that was in vain."""

import contextlib
import difflib
import os
from collections.abc import Iterator

from mnist_graph.base.errors import DataError

# Ratio of difflib from which a name is taken for a mistyped one; "fashoin" and "fashion" have 0.86.
_CLOSE = 0.7


def suggestion(folder: str) -> str:
    """' Did you mean ~/fashion?' for a folder that does not exist, or ''."""
    missing = os.path.expanduser(folder)
    parent, name = os.path.split(missing.rstrip(os.sep))
    try:
        siblings = [entry.name for entry in os.scandir(parent or '.') if entry.is_dir()]
    except OSError:
        return ''
    close = difflib.get_close_matches(name, siblings, n=1, cutoff=_CLOSE)
    return f' Did you mean {os.path.join(os.path.dirname(folder.rstrip(os.sep)), close[0])}?' if close else ''


@contextlib.contextmanager
def made(folder: str) -> Iterator[None]:
    """Makes a folder with its parents; after an error those that were made and are empty are removed again.

    Raises:
      DataError: It cannot be made.
    """
    new = []
    path = os.path.abspath(folder)
    while not os.path.lexists(path):
        new.append(path)
        path = os.path.dirname(path)
    try:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise DataError(f'{folder}: cannot be made ({error.strerror}); give another --data_dir.') from None
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # of a folder that is not empty
            for path in filter(os.path.isdir, new):
                os.rmdir(path)
        raise
