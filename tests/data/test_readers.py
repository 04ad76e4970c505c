"""Folders of data in their three layouts, good and bad."""

import io
import os
import pickle
import re
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from helpers.data import IDX_NAMES, idx_bytes, tiny_arrays, write_idx_folder
from mnist_graph.base.errors import DataError, ImageError
from mnist_graph.data import load, unpacking
from mnist_graph.data.readers import idx_files, read_file, read_folder
from mnist_graph.drawn.pen import draw_block

NPZ_NAMES = ('x_train', 'y_train', 'x_test', 'y_test')


def assert_holds(raw, arrays):
    for got, expected in zip(raw[1:5], arrays):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize('gzipped', [False, True])
@pytest.mark.parametrize('shape', [(8, 8), (5, 7), (6, 6, 3)])
def test_idx_files(tmp_path, gzipped, shape):
    arrays = tiny_arrays(shape=shape)
    raw = read_folder(str(write_idx_folder(tmp_path / 'letters', arrays, gzipped)))
    assert raw.name == 'letters' and raw.class_names == ('0', '1', '2', '3')
    assert_holds(raw, arrays)


def test_plain_files_win_over_gzipped_ones(tmp_path):
    write_idx_folder(tmp_path, seed=1, gzipped=True)
    arrays = tiny_arrays(seed=2)
    assert_holds(read_folder(str(write_idx_folder(tmp_path, arrays))), arrays)


def test_emnist_pictures_are_turned_upright(tmp_path):
    arrays = tiny_arrays(shape=(4, 6))
    for name, array in zip(IDX_NAMES, arrays):
        name = 'emnist-letters-' + name.replace('t10k', 'test')
        (tmp_path / name).write_bytes(idx_bytes(array))
    raw = read_folder(str(tmp_path))
    np.testing.assert_array_equal(raw.train_images, arrays[0].transpose(0, 2, 1))
    np.testing.assert_array_equal(raw.test_images, arrays[2].transpose(0, 2, 1))


def test_two_data_sets_in_one_folder(tmp_path):
    """As EMNIST's archive has six."""
    write_idx_folder(tmp_path)
    arrays = tiny_arrays(seed=2)
    for name, array in zip(IDX_NAMES[:3], arrays):
        (tmp_path / f'a-{name}').write_bytes(idx_bytes(array))
    assert_holds(read_folder(str(tmp_path)), tiny_arrays())  # the other is not whole
    with pytest.raises(
        DataError, match=f'a-{IDX_NAMES[1]}: the rest of its data set is not beside it; --data_dir must'
    ):
        read_file(str(tmp_path / f'a-{IDX_NAMES[1]}'))
    (tmp_path / f'a-{IDX_NAMES[3]}').write_bytes(idx_bytes(arrays[3]))
    with pytest.raises(DataError, match=f'several data sets, a-{IDX_NAMES[0]}, {IDX_NAMES[0]}; choose one with --data'):
        read_folder(str(tmp_path))
    for name in IDX_NAMES:
        assert_holds(read_file(str(tmp_path / f'a-{name}')), arrays)


def test_incomplete_folders_hold_nothing(tmp_path):
    assert read_folder(str(tmp_path / 'gone')) is None
    assert read_folder(str(tmp_path)) is None and not idx_files.paths(str(tmp_path))
    write_idx_folder(tmp_path)
    (tmp_path / IDX_NAMES[2]).unlink()
    assert read_folder(str(tmp_path)) is None and idx_files.paths(str(tmp_path))


TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()


@pytest.mark.parametrize(
    'arrays, problem',
    [
        ((TRAIN, LABELS[1:], TEST, TEST_LABELS), '60 pictures, but .*train-labels.* has 59 labels'),
        ((TRAIN, LABELS, TEST, TEST_LABELS[1:]), '25 pictures, but .*t10k-labels.* has 24 labels'),
        ((LABELS, LABELS, TEST, TEST_LABELS), r'train-images.* of shape \(60,\), not pictures'),
        ((TRAIN[:, 0], LABELS, TEST, TEST_LABELS), r'of shape \(60, 8\), not pictures'),
        ((TRAIN, TRAIN, TEST, TEST_LABELS), 'train-labels.* not a list of labels'),
        ((TRAIN[:0], LABELS[:0], TEST, TEST_LABELS), 'not pictures'),
        ((TRAIN, LABELS, TEST[:, 1:], TEST_LABELS), r't10k-images.*pictures of shape \(7, 8\), but .* \(8, 8\)'),
        (
            (TRAIN, LABELS, TEST, TEST_LABELS + 1),
            't10k-labels.*label 4 is out of range: the training labels are 0 to 3',
        ),
        (
            (TRAIN, LABELS * 60, TEST, TEST_LABELS),
            't10k-labels.*label 1 is out of range: it does not occur among the 4 different labels',
        ),
        ((TRAIN, LABELS * 0 + 9, TEST, TEST_LABELS * 0), 'train-labels.*every picture has the label 9'),
    ],
)
def test_contradictions_are_named(tmp_path, arrays, problem):
    with pytest.raises(DataError, match=problem) as caught:
        read_folder(str(write_idx_folder(tmp_path, arrays)))
    assert '\n' not in str(caught.value)


