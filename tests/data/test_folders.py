"""Folders that are mistyped or made in vain, and files with changed names or of another kind."""

import errno
import os
import re

import pytest

from helpers.data import assert_refused, idx_bytes, picture, tiny_arrays, write_idx_folder, write_tree
from helpers.programs import REPOSITORY
from mnist_graph.base.errors import DataError
from mnist_graph.data import NoDataError, download, folders, labelled, load
from mnist_graph.data.readers import FORMATS


@pytest.fixture
def downloads(fresh_folder, monkeypatch):
    """The folders that MNIST was downloaded into; nothing is."""
    seen = []
    monkeypatch.setattr(download, 'download_mnist', lambda folder, show_progress: seen.append(folder))
    return seen


def test_a_mistyped_folder_is_not_made_and_the_right_one_is_suggested(downloads, fresh_folder, monkeypatch):
    write_idx_folder(fresh_folder / 'fashion')
    monkeypatch.setenv('HOME', str(fresh_folder))
    for typed, right in (('fashoin', 'fashion'), ('./fashoin/', './fashion'), ('~/fashoin', '~/fashion')):
        with pytest.raises(NoDataError, match=f'{typed}: there is no such folder. Did you mean {right}[?] To download'):
            load('auto', typed)
    assert downloads == [] and os.listdir() == ['fashion']


def test_nothing_is_suggested_that_is_not_similar(downloads, fresh_folder):
    (fresh_folder / 'pictures').mkdir()
    (fresh_folder / 'fashion.txt').touch()
    assert folders.suggestion('fashion') == '' and folders.suggestion('no/such/fashion') == ''


def test_only_mnist_by_name_is_downloaded_into_a_named_folder(downloads, fresh_folder):
    (fresh_folder / 'empty').mkdir()
    for folder in 'empty', 'new':
        with pytest.raises(NoDataError, match='add --dataset=mnist'):
            load('auto', folder)
        assert downloads == []
    with pytest.raises(DataError):
        load('mnist', 'empty')
    assert downloads == ['empty']


@pytest.mark.parametrize('dataset', ['auto', 'mnist'])
def test_an_address_is_no_folder(downloads, fresh_folder, dataset):
    for address in 'file:///a/b', 'https://example.org/mnist', 's3://bucket/x':
        with pytest.raises(DataError, match=f'{address}: is an address, but --data_dir must be a folder'):
            load(dataset, address)
    assert downloads == [] and os.listdir() == []


def test_folders_made_in_vain_are_removed_with_their_parents(fresh_folder):
    with pytest.raises(DataError, match='refused'):
        download.download_mnist('one/two/three', ('http://127.0.0.1:9/',))
    assert os.listdir() == []
    with pytest.raises(DataError, match='cannot be made'):
        download.download_mnist(f'one/two/{"x" * 300}', ('http://127.0.0.1:9/',))
    assert os.listdir() == []


@pytest.mark.parametrize('error', [KeyboardInterrupt, OSError, DataError])
def test_what_was_there_or_was_filled_stays(fresh_folder, error):
    (fresh_folder / 'one').mkdir()
    with pytest.raises(error), folders.made('one/two/three'):
        raise error
    assert os.listdir() == ['one'] and os.listdir('one') == []
    with pytest.raises(error), folders.made('one/two/three'):
        (fresh_folder / 'one/two/file').touch()
        raise error
    assert os.listdir('one/two') == ['file']
    with folders.made('one/four'):
        pass
    assert os.path.isdir('one/four')


# Files with changed names.


@pytest.mark.parametrize(
    'name, right',
    [
        ('t10k-labels-idx1-ubyte (1).gz', 't10k-labels-idx1-ubyte.gz'),
        ('t10k-labels-idx1-ubyte(2).gz', 't10k-labels-idx1-ubyte.gz'),
        ('t10k-labels (1).gz', 't10k-labels-idx1-ubyte.gz'),
        ('t10k_labels', 't10k-labels-idx1-ubyte'),
    ],
)
def test_a_file_with_a_changed_name_is_recognised(downloads, fresh_folder, name, right):
    folder = write_idx_folder(fresh_folder / 'half', gzipped=True)
    (folder / 't10k-labels-idx1-ubyte.gz').rename(folder / name)
    for dataset in 'auto', 'mnist':
        with pytest.raises(DataError) as caught:
            load(dataset, 'half')
        assert f'Rename "{name}" to {right}.' in str(caught.value)
    (folder / name).rename(folder / right)
    assert len(load('auto', 'half', 5).test) == 25


@pytest.mark.parametrize('name', ['pipe', 'train.csv', 'mnist.npz'])
def test_a_named_pipe_is_refused_without_opening_it(fresh_folder, name):
    """Nobody may ever write to it."""
    os.mkfifo(name)
    with pytest.raises(DataError, match=f'{name}: is a named pipe, a socket or a device'):
        load('auto', name)


def test_a_file_of_another_kind_is_refused(folder):
    assert_refused(folder / 'digits.zip', b'PK', r'is no data set; --data_dir must be a folder, or a file .*\.csv\.gz')
    images = idx_bytes(tiny_arrays()[0])
    assert_refused(folder / 'train-images-idx3-ubyte', images, 'the rest of its data set is not beside it')


@pytest.mark.parametrize('path', ['.', '1', 'train', 'train/1', 'test/1'])
def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch, path):
    parts = ('train/', 'test/') if 't' in path else ('',)
    write_tree(tmp_path, {f'{part}{label}/a.png': picture(label) for part in parts for label in range(3)})
    locked = os.path.normpath(tmp_path / path)
    scan = os.scandir

    def guarded(folder):  # root may read whatever its permissions say
        if os.path.normpath(folder) == locked:
            raise PermissionError(errno.EACCES, 'Permission denied', folder)
        return scan(folder)

    monkeypatch.setattr(os, 'scandir', guarded)
    with pytest.raises(DataError, match=f'{locked}: cannot be read .Permission denied.; see to its permissions'):
        load('auto', str(tmp_path))
    if 't' not in path:
        with pytest.raises(DataError, match=f'{locked}: cannot be read .Permission denied.'):
            labelled.find(str(tmp_path), '012')


def test_the_documentation_lists_the_formats_in_the_order_of_preference(tmp_path):
    lines = (REPOSITORY / 'docs' / 'data.md').read_text().partition('## All layouts')[2].splitlines()
    rows = [line.split('|')[2] for line in lines if line.startswith('| ')][1:]
    order = []
    for number, row in enumerate(rows):
        for name in re.findall(r'`([^`]*\w[-./]\w[^`]*)`', row):
            (tmp_path / str(number) / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / str(number) / name).touch()
        order.append(next(place for place, each in enumerate(FORMATS) if each.find(str(tmp_path / str(number)))))
    assert order == sorted(order) and set(order) == set(range(len(FORMATS)))


def test_a_folder_of_somebody_else_beside_labelled_pictures_is_passed_over(tmp_path, monkeypatch):
    write_tree(tmp_path, {'1/a.png': picture(1), 'lost+found/x.png': picture(1)})
    scan = os.scandir
    monkeypatch.setattr(os, 'scandir', lambda folder: scan('/no/such' if 'lost' in folder else folder))
    assert [label for _, label in labelled.find(str(tmp_path), '012')] == [1]
