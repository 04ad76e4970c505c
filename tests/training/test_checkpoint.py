"""Checkpoints: what is saved comes back to the bit, and nothing that is damaged is ever believed."""

import builtins
import errno
import json
import os
import pathlib
import resource
import signal

import numpy as np
import pytest

from helpers.data import tiny_dataset
from helpers.networks import assert_same_values, built, values_of
from mnist_graph.base.errors import CheckpointError
from mnist_graph.hparams import HParams
from mnist_graph.training import checkpoint, manifest

SPEC = tiny_dataset().input_spec()
TINY = HParams(hidden_units=(6, 5), ema_decay=0.9)


class Saving:
    """A small network in a session whose values are easily told apart."""

    def __init__(self, tf, folder, hparams=TINY):
        self.tf, self.folder = tf, str(folder)
        self.network = built(hparams, SPEC)
        with self.network.graph.as_default():
            self.variables = tf.global_variables()
            self.saver = tf.train.Saver(self.variables, max_to_keep=0)
        self.sess = tf.Session(graph=self.network.graph)
        self.sess.run(self.network.initializer)

    def step(self):
        network = self.network
        self.sess.run(
            network.train_step,
            {
                network.X: np.ones((2, 64), np.float32),
                network.Y: np.eye(4, dtype=np.float32)[:2],
                network.keep_prob: 0.5,
            },
        )

    def save(self, step, keep=3, **progress):
        return checkpoint.save(self.sess, self.saver, self.folder, step, progress, keep)

    def restore(self, found):
        checkpoint.restore(self.sess, self.saver, found, self.variables)

    def values(self):
        return values_of(self.network, self.sess)


@pytest.fixture
def saving(tf, tmp_path):
    made = Saving(tf, tmp_path / 'checkpoints')
    yield made
    made.sess.close()


def saved_steps(folder):
    return sorted({int(name.split('-')[1].split('.')[0]) for name in os.listdir(folder)})


def test_everything_comes_back_to_the_bit(saving):
    saving.step()
    expected = saving.values()
    assert {'global_step', 'weights/w1'} <= set(expected)
    assert sum('Adam' in name for name in expected) == 12 and sum('averages' in name for name in expected) >= 6
    saved = saving.save(1, best_accuracy=0.1 + 0.2)
    saving.step()
    found, problems = checkpoint.find(saving.folder)
    assert found == saved and found.step == 1 and found.progress == {'best_accuracy': 0.1 + 0.2} and problems == []
    saving.restore(found)
    assert_same_values(saving.values(), expected)


def test_only_the_newest_are_kept(saving):
    for step in (1, 5, 10, 100):
        saving.save(step, keep=2)
    assert saved_steps(saving.folder) == [10, 100]
    assert checkpoint.find(saving.folder)[0].step == 100


def test_nothing_there(tmp_path):
    assert checkpoint.find(str(tmp_path / 'gone')) == (None, [])
    assert checkpoint.find(str(tmp_path)) == (None, [])
    (tmp_path / 'model.ckpt-7.index').write_bytes(b'')  # without a manifest it was never finished
    assert checkpoint.find(str(tmp_path)) == (None, [])


