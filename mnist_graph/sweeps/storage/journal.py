"""A sweep in a journal file, for the one machine on which its folder lies."""

import contextlib
import errno
import json
import os
from collections.abc import Generator
from typing import Any

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.sweeps.attempts import INTERRUPTED
from mnist_graph.sweeps.storage.store import Store
from mnist_graph.sweeps.storage.trial_records import ClaimedTrial, TrialState, optuna

JOURNAL = 'journal.log'


class JournalStore(Store):
    """A sweep in the journal file of a folder that this process has locked.

    Raises:
      UsageError: There is no sweep, and none may be begun.
      CheckpointError: The journal is damaged, or cannot be read or written.
    """

    def __init__(self, folder: str, create: bool, writable: bool = True):
        path = os.path.join(os.path.abspath(folder), JOURNAL)
        if not os.path.exists(path) and not create:
            raise UsageError(f'{folder}: holds no sweep yet; start one with --search=FLAG=SPEC.')
        try:
            if writable:
                _remove_torn_line(path)
            storage = optuna.storages.JournalStorage(_JournalFile(path))
        except OSError as error:
            raise CheckpointError(f'{path}: cannot be opened ({error.strerror}); {files.how_to_mend(error)}.') from None
        except (ValueError, KeyError, AssertionError) as error:
            raise CheckpointError(f'{path}: is damaged ({error}); restore it, or give another --sweep_dir.') from None
        super().__init__(storage, 'sweep', folder, create)

    def begin(self) -> None:
        """As the folder is locked by this process, whatever ran when it started has lost its coordinator."""
        super().begin()
        for trial in self.trials():
            if trial.state == TrialState.RUNNING:
                claimed = ClaimedTrial(self._id(trial.number), trial.number, -1, {})
                self.fail(claimed, INTERRUPTED, 'the sweep was stopped')


class _JournalFile(optuna.storages.journal.JournalFileBackend):
    """Optuna's journal file with one writer, the process that has locked the folder.

    After a failed write or read nothing more is written: a line after half a line would make the journal unreadable,
    while half a line at its end is removed when it is opened the next time.
    """

    def __init__(self, path: str):
        super().__init__(path)
        self._path, self._error = path, ''

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = ''.join(json.dumps(log, separators=(',', ':')) + '\n' for log in logs).encode()
        if not self._error:
            try:
                # Unbuffered, so that closing the file does not write what a failed write has left.
                with open(self._path, 'ab', buffering=0) as file:
                    if file.write(lines) < len(lines):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    os.fsync(file.fileno())
            except OSError as error:
                self._note('written', error)
        if self._error:
            raise CheckpointError(self._error)

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        try:
            yield from super().read_logs(log_number_from)
        except OSError as error:
            self._note('read', error)
            raise CheckpointError(self._error) from None

    def _note(self, what: str, error: OSError) -> None:
        self._error = (
            f'{self._path}: cannot be {what} ({error.strerror}); {files.how_to_mend(error)}, then give the same command '
            f'again to go on.'
        )


def _remove_torn_line(path: str) -> None:
    """Removes the half of a line that a killed coordinator may have left."""
    with contextlib.suppress(FileNotFoundError), open(path, 'r+b') as file:
        content = file.read()
        whole = content.rfind(b'\n') + 1
        if whole < len(content):
            file.truncate(whole)
