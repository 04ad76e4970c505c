"""The folder runs/: names of new runs, and which one is the latest."""

import errno
import os
import shutil
import time

import pytest

from helpers.data import tiny_dataset
from helpers.networks import built
from helpers.small_training import TINY, described
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.training import checkpoint
from mnist_graph.training.evaluation import Metrics
from mnist_graph.training.monitor import Progress
from mnist_graph.training.run_folder import RunFolder, check_new
from mnist_graph.training.runs import make_new_folder, newest, resolve

pytestmark = pytest.mark.usefixtures('fresh_folder')


def test_names_of_new_folders():
    first, second = make_new_folder(), make_new_folder()
    assert os.path.dirname(first) == 'runs' and len(os.path.basename(first)) == 17
    assert second != first and os.path.isdir(first) and os.path.isdir(second)


def test_runs_of_one_second_are_numbered(monkeypatch):
    monkeypatch.setattr(time, 'strftime', lambda form: '2026-01-31-120000')
    base = os.path.join('runs', '2026-01-31-120000')
    assert [make_new_folder() for _ in range(3)] == [base, f'{base}-2', f'{base}-3']
    assert sorted(os.listdir('runs')) == [os.path.basename(name) for name in (base, f'{base}-2', f'{base}-3')]


def test_new_folder_where_none_can_be_made():
    with open('runs', 'w'):
        pass
    with pytest.raises(
        CheckpointError, match=r'cannot be made \((File exists|Not a directory)\); give another --model_dir'
    ):
        make_new_folder()


def test_a_latest_that_is_no_link_stays():
    """As in a copy of runs/ that resolved its links."""
    os.makedirs('runs/latest')
    RunFolder.create('runs/a', described()).__exit__(None, None, None)
    assert os.path.isdir('runs/latest') and not os.path.islink('runs/latest')


def test_latest_points_at_the_newest_run():
    with pytest.raises(CheckpointError, match='there is no trained model yet; train one with'):
        resolve(None)
    for name in ('runs/a', 'runs/b'):
        RunFolder.create(name, described()).__exit__(None, None, None)
        assert open('runs/latest').read() == os.path.basename(name) + '\n' and resolve(None) == name
    RunFolder.create('elsewhere', described()).__exit__(None, None, None)
    assert resolve(None) == 'runs/b' and resolve('elsewhere') == 'elsewhere'
    assert os.listdir('runs') and not [name for name in os.listdir('runs') if name.endswith('.part')]


def test_a_newest_run_that_is_gone_is_named():
    for name in ('runs/a', 'runs/b'):
        RunFolder.create(name, described()).__exit__(None, None, None)
    shutil.rmtree('runs/b')
    with pytest.raises(CheckpointError, match='the run that it points at, b, is gone; give --model_dir'):
        resolve(None)


def test_a_slash_at_the_end_of_a_new_folder():
    with RunFolder.create('runs/one/', described()):
        assert open('runs/latest').read() == 'one\n'
    assert resolve('runs/latest') == os.path.join('runs', 'one')  # where a later run does not take it


@pytest.fixture
def network_and_session(tf):
    """A small network and a session on its graph."""
    network = built(TINY, tiny_dataset().input_spec(), 40)
    with tf.Session(graph=network.graph) as sess:
        yield network, sess


@pytest.fixture
def another_begins():
    """Function that begins a run in a folder, and gives it a file that stands for a checkpoint if asked to."""

    def begin(folder, has_checkpoint=False):
        RunFolder.create(folder, described()).__exit__(None, None, None)
        if has_checkpoint:
            os.makedirs(os.path.join(folder, 'checkpoints'))
            open(os.path.join(folder, 'checkpoints', 'model.ckpt-5.json'), 'w').close()

    return begin


@pytest.mark.parametrize('name', ['runs/latest', 'runs/latest/', './runs//latest/', 'link/latest/', 'link/a/'])
def test_a_path_is_resolved_once_to_the_real_folder(another_begins, network_and_session, name):
    another_begins('runs/a')
    os.symlink('runs', 'link')
    with RunFolder.reopen(name, described()) as run:
        another_begins('runs/b')
        assert run.path == os.path.join('runs', 'a')
        run.attach(*network_and_session)
        run.on_display(1, 0.5, 0.5, 0.1)
    assert os.path.getsize('runs/a/metrics.jsonl') and not os.path.exists('runs/b/metrics.jsonl')


def test_a_link_made_by_an_earlier_version_still_works(another_begins):
    another_begins('runs/a')
    os.unlink('runs/latest')
    os.symlink('a', 'runs/latest')
    assert resolve('runs/latest') == resolve('runs/latest/') == resolve(None) == os.path.join('runs', 'a')
    another_begins('runs/b')
    assert not os.path.islink('runs/latest') and resolve('runs/latest') == os.path.join('runs', 'b')
    assert sorted(os.listdir('runs/a')) == ['.lock', 'hparams.json']


