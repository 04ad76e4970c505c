"""A run's folder: never overwritten, never shared, and resumed from its newest whole checkpoint."""

import builtins
import contextlib
import errno
import json
import os
import pathlib
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from helpers.data import tiny_dataset
from helpers.networks import assert_same_values, built, set_value, values_of
from helpers.small_training import TINY, described
from mnist_graph.base.errors import CheckpointError, DivergedError, UsageError
from mnist_graph.base.lock import FolderLock
from mnist_graph.hparams import HParams
from mnist_graph.train import train
from mnist_graph.training import description, metrics
from mnist_graph.training.evaluation import Metrics
from mnist_graph.training.monitor import Progress
from mnist_graph.training.run_folder import RunFolder, find_checkpoint

DATASET = tiny_dataset()
pytestmark = pytest.mark.usefixtures('fresh_folder')


@pytest.fixture
def trained(tf):
    """Function (folder, ...) that trains in a RunFolder; returns (progress at its start, problems, final values)."""

    def run(folder, hparams=TINY, stop_after=None, resume=False, before=None, **options):
        network = built(hparams, DATASET.input_spec(), 40)
        make = RunFolder.reopen if resume else RunFolder.create
        steps = []
        with (
            make(folder, described(hparams), options.pop('keep_checkpoints', 3)) as run,
            tf.Session(graph=network.graph) as sess,
        ):
            start, problems = run.attach(network, sess)
            if before:
                before(network, sess)
            run.on_steps = steps.append
            train(
                network,
                sess,
                hparams,
                DATASET,
                start=start,
                monitors=[run],
                should_stop=lambda: stop_after is not None and bool(steps) and steps[-1] >= stop_after,
                **{'display_step': 5, 'save_steps': 10, **options},
            )
            return start, problems, values_of(network, sess)

    return run


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


@pytest.mark.parametrize('stop_after', [1, 10, 17, 40])
def test_resuming_gives_the_same_run_to_the_bit(trained, stop_after):
    _, _, whole = trained('whole')
    trained('stopped', stop_after=stop_after)
    start, problems, values = trained('stopped', resume=True)
    assert start.step >= stop_after and problems == []
    assert_same_values(values, whole)
    assert metrics.read('stopped') == metrics.read('whole')
    assert find_checkpoint('stopped', 'last')[0].progress == find_checkpoint('whole', 'last')[0].progress
    assert find_checkpoint('stopped', 'best')[0][1:] == find_checkpoint('whole', 'best')[0][1:]


def test_resuming_clears_away_what_a_killed_process_was_writing(trained):
    trained('model', stop_after=20)
    leftovers = [
        f'model/{name}.0123abcd.part' for name in ('metrics.jsonl', 'checkpoints/checkpoint', 'best/checkpoint')
    ]
    for path in leftovers:
        open(path, 'w').close()
    states = [f'model/{name}/checkpoint' for name in ('checkpoints', 'best')]
    written = [pathlib.Path(path).read_text() for path in states]
    os.unlink(states[1])
    with open(states[0], 'w') as file:  # of the save before
        file.write('model_checkpoint_path: "model.ckpt-10"\nall_model_checkpoint_paths: "model.ckpt-10"\n')
    # Nothing is saved before this training is stopped again.
    RunFolder.reopen('model', described(TINY)).__exit__(None, None, None)
    assert not [path for path in leftovers if os.path.exists(path)]
    assert [pathlib.Path(path).read_text() for path in states] == written


def test_resuming_after_damage_gives_the_same_run_to_the_bit(trained):
    _, _, whole = trained('whole')
    trained('damaged', stop_after=30)
    with open(find_checkpoint('damaged', 'last')[0].prefix + '.data-00000-of-00001', 'r+b') as file:
        file.seek(100)
        file.write(b'\xff')
    start, problems, values = trained('damaged', resume=True)
    assert start.step == 20 and len(problems) == 1 and 'model.ckpt-30.data-00000-of-00001: is damaged' in problems[0]
    assert_same_values(values, whole)
    assert metrics.read('damaged') == metrics.read('whole')


def test_metrics_of_steps_taken_again_are_dropped(trained):
    trained('model', stop_after=20)
    with open('model/metrics.jsonl', 'a') as file:
        file.write('{"step": 25, "loss": 1.0, "accuracy": 0.0, "learning_rate": 1}\n{"step": 30, "lo')
    trained('model', resume=True)
    steps = [line['step'] for line in metrics.read('model') if 'loss' in line]
    assert steps == list(range(5, 41, 5))


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


def test_resume_needs_a_run():
    with pytest.raises(CheckpointError, match='gone: there is no such folder to resume'):
        RunFolder.reopen('gone', described())
    assert not os.path.exists('gone')
    os.mkdir('empty')
    with pytest.raises(CheckpointError, match='holds no model'):
        RunFolder.reopen('empty', described())


def test_resume_needs_the_same_data():
    RunFolder.create('model', described()).__exit__(None, None, None)
    with pytest.raises(
        UsageError, match='model: was trained on other data .tiny, fingerprint 0123456789abcdef, now tiny'
    ):
        RunFolder.reopen('model', described()._replace(fingerprint='f' * 16))
    assert description.read('model') == described()


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


def test_resuming_into_another_network_is_refused(trained):
    trained('model', stop_after=10)
    with pytest.raises(CheckpointError, match='weights/w2 has shape'):
        trained('model', hparams=HParams(**{**TINY.to_dict(), 'hidden_units': (6, 7)}), resume=True)


