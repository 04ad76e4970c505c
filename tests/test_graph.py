"""The graph as a newcomer meets it: its parts, their sizes and names, first weights, and what it computes by hand."""

import math

import numpy as np
import pytest

from helpers.by_hand import PAIR, P, Y, plain
from mnist_graph.base.errors import UsageError
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams

MNIST = InputSpec(28, 28, 1, 10)


# What there is.


def test_the_tutorials_network_has_567434_parameters(tf):
    from mnist_graph import graph

    network = graph.build(HParams(), MNIST, training=False)
    shapes = {name: variable.shape.as_list() for name, variable in network.weights.items()}
    assert shapes == {'w1': [784, 512], 'w2': [512, 256], 'w3': [256, 128], 'out': [128, 10]}
    assert {name: variable.shape.as_list() for name, variable in network.biases.items()} == {
        'b1': [512],
        'b2': [256],
        'b3': [128],
        'out': [10],
    }
    variables = [*network.weights.values(), *network.biases.values()]
    assert sum(variable.shape.num_elements() for variable in variables) == 567_434
    assert network.X.shape.as_list() == [None, 784] and network.Y.shape.as_list() == [None, 10]
    assert network.keep_prob.shape.as_list() == [] and network.output_layer.shape.as_list() == [None, 10]
    assert network.train_step is network.loop is network.learning_rate is None


@pytest.mark.parametrize(
    'hidden, spec, count',
    [
        ((), MNIST, 7_850),
        ((512,), MNIST, 407_050),
        ((512, 512), MNIST, 669_706),
        ((128, 128), MNIST, 118_282),
        ((6, 5), InputSpec(8, 8, 1, 4), 64 * 6 + 6 + 6 * 5 + 5 + 5 * 4 + 4),
        ((10,), InputSpec(32, 32, 3, 26), 3072 * 10 + 10 + 10 * 26 + 26),
    ],
)
def test_any_number_of_layers_of_any_size(tf, hidden, spec, count):
    from mnist_graph import graph

    network = graph.build(HParams(hidden_units=hidden), spec, training=False)
    variables = [*network.weights.values(), *network.biases.values()]
    assert sum(variable.shape.num_elements() for variable in variables) == count
    assert len(network.weights) == len(network.biases) == len(hidden) + 1


@pytest.mark.parametrize(
    'kernel_sizes, count',
    [
        # 28x28 leave 24x24, pooled 12x12 and 6x6; without the outer 2 instead of 4 pixels 26x26, 13x13 and 7x7.
        (
            (5, 3, 3),
            (5 * 5 * 1 * 32 + 32) + (3 * 3 * 32 * 64 + 64) + (3 * 3 * 64 * 64 + 64) + (6 * 6 * 64 * 256 + 256) + 2570,
        ),
        (
            (3, 5, 1),
            (3 * 3 * 1 * 32 + 32) + (5 * 5 * 32 * 64 + 64) + (1 * 1 * 64 * 64 + 64) + (7 * 7 * 64 * 256 + 256) + 2570,
        ),
    ],
)
def test_cnn_has_the_parameters_of_its_layers(tf, kernel_sizes, count):
    from mnist_graph import graph

    network = graph.build(HParams(model='cnn', hidden_units=(256,), kernel_sizes=kernel_sizes), MNIST, training=False)
    variables = [*network.weights.values(), *network.biases.values()]
    assert sum(variable.shape.num_elements() for variable in variables) == count
    assert network.output_layer.shape.as_list() == [None, 10]


def test_names_a_reader_of_tensorboard_sees(tf):
    from mnist_graph import graph

    network = graph.build(plain(hidden_units=(3,)), PAIR)
    names = {operation.name for operation in network.graph.get_operations()}
    assert {
        'X',
        'Y',
        'keep_prob',
        'weights/w1',
        'weights/out',
        'biases/b1',
        'biases/out',
        'probabilities',
        'accuracy',
        'correct_pred',
        'layer_1/Relu',
        'layer_1/layer_drop',
        'output_layer/BiasAdd',
    } <= names


@pytest.mark.parametrize('ingredient', ['augment', 'deskew'])
def test_pictures_of_one_row_cannot_be_distorted(tf, ingredient):
    from mnist_graph import graph

    with pytest.raises(UsageError, match='1 x 2 pixels cannot be distorted'):
        graph.build(plain(**{ingredient: True}), PAIR)


