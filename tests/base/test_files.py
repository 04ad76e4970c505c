"""Files that are written whole or not at all, as `open` would make them, and paths as messages show them."""

import errno
import os
import stat
import threading

import pytest

from mnist_graph.base import files
from mnist_graph.base.errors import UsageError

pytestmark = pytest.mark.usefixtures('fresh_folder')


@pytest.fixture
def umask():
    """Function that sets the umask, which is set back afterwards."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize('mask', [0o077, 0o022, 0o002])
def test_a_new_file_has_the_mode_that_open_gives(umask, mask):
    umask(mask)
    open('opened', 'w').close()
    files.write_atomically('written', 'x')
    assert mode('written') == mode('opened') == 0o666 & ~mask


def test_a_file_that_is_replaced_keeps_its_mode(umask):
    open('file', 'w').close()
    os.chmod('file', 0o640)
    files.write_atomically('file', 'new')
    assert mode('file') == 0o640 and open('file').read() == 'new'


@pytest.mark.parametrize('target', ['folder/file', 'folder/new'])
def test_behind_a_link_its_target_is_replaced(target):
    os.mkdir('folder')
    open('folder/file', 'w').close()
    os.symlink(target, 'link')
    files.write_atomically('link', 'new')
    assert os.readlink('link') == target and open(target).read() == 'new'


@pytest.mark.parametrize('name', ['a' * 255, 'ä' * 127, '😀' * 63, 'a' * 250 + '.json'], ids=len)
def test_names_of_255_bytes(name):
    files.write_atomically(name, 'x')
    assert os.listdir() == [name]


def test_a_name_that_is_no_text():
    files.write_atomically('a\udcff', 'x')
    assert os.listdir(b'.') == [b'a\xff']


def test_leftovers_of_other_processes_stop_nothing():
    open(f'file.{os.getpid()}.part', 'w').close()
    files.write_atomically('file', 'x')
    assert open('file').read() == 'x'


def test_leftovers_are_removed_and_nothing_else():
    for name in ('file.0123abcd.part', 'file', 'file.part', 'file.abc.part', '.0123abcd.part'):
        open(name, 'w').close()
    files.remove_leftovers('.', min_age=60)
    assert len(os.listdir()) == 5
    files.remove_leftovers('.')
    assert sorted(os.listdir()) == ['.0123abcd.part', 'file', 'file.abc.part', 'file.part']
    files.remove_leftovers('gone')


@pytest.mark.parametrize('failing', ['replace', 'fsync'])
def test_what_fails_leaves_the_old_file_and_no_other(monkeypatch, failing):
    files.write_atomically('file', 'old')

    def fail(*_):
        raise OSError(errno.EIO, 'Input/output error')

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match='Input/output'):
        files.write_atomically('file', 'new')
    assert os.listdir() == ['file'] and open('file').read() == 'old'


def test_a_pipe_is_written_to_and_stays_a_pipe():
    os.mkfifo('pipe')
    read = []
    reader = threading.Thread(target=lambda: read.append(open('pipe').read()))
    reader.start()
    files.write_atomically('pipe', 'x')
    reader.join(60)
    assert read == ['x'] and stat.S_ISFIFO(os.stat('pipe').st_mode)


def test_paths_relative_to_the_working_directory(fresh_folder, monkeypatch):
    here = str(fresh_folder)
    assert files.relative(os.path.join(here, 'a', 'b')) == os.path.join('a', 'b')
    assert files.relative(here) == '.' and files.relative('a') == 'a'
    assert files.relative(here + 'a') == here + 'a' and files.relative('/elsewhere') == '/elsewhere'
    os.mkdir('gone')
    monkeypatch.chdir('gone')
    os.rmdir('../gone')
    assert files.relative('/elsewhere') == '/elsewhere'


def test_a_home_that_is_not_known(monkeypatch):
    monkeypatch.setenv('HOME', '/home/somebody')
    assert files.expand_user('~/x') == '/home/somebody/x' and files.expand_user('a~/x') == 'a~/x'
    with pytest.raises(UsageError, match='~nobody-of-this-name/x: there is no home folder'):
        files.expand_user('~nobody-of-this-name/x')


def test_sync_waits_for_files_and_folders_and_says_what_fails(fresh_folder, monkeypatch):
    (fresh_folder / 'file').write_text('text')
    kinds = []
    monkeypatch.setattr(os, 'fsync', lambda descriptor: kinds.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    files.sync('file')
    files.sync('.')
    assert kinds == [False, True]
    with pytest.raises(FileNotFoundError):
        files.sync('gone')

    def fail(descriptor):
        raise OSError(errno.EINVAL, 'no such thing here')

    monkeypatch.setattr(os, 'fsync', fail)
    files.sync('.')  # some network disks cannot
    with pytest.raises(OSError, match='no such thing here'):
        files.sync('file')
