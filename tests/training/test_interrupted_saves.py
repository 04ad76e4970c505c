"""Saves that do not come to their end: a full disk, a kill, a power cut; the checkpoint before stays whole."""

import contextlib
import errno
import os
import pathlib
import resource
import signal

import pytest

from helpers.networks import assert_same_values
from helpers.saving import saved_steps
from mnist_graph.base.errors import CheckpointError
from mnist_graph.training import checkpoint, manifest


@contextlib.contextmanager
def file_size_limit(limit):
    """Lets no file grow beyond `limit` bytes: a full disk for anyone without a disk to fill."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize('limit', [0, 100, 1500, 4000])
def test_full_disk_leaves_the_previous_checkpoint(saving, limit):
    saving.save(1, keep=1)
    expected = saving.values()
    saving.step()
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(CheckpointError) as caught, file_size_limit(limit):
            saving.save(2, keep=1)
    finally:
        signal.signal(signal.SIGXFSZ, previous)
    message = str(caught.value)
    assert 'the checkpoint of step 2 could not be written' in message and '\n' not in message and '--resume' in message
    assert saved_steps(saving.folder) == [1]
    saving.restore(checkpoint.find(saving.folder)[0])
    assert_same_values(saving.values(), expected)
    saving.save(2, keep=1)
    assert saved_steps(saving.folder) == [2]


def test_a_manifest_that_cannot_be_written_leaves_nothing(saving, monkeypatch):
    saving.save(1, keep=1)

    def full(path, values):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    monkeypatch.setattr(checkpoint.files, 'write_json', full)
    with pytest.raises(
        CheckpointError, match='the checkpoint of step 2 could not be written .No space left on device.'
    ):
        saving.save(2, keep=1)
    assert saved_steps(saving.folder) == [1] and checkpoint.find(saving.folder)[0].step == 1


def test_tensorflow_finds_the_one_before_where_the_state_cannot_be_written(saving, tf, monkeypatch):
    first = saving.save(1, keep=1)

    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    monkeypatch.setattr(checkpoint, '_write_state', lambda folder, step, keep: full(folder, ''))
    with pytest.raises(CheckpointError, match='step 2 could not be written .No space left on device.'):
        saving.save(2, keep=1)
    assert saved_steps(saving.folder) == [1]
    assert tf.train.latest_checkpoint(saving.folder) == first.prefix


@pytest.mark.parametrize('error', [ValueError(''), OSError('?')])
def test_an_error_without_words_is_named(saving, monkeypatch, error):
    def fails(*arguments, **options):
        raise error

    monkeypatch.setattr(saving.saver, 'save', fails)
    with pytest.raises(CheckpointError, match=r'could not be written \((ValueError|\?)\)'):
        saving.save(1)


def test_folder_that_cannot_be_made(saving, tmp_path):
    (tmp_path / 'file').write_text('')
    saving.folder = str(tmp_path / 'file' / 'folder')
    with pytest.raises(CheckpointError, match='could not be written'):
        saving.save(1)


@pytest.mark.parametrize('failing', ['model.ckpt-2.data-00000-of-00001', 'model.ckpt-2.index', 'checkpoints'])
def test_what_cannot_reach_the_disk_is_no_checkpoint(saving, monkeypatch, failing):
    saving.save(1)
    sync = manifest.files.sync

    def full(path):
        if os.path.basename(path) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(path)

    monkeypatch.setattr(manifest.files, 'sync', full)
    with pytest.raises(CheckpointError, match=r'step 2 could not be written \(Input/output error\)'):
        saving.save(2)
    assert saved_steps(saving.folder) == [1]
    assert not [name for name in os.listdir(saving.folder) if 'ckpt-2' in name]


def test_a_checkpoint_is_on_the_disk_before_another_is_removed(saving, monkeypatch):
    """A power cut forgets what was written, but not waited for."""
    saving.save(1, keep=1)
    done, fsync, replace, unlink = [], os.fsync, os.replace, os.unlink

    def name_of(descriptor):
        inode = os.fstat(descriptor).st_ino
        folder = os.path.dirname(saving.folder)
        return next(str(path.name) for path in pathlib.Path(folder).rglob('*') if path.stat().st_ino == inode)

    monkeypatch.setattr(os, 'fsync', lambda each: (done.append(f'sync {name_of(each)}'), fsync(each)))
    monkeypatch.setattr(
        os, 'replace', lambda old, new: (done.append(f'name {os.path.basename(new)}'), replace(old, new))
    )
    monkeypatch.setattr(os, 'unlink', lambda path: (done.append(f'remove {os.path.basename(path)}'), unlink(path)))
    saving.save(2, keep=1)
    assert done[2].startswith('sync model.ckpt-2.json.') and done[2].endswith('.part')
    assert done[5].startswith('sync checkpoint.') and done[5].endswith('.part')
    assert done[:2] + done[3:5] + done[6:8] == [
        'sync model.ckpt-2.data-00000-of-00001',
        'sync model.ckpt-2.index',
        'name model.ckpt-2.json',
        'sync checkpoints',
        'name checkpoint',
        'remove model.ckpt-1.json',
    ]


def test_the_manifest_is_removed_first(saving, monkeypatch):
    """So that what a kill leaves never counts as whole."""
    saving.save(1, keep=1)
    removed, unlink = [], os.unlink
    monkeypatch.setattr(os, 'unlink', lambda path: removed.append(os.path.basename(path)) or unlink(path))
    saving.save(2, keep=1)
    assert removed == ['model.ckpt-1.json', 'model.ckpt-1.data-00000-of-00001', 'model.ckpt-1.index']


@pytest.mark.parametrize('cut', ['saver', 'manifest'])
def test_a_save_cut_short_does_not_count(saving, monkeypatch, cut):
    saving.save(1, keep=1)

    def killed(*_, **__):
        raise KeyboardInterrupt

    if cut == 'saver':
        monkeypatch.setattr(saving.saver, 'save', killed)
    else:
        monkeypatch.setattr(manifest.files, 'write_json', killed)
    with pytest.raises(KeyboardInterrupt):
        saving.save(2, keep=1)
    assert checkpoint.find(saving.folder)[0].step == 1


def test_leftovers_of_killed_saves_are_cleared_away(saving):
    os.makedirs(saving.folder)
    for name in (
        'model.ckpt-3.index',
        'model.ckpt-3.data-00000-of-00001.tempstate123',
        'model.ckpt-4.json.ab1.part',
        'checkpoint.0123abcd.part',
    ):
        with open(os.path.join(saving.folder, name), 'wb') as file:
            file.write(b'half')
    with open(os.path.join(saving.folder, 'notes.txt'), 'w') as file:
        file.write('mine')
    saving.save(5)
    others = {name for name in os.listdir(saving.folder) if not name.startswith('model.ckpt-5.')}
    assert others == {'notes.txt', 'checkpoint'}
