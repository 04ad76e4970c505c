"""A run's folder: what is in it, that it is never overwritten or shared, and what is said when something breaks."""

import errno
import json
import os
import shutil

import numpy as np
import pytest

from helpers.data import tiny_dataset
from helpers.networks import assert_same_values, set_value, values_of
from helpers.small_training import TINY, described
from mnist_graph.base.errors import CheckpointError, DivergedError, UsageError
from mnist_graph.base.lock import FolderLock
from mnist_graph.training import description, metrics
from mnist_graph.training.evaluation import Metrics
from mnist_graph.training.monitor import Progress
from mnist_graph.training.run_folder import RunFolder, find_checkpoint

DATASET = tiny_dataset()
pytestmark = pytest.mark.usefixtures('fresh_folder')


def test_what_a_run_leaves(trained):
    trained('model')
    assert sorted(os.listdir('model')) == ['.lock', 'best', 'checkpoints', 'hparams.json', 'metrics.jsonl']
    assert description.read('model') == described()
    last, problems = find_checkpoint('model', 'last')
    assert last.step == 40 and problems == []
    best, _ = find_checkpoint('model', 'best')
    assert best.step == last.progress['best_step'] and best.progress['best_accuracy'] == last.progress['best_accuracy']
    steps = {int(name.split('-')[1].split('.')[0]) for name in os.listdir('model/checkpoints') if '-' in name}
    assert steps == {20, 30, 40}
    lines = [json.loads(line) for line in open('model/metrics.jsonl')]
    assert [line['step'] for line in lines if 'loss' in line] == list(range(5, 41, 5))
    assert [line['step'] for line in lines if 'validation_loss' in line] == [10, 20, 30, 40]
    assert metrics.read('model') == lines
    assert set(lines[0]) == {'step', 'loss', 'accuracy', 'learning_rate'}
    assert lines[0]['learning_rate'] == pytest.approx(TINY.learning_rate)
    assert set(lines[-1]) == {'step', 'validation_loss', 'validation_accuracy'}
    assert max(line.get('validation_accuracy', 0) for line in lines) == last.progress['best_accuracy']


def test_a_model_is_never_overwritten(trained):
    trained('model', stop_after=10)
    before = sorted(os.listdir('model/checkpoints'))
    with pytest.raises(UsageError, match='model: holds a model already; continue it with --resume, or give another'):
        RunFolder.create('model', described())
    os.unlink('model/hparams.json')
    with pytest.raises(UsageError, match='model: holds checkpoints, but no hparams.json; give another --model_dir'):
        RunFolder.create('model', described())
    assert sorted(os.listdir('model/checkpoints')) == before
    FolderLock('model').release()  # and it is free again


def test_other_files_may_be_in_the_folder():
    os.mkdir('model')
    open('model/notes.txt', 'w').close()
    with RunFolder.create('model', described()):
        assert os.path.exists('model/notes.txt')


def test_second_run_in_one_folder_is_refused():
    with RunFolder.create('model', described()):
        for make in (RunFolder.create, RunFolder.reopen):
            with pytest.raises(CheckpointError, match=f'model: is in use by process {os.getpid()}; wait for it'):
                make('model', described())
    RunFolder.reopen('model', described()).__exit__(None, None, None)


def test_no_checkpoint_to_load(trained):
    RunFolder.create('model', described()).__exit__(None, None, None)
    with pytest.raises(CheckpointError, match=r'model: has no whole checkpoint to load \(none was saved yet\)'):
        find_checkpoint('model', 'last')
    trained('damaged', stop_after=10, keep_checkpoints=1)
    os.unlink(find_checkpoint('damaged', 'last')[0].prefix + '.index')
    with pytest.raises(CheckpointError, match=r'has no whole checkpoint to load \(.*ckpt-\d+.index: is gone'):
        find_checkpoint('damaged', 'last')


