"""A folder for one process at a time."""

import contextlib
import errno
import os
from collections.abc import Sequence

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError

_LOCK = '.lock'
# The process that holds the lock. It is a file of its own, since on Windows nobody else can read a locked file.
_OWNER = '.lock.pid'
# How file systems, most of them a network's, say that they keep no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class FolderLock:
    """Keeps a second run out of a folder for as long as this process lives.

    The operating system frees the lock however the process ends.

    Args:
      folder: Made if need be, and removed again if it cannot be locked.
      made: Folders that were made for this already, which `undo` removes, too.

    Raises:
      CheckpointError: Another process holds it; the message says which. Or the
        folder cannot be made, written or locked.
    """

    def __init__(self, folder: str, made: Sequence[str] = ()):
        import filelock  # a twentieth of a second, which only commands that write spend

        self._folder, self._shown = os.path.abspath(folder), files.relative(folder)
        self._made = [os.path.abspath(path) for path in made]
        self._lock = filelock.FileLock(os.path.join(self._folder, _LOCK), thread_local=False)
        try:
            self._make_folder()
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            raise CheckpointError(
                f'{self._shown}: is in use by process {self._owner()}; wait for it or give another folder.'
            ) from None
        except FileExistsError:
            raise CheckpointError(f'{self._shown}: is a file; give the path of a folder.') from None
        except (OSError, NotImplementedError) as error:
            problem = self._why_not(error)
            self.undo()
            raise CheckpointError(problem) from None
        try:
            with open(os.path.join(self._folder, _OWNER), 'w') as file:
                file.write(str(os.getpid()))
        except OSError as error:
            self.undo()
            raise CheckpointError(
                f'{self._shown}: cannot be written ({error.strerror}); give another folder.'
            ) from None

    def _make_folder(self) -> None:
        missing, folder = [], self._folder
        while not os.path.lexists(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):  # another process has just made it
                os.mkdir(folder)
                self._made.append(folder)
        if not os.path.isdir(self._folder):
            raise FileExistsError(self._folder)

    def _why_not(self, error: Exception) -> str:
        """One line about a lock that could not be taken."""
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            return f'{self._shown}: cannot be written ({error.strerror}); give another folder.'
        reason = error.strerror if isinstance(error, OSError) else 'the system has no locks'
        return f'{self._shown}: cannot be locked ({reason}); give a folder on another disk.'

    def _owner(self) -> str:
        """The number of the process that holds the lock, or 'unknown'."""
        try:
            with open(os.path.join(self._folder, _OWNER)) as file:
                return file.read().strip() or 'unknown'
        except (OSError, ValueError):
            return 'unknown'

    def release(self) -> None:
        """Frees the folder."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._folder, _OWNER))
        with contextlib.suppress(OSError):  # the operating system frees it when the process ends
            self._lock.release()

    def undo(self, *names: str) -> None:
        """Frees the folder. If it was made for this lock, removes these files, too, and the folder if nothing else is in it."""
        # They are removed while the folder is locked, as the next process to lock it makes files of the same names. On
        # Windows, filelock itself removes its own.
        for name in (*names, _LOCK) if self._made else ():
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._folder, name))
        self.release()
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
