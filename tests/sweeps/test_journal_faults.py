"""A sweep whose journal cannot be written, at each of its system calls: nothing is lost and nothing counted twice."""

import builtins
import errno
import io
import os

import pytest

from helpers.sweep_fakes import FakePool, grid
from mnist_graph.base.errors import CheckpointError
from mnist_graph.sweeps import location, summary
from mnist_graph.sweeps.coordinator import Coordinator
from mnist_graph.sweeps.location import SweepLocation
from mnist_graph.sweeps.storage import journal
from mnist_graph.sweeps.storage.journal import JOURNAL, JournalStore
from mnist_graph.sweeps.storage.trial_records import attempt

N_POINTS = 3
OPEN = open


class Killed(BaseException):
    """Stands for SIGKILL: nothing is tidied after it."""


class Faults:
    """Lets the call number `when` of the journal's open, write and fsync fail.

    Args:
      kind: An errno; or 'kill', at which the call is not made; or 'torn', at which half of it is made before the kill.
    """

    def __init__(self, monkeypatch, when, kind):
        self.n_calls, self._when, self._kind = 0, when, kind
        fsync = os.fsync
        monkeypatch.setattr(builtins, 'open', self._open)
        monkeypatch.setattr(journal.os, 'fsync', lambda descriptor: (self.check(lambda: None), fsync(descriptor)))

    def check(self, half):
        self.n_calls += 1
        if self.n_calls == self._when:
            if self._kind == 'torn':
                half()
            if self._kind in ('kill', 'torn'):
                raise Killed
            half()
            raise OSError(self._kind, os.strerror(self._kind))

    def _open(self, path, mode='r', *arguments, **options):
        if os.path.basename(str(path)) == JOURNAL and 'a' in mode:
            self.check(lambda: None)
            return FaultyFile(self, path, mode)
        return OPEN(path, mode, *arguments, **options)


class FaultyFile(io.FileIO):
    """A file of which a write may fail after half of it."""

    def __init__(self, faults, path, mode):
        super().__init__(path, mode)
        self._faults = faults

    def write(self, data):
        self._faults.check(lambda: super(FaultyFile, self).write(data[: len(data) // 2]))
        return super().write(data)


def sweep_once(folder):
    """A whole sweep, from opening the store to its end."""
    folder.mkdir(exist_ok=True)
    store = JournalStore(str(folder), create=True)
    store.adopt(grid('dropout=0,0.25,0.5', 'batch_size=1'))
    coordinator = Coordinator(store, FakePool(steps=(300,)))
    try:
        coordinator.run()
    except Killed:
        coordinator._running.clear()
        raise
    return store


@pytest.fixture(scope='module')
def n_calls(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        faults = Faults(monkeypatch, -1, None)
        sweep_once(tmp_path_factory.mktemp('journal') / 'whole')
    return faults.n_calls


@pytest.mark.parametrize('kind', [errno.ENOSPC, errno.EIO, errno.EACCES, 'kill', 'torn'])
def test_each_call_fails_once(tmp_path, n_calls, kind):
    assert n_calls > 50
    for when in range(1, n_calls + 1):
        folder = tmp_path / str(when)
        with pytest.MonkeyPatch.context() as monkeypatch:
            # What a killed process would not do.
            monkeypatch.setattr(
                Coordinator, '_give_back', (lambda self: None) if kind in ('kill', 'torn') else Coordinator._give_back
            )
            Faults(monkeypatch, when, kind)
            with pytest.raises(Killed if kind in ('kill', 'torn') else CheckpointError) as caught:
                sweep_once(folder)
        if kind not in ('kill', 'torn'):
            message = f'{JOURNAL}: cannot be (written|opened) \\({os.strerror(kind)}\\); .*[^.]\\.$'
            caught.match(message)
            assert '\n' not in str(caught.value)
        store = sweep_once(folder)
        attempts = [attempt(trial) for trial in store.trials()]
        complete = sorted(each.point for each in attempts if each.state == 'complete')
        assert complete == list(range(N_POINTS)), (when, attempts)
        assert summary.n_ended(store.trials()) == N_POINTS
        assert os.listdir(folder) == [JOURNAL]


def test_nothing_is_written_after_a_failed_write(tmp_path, monkeypatch):
    """A line after half a line would make the whole journal unreadable."""
    with pytest.MonkeyPatch.context() as patch:
        faults = Faults(patch, 30, errno.ENOSPC)
        with pytest.raises(CheckpointError):
            sweep_once(tmp_path / 'full')
        # The running trials were not given back: the call that failed was the last.
        assert faults.n_calls == 30


def test_a_journal_that_cannot_be_read_is_one_line(tmp_path, monkeypatch):
    """While the sweep goes on, too; and then nothing more is written, since what is not known may be wrong."""
    store = JournalStore(str(tmp_path), create=True)
    store.adopt(grid('dropout=0,0.25,0.5', 'batch_size=1'))
    store.begin()
    size = os.path.getsize(tmp_path / JOURNAL)

    def refuse(path, mode='r', *arguments, **options):
        if os.path.basename(str(path)) == JOURNAL and mode == 'rb':
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return OPEN(path, mode, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, 'open', refuse)
        with pytest.raises(CheckpointError, match=r'journal.log: cannot be read \(Input/output error\); .*[^.]\.$'):
            store.trials()
    with pytest.raises(CheckpointError, match='cannot be read'):
        store.keep_up([], True)
    assert os.path.getsize(tmp_path / JOURNAL) == size
    store = sweep_once(tmp_path)
    assert summary.n_ended(store.trials()) == N_POINTS


def test_what_a_killed_coordinator_was_writing_is_removed(tmp_path):
    leftover, other = tmp_path / 'results.csv.0123abcd.part', tmp_path / 'results.csv.part'
    leftover.write_text('rank')
    other.write_text('mine')
    with location.opened(SweepLocation(str(tmp_path)), create=True):
        assert not leftover.exists() and other.exists()
