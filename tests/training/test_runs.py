"""The folder runs/: names of new runs, and which one is the latest."""

import os
import shutil

import pytest

from helpers.small_training import described
from mnist_graph.base.errors import CheckpointError
from mnist_graph.training.run_folder import RunFolder
from mnist_graph.training.runs import make_new_folder, resolve

pytestmark = pytest.mark.usefixtures('fresh_folder')


def test_names_of_new_folders():
    first, second = make_new_folder(), make_new_folder()
    assert os.path.dirname(first) == 'runs' and len(os.path.basename(first)) == 17
    assert second != first and os.path.isdir(first) and os.path.isdir(second)


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
        assert os.readlink('runs/latest') == os.path.basename(name) and resolve(None) == name
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
        assert os.path.realpath('runs/latest') == os.path.realpath('runs/one')
    assert resolve('runs/latest') == os.path.join('runs', 'one')  # where a later run does not take it