def test_links_above_the_folder_and_folders_elsewhere(another_begins, tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    os.symlink(tmp_path / 'elsewhere', 'link')
    assert resolve('link/model/') == str(tmp_path / 'elsewhere' / 'model')
    assert resolve('a/../b/') == 'b'


def test_a_run_goes_on_where_it_began_whatever_the_working_directory(network_and_session):
    os.makedirs('other')
    with RunFolder.create('model', described()) as run:
        network, sess = network_and_session
        run.attach(network, sess)
        os.chdir('other')
        run.on_display(1, 0.5, 0.5, 0.1)
        run.on_save(Progress(5))
        run.on_validation(Progress(5, 0.5, 5), Metrics(1, 1.0, 0.5), True)
        run.restore_best(sess)
    assert os.listdir('.') == []
    assert checkpoint.steps('../model/checkpoints') == [5] and checkpoint.steps('../model/best') == [5]


def test_a_new_run_is_not_called_latest(another_begins):
    with pytest.raises(UsageError, match='runs/latest: is kept for the name of the newest run; give another'):
        check_new('runs/latest/')
    assert not os.path.exists('runs')
    another_begins('runs/a')
    for make in (check_new, lambda name: RunFolder.create(name, described())):
        with pytest.raises(UsageError, match='runs/a: holds a model already; continue it with --resume'):
            make('runs/latest')


def test_the_newest_run_is_the_newest_that_has_a_checkpoint(another_begins):
    with pytest.raises(CheckpointError, match='runs: there is no trained model yet; train one with'):
        newest()
    another_begins('runs/a', has_checkpoint=True)
    assert newest() == ('runs/a', '')
    another_begins('runs/c')
    another_begins('runs/b')
    assert newest() == ('runs/a', 'runs/b, runs/c: no checkpoint was saved yet; using runs/a.')
    assert resolve(None) == 'runs/b'  # which --resume goes on with
    os.rename('runs/a', 'a')
    with pytest.raises(CheckpointError, match='runs/b: there is no trained model yet; train one with'):
        newest()


def test_without_the_file_latest_the_newest_is_the_one_begun_last(another_begins):
    for begun, name in enumerate(('runs/c', 'runs/b', 'runs/a')):
        another_begins(name, has_checkpoint=True)
        os.utime(os.path.join(name, 'hparams.json'), (begun, begun))
    os.unlink('runs/latest')
    assert newest().folder == resolve(None) == 'runs/a'


@pytest.mark.parametrize('content', [b'', b'\n', b'../a', b'/etc', b'\xff' * 300, b'.', b'..'])
def test_a_damaged_latest_points_nowhere_else(another_begins, content):
    another_begins('runs/a')
    with open('runs/latest', 'wb') as file:
        file.write(content)
    with pytest.raises((CheckpointError, UsageError)):
        RunFolder.reopen('runs/latest', described())


def test_a_platform_without_links(another_begins, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.EPERM, 'A required privilege is not held by the client')

    monkeypatch.setattr(os, 'symlink', refused)
    another_begins('runs/a')
    assert resolve('runs/latest') == os.path.join('runs', 'a')


def test_a_leftover_of_a_killed_process_with_the_same_number_stops_nothing(another_begins):
    """In containers each process may have the same number."""
    os.makedirs('runs')
    for name in ('latest', 'hparams.json'):
        open(f'runs/{name}.{os.getpid()}.part', 'w').close()
    another_begins('runs/a')
    assert resolve(None) == os.path.join('runs', 'a')


def test_what_another_process_is_writing_into_runs_stays(another_begins):
    """Only what is older than a minute was left by a process that is gone."""
    os.makedirs('runs')
    for age in (10, 90):
        path = f'runs/latest.000000{age}.part'
        open(path, 'w').close()
        os.utime(path, (time.time() - age,) * 2)
    another_begins('runs/a')
    assert sorted(os.listdir('runs')) == ['a', 'latest', 'latest.00000010.part']


def test_what_a_new_run_cannot_have_is_refused_before_it_begins(another_begins):
    open('file', 'w').close()
    with pytest.raises(UsageError, match='file: is a file; --model_dir must be a folder'):
        check_new('file')
    with RunFolder.create('used', described()):
        with pytest.raises(CheckpointError, match=f'used: is in use by process {os.getpid()}; wait for it'):
            check_new('used')
    for name in ('checkpoints', 'best'):
        os.makedirs(os.path.join('of_' + name, name))
        with pytest.raises(UsageError, match=f'of_{name}: holds checkpoints, but no hparams.json'):
            check_new('of_' + name)
    os.mkdir('empty')
    assert [check_new(name) for name in ('new/', 'empty')] == ['new', 'empty']
    assert not os.path.exists('new') and os.listdir('empty') == []


@pytest.mark.parametrize('path', ['~/model', '~nobody-of-this-name/model'])
def test_without_a_home_no_folder_of_that_name_is_made(monkeypatch, path):
    monkeypatch.setattr(os.path, 'expanduser', lambda path: path)
    with pytest.raises(UsageError, match='there is no home folder to put in place of the ~; give the whole path'):
        check_new(path)
    os.mkdir('~')
    assert resolve('~/model') == os.path.join('~', 'model')


def test_names_that_are_no_text(fresh_folder):
    with pytest.raises(UsageError, match='whose name is not UTF-8; give another --model_dir'):
        check_new('m\udcffdel')
    assert os.listdir() == []
