"""Folders with a folder of pictures for each class: their names, sizes, colours, and how they are split."""

import numpy as np
import pytest
from PIL import Image

from helpers.data import picture, write_idx_folder, write_tree
from mnist_graph.base.errors import DataError
from mnist_graph.data import load
from mnist_graph.data.readers import read_folder
from mnist_graph.drawn.pen import draw_block


def test_tree_of_equal_sizes_is_taken_as_it_is(tmp_path):
    raw = read_folder(
        write_tree(
            tmp_path,
            {
                'train/10/a.png': picture(1),
                'train/10/b.png': picture(2),
                'train/9/a.png': picture(3),
                'train/apple/a.png': picture(4),
                'test/9/a.png': picture(5),
                'test/apple/a.png': picture(6),
            },
        )
    )
    assert raw.class_names == ('9', '10', 'apple')  # numbers in their own order, before words
    assert raw.train_images.shape == (4, 8, 8, 1) and raw.train_images.dtype == np.uint8
    labelled = sorted(zip(raw.train_images[:, 0, 0, 0].tolist(), raw.train_labels.tolist()))
    assert labelled == [(1, 1), (2, 1), (3, 0), (4, 2)]
    assert sorted(zip(raw.test_images[:, 0, 0, 0].tolist(), raw.test_labels.tolist())) == [(5, 0), (6, 2)]


def test_without_a_test_folder_a_sixth_of_each_class_is_set_aside(tmp_path):
    pictures = {f'train/{label}/{i}.png': picture(i) for label in 'ab' for i in range(12)}
    raw = read_folder(write_tree(tmp_path, pictures))
    assert np.bincount(raw.train_labels).tolist() == [10, 10] and np.bincount(raw.test_labels).tolist() == [2, 2]
    assert '4 of its 24 pictures, a sixth of each class at random, were set aside' in raw.notices[0]


def test_tree_mixes_the_classes(tmp_path):
    raw = read_folder(
        write_tree(
            tmp_path,
            {**{f'train/{label}/{i}.png': picture(i) for label in 'ab' for i in range(10)}, 'test/a/0.png': picture(0)},
        )
    )
    assert set(raw.train_labels[:4].tolist()) == {0, 1}


def test_colour_tree(tmp_path):
    colour = np.zeros((8, 8, 3), np.uint8)
    colour[..., 0] = 200
    raw = read_folder(
        write_tree(
            tmp_path, {'train/0/a.png': colour, 'train/1/a.png': colour[:, :, ::-1].copy(), 'test/0/a.png': colour}
        )
    )
    assert raw.train_images.shape == (2, 8, 8, 3)
    np.testing.assert_array_equal(raw.test_images[0], colour)
    grey = np.repeat(picture(3)[:8, :8, None], 3, axis=2)  # one without colour does not take it from the others
    raw = read_folder(write_tree(tmp_path, {'train/1/b.png': grey}))
    assert raw.train_images.shape == (3, 8, 8, 3) and (raw.train_images == grey).all(axis=(1, 2, 3)).any()


def test_tree_of_larger_pictures_of_one_size_keeps_their_pixels(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (130, 120), np.uint8)
    raw = read_folder(write_tree(tmp_path, {'train/1/a.png': array, 'test/1/a.png': 255 - array}))
    np.testing.assert_array_equal(raw.train_images[0, :, :, 0], array)
    np.testing.assert_array_equal(raw.test_images[0, :, :, 0], 255 - array)


