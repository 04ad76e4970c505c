"""Where data comes from: a folder, the cache, a download, or drawn digits, and when none takes the place of another."""

import os

import pytest

from helpers.data import IDX_NAMES, tiny_arrays, write_idx_folder
from mnist_graph import drawn
from mnist_graph.base import files
from mnist_graph.base.errors import DataError, UsageError
from mnist_graph.data import NoDataError, download, load

ARRAYS = tiny_arrays()


@pytest.fixture
def offline(fresh_folder, monkeypatch):
    """A place without network, where drawing takes no time; returns the working directory."""

    def unreachable(folder, show_progress=False):
        raise DataError('train-images-idx3-ubyte.gz could not be downloaded (no network).')

    monkeypatch.setattr(download, 'download_mnist', unreachable)
    monkeypatch.setattr(
        drawn, 'load_or_draw', lambda cache_dir, progress=None: tiny_arrays(n_classes=10, shape=(28, 28))
    )
    return fresh_folder


def test_auto_without_data_or_network_says_so_and_draws(offline):
    dataset = load('auto', n_validation=10)
    assert dataset.name == 'drawn' and dataset.class_names == tuple('0123456789')
    assert (
        'MNIST could not be downloaded' in dataset.notice
        and '(no network)' in dataset.notice
        and '\n' not in dataset.notice
    )


def test_a_folder_that_was_named_is_not_replaced_by_drawn_digits(offline):
    (offline / 'empty').mkdir()
    for folder, problem in ('mistyped', 'there is no such folder'), ('empty', 'holds no data set'):
        with pytest.raises(NoDataError, match=f'{folder}: {problem}. To download MNIST into it, add --dataset=mnist'):
            load('auto', str(offline / folder))
    assert os.listdir(offline) == ['empty'] and not os.listdir('empty')


def test_mnist_never_falls_back(offline):
    with pytest.raises(NoDataError, match='could not be downloaded.*Or use --dataset=drawn'):
        load('mnist', str(offline / 'empty'))
    folder = str(write_idx_folder(offline / 'other'))
    with pytest.raises(DataError, match='holds other data than the MNIST database; use --dataset=auto'):
        load('mnist', folder, n_validation=5)


def test_a_folder_that_is_called_mnist_need_not_hold_it(offline):
    for name in ('mnist', 'drawn'):
        folder = str(write_idx_folder(offline / name, ARRAYS))
        with pytest.raises(DataError, match='holds other data than the MNIST database'):
            load('mnist', folder, n_validation=5)
        dataset = load('auto', folder, n_validation=5)
        assert dataset.name == f'folder {name}' and dataset.flag_for_again('auto') == 'auto'


@pytest.mark.parametrize('path', ['0/a.png', 'test/0/a.png', 'notes.txt'])
def test_pictures_that_are_not_found_are_not_replaced_by_mnist(offline, path):
    (offline / 'pictures' / path).parent.mkdir(parents=True)
    (offline / 'pictures' / path).write_text('')
    name = path.split('/')[0]
    with pytest.raises(DataError, match=rf'pictures: holds {name}, but no data set .*train/CLASS/\*.png') as caught:
        load('auto', str(offline / 'pictures'))
    assert not isinstance(caught.value, NoDataError)


def test_a_half_downloaded_data_set_is_no_obstacle(offline):
    (offline / 'new').mkdir()
    for name in (IDX_NAMES[0] + '.gz.x1y2.part', '.hidden'):
        (offline / 'new' / name).write_text('')
    with pytest.raises(NoDataError, match='could not be downloaded'):  # which was tried
        load('mnist', str(offline / 'new'))


def test_drawn_asks_for_no_folder(offline):
    dataset = load('drawn', str(offline / 'nowhere'), n_validation=10)
    assert dataset.name == 'drawn' and dataset.notice == '' and not os.path.exists('nowhere')


def test_half_a_data_set_is_an_error_rather_than_a_reason_to_draw(offline):
    folder = write_idx_folder(offline / 'half')
    (folder / IDX_NAMES[3]).unlink()
    with pytest.raises(DataError, match=f'half: holds .*{IDX_NAMES[0]}.*, but not all four IDX files') as caught:
        load('auto', str(folder))
    assert not isinstance(caught.value, NoDataError)


def test_another_data_set_is_not_completed_with_mnists_files(offline, monkeypatch):
    """Pictures of one and test pictures of the other would look like a data set."""
    folder = write_idx_folder(offline / 'half')
    for name in IDX_NAMES[2:]:
        (folder / name).unlink()
    monkeypatch.setattr(download, 'download_mnist', lambda folder, show_progress: write_idx_folder(folder))
    with pytest.raises(DataError, match='give another --data_dir'):
        load('auto', str(folder))
    assert len(os.listdir(folder)) == 2


def test_damaged_data_is_an_error_rather_than_a_reason_to_draw(offline):
    folder = write_idx_folder(offline / 'damaged')
    (folder / IDX_NAMES[0]).write_bytes(b'<html>')
    with pytest.raises(DataError, match='an HTML page'):
        load('auto', str(folder))


def test_default_folder_is_the_cache(offline, monkeypatch):
    assert files.cache_folder() == os.path.join(os.environ['XDG_CACHE_HOME'], 'mnist_graph')
    write_idx_folder(files.cache_folder(), ARRAYS)
    assert load(n_validation=5).name == 'mnist_graph'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(offline))
    assert files.cache_folder() == os.path.expanduser('~/.cache/mnist_graph')


def test_what_is_downloaded_is_then_read(fresh_folder, monkeypatch):
    monkeypatch.setattr(
        download, 'download_mnist', lambda folder, show_progress: write_idx_folder(folder, ARRAYS, True)
    )
    with pytest.raises(DataError, match='new: holds other data than the MNIST database'):  # the test's files are not it
        load('mnist', 'new', n_validation=5)
    assert load('auto', 'new', n_validation=5).name == 'new'


def test_unknown_names_and_files_for_folders(offline):
    with pytest.raises(UsageError, match='dataset=cifar: must be one of auto, mnist, drawn'):
        load('cifar')
    (offline / 'file').write_text('')
    with pytest.raises(DataError, match='file: is no data set; --data_dir must be a folder, or a file'):
        load('auto', 'file')
