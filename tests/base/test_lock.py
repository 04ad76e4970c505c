"""The lock of a folder: held between processes, freed with them, and named where a disk has none."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from helpers.programs import environment
from mnist_graph.base.errors import CheckpointError
from mnist_graph.base.lock import FolderLock

pytestmark = pytest.mark.usefixtures('fresh_folder')


def test_lock_holds_between_processes_and_ends_with_them(fresh_folder):
    code = (
        "from mnist_graph.base.lock import FolderLock; lock = FolderLock('model'); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, '-c', code],
        env=environment(fresh_folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == 'held\n'
        with pytest.raises(CheckpointError, match=f'is in use by process {other.pid}'):
            FolderLock('model')
        other.kill()
        other.wait()
    FolderLock('model').release()


def test_disks_without_locks_are_named(monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, 'flock', flock)
    with pytest.raises(
        CheckpointError, match=r'model: cannot be locked \(No locks available\); give a folder on another'
    ):
        FolderLock('model')