# Keras's archive.


def write_npz(folder, arrays, **extra):
    np.savez_compressed(folder / 'mnist.npz', **dict(zip(NPZ_NAMES, arrays)), **extra)
    return str(folder)


@pytest.mark.parametrize('label_type', [np.uint8, np.int64])
def test_npz(tmp_path, label_type):
    arrays = TRAIN, LABELS.astype(label_type), TEST, TEST_LABELS.astype(label_type)
    raw = read_folder(write_npz(tmp_path, arrays, more=np.zeros(3)))
    assert_holds(raw, arrays)
    assert raw.class_names == ('0', '1', '2', '3')


@pytest.mark.parametrize(
    'arrays, problem',
    [
        ((TRAIN, LABELS, TEST), 'has no array y_test'),
        ((TRAIN * 1j, LABELS, TEST, TEST_LABELS), 'x_train: is complex128 .* not pictures of numbers'),
        ((TRAIN * 1e6, LABELS, TEST, TEST_LABELS), 'mnist.npz: pixels from .*must be in 0 to 255'),
        ((TRAIN * np.nan, LABELS, TEST, TEST_LABELS), 'mnist.npz: holds pixels that are no finite numbers'),
        ((TRAIN, LABELS, TEST[0], TEST_LABELS), r'x_test: holds an array of shape \(8, 8\), not pictures'),
        ((TRAIN, LABELS + 0.5, TEST, TEST_LABELS), 'y_train: is float64'),
        ((TRAIN, LABELS[1:], TEST, TEST_LABELS), 'x_train has 60 pictures, but .*y_train has 59 labels'),
        ((TRAIN, LABELS - np.int64(1), TEST, TEST_LABELS), 'y_train: label -1 is out of range'),
        ((TRAIN, LABELS, TEST, TEST_LABELS - np.int64(1)), 'y_test: label -1 is out of range'),
        ((TRAIN, LABELS, TEST[:, :3], TEST_LABELS), 'x_test: pictures of shape'),
    ],
)
def test_npz_contradictions_are_named(tmp_path, arrays, problem):
    with pytest.raises(DataError, match=problem):
        read_folder(write_npz(tmp_path, arrays))


class _Evil:
    def __reduce__(self):
        return exec, ('import mnist_graph.base.errors; mnist_graph.base.errors.was_unpickled = True',)


def test_npz_never_unpickles(tmp_path):
    import mnist_graph.base.errors

    labels = np.array([_Evil()] * len(LABELS), object)
    folder = write_npz(tmp_path, (TRAIN, labels, TEST, TEST_LABELS))
    with pytest.raises(DataError, match='mnist.npz'):
        read_folder(folder)
    with zipfile.ZipFile(tmp_path / 'mnist.npz', 'w') as archive:
        for name in NPZ_NAMES:
            archive.writestr(f'{name}.npy', pickle.dumps(_Evil()))
    with pytest.raises(DataError, match='mnist.npz'):
        read_folder(folder)
    assert not hasattr(mnist_graph.base.errors, 'was_unpickled')