def test_first_weights(running):
    values = running(HParams(hidden_units=(300, 200)), MNIST, identity=False).values()
    for name in ('w1', 'w2', 'out'):
        weights = values[f'weights/{name}']
        assert np.abs(weights).max() <= 0.2 and abs(weights.mean()) < 0.01
        assert weights.std() == pytest.approx(0.088, rel=0.05)  # 0.1, cut at two deviations
    assert all((values[f'biases/{name}'] == np.float32(0.1)).all() for name in ('b1', 'b2', 'out'))
    glorot = running(HParams(hidden_units=(300,), initializer='glorot_uniform'), MNIST, identity=False).values()
    limit = math.sqrt(6 / (784 + 300))
    assert 0.99 * limit < np.abs(glorot['weights/w1']).max() <= limit
    assert glorot['weights/w1'].std() == pytest.approx(limit / math.sqrt(3), rel=0.02)
    he = running(HParams(hidden_units=(300,), initializer='he_normal'), MNIST, identity=False).values()
    assert he['weights/w1'].std() == pytest.approx(math.sqrt(2 / 784), rel=0.02)
    assert not glorot['biases/b1'].any() and not he['biases/out'].any()


def test_same_seed_same_weights_and_another_seed_others(running):
    def first(seed):
        return running(HParams(hidden_units=(6, 6, 6), seed=seed), InputSpec(2, 3, 1, 6), identity=False).values()

    one, again, other = first(5), first(5), first(6)
    for name in ('weights/w1', 'weights/w2', 'weights/w3', 'weights/out'):
        np.testing.assert_array_equal(one[name], again[name])
        assert np.abs(one[name] - other[name]).max() > 0.01
    # Layers of one shape differ from each other.
    assert len({one[f'weights/{name}'].tobytes() for name in ('w1', 'w2', 'w3', 'out')}) == 4


# What it computes.


def test_loss_and_prediction_by_hand(running):
    net = running(plain())
    loss, probabilities, accuracy, logits = net.run(
        [net.network.cross_entropy, net.network.probabilities, net.network.accuracy, net.network.output_layer]
    )
    np.testing.assert_allclose(logits, [[1, 2]])
    np.testing.assert_allclose(probabilities, [P], rtol=1e-6)
    assert loss == pytest.approx(math.log(1 + math.e), rel=1e-6) and accuracy == 0
    three = np.float32([[1, 2], [3, 1], [0, 5]])
    loss, correct, accuracy = net.run(
        [net.network.cross_entropy, net.network.correct_pred, net.network.accuracy],
        X=three,
        Y=np.float32([[0, 1], [1, 0], [1, 0]]),
    )
    assert correct.tolist() == [True, True, False] and accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx(
        np.mean([math.log(1 + math.exp(-1)), math.log(1 + math.exp(-2)), math.log(1 + math.exp(5))]), rel=1e-6
    )


@pytest.mark.parametrize(
    'activation, function',
    [
        ('linear', lambda x: x),
        ('relu', lambda x: np.maximum(x, 0)),
        ('tanh', np.tanh),
        ('sigmoid', lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_hidden_layer_by_hand(running, activation, function):
    net = running(plain(hidden_units=(2,), activation=activation))
    net.set(net.network.weights['w1'], [[0.5, -1], [-1, 0.25]])
    net.set(net.network.biases['b1'], [0.25, 2])
    # [1, 2] times these weights is [-1.5, -0.5]; plus the biases, [-1.25, 1.5].
    np.testing.assert_allclose(net.run(net.network.output_layer), [function(np.array([-1.25, 1.5]))], rtol=1e-5)


def test_standardized_pixels(running):
    net = running(plain(standardize=True), PAIR._replace(pixel_mean=0.5, pixel_std=0.25))
    np.testing.assert_allclose(net.run(net.network.output_layer), [[2, 6]], rtol=1e-6)


def test_plain_convolution_by_hand(running):
    net = running(HParams(model='cnn', filters=(1, 1, 1), hidden_units=()), InputSpec(4, 4, 1, 2), identity=False)
    centre = {5: np.zeros((5, 5, 1, 1)), 3: np.zeros((3, 3, 1, 1))}
    centre[5][2, 2], centre[3][1, 1] = 1, 1
    for name, side in (('conv1', 5), ('conv2', 3), ('conv3', 3)):
        net.set(net.network.weights[name], centre[side])
        net.set(net.network.biases[name], [0])
    net.set(net.network.weights['out'], [[1, -2]])
    net.set(net.network.biases['out'], [0, 0.5])
    picture = np.arange(16, dtype=np.float32)[None]  # kernels that copy: only the maximum is left
    np.testing.assert_allclose(net.run(net.network.output_layer, X=picture, Y=Y), [[15, -29.5]])
