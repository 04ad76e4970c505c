"""The interface of TensorFlow 1's input_data: batches, epochs, types, labels and where the data comes from."""

import numpy as np
import pytest

from helpers.data import picture, write_idx_folder, write_tree
from helpers.programs import run_python
from mnist_graph import input_data
from mnist_graph.base.errors import DataError, ImageError
from mnist_graph.data import loading


def numbered(n, **options):
    """A DataSet whose picture i has i in every pixel, and whose label is i."""
    images = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 2, 3, 1))
    return input_data.DataSet(images, np.arange(n, dtype=np.uint8), **{'dtype': np.uint8, **options})


@pytest.fixture
def folder_of_numbers(fresh_folder):
    """MNIST_data/ with 40 and 12 pictures in MNIST's four files."""
    arrays = []
    for n in (40, 12):
        labels = (np.arange(n) % 10).astype(np.uint8)
        images = np.zeros((n, 28, 28), np.uint8)
        images[:, 4:20, 10:14] = (100 + np.arange(n))[:, None, None]
        images[:, 5, 12] = 255
        arrays += [images, labels]
    folder = write_idx_folder(fresh_folder / 'MNIST_data', arrays)
    input_data._said.clear()
    return folder


def test_without_shuffling_the_order_is_that_of_the_files():
    numbers = numbered(10)
    batches = [numbers.next_batch(4, shuffle=False) for _ in range(3)]
    assert [labels.tolist() for _, labels in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]
    assert all((images[:, 0] == labels).all() and images.shape == (4, 6) for images, labels in batches)


def test_epochs_are_counted_when_a_batch_needs_the_next():
    numbers = numbered(10)
    numbers.next_batch(5, shuffle=False)
    numbers.next_batch(5, shuffle=False)
    assert numbers.epochs_completed == 0  # as TensorFlow: the end is noticed by the next batch
    assert numbers.next_batch(5, shuffle=False)[1].tolist() == [0, 1, 2, 3, 4]
    assert numbers.epochs_completed == 1


def test_a_batch_across_two_epochs_has_the_rest_of_the_first():
    numbers = numbered(10, seed=3)
    first = numbers.next_batch(8)[1]
    straddling = numbers.next_batch(8)[1]
    assert sorted([*first, *straddling[:2]]) == list(range(10))
    last = numbers.next_batch(4)[1]
    assert sorted([*straddling[2:], *last]) == list(range(10))
    assert straddling.tolist() != first.tolist()


def test_a_seed_gives_the_order_that_numpy_gives_for_it():
    order = np.arange(10)
    np.random.RandomState(7).shuffle(order)
    assert numbered(10, seed=7).next_batch(10)[1].tolist() == order.tolist()
    np.random.seed(7)
    assert numbered(10).next_batch(10)[1].tolist() == order.tolist()


def test_a_seed_leaves_the_global_random_numbers_alone():
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()
    numbered(10, seed=7).next_batch(10)
    assert np.random.get_state()[1].tolist() == before


def test_float_pixels_are_scaled_and_bytes_are_not():
    assert numbered(200, dtype=np.float32).images.dtype == np.float32
    assert numbered(200, dtype='float32').images[51, 0] == pytest.approx(0.2)
    assert numbered(200).images[51, 0] == 51 and numbered(200).images.dtype == np.uint8
    with pytest.raises(TypeError, match='uint8 or float32'):
        numbered(2, dtype=np.float64)


def test_tensorflows_types_are_understood():
    from mnist_graph import tf

    assert numbered(3, dtype=tf.float32).images.dtype == np.float32
    with pytest.raises(TypeError):
        numbered(3, dtype=tf.int32)


def test_colours_cannot_become_rows():
    images, labels = np.zeros((2, 4, 4, 3), np.uint8), np.zeros(2, np.uint8)
    with pytest.raises(ValueError, match='reshape=False'):
        input_data.DataSet(images, labels)
    assert input_data.DataSet(images, labels, reshape=False).images.shape == (2, 4, 4, 3)
    with pytest.raises(ValueError, match='2 pictures but 1 labels'):
        input_data.DataSet(images, labels[:1], reshape=False)


def test_the_first_training_pictures_are_held_out(folder_of_numbers):
    sets = input_data.read_data_sets('MNIST_data/', validation_size=15, one_hot=True)
    assert [part.num_examples for part in sets] == [25, 15, 12]
    assert sets.train.images.shape == (25, 784) and sets.train.images.dtype == np.float32
    assert sets.train.labels.shape == (25, 10) and sets.train.labels.dtype == np.float64
    assert sets.validation.labels.argmax(1).tolist() == [n % 10 for n in range(15)]
    assert (sets.train.labels.sum(1) == 1).all()


def test_a_small_data_set_holds_out_a_tenth(folder_of_numbers):
    assert input_data.read_data_sets('MNIST_data').validation.num_examples == 4


