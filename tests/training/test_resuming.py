"""Resuming a run from its newest whole checkpoint: the same to the bit, or refused with nothing lost."""

import builtins
import contextlib
import errno
import os
import pathlib

import pytest

from helpers.networks import assert_same_values
from helpers.small_training import TINY, described
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.base.lock import FolderLock
from mnist_graph.hparams import HParams
from mnist_graph.training import description, metrics
from mnist_graph.training.run_folder import RunFolder, find_checkpoint

pytestmark = pytest.mark.usefixtures('fresh_folder')


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


def test_resuming_into_another_network_is_refused(trained):
    trained('model', stop_after=10)
    with pytest.raises(CheckpointError, match='weights/w2 has shape'):
        trained('model', hparams=HParams(**{**TINY.to_dict(), 'hidden_units': (6, 7)}), resume=True)


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
