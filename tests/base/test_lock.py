"""The lock of a folder: held between processes, freed with them, and named where a disk has none."""

import errno
import os
import subprocess
import sys

import pytest

from helpers.programs import REPOSITORY, environment, run_python
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


@pytest.mark.parametrize(
    'number, words',
    [
        (errno.ENOLCK, r'model: cannot be locked \(No locks available\); give a folder on another disk'),
        (errno.EIO, r'model: cannot be written \(Input/output error\); give another folder'),
    ],
)
def test_disks_without_locks_are_named(monkeypatch, number, words):
    fcntl = pytest.importorskip('fcntl')

    def flock(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, 'flock', flock)
    with pytest.raises(CheckpointError, match=words):
        FolderLock('model')
    assert os.listdir() == []


def test_a_lock_that_cannot_be_freed_is_no_error(monkeypatch):
    """As on a network's file system that is gone; the lock goes with the process."""
    fcntl = pytest.importorskip('fcntl')
    lock = FolderLock('model')

    def flock(file, operation):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, 'flock', flock)
        lock.release()


def test_a_folder_that_was_there_stays_where_it_cannot_be_locked(monkeypatch):
    os.mkdir('model')
    os.mkdir('model/.lock')
    with pytest.raises(CheckpointError, match='model: cannot be written'):
        FolderLock('model')
    assert os.listdir() == ['model']


def test_the_owner_of_before_is_not_named(fresh_folder):
    """What a killed process left behind."""
    os.mkdir('model')
    (fresh_folder / 'model' / '.lock.pid').write_text('1')
    lock = FolderLock('model')
    with pytest.raises(CheckpointError, match=f'model: is in use by process {os.getpid()}; wait for it'):
        FolderLock(os.path.abspath('model'))
    lock.release()
    assert os.listdir('model') == ['.lock']


def test_what_was_made_for_a_lock_can_be_undone():
    lock = FolderLock('one/two/three')
    open('one/two/three/file', 'w').close()
    lock.undo('file')
    assert os.listdir() == []
    os.mkdir('one')
    FolderLock('one/two').undo()
    assert os.listdir() == ['one'] and os.listdir('one') == []
    lock = FolderLock('two')
    open('two/other', 'w').close()
    lock.undo()
    assert os.listdir('two') == ['other']


@pytest.mark.skipif(os.name == 'nt', reason='Windows removes no file that is open')
def test_a_lock_that_is_undone_lets_one_other_in(monkeypatch):
    lock = FolderLock('model')
    release, others = lock._lock.release, []

    def release_and_lose_the_race():
        release()
        others.append(FolderLock('model'))

    monkeypatch.setattr(lock._lock, 'release', release_and_lose_the_race)
    lock.undo()
    with pytest.raises(CheckpointError, match='model: is in use'):
        FolderLock('model')
    others[0].release()


WITHOUT_POSIX = """
import os, signal, sys, warnings
warnings.filterwarnings('ignore', 'only soft file lock')  # filelock's on Linux without fcntl; Windows has its own
sys.modules['fcntl'] = None  # as on Windows, importing it fails

def refused(*_, **__):
    raise OSError(1314, 'A required privilege is not held by the client')

os.symlink = refused
for name in ('getuid', 'sched_getaffinity'):
    delattr(os, name)
for name in ('SIGHUP', 'SIGXFSZ', 'SIGKILL'):
    delattr(signal, name)
sys.path.insert(0, 'TESTS')
from helpers.small_training import described
from mnist_graph.base import cache, files, tensorflow
from mnist_graph.base.errors import CheckpointError
from mnist_graph.training import runs
from mnist_graph.training.run_folder import RunFolder
tensorflow.usable_cores()
with RunFolder.create(None, described()) as run:
    try:
        RunFolder.reopen('runs/latest', described())
    except CheckpointError as error:
        print(str(error).replace(str(os.getpid()), 'PID').replace(run.path, 'RUN'))
with RunFolder.reopen('runs/latest', described()) as again:
    print(again.path == run.path, os.path.isfile('runs/latest'))
os.environ['XDG_CACHE_HOME'] = '/proc/cache'
print(os.path.basename(files.cache_folder()))
"""


def test_a_platform_without_posix(fresh_folder):
    """No fcntl, no links, no SIGHUP: as far as this can be simulated on another platform."""
    tests = str(REPOSITORY / 'tests')
    (fresh_folder / 'program.py').write_text(WITHOUT_POSIX.replace('TESTS', tests))
    ended = run_python('program.py', folder=fresh_folder)
    assert (ended.code, ended.err) == (0, '')
    assert ended.out.splitlines() == [
        'RUN: is in use by process PID; wait for it or give another folder.',
        'True True',
        'mnist_graph',
    ]


def test_no_module_imports_fcntl_when_it_is_imported():
    for path in (REPOSITORY / 'mnist_graph' / 'base', REPOSITORY / 'mnist_graph' / 'training'):
        for module in path.glob('*.py'):
            assert 'fcntl' not in module.read_text()