def test_numbers_for_labels_and_pictures_in_their_shape(folder_of_numbers):
    sets = input_data.read_data_sets('MNIST_data', validation_size=0, reshape=False, dtype=np.uint8)
    assert sets.train.images.shape == (40, 28, 28, 1) and sets.train.images.dtype == np.uint8
    assert sets.train.labels.dtype == np.uint8 and sets.validation.num_examples == 0
    for size in (41, -1):
        with pytest.raises(ValueError, match='0 to 40'):
            input_data.read_data_sets('MNIST_data', validation_size=size)


def test_one_seed_governs_all_three_parts(folder_of_numbers):
    def order():
        sets = input_data.read_data_sets('MNIST_data', validation_size=10, seed=2, reshape=True)
        return [sets.train.next_batch(9)[0][:, 200].tolist(), sets.test.next_batch(5)[1].tolist()]

    assert order() == order()


def test_fake_data_is_white_and_of_class_0():
    sets = input_data.read_data_sets('nowhere', fake_data=True, one_hot=True)
    images, labels = sets.train.next_batch(3, fake_data=True)
    assert np.array(images).tolist() == [[1] * 784] * 3 and labels == [[1] + [0] * 9] * 3
    assert sets.test.num_examples == 10000
    assert input_data.read_data_sets('nowhere', fake_data=True).train.next_batch(2, True)[1] == [0, 0]


def test_where_the_data_came_from_is_said_once(folder_of_numbers, capsys):
    for _ in range(2):
        input_data.read_data_sets('MNIST_data', validation_size=0)
    said = capsys.readouterr()
    assert said.out == '' and said.err.count('40 and 12 pictures), from MNIST_data\n') == 1


def test_another_address_is_no_mnist(fresh_folder):
    with pytest.raises(DataError, match='is no known address of MNIST'):
        input_data.read_data_sets('fashion', source_url='http://example.com/fashion/')


def test_damaged_files_are_not_passed_over(folder_of_numbers):
    path = folder_of_numbers / 'train-images-idx3-ubyte'
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match='train-images'):
        input_data.read_data_sets('MNIST_data')


@pytest.mark.parametrize('name', ['mnist.npz', 'train.csv', 'mnist.pkl.gz', 'MNIST/raw/train-images-idx3-ubyte.gz'])
def test_another_data_set_is_not_taken_in_place_of_a_damaged_one(fresh_folder, monkeypatch, name):
    (fresh_folder / 'data' / name).parent.mkdir(parents=True)
    (fresh_folder / 'data' / name).write_bytes(b'PK\3\4')
    monkeypatch.setattr(loading, '_drawn', None)
    with pytest.raises(DataError, match=name.split('/')[0]):
        input_data.read_data_sets('data')


def test_a_picture_that_cannot_be_read_is_named(fresh_folder):
    write_tree(fresh_folder, {f'data/{part}/{label}/a.png': picture(9) for part in ('train', 'test') for label in '01'})
    (fresh_folder / 'data/train/1/a.png').write_bytes(b'')
    with pytest.raises(ImageError, match='train/1/a.png'):
        input_data.read_data_sets('data')


def test_labels_of_many_classes_are_whole(fresh_folder):
    images, labels = np.arange(600 * 4, dtype=np.uint16).reshape(600, 2, 2) % 256, np.arange(600) % 300
    arrays = dict(x_train=images, y_train=labels, x_test=images, y_test=labels)
    np.savez(fresh_folder / 'mnist.npz', **arrays)
    train = input_data.read_data_sets('.', validation_size=0).train
    assert train.labels.dtype == np.int32 and train.labels.tolist() == labels.tolist()


@pytest.mark.parametrize('make', [lambda folder: None, lambda folder: (folder / 'notes.txt').write_text('x')])
def test_without_data_and_network_the_drawn_digits_serve(fresh_folder, monkeypatch, capsys, make):
    (fresh_folder / 'data').mkdir()
    make(fresh_folder / 'data')
    drawn = np.zeros((30, 28, 28), np.uint8), np.arange(30) % 10, np.zeros((10, 28, 28), np.uint8), np.arange(10)
    raw = loading.RawData('drawn', *drawn, tuple('0123456789'), 'the drawn digits')
    monkeypatch.setattr(loading, '_drawn', lambda show_progress: raw)
    input_data._said.clear()
    sets = input_data.read_data_sets('data', validation_size=5)
    assert sets.train.num_examples == 25
    err = capsys.readouterr().err
    assert 'could not be downloaded' in err and 'drawn by the program' in err


def test_it_needs_no_tensorflow(fresh_folder):
    code = 'import sys; from mnist_graph import input_data; print("tensorflow" in sys.modules)'
    assert run_python('-c', code, folder=fresh_folder).out == 'False\n'
