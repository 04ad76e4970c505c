"""A sweep in a journal file, for the one machine on which its folder lies."""

import contextlib
import os

from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.sweeps.plan import INTERRUPTED
from mnist_graph.sweeps.store import FAILURE, REASON, Store, TrialState, optuna

JOURNAL = 'journal.log'


class JournalStore(Store):
    """A sweep in the journal file of a folder that this process has locked."""

    def __init__(self, folder: str, create: bool, writable: bool = True):
        self._folder = os.path.abspath(folder)
        path = os.path.join(self._folder, JOURNAL)
        if not os.path.exists(path) and not create:
            raise UsageError(f'{folder}: holds no sweep yet; start one with --search=FLAG=SPEC.')
        if writable:
            _mend(path)
        try:
            backend = optuna.storages.journal.JournalFileBackend(
                path, lock_obj=optuna.storages.journal.JournalFileOpenLock(path)
            )
            storage = optuna.storages.JournalStorage(backend)
        except (OSError, ValueError, KeyError, AssertionError) as error:
            raise CheckpointError(f'{path}: is damaged ({error}); restore it, or give another --sweep_dir.') from None
        super().__init__(storage, 'sweep', folder, create)

    def recover(self, starting: bool) -> None:
        """As the folder is locked by us, whatever ran when we started has lost its coordinator."""
        if starting:
            for trial in self.trials():
                if trial.state == TrialState.RUNNING:
                    self._end(
                        trial._trial_id, TrialState.FAIL, None, {FAILURE: INTERRUPTED, REASON: 'the sweep was stopped'}
                    )
        self.fill_queue()


def _mend(path: str) -> None:
    """Removes what a killed coordinator may have left: half a line, which would make all unreadable, and its lock."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + '.lock')
    with contextlib.suppress(FileNotFoundError), open(path, 'r+b') as file:
        content = file.read()
        whole = content.rfind(b'\n') + 1
        if whole < len(content):
            file.truncate(whole)