@pytest.mark.parametrize('sides', [(40, 60), (200, 250), (400, 400)])
def test_tree_of_photographs_becomes_digits(tmp_path, sides):
    strokes = []
    for side in sides:
        array = picture(230, (side, side))
        array[side // 4 : -side // 4, side // 2 - side // 20 : side // 2 + side // 20] = 20
        strokes.append(array)
    raw = read_folder(
        write_tree(tmp_path, {'train/1/a.png': strokes[0], 'train/1/b.png': strokes[1], 'test/1/a.png': strokes[1]})
    )
    assert raw.train_images.shape == (2, 28, 28, 1) and raw.test_images.shape == (1, 28, 28, 1)
    assert raw.train_images[0, 0, 0, 0] == 0 and raw.train_images.max() > 200  # bright ink on black
    assert raw.made_digits


def test_photographs_of_letters_are_read_as_they_were_trained_on(tmp_path):
    """Whatever they are called: what is made digits for training has to be made digits to be read."""
    stroke = np.full((60, 60), 230, np.uint8)
    stroke[8:24, 14:18] = 20
    letters = {
        f'{split}/{name}/{side}.png': stroke[:side, :side]
        for split in ('train', 'test')
        for name in 'ab'
        for side in (40, 60)
    }
    made = load('auto', write_tree(tmp_path / 'sizes', letters), n_validation=1)
    assert made.train.images.shape[1:] == (28, 28, 1) and made.made_digits and made.reads_digits
    same = write_tree(tmp_path / 'one_size', {name: array[:28, :28] for name, array in letters.items()})
    made = load('auto', same, n_validation=1)
    assert made.made_digits and made.reads_digits
    taken = load('auto', same, n_validation=1, pictures='raw')
    assert taken.train.images.shape[1:] == (28, 28, 1) and not taken.made_digits and not taken.reads_digits


def test_small_pictures_of_digits_become_digits_as_predict_will_make_them(tmp_path):
    own = draw_block(np.array([3]), np.random.default_rng(1))[0]
    for name in '3', 'three':  # names do not matter
        raw = read_folder(write_tree(tmp_path / name, {f'train/{name}/a.png': 255 - own, f'test/{name}/a.png': own}))
        np.testing.assert_array_equal(raw.train_images[0, :, :, 0], own)
        np.testing.assert_array_equal(raw.test_images[0, :, :, 0], own)


def test_odd_names_in_folders(tmp_path):
    raw = read_folder(
        write_tree(
            tmp_path / 'tree', {'train/2/a.png': picture(1), 'train/²/a.png': picture(2), 'test/2/a.png': picture(3)}
        )
    )
    assert raw.class_names == ('2', '²')
    write_idx_folder(tmp_path / 'idx')
    for name in ('t10k-images.idx3-ubyte', 'train-images.idx3-ubyte'):
        (tmp_path / 'idx' / name).mkdir()
    assert len(read_folder(str(tmp_path / 'idx')).train_labels) == 60


@pytest.mark.parametrize(
    'pictures, problem',
    [
        ({'train/1/a.png': picture(0)}, 'none of its pictures can be read, or there are too few'),
        ({'train/1/a.png': picture(0), 'test/2/a.png': picture(0)}, "class '2' has no pictures in"),
        ({'train/a.png': picture(0), 'test/1/a.png': picture(0)}, 'has no folders'),
    ],
)
def test_bad_trees_are_named(tmp_path, pictures, problem):
    with pytest.raises(DataError, match=problem):
        read_folder(write_tree(tmp_path, pictures))


def write_pictures(folder, parts):
    """{folder of a part: how many pictures of each of two classes}, all pictures different."""
    value = 0
    for part, n in parts.items():
        for label in 'ab':
            (folder / part / label).mkdir(parents=True)
            for index in range(n):
                value += 1
                Image.fromarray(np.full((8, 8), value, np.uint8)).save(folder / part / label / f'{index}.png')
    return str(folder)


def values(split):
    return split.images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize('names', [('training', 'testing'), ('Train', 'Test'), ('trainingSet', 'testSet')])
def test_other_names_of_train_and_test(folder, names):
    dataset = load('auto', write_pictures(folder, {names[0]: 3, names[1]: 2}), n_validation=0)
    assert (sorted(values(dataset.train)), sorted(values(dataset.test))) == ([1, 2, 3, 4, 5, 6], [7, 8, 9, 10])


def test_validation_folder_comes_first(folder):
    dataset = load('auto', write_pictures(folder, {'train': 3, 'val': 2, 'test': 1}), n_validation=4)
    assert sorted(values(dataset.validation)) == [7, 8, 9, 10] and sorted(values(dataset.test)) == [11, 12]
    assert '--n_validation=4 holds out just these' in dataset.notice


def test_validation_folder_in_place_of_a_test_folder(folder):
    dataset = load('auto', write_pictures(folder, {'train': 3, 'val': 2}), n_validation=0)
    assert sorted(values(dataset.test)) == [7, 8, 9, 10] and 'has no test folder' in dataset.notice


def test_class_folders_without_a_split(folder):
    dataset = load('auto', write_pictures(folder, {'.': 13}), n_validation=0)
    assert dataset.class_names == ('a', 'b') and (len(dataset.train), len(dataset.test)) == (22, 4)
    assert sorted(values(dataset.train) + values(dataset.test)) == list(range(1, 27))
    assert '4 of its 26 pictures, a sixth of each class at random, were set aside' in dataset.notice
    assert np.bincount(dataset.test.labels).tolist() == [2, 2]


def test_too_few_pictures_to_split(folder):
    with pytest.raises(DataError, match='none of its pictures can be read, or there are too few'):
        load('auto', write_pictures(folder, {'.': 2}))
