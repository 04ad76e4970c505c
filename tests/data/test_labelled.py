"""Labelled pictures without anything to train on: which folders are of that kind, and what is read of them."""

import numpy as np
import pytest

from helpers.drawn_pictures import draw_picture
from mnist_graph.base.errors import DataError
from mnist_graph.data import labelled
from mnist_graph.data.raw_data import ReadOptions

NAMES = tuple('0123456789')


def save(path):
    path.parent.mkdir(exist_ok=True, parents=True)
    draw_picture().save(path)
    return str(path)


def test_the_label_is_the_folder_or_the_start_of_the_name(tmp_path):
    paths = save(tmp_path / '2' / 'a.png'), save(tmp_path / '2' / 'b.png'), save(tmp_path / '7_x_3.png')
    (tmp_path / 'notes.txt').write_text('none')
    found = labelled.find(str(tmp_path), NAMES)
    assert found == [(paths[0], 2), (paths[1], 2), (paths[2], 7)]
    split, notices = labelled.read(str(tmp_path), found, ReadOptions('digits'))
    assert split.images.shape == (3, 28, 28, 1) and split.labels.tolist() == [2, 2, 7] and notices == ()
    np.testing.assert_array_equal(split.images[0], split.images[2])


def test_data_sets_and_other_folders_are_not_of_this_kind(tmp_path):
    save(tmp_path / 'data' / 'train' / '1' / 'a.png')
    save(tmp_path / 'photos' / 'holiday.png')
    for name in ('data', 'photos', 'missing'):
        assert labelled.find(str(tmp_path / name), NAMES) == []


def test_a_picture_without_a_label_among_others_is_an_error(tmp_path):
    save(tmp_path / '2_a.png')
    save(tmp_path / 'x.png')
    with pytest.raises(DataError, match='x.png.*LABEL_anything'):
        labelled.find(str(tmp_path), NAMES)
