"""Class folders with other things than pictures in them, and with pictures that cannot be read."""

import os
import re

import numpy as np
import pytest
from PIL import Image

from helpers.data import picture, write_tree
from mnist_graph.base.errors import DataError, ImageError
from mnist_graph.data import load
from mnist_graph.data.readers import read_folder
from mnist_graph.drawn.pen import draw_block


def clean_classes(folder, n=4):
    """Class folders of handwriting in one size: n training pictures and one test picture of each of two classes."""
    digits = draw_block(np.arange(2 * n + 2) % 2, np.random.default_rng(1))
    pictures = {f'train/{i % 2}/{i}.png': digits[i] for i in range(2 * n)}
    return write_tree(folder, pictures | {f'test/{i}/x.png': digits[2 * n + i] for i in range(2)})


def test_tree_with_empty_folders_or_bad_pictures(tmp_path):
    folder = write_tree(tmp_path, {'train/1/a.png': picture(0), 'test/1/a.png': picture(0)})
    (tmp_path / 'train/1/a.png').unlink()
    with pytest.raises(DataError, match='has no picture in any of its folders'):
        read_folder(folder)
    (tmp_path / 'train/1/a.png').write_bytes(b'not a picture')
    with pytest.raises(ImageError, match='a.png'):
        read_folder(folder)


def test_files_that_are_no_pictures_are_passed_over(tmp_path):
    expected = load('auto', clean_classes(tmp_path))
    for name in 'train/0/Thumbs.db', 'train/1/desktop.ini', 'train/1/.DS_Store', 'test/0/THUMBS.DB':
        (tmp_path / name).write_bytes(b'something')
    found = load('auto', str(tmp_path))
    assert found.fingerprint == expected.fingerprint and found.notices == expected.notices
    for name in 'train/0/notes.txt', 'test/1/list.csv':
        (tmp_path / name).write_bytes(b'something')
    (tmp_path / 'train/0/folder.png').mkdir()
    found = load('auto', str(tmp_path))
    assert found.fingerprint == expected.fingerprint
    assert found.notices[0] == (
        f"{tmp_path}: passed over 2 files without a picture's ending, such as {os.path.join('test', '1', 'list.csv')}."
    )


@pytest.mark.parametrize('pictures', ['auto', 'raw', 'digits'])
def test_bad_pictures_are_named_all_at_once(tmp_path, pictures):
    folder = clean_classes(tmp_path, n=20)
    bad = [tmp_path / f'train/{i % 2}/{i}.png' for i in range(12)]
    for path in bad[:2]:
        path.write_bytes(path.read_bytes()[:60])
        with pytest.raises(ImageError) as caught:
            load('auto', folder, pictures=pictures)
    message = str(caught.value)
    assert message.startswith(f'{tmp_path}: 2 of 42 pictures cannot be read; ') and '--skip_bad_pictures' in message
    assert all(str(path) in message for path in bad[:2]) and '\n' not in message
    for path in bad[2:]:
        path.write_bytes(b'')
    with pytest.raises(ImageError, match='12 of 42 pictures cannot be read; .* and 2 more') as caught:
        load('auto', folder, pictures=pictures)
    assert sum(str(path) in str(caught.value) for path in bad) == 10


@pytest.mark.parametrize('pictures', ['auto', 'raw', 'digits'])
def test_bad_pictures_can_be_skipped(tmp_path, pictures):
    folder = clean_classes(tmp_path)
    without = load('auto', folder, pictures=pictures, n_validation=0)
    (tmp_path / 'train/1/extra.png').write_bytes(b'not a picture')
    skipping = load('auto', folder, pictures=pictures, n_validation=0, skip_bad_pictures=True)
    np.testing.assert_array_equal(skipping.test.images, without.test.images)
    assert sorted(map(bytes, skipping.train.images)) == sorted(map(bytes, without.train.images))
    assert re.search('skipped 1 of 11 pictures that cannot be read, such as .*extra.png: ', skipping.notices[-1])


def test_blank_pictures_are_bad_where_digits_are_looked_for(tmp_path):
    folder = clean_classes(tmp_path)
    Image.fromarray(picture(255, (28, 28))).save(tmp_path / 'train/0/blank.png')
    with pytest.raises(ImageError, match='1 of 11 pictures cannot be read.*blank.png: the picture is blank'):
        load('auto', folder)
    assert len(load('auto', folder, n_validation=0, skip_bad_pictures=True).train) == 8
    assert len(load('auto', folder, n_validation=0, pictures='raw').train) == 9  # one more of them


@pytest.mark.parametrize('part', ['train', 'test'])
def test_nothing_but_bad_pictures(tmp_path, part):
    folder = clean_classes(tmp_path)
    for path in (tmp_path / part).rglob('*.png'):
        path.write_bytes(b'')
    with pytest.raises(DataError, match=f'{part}: none of its pictures can be read'):
        load('auto', folder, skip_bad_pictures=True)