def truncate(content):
    return content[: len(content) // 2]


def zero(content):
    return bytes(len(content))


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def empty(content):
    return b''


@pytest.mark.parametrize(
    'damage', [truncate, zero, flip, empty, None], ids=lambda damage: getattr(damage, '__name__', 'gone')
)
@pytest.mark.parametrize('ending', ['.index', '.data-00000-of-00001', '.json'])
def test_damaged_newest_is_named_and_the_one_before_it_used(saving, damage, ending):
    saving.save(1, best=1)
    expected = saving.values()
    saving.step()
    path = saving.save(2, best=2).prefix + ending
    if damage:
        with open(path, 'rb') as file:
            content = file.read()
        with open(path, 'wb') as file:
            file.write(damage(content))
    else:
        os.unlink(path)
    found, problems = checkpoint.find(saving.folder)
    assert found.step == 1 and found.progress == {'best': 1}
    if ending == '.json' and not damage:
        assert problems == []  # it does not count as saved
    else:
        assert len(problems) == 1 and path in problems[0] and '\n' not in problems[0]
    saving.restore(found)
    assert_same_values(saving.values(), expected)


def test_no_flipped_bit_of_a_manifest_goes_unseen(saving):
    path = saving.save(2, best_accuracy=0.5).prefix + '.json'
    with open(path, 'rb') as file:
        content = file.read()
    for position in range(len(content)):
        if content[position : position + 1].isspace():
            continue
        with open(path, 'wb') as file:
            file.write(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        found, problems = checkpoint.find(saving.folder)
        assert found is None and len(problems) == 1, position


def test_the_manifest_is_removed_first(saving, monkeypatch):
    """So that what a kill leaves never counts as whole."""
    saving.save(1, keep=1)
    removed, unlink = [], os.unlink
    monkeypatch.setattr(os, 'unlink', lambda path: removed.append(os.path.basename(path)) or unlink(path))
    saving.save(2, keep=1)
    assert removed == ['model.ckpt-1.json', 'model.ckpt-1.data-00000-of-00001', 'model.ckpt-1.index']


def test_a_newer_one_that_cannot_be_read_is_passed_over_unless_that_is_refused(saving, monkeypatch):
    saving.save(1)
    unreadable = saving.save(2).prefix + '.json'
    real = builtins.open

    def refusing(path, *args, **options):
        if path == unreadable:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, *args, **options)

    monkeypatch.setattr(builtins, 'open', refusing)
    found, problems = checkpoint.find(saving.folder)
    assert found.step == 1 and len(problems) == 1 and problems[0].endswith('2.json: cannot be read (Permission denied)')
    with pytest.raises(checkpoint.UnreadableError, match='model.ckpt-2.json: cannot be read .Permission denied.'):
        checkpoint.find(saving.folder, refuse_unreadable=True)


def test_a_file_that_is_gone_is_said_to_be_gone(saving):
    path = saving.save(1).prefix + '.index'
    os.unlink(path)
    for refuse_unreadable in (False, True):
        assert checkpoint.find(saving.folder, refuse_unreadable) == (None, [f'{path}: is gone'])


def test_values_without_a_session(saving):
    saved = saving.save(1)
    read = checkpoint.values(saved, saving.variables)
    for got, expected in zip(read, saving.sess.run(saving.variables), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_what_vanishes_after_it_was_found_is_one_line(saving):
    for ending, words in (('.data-00000-of-00001', 'cannot be restored'), ('.index', 'cannot be read')):
        saved = saving.save(1)
        os.unlink(saved.prefix + ending)
        with pytest.raises(CheckpointError, match=words) as restoring:
            saving.restore(saved)
        with pytest.raises(CheckpointError, match='cannot be read') as reading:
            checkpoint.values(saved, saving.variables)
        for message in str(restoring.value), str(reading.value):
            assert '\n' not in message and '(None)' not in message


def test_all_damaged(saving):
    for step in (1, 2):
        os.unlink(saving.save(step).prefix + '.index')
    found, problems = checkpoint.find(saving.folder)
    assert found is None and len(problems) == 2 and 'ckpt-2' in problems[0] and 'ckpt-1' in problems[1]


def test_going_on_after_damage_replaces_what_was_damaged(saving):
    """The newest by number must not crowd out the newest that is whole."""
    for step in (10, 20, 30):
        saving.save(step)
    for step in (20, 30):
        os.unlink(os.path.join(saving.folder, f'model.ckpt-{step}.index'))
    saving.save(15, keep=1)
    assert checkpoint.find(saving.folder)[0].step == 15 and saved_steps(saving.folder) == [15]


def test_saving_again_what_is_whole_does_not_touch_it(saving, monkeypatch):
    first = saving.save(5, best=0.5)
    before = {name: os.stat(os.path.join(saving.folder, name)).st_mtime_ns for name in os.listdir(saving.folder)}
    monkeypatch.setattr(saving.saver, 'save', None)
    assert saving.save(5, best=0.5) == first
    assert before == {
        name: os.stat(os.path.join(saving.folder, name)).st_mtime_ns for name in os.listdir(saving.folder)
    }


def test_saving_again_what_is_damaged_mends_it(saving):
    path = saving.save(5).prefix + '.index'
    with open(path, 'wb') as file:
        file.write(b'x')
    saving.save(5)
    assert checkpoint.find(saving.folder) == (checkpoint.Checkpoint(path[:-6], 5, {}), [])


def test_leftovers_of_killed_saves_are_cleared_away(saving):
    os.makedirs(saving.folder)
    for name in ('model.ckpt-3.index', 'model.ckpt-3.data-00000-of-00001.tempstate123', 'model.ckpt-4.json.ab1.part'):
        with open(os.path.join(saving.folder, name), 'wb') as file:
            file.write(b'half')
    with open(os.path.join(saving.folder, 'notes.txt'), 'w') as file:
        file.write('mine')
    saving.save(5)
    assert all(name.startswith('model.ckpt-5.') or name == 'notes.txt' for name in os.listdir(saving.folder))
    assert 'notes.txt' in os.listdir(saving.folder)


@pytest.mark.parametrize(
    'changes, problem',
    [
        ({'hidden_units': (6, 7)}, r'weights/w2 has shape \[6, 5\], but the network needs \[6, 7\]'),
        ({'hidden_units': (6, 5, 4)}, 'has no variable'),
        ({'optimizer': 'momentum'}, 'has no variable .*Momentum'),
    ],
)
def test_checkpoint_of_another_network_is_refused(saving, tf, changes, problem):
    saved = saving.save(1)
    other = Saving(tf, saving.folder, HParams(**{**TINY.to_dict(), **changes}))
    before = other.values()
    with pytest.raises(CheckpointError, match=problem):
        other.restore(saved)
    assert_same_values(other.values(), before)
    other.sess.close()


def test_saver_itself_would_accept_another_shape(saving, tf):
    """Why shapes are compared: if this fails one day, the comparison is no longer needed."""
    saved = saving.save(1)
    other = Saving(tf, saving.folder, HParams(hidden_units=(6, 7), ema_decay=0.9))
    with other.network.graph.as_default():
        other.saver.restore(other.sess, saved.prefix)
    assert other.sess.run(other.network.weights['w2']).shape == (6, 5)
    other.sess.close()


def file_size_limit(limit):
    """Lets no file grow beyond `limit` bytes: a full disk for anyone without a disk to fill."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.mark.parametrize('limit', [0, 100, 1500, 4000])
def test_full_disk_leaves_the_previous_checkpoint(saving, limit):
    saving.save(1, keep=1)
    expected = saving.values()
    saving.step()
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        file_size_limit(limit)
        with pytest.raises(CheckpointError) as caught:
            saving.save(2, keep=1)
    finally:
        file_size_limit(resource.RLIM_INFINITY)
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
    assert done[:2] + done[3:6] == [
        'sync model.ckpt-2.data-00000-of-00001',
        'sync model.ckpt-2.index',
        'name model.ckpt-2.json',
        'sync checkpoints',
        'remove model.ckpt-1.json',
    ]


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


def test_folder_that_cannot_be_made(saving, tmp_path):
    (tmp_path / 'file').write_text('')
    saving.folder = str(tmp_path / 'file' / 'folder')
    with pytest.raises(CheckpointError, match='could not be written'):
        saving.save(1)


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


@pytest.mark.parametrize(
    'change',
    [
        {'step': 3},
        {'step': None},
        {'files': {}},
        {'files': []},
        {'progress': None},
        {'progress': [1]},
        {'files': {'a\0.index': {'bytes': 1, 'sha256': ''}}},
        {'files': {'../../etc/passwd.index': {'bytes': 1, 'sha256': ''}}},
        {'files': {'x.index': 5}},
    ],
)
def test_manifest_that_does_not_fit(saving, change):
    saving.save(1)
    path = saving.save(2).prefix + '.json'
    with open(path) as file:
        values = json.load(file)
    del values['sha256']
    values |= change
    for forged in (values, {**values, 'sha256': manifest._digest(values)}):
        with open(path, 'w') as file:
            json.dump(forged, file)
        assert checkpoint.find(saving.folder)[0].step == 1
    found, problems = checkpoint.find(saving.folder)
    assert found.step == 1 and len(problems) == 1