def test_advice_about_damaged_checkpoints_can_be_followed(trained):
    trained('model', keep_checkpoints=1)
    best = find_checkpoint('model', 'best')[0]
    os.unlink(find_checkpoint('model', 'last')[0].prefix + '.index')
    whole = f' That of step {best.step} in best/ is whole; predict uses it with --checkpoint=best.'
    for ask in lambda: find_checkpoint('model', 'last'), lambda: RunFolder.reopen('model', described()):
        with pytest.raises(CheckpointError) as caught:
            ask()
        assert str(caught.value).endswith(whole) and 'train on' not in str(caught.value)
    os.unlink(best.prefix + '.index')
    with pytest.raises(CheckpointError, match='; give another --model_dir.$'):
        find_checkpoint('model', 'last')
    with pytest.raises(CheckpointError, match='; start a new run without --resume.$'):
        RunFolder.reopen('model', described())


def test_the_best_is_kept_apart(trained, tf, monkeypatch):
    from mnist_graph.training import evaluation

    accuracies = iter([0.5, 0.9, 0.9, 0.1])
    monkeypatch.setattr(
        evaluation, 'metrics_of', lambda logits, labels: evaluation.Metrics(15, 1.0, next(accuracies, 0.1))
    )
    _, _, values = trained('model', keep_checkpoints=1)
    best = find_checkpoint('model', 'best')[0]
    assert best.step == 20 and best.progress == Progress(20, 0.9, 20, 0)._asdict()
    saved = {name: tf.train.load_variable(best.prefix, name) for name in values}
    assert saved['global_step'] == 20 and (saved['weights/w1'] != values['weights/w1']).any()


def test_restore_best(tf):
    from mnist_graph import graph

    network = graph.build(TINY, DATASET.input_spec(), 40)
    with RunFolder.create('model', described()) as run, tf.Session(graph=network.graph) as sess:
        run.attach(network, sess)
        run.on_validation(Progress(10, 0.5, 10, 0), Metrics(1, 1.0, 0.5), True)
        expected = values_of(network, sess)
        set_value(sess, network.weights['w1'], np.zeros((64, 6)))
        run.restore_best(sess)
        assert_same_values(values_of(network, sess), expected)
    assert run._metrics._file.closed


def test_diverging_names_the_checkpoint_that_is_good(trained):
    def poison(network, sess):
        set_value(sess, network.biases['out'], np.full(network.biases['out'].shape, np.nan))

    with pytest.raises(DivergedError, match='at step 1: .* No checkpoint was saved before that'):
        trained('never', before=poison)
    _, _, whole = trained('whole')
    trained('model', stop_after=20)
    with pytest.raises(DivergedError) as caught:
        trained('model', resume=True, before=poison)
    message = str(caught.value)
    assert 'at step 21' in message and 'The checkpoint of step 20 in model is still good.' in message
    assert '\n' not in message
    start, _, values = trained('model', resume=True)
    assert start.step == 20
    assert_same_values(values, whole)


def test_broken_weights_that_no_loss_shows(trained):
    def poison(network, sess):
        set_value(sess, network.weights['w1'], np.full((64, 6), np.nan))

    with pytest.raises(DivergedError, match=r'(weights|loss) became nan (by|at) step \d+: .* No checkpoint was saved'):
        trained('model', before=poison)


def test_folder_that_vanishes(trained):
    def vanish(network, sess):
        shutil.rmtree('model')

    with pytest.raises(CheckpointError, match='model: the folder is gone; nothing more can be saved in it'):
        trained('model', before=vanish)
    assert not os.path.exists('model')


def test_folder_that_cannot_be_written():
    open('file', 'w').close()
    with pytest.raises(CheckpointError, match='is a file; give the path of a folder'):
        RunFolder.create('file', described())
    with pytest.raises(CheckpointError, match='cannot be written'):
        RunFolder.create('/proc/nowhere/model', described())


def test_a_new_folder_that_cannot_be_written_is_gone_again(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'fsync', full)
    for folder in ('one/two', None):
        with pytest.raises(
            CheckpointError, match=r'cannot be written \(No space left on device\); give another folder'
        ):
            RunFolder.create(folder, described())
    assert os.listdir() == []


@pytest.mark.parametrize('name', ['runs/lr[1]', 'a*b', 'what?'])
def test_names_that_tensorflow_takes_for_patterns(fresh_folder, name):
    with pytest.raises(UsageError, match='TensorFlow cannot read models from a folder with'):
        RunFolder.create(name, described())
    assert not os.path.exists(name)
    os.makedirs('a[b]')
    os.chdir('a[b]')  # where nothing is read by this name
    RunFolder.create('model', described()).__exit__(None, None, None)
    assert os.path.exists('model')
