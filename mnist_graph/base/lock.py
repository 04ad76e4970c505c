"""A folder for one process at a time."""

import fcntl
import os

from mnist_graph.base.errors import CheckpointError

_LOCK = '.lock'


class FolderLock:
    """Keeps a second run out of a folder for as long as this process lives.

    The operating system frees the lock however the process ends.

    Raises:
      CheckpointError: Another process holds it; the message says which. Or the
        folder cannot be made, written or locked.
    """

    def __init__(self, folder: str):
        path = os.path.join(folder, _LOCK)
        try:
            os.makedirs(folder, exist_ok=True)
            self._file = open(path, 'a+')
        except FileExistsError:
            raise CheckpointError(f'{folder}: is a file; give the path of a folder.') from None
        except OSError as error:
            raise CheckpointError(f'{folder}: cannot be written ({error.strerror}); give another folder.') from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read().strip() or 'unknown'
            self._file.close()
            raise CheckpointError(
                f'{folder}: is in use by process {owner}; wait for it or give another folder.'
            ) from None
        except OSError as error:  # a network's file system, perhaps
            self._file.close()
            raise CheckpointError(
                f'{folder}: cannot be locked ({error.strerror}); give a folder on another disk.'
            ) from None
        try:
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()
        except OSError as error:
            raise CheckpointError(f'{folder}: cannot be written ({error.strerror}); give another folder.') from None

    def release(self) -> None:
        """Frees the folder."""
        self._file.close()
