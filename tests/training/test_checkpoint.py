"""Checkpoints: what is saved comes back to the bit, and TensorFlow finds it, too."""

import os

import numpy as np
import pytest

from helpers.networks import assert_same_values
from helpers.saving import TINY, Saving, saved_steps
from mnist_graph.base.errors import CheckpointError
from mnist_graph.hparams import HParams
from mnist_graph.training import checkpoint


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


def test_values_without_a_session(saving):
    saved = saving.save(1)
    read = checkpoint.values(saved, saving.variables)
    for got, expected in zip(read, saving.sess.run(saving.variables), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_saving_again_what_is_whole_does_not_touch_it(saving, monkeypatch):
    first = saving.save(5, best=0.5)
    before = {name: os.stat(os.path.join(saving.folder, name)).st_mtime_ns for name in os.listdir(saving.folder)}
    monkeypatch.setattr(saving.saver, 'save', None)
    assert saving.save(5, best=0.5) == first
    assert before == {
        name: os.stat(os.path.join(saving.folder, name)).st_mtime_ns for name in os.listdir(saving.folder)
    }


def test_tensorflow_finds_the_newest(saving, tf):
    """Wherever the folder is moved to, and whatever was removed."""
    for step in (1, 5, 10):
        saved = saving.save(step, keep=2)
        assert tf.train.latest_checkpoint(saving.folder) == saved.prefix
    moved = saving.folder + '_moved'
    os.rename(saving.folder, moved)
    assert tf.train.latest_checkpoint(moved) == os.path.join(moved, 'model.ckpt-10')
    state = tf.train.get_checkpoint_state(moved)
    assert [os.path.basename(path) for path in state.all_model_checkpoint_paths] == ['model.ckpt-5', 'model.ckpt-10']
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(moved))
    np.testing.assert_array_equal(reader.get_tensor('weights/w1'), saving.values()['weights/w1'])


def test_going_back_is_seen_by_tensorflow(saving, tf):
    """After damage a training goes on from an older checkpoint."""
    for step in (10, 20):
        saving.save(step)
    older = saving.save(15).prefix
    assert tf.train.latest_checkpoint(saving.folder) == older


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