def test_damaged_npz(tmp_path):
    path = tmp_path / 'mnist.npz'
    write_npz(tmp_path, (TRAIN, LABELS, TEST, TEST_LABELS))
    whole = path.read_bytes()
    for content in (b'', b'<html>', whole[:100], whole[:-30], whole[:300] + bytes(200) + whole[500:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match='mnist.npz: is damaged or no npz archive'):
            read_folder(str(tmp_path))


def test_npz_of_blank_pictures_is_read_up_to_a_number_of_bytes(tmp_path, monkeypatch):
    blank = np.zeros((9000, 28, 28), np.uint8)
    folder = write_npz(tmp_path, (blank, np.arange(9000) % 4, blank[: len(TEST)], TEST_LABELS))
    assert len(read_folder(folder).train_images) == 9000
    monkeypatch.setattr(unpacking, 'MAX_UNPACKED_BYTES', 7_000_000)
    with pytest.raises(DataError, match='x_train.npy: unpacks to 7,056,128 bytes, more than the 7,000,000'):
        read_folder(folder)


@pytest.mark.parametrize('n', [10**9, 10**13])
def test_huge_claims_in_npy_headers_cost_no_memory(tmp_path, n):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {'descr': '|u1', 'fortran_order': False, 'shape': (n, 8, 8)})
    with zipfile.ZipFile(tmp_path / 'mnist.npz', 'w') as archive:
        for name in NPZ_NAMES:
            archive.writestr(f'{name}.npy', header.getvalue())
    tracemalloc.start()
    with pytest.raises(DataError, match='mnist.npz: x_train.npy announces an array of shape'):
        read_folder(str(tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


# Trees of pictures.


def write_tree(folder, pictures):
    """pictures: {'train/LABEL/NAME.png': uint8 array}."""
    for name, array in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return str(folder)


def picture(value, shape=(8, 8)):
    return np.full(shape, value, np.uint8)


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


@pytest.mark.parametrize(
    'pictures, problem',
    [
        ({'train/1/a.png': picture(0)}, 'has train/ but no test/ folder'),
        ({'train/1/a.png': picture(0), 'test/2/a.png': picture(0)}, "class '2' has no pictures in"),
        ({'train/a.png': picture(0), 'test/1/a.png': picture(0)}, 'has no folders'),
    ],
)
def test_bad_trees_are_named(tmp_path, pictures, problem):
    with pytest.raises(DataError, match=problem):
        read_folder(write_tree(tmp_path, pictures))


def test_tree_with_empty_folders_or_bad_pictures(tmp_path):
    folder = write_tree(tmp_path, {'train/1/a.png': picture(0), 'test/1/a.png': picture(0)})
    (tmp_path / 'train/1/a.png').unlink()
    with pytest.raises(DataError, match='has no picture in any of its folders'):
        read_folder(folder)
    (tmp_path / 'train/1/a.png').write_bytes(b'not a picture')
    with pytest.raises(ImageError, match='a.png'):
        read_folder(folder)


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


def test_emnist_labels_for_pictures(tmp_path):
    folder = write_idx_folder(tmp_path)
    for path in folder.iterdir():
        what = path.name.replace('train', 'emnist-train').replace('t10k', 'emnist-t10k')
        path.rename(folder / what)
    (folder / 'emnist-train-images-idx3-ubyte').write_bytes((folder / 'emnist-train-labels-idx1-ubyte').read_bytes())
    with pytest.raises(DataError, match='emnist-train-images.*holds an array of shape'):
        read_folder(str(folder))


# Class folders with other things in them.


def clean_classes(folder, n=4):
    """Class folders of handwriting in one size: n training pictures and one test picture of each of two classes."""
    digits = draw_block(np.arange(2 * n + 2) % 2, np.random.default_rng(1))
    pictures = {f'train/{i % 2}/{i}.png': digits[i] for i in range(2 * n)}
    return write_tree(folder, pictures | {f'test/{i}/x.png': digits[2 * n + i] for i in range(2)})


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


# Arrays of other shapes and labels.


def test_rows_of_a_square_number_of_pixels_are_pictures(tmp_path):
    flat = TRAIN.reshape(60, 64), LABELS, TEST.reshape(25, 64), TEST_LABELS
    assert_holds(read_folder(write_npz(tmp_path, flat)), (TRAIN, LABELS, TEST, TEST_LABELS))
    with pytest.raises(
        DataError, match=r'x_train: holds an array of shape \(60, 63\).* reshape it to \(pictures, height'
    ):
        read_folder(write_npz(tmp_path, (flat[0][:, 1:], LABELS, flat[2][:, 1:], TEST_LABELS)))


@pytest.mark.parametrize(
    'change',
    [
        lambda labels: labels[:, None],
        lambda labels: labels.astype(float),
        lambda labels: np.eye(4)[labels],
        lambda labels: np.eye(4, dtype=bool)[labels],
    ],
)
def test_labels_in_other_forms(tmp_path, change):
    raw = read_folder(write_npz(tmp_path, (TRAIN / 255, change(LABELS), TEST / 255, change(TEST_LABELS))))
    assert_holds(raw, (TRAIN, LABELS, TEST, TEST_LABELS))


def test_two_labels_far_apart_are_two_classes(tmp_path):
    labels = [np.where(each < 2, 3, 8).astype(np.uint8) for each in (LABELS, TEST_LABELS)]
    dataset = load('auto', str(write_idx_folder(tmp_path, (TRAIN, labels[0], TEST, labels[1]))), n_validation=0)
    assert dataset.class_names == ('3', '8') and dataset.input_spec().n_classes == 2
    np.testing.assert_array_equal(dataset.train.labels, labels[0] == 8)
    assert 'the 2 classes are named 3, 8' in dataset.notice


def test_labels_that_are_no_classes(tmp_path):
    labels = np.arange(60) * 7
    many = np.arange(1500), np.zeros((1500, 2, 2), np.uint8)
    with pytest.raises(DataError, match='has 1,500 different labels, more than the 1,000'):
        read_folder(write_npz(tmp_path, (many[1], many[0], many[1], many[0])))
    assert len(read_folder(write_npz(tmp_path, (TRAIN, labels, TEST, labels[:25]))).class_names) == 60