def test_lines_of_the_metrics_that_are_not_whole(tmp_path):
    assert metrics.read(str(tmp_path / 'gone')) == []
    (tmp_path / 'metrics.jsonl').write_bytes(b'\xff\xfe\n[1]\n{"step": "x"}\n{"step": 3}\n{"st')
    assert metrics.read(str(tmp_path)) == [{'step': 3}]


@pytest.mark.parametrize('name', ['runs/lr[1]', 'a*b', 'what?'])
def test_names_that_tensorflow_takes_for_patterns(fresh_folder, name):
    with pytest.raises(UsageError, match='TensorFlow cannot read models from a folder with'):
        RunFolder.create(name, described())
    assert not os.path.exists(name)
    os.makedirs('a[b]')
    os.chdir('a[b]')  # where nothing is read by this name
    RunFolder.create('model', described()).__exit__(None, None, None)
    assert os.path.exists('model')


@contextlib.contextmanager
def refused(ending, number):
    """Lets nobody open or list paths that end so; root may read whatever its permissions say."""

    def guard(real):
        def guarded(path, *args, **options):
            if str(path).endswith(ending):
                raise OSError(number, os.strerror(number), path)
            return real(path, *args, **options)

        return guarded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtins, 'open', guard(open))
        patch.setattr(os, 'listdir', guard(os.listdir))
        yield


def everything_in(folder):
    """{path: bytes} of all files but those of the lock."""
    return {
        path: path.read_bytes()
        for path in pathlib.Path(folder).rglob('*')
        if path.is_file() and '.lock' not in path.name
    }


@pytest.mark.parametrize('number', [errno.EACCES, errno.EIO])
@pytest.mark.parametrize(
    'ending', ['metrics.jsonl', 'checkpoints', 'model.ckpt-20.json', 'model.ckpt-20.index', 'hparams.json']
)
def test_what_cannot_be_read_is_not_taken_for_missing(trained, ending, number):
    trained('model', stop_after=20)
    before = everything_in('model')
    with refused(ending, number):
        with pytest.raises(CheckpointError, match=f'model.*{ending}: cannot be read .{os.strerror(number)}.') as caught:
            trained('model', resume=True)
    assert '\n' not in str(caught.value) and everything_in('model') == before
    FolderLock('model').release()


def test_metrics_that_cannot_be_closed(tmp_path, monkeypatch):
    """After another error nothing is said of it, since that one matters."""
    (tmp_path / 'metrics.jsonl').write_text('{"step": 3}\n{"step": 4}\n')
    file = metrics.MetricsFile(str(tmp_path), 3)
    file.write({'step': 5})
    assert metrics.read(str(tmp_path)) == [{'step': 3}, {'step': 5}]

    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(file, '_file', SimpleNamespace(close=full))
    file.close(after_error=True)
    with pytest.raises(CheckpointError, match='metrics.jsonl: cannot be written .No space left on device.;'):
        file.close()


def test_metrics_that_are_a_folder(trained):
    trained('model', stop_after=20)
    os.unlink('model/metrics.jsonl')
    os.mkdir('model/metrics.jsonl')
    with pytest.raises(CheckpointError, match='model/metrics.jsonl: cannot be read .Is a directory.; see to its perm'):
        trained('model', resume=True)


def test_where_no_checkpoint_is_whole_nothing_begins_again(trained):
    """The best one is still good, and would be replaced."""
    trained('model', stop_after=10, keep_checkpoints=1)
    found = find_checkpoint('model', 'last')[0]
    os.truncate(found.prefix + '.index', 3)
    before = everything_in('model')
    with pytest.raises(CheckpointError, match=r'model: no checkpoint to go on from is whole \(.*is damaged'):
        trained('model', resume=True)
    assert everything_in('model') == before


def with_versions(tensorflow='2.21.0', n_threads=1, n_towers=1):
    return described()._replace(trained_with=(description.TrainedWith(0, tensorflow, n_threads, n_towers),))


@pytest.mark.parametrize(
    'now, words',
    [
        (
            with_versions(tensorflow='2.22.0'),
            'TensorFlow 2.21.0, 1 thread and 1 tower, and now with TensorFlow 2.22.0, ',
        ),
        (
            with_versions(n_threads=4),
            'and now with TensorFlow 2.21.0, 4 threads and 1 tower, so its last bits may differ',
        ),
        (with_versions(n_threads=4, n_towers=4), 'and now with TensorFlow 2.21.0, 4 threads and 4 towers'),
    ],
)
def test_going_on_with_another_tensorflow_or_other_threads_is_said_and_recorded(trained, now, words):
    trained('model', stop_after=20)
    with RunFolder.reopen('model', now) as run:
        notices = run._problems
    assert len(notices) == 1 and notices[0].startswith('model: was trained with ') and words in notices[0]
    assert '\n' not in notices[0] and not notices[0].endswith('.')
    first, second = described().trained_with[0], now.trained_with[0]._replace(step=20)
    assert description.read('model').trained_with == (first, second)
    assert trained('model', resume=True)[1] == []  # back again, before a step was taken
    assert description.read('model').trained_with == (first,)


def test_before_the_first_checkpoint_there_is_nothing_to_say(trained):
    RunFolder.create('model', described()).__exit__(None, None, None)
    with RunFolder.reopen('model', with_versions(n_threads=7)) as run:
        assert run._problems == []
    assert description.read('model').trained_with == with_versions(n_threads=7).trained_with


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
