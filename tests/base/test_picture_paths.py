"""Finding the picture files that a command line names."""

import os

import pytest

from mnist_graph.base import picture_paths
from mnist_graph.base.errors import ImageError


def test_list_pictures_takes_files_and_folders_in_order(tmp_path):
    for name in ('b.png', 'a.JPG', 'notes.txt', '.hidden.png', 'sub/c.bmp', '.cache/d.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    found = picture_paths.list_pictures([tmp_path / 'notes.txt', str(tmp_path)])
    assert [os.path.relpath(path, tmp_path) for path in found] == ['notes.txt', 'a.JPG', 'b.png', 'sub/c.bmp']


def test_list_pictures_refuses_missing_paths_and_folders_without_pictures(tmp_path):
    with pytest.raises(ImageError, match='nowhere'):
        picture_paths.list_pictures([tmp_path / 'nowhere'])
    with pytest.raises(ImageError, match='no pictures'):
        picture_paths.list_pictures(tmp_path)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='this system has no named pipes')
def test_named_pipe_is_refused_by_name_and_passed_over_in_a_folder(tmp_path):
    os.mkfifo(tmp_path / 'a.png')
    (tmp_path / 'b.png').write_bytes(b'')
    with pytest.raises(ImageError, match='a.png: is a named pipe.*name that'):
        picture_paths.list_pictures(tmp_path / 'a.png')
    assert picture_paths.list_pictures(tmp_path) == [str(tmp_path / 'b.png')]
    files, errors = picture_paths.find_files([str(tmp_path / 'a.png'), str(tmp_path / 'b.png')])
    assert files == [str(tmp_path / 'b.png')] and len(errors) == 1
    (tmp_path / 'b.png').unlink()
    with pytest.raises(ImageError, match='no pictures'):
        picture_paths.list_pictures(tmp_path)


def test_device_is_refused():
    with pytest.raises(ImageError, match='device'):
        picture_paths.list_pictures(os.devnull)


def test_link_to_nothing_is_listed_so_that_reading_tells(tmp_path):
    (tmp_path / 'gone.png').symlink_to(tmp_path / 'nowhere')
    assert picture_paths.list_pictures(tmp_path) == [str(tmp_path / 'gone.png')]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    def walk(folder, onerror):
        onerror(PermissionError(13, 'Permission denied', folder))
        return []

    monkeypatch.setattr(os, 'walk', walk)
    assert picture_paths.find_files([str(tmp_path)])[1] == [
        f'{tmp_path}: cannot be read (Permission denied); see to its permissions.'
    ]
