"""The graph against numbers computed by hand: loss, gradients, every optimizer and every ingredient."""

import math

import numpy as np
import pytest
from conftest import set_value, values_of

from mnist_graph.data import InputSpec
from mnist_graph.hparams import HParams

MNIST = InputSpec(28, 28, 1, 10)
PAIR = InputSpec(1, 2, 1, 2)  # pictures of two pixels, two classes
# With weights [[1, 0], [0, 1]] and no bias, the picture [1, 2] has logits [1, 2].
X, Y = np.float32([[1, 2]]), np.float32([[1, 0]])
WEIGHTS, BIASES = np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
P = np.array([1 / (1 + math.e), math.e / (1 + math.e)])  # softmax of [1, 2]
GRADIENT = np.outer([1, 2], P - [1, 0])  # of the cross-entropy, by the weights


class Running:
    """A network in a session; with `identity`, its output layer has the weights above."""

    def __init__(self, tf, hparams, spec=PAIR, identity=True, **options):
        from mnist_graph import graph

        self.tf, self.network = tf, graph.build(hparams, spec, **options)
        self.sess = tf.Session(graph=self.network.graph)
        self.sess.run(self.network.initializer)
        if identity:
            self.set(self.network.weights['out'], WEIGHTS)
            self.set(self.network.biases['out'], BIASES)
            for variable in self.network.averages.values():
                self.set(variable, WEIGHTS if variable.shape.rank == 2 else BIASES)

    def set(self, variable, value):
        set_value(self.sess, self.tf, variable, value)

    def run(self, fetches, X=X, Y=Y, keep_prob=1.0):
        network = self.network
        return self.sess.run(fetches, {network.X: X, network.Y: Y, network.keep_prob: keep_prob})

    def step(self, n=1, **feeds):
        for _ in range(n):
            self.run(self.network.train_step, **feeds)
        return self.run([self.network.weights['out'], self.network.biases['out']], **feeds)

    def values(self):
        return values_of(self.network, self.sess, self.tf)


@pytest.fixture
def running(tf):
    """Call it as Running without the first argument; the sessions are closed afterwards."""
    made = []

    def make(*args, **options):
        made.append(Running(tf, *args, **options))
        return made[-1]

    yield make
    for each in made:
        each.sess.close()


def plain(**changes):
    """Hyperparameters of a network without hidden layers or extras."""
    return HParams(**{'hidden_units': (), 'optimizer': 'gradient_descent', 'learning_rate': 0.5, 'batch_size': 1,
                      **changes})


# What there is.


def test_the_tutorials_network_has_567434_parameters(tf):
    from mnist_graph import graph

    network = graph.build(HParams(), MNIST, training=False)
    shapes = {name: variable.shape.as_list() for name, variable in network.weights.items()}
    assert shapes == {'w1': [784, 512], 'w2': [512, 256], 'w3': [256, 128], 'out': [128, 10]}
    assert {name: variable.shape.as_list() for name, variable in network.biases.items()} == {
        'b1': [512], 'b2': [256], 'b3': [128], 'out': [10]}
    variables = [*network.weights.values(), *network.biases.values()]
    assert sum(variable.shape.num_elements() for variable in variables) == 567_434
    assert network.X.shape.as_list() == [None, 784] and network.Y.shape.as_list() == [None, 10]
    assert network.keep_prob.shape.as_list() == [] and network.output_layer.shape.as_list() == [None, 10]
    assert network.train_step is network.loop is network.learning_rate is None


@pytest.mark.parametrize('hidden, spec, count', [
    ((), MNIST, 7_850), ((512,), MNIST, 407_050), ((512, 512), MNIST, 669_706), ((128, 128), MNIST, 118_282),
    ((6, 5), InputSpec(8, 8, 1, 4), 64 * 6 + 6 + 6 * 5 + 5 + 5 * 4 + 4),
    ((10,), InputSpec(32, 32, 3, 26), 3072 * 10 + 10 + 10 * 26 + 26)])
def test_any_number_of_layers_of_any_size(tf, hidden, spec, count):
    from mnist_graph import graph

    network = graph.build(HParams(hidden_units=hidden), spec, training=False)
    variables = [*network.weights.values(), *network.biases.values()]
    assert sum(variable.shape.num_elements() for variable in variables) == count
    assert len(network.weights) == len(network.biases) == len(hidden) + 1


def test_cnn_has_the_parameters_of_its_layers(tf):
    from mnist_graph import graph

    network = graph.build(HParams(model='cnn', hidden_units=(256,)), MNIST, training=False)
    by_hand = (5 * 5 * 1 * 32 + 32) + (3 * 3 * 32 * 64 + 64) + (3 * 3 * 64 * 64 + 64) + (6 * 6 * 64 * 256 + 256) + 2570
    assert sum(variable.shape.num_elements()
               for variable in [*network.weights.values(), *network.biases.values()]) == by_hand == 648_906


def test_names_a_reader_of_tensorboard_sees(tf):
    from mnist_graph import graph

    network = graph.build(plain(hidden_units=(3,)), PAIR)
    names = {operation.name for operation in network.graph.get_operations()}
    assert {'X', 'Y', 'keep_prob', 'weights/w1', 'weights/out', 'biases/b1', 'biases/out', 'probabilities',
            'accuracy', 'correct_pred', 'layer_1/Relu', 'layer_1/layer_drop', 'output_layer/BiasAdd'} <= names


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
    loss, probabilities, accuracy, logits = net.run([net.network.cross_entropy, net.network.probabilities,
                                                     net.network.accuracy, net.network.output_layer])
    np.testing.assert_allclose(logits, [[1, 2]])
    np.testing.assert_allclose(probabilities, [P], rtol=1e-6)
    assert loss == pytest.approx(math.log(1 + math.e), rel=1e-6) and accuracy == 0
    three = np.float32([[1, 2], [3, 1], [0, 5]])
    loss, correct, accuracy = net.run([net.network.cross_entropy, net.network.correct_pred, net.network.accuracy],
                                      X=three, Y=np.float32([[0, 1], [1, 0], [1, 0]]))
    assert correct.tolist() == [True, True, False] and accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx(np.mean([math.log(1 + math.exp(-1)), math.log(1 + math.exp(-2)),
                                          math.log(1 + math.exp(5))]), rel=1e-6)


@pytest.mark.parametrize('activation, function', [
    ('linear', lambda x: x), ('relu', lambda x: np.maximum(x, 0)), ('tanh', np.tanh),
    ('sigmoid', lambda x: 1 / (1 + np.exp(-x)))])
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


def test_batch_norm_of_convolutions_by_hand(running):
    """Channels copied by the convolutions: the batch's own moments to train, their moving averages to test."""
    net = running(HParams(model='cnn', filters=(1, 1, 1), hidden_units=(), batch_norm=True, dropout=0,
                          optimizer='gradient_descent', learning_rate=1e-9), InputSpec(4, 4, 1, 2), identity=False)
    for name, side in (('conv1', 5), ('conv2', 3), ('conv3', 3)):
        kernel = np.zeros((side, side, 1, 1))
        kernel[side // 2, side // 2] = 1
        net.set(net.network.weights[name], kernel)
        net.set(net.network.biases[name], [0])
    net.set(net.network.weights['out'], [[1, -2]])
    net.set(net.network.biases['out'], [0, 0])
    fed = {net.network.X: np.arange(16, dtype=np.float32)[None], net.network.Y: [[1, 0]], net.network.keep_prob: 1}
    # At first the moments are mean 0 and variance 1, so that each layer divides by sqrt(1.001).
    np.testing.assert_allclose(net.sess.run(net.network.output_layer, fed), [np.array([15, -30]) / 1.001**1.5], rtol=1e-5)
    net.sess.run(net.network.train_step, fed)
    mean, variance = net.sess.run(net.network.moments['conv1'])
    # Of the batch 5, 7, 13 and 15 are left by pooling: mean 10, sum of squares about it 68 (the moving average has
    # the variance with one value less). The first step goes nine tenths of the way there.
    np.testing.assert_allclose(mean, [0.9 * 10], rtol=1e-5)
    np.testing.assert_allclose(variance, [0.1 + 0.9 * 68 / 3], rtol=1e-5)
    first = np.maximum(0, (np.array([5, 7, 13, 15]) - 10) / np.sqrt(68 / 4 + 1e-3))
    np.testing.assert_allclose(net.sess.run(net.network.moments['conv2'].mean), [0.9 * first.mean()], rtol=1e-5)


def test_batch_norm_of_a_hidden_layer_by_hand(running):
    net = running(plain(batch_norm=True, hidden_units=(2,), optimizer='gradient_descent', learning_rate=1e-9), PAIR)
    net.set(net.network.weights['w1'], np.eye(2))
    net.set(net.network.biases['b1'], [0, 0])
    fed = {net.network.X: [[0, 1], [1, 1], [0, 4]], net.network.Y: [[1, 0]] * 3, net.network.keep_prob: 1}
    net.sess.run(net.network.train_step, fed)
    mean, variance = net.sess.run(net.network.moments['w1'])
    np.testing.assert_allclose(mean, 0.9 * np.array([1 / 3, 2]), rtol=1e-5)
    np.testing.assert_allclose(variance, 0.1 + 0.9 * np.array([1 / 3, 3]), rtol=1e-5)


# What one step changes.


def test_gradient_descent_by_hand(running):
    weights, biases = running(plain()).step()
    np.testing.assert_allclose(weights, WEIGHTS - 0.5 * GRADIENT, rtol=1e-6)
    np.testing.assert_allclose(biases, -0.5 * (P - [1, 0]), rtol=1e-6)


def test_gradient_is_the_mean_over_the_batch(running):
    once = running(plain()).step()
    np.testing.assert_allclose(running(plain(batch_size=4)).step(X=np.repeat(X, 4, 0), Y=np.repeat(Y, 4, 0))[0], once[0],
                               rtol=1e-6)


def gradient(weights, biases):
    logits = [1, 2] @ weights + biases
    exponents = np.exp(logits - logits.max())
    error = exponents / exponents.sum() - [1, 0]
    return np.outer([1, 2], error), error


def simulate(n, update):
    """Weights and biases after n steps of update(gradient, slots, step) -> change."""
    values, slots = [WEIGHTS.astype(float), BIASES.astype(float)], [{}, {}]
    for step in range(n):
        for index, g in enumerate(gradient(*values)):
            values[index] = values[index] - update(g, slots[index], step)
    return values


def adam(g, slots, step):
    # Kingma and Ba 2015, in TensorFlow's order: epsilon beside the uncorrected root.
    slots['m'] = 0.9 * slots.get('m', 0) + 0.1 * g
    slots['v'] = 0.999 * slots.get('v', 0) + 0.001 * g * g
    rate = 0.5 * math.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
    return rate * slots['m'] / (np.sqrt(slots['v']) + 1e-8)


def momentum(g, slots, step):
    slots['a'] = 0.8 * slots.get('a', 0) + g
    return 0.5 * slots['a']


def rmsprop(g, slots, step):
    slots['ms'] = 0.9 * slots.get('ms', 1.0) + 0.1 * g * g
    return 0.5 * g / np.sqrt(slots['ms'] + 1e-7)


@pytest.mark.parametrize('hparams, update', [
    (plain(), lambda g, slots, step: 0.5 * g), (plain(optimizer='adam'), adam),
    (plain(optimizer='momentum', momentum=0.8), momentum), (plain(optimizer='rmsprop'), rmsprop)],
    ids=['gradient_descent', 'adam', 'momentum', 'rmsprop'])
def test_five_steps_of_each_optimizer(running, hparams, update):
    net = running(hparams)
    for got, expected in zip(net.step(5), simulate(5, update)):
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)
    assert net.values()['global_step'] == 5


def test_first_step_of_adam_is_the_learning_rate(running):
    weights, _ = running(plain(optimizer='adam', learning_rate=0.01)).step()
    np.testing.assert_allclose(weights - WEIGHTS, -0.01 * np.sign(GRADIENT), rtol=1e-4)


def test_label_smoothing_by_hand(running):
    net = running(plain(label_smoothing=0.2))
    # The label [1, 0] becomes [0.9, 0.1].
    np.testing.assert_allclose(net.step()[0], WEIGHTS - 0.5 * np.outer([1, 2], P - [0.9, 0.1]), rtol=1e-6)
    net = running(plain(label_smoothing=0.2))
    assert net.run(net.network.cross_entropy) == pytest.approx(math.log(1 + math.e), rel=1e-6)  # measured without


def test_weight_decay_by_hand(running):
    net = running(plain(weight_decay=0.1))
    net.set(net.network.biases['out'], [1, 1])  # equal biases leave the softmax as it is
    weights, biases = net.step()
    np.testing.assert_allclose(weights, WEIGHTS * (1 - 0.5 * 0.1) - 0.5 * GRADIENT, rtol=1e-6)
    np.testing.assert_allclose(biases, 1 - 0.5 * (P - [1, 0]), rtol=1e-6)  # biases do not decay


def test_moving_average_by_hand(running):
    net = running(plain(ema_decay=0.15))
    expected = [WEIGHTS.astype(float), BIASES.astype(float)]
    for n in range(4):
        new = net.step()
        decay = min(0.15, (1 + n) / (10 + n))  # 0.1, then 0.15 as 2/11 is more
        expected = [decay * old + (1 - decay) * value for old, value in zip(expected, new)]
    averages = list(net.network.averages.values())
    for got, average in zip(net.sess.run(averages), expected):
        np.testing.assert_allclose(got, average, rtol=1e-5)
    # The averages are what predicts.
    np.testing.assert_allclose(net.run(net.network.output_layer), [[1, 2] @ expected[0] + expected[1]], rtol=1e-5)
    # And the weights are trained as without them.
    np.testing.assert_array_equal(new[0], running(plain()).step(4)[0])


def test_schedule_is_what_the_steps_use(running):
    hparams = plain(learning_rate_schedule='cosine', warmup_steps=2, learning_rate=0.5)
    net = running(hparams, n_steps=6)
    by_hand = [0.25, 0.5] + [0.25 * (1 + math.cos(math.pi * k / 4)) for k in range(4)]
    values = [WEIGHTS.astype(float), BIASES.astype(float)]
    for rate in by_hand:
        assert net.run(net.network.learning_rate) == pytest.approx(rate, rel=1e-5)
        values = [value - rate * g for value, g in zip(values, gradient(*values))]
        for got, expected in zip(net.step(), values):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_schedule_follows_n_iterations_by_default(running):
    net = running(plain(learning_rate_schedule='linear', n_iterations=2))
    rates = [(net.run(net.network.learning_rate), net.step())[0] for _ in range(2)]
    assert rates == pytest.approx([0.5, 0.25])


def test_input_dropout(running):
    net = running(plain(input_dropout=0.75, learning_rate=0.001), InputSpec(1, 1000, 1, 2), identity=False)
    ones, label = np.ones((1, 1000), np.float32), np.float32([[1, 0]])
    before = net.values()['weights/out']
    np.testing.assert_allclose(net.run(net.network.output_layer, X=ones, Y=label)[0], before.sum(0) + 0.1, rtol=1e-4,
                               atol=1e-4)  # nothing is dropped when tested
    change = net.step(X=ones, Y=label)[0] - before
    moved = change[:, 0] != 0
    assert 180 < moved.sum() < 320  # a quarter is left
    np.testing.assert_allclose(change[moved, 0], change[moved, 0].mean(), rtol=1e-2)
    second = net.values()['weights/out']
    moved_next = (net.step(X=ones, Y=label)[0] - second)[:, 0] != 0
    assert 20 < (moved & moved_next).sum() < 120  # another quarter at the next step


# Dropout.


def draw_masks(tf, hparams, n_rows, keep_prob, step):
    from mnist_graph.ingredients import dropout_masks

    with tf.Graph().as_default(), tf.Session() as sess:
        return sess.run(dropout_masks(hparams, n_rows, tf.constant(keep_prob), tf.constant(step, tf.int64)))


def test_dropout_masks(tf):
    hparams = HParams(hidden_units=(300, 300), dropout_layers='all', dropout=0.2)
    masks = draw_masks(tf, hparams, 200, 0.8, 3)
    assert set(masks) == {'layer_1', 'layer_2'}
    for mask in masks.values():
        assert mask.shape == (200, 300) and set(np.unique(mask)) == {0.0, np.float32(1) / np.float32(0.8)}
        assert (mask > 0).mean() == pytest.approx(0.8, abs=0.01) and mask.mean() == pytest.approx(1, abs=0.01)
    assert (masks['layer_1'] != masks['layer_2']).mean() == pytest.approx(2 * 0.8 * 0.2, abs=0.02)
    assert all((mask == 1).all() for mask in draw_masks(tf, hparams, 5, 1.0, 3).values())


def test_dropout_is_a_function_of_seed_and_step(tf):
    def mask(seed, step):
        return draw_masks(tf, HParams(hidden_units=(50,), seed=seed), 10, 0.5, step)['layer_1']

    np.testing.assert_array_equal(mask(1, 7), mask(1, 7))
    assert (mask(1, 7) != mask(1, 8)).any() and (mask(1, 7) != mask(2, 7)).any()


def test_which_layers_dropout_follows(tf):
    assert set(draw_masks(tf, HParams(), 1, 0.5, 0)) == {'layer_3'}
    assert draw_masks(tf, HParams(dropout=0), 1, 0.5, 0) == {}
    assert draw_masks(tf, HParams(hidden_units=()), 1, 0.5, 0) == {}


def test_dropout_is_connected(running, tf):
    hparams = plain(hidden_units=(40,), activation='linear', dropout=0.5)
    net = running(hparams, identity=False)
    mask = draw_masks(tf, hparams, 1, 0.5, 0)['layer_1'][0]
    before = net.values()
    hidden = X[0] @ before['weights/w1'] + before['biases/b1']
    logits = net.run(net.network.output_layer, keep_prob=0.5)
    np.testing.assert_allclose(logits[0], (hidden * mask) @ before['weights/out'] + 0.1, rtol=1e-4, atol=1e-5)
    net.step(keep_prob=0.5)
    changed = (net.values()['weights/out'] != before['weights/out']).any(axis=1)
    np.testing.assert_array_equal(changed, mask > 0)  # what is dropped learns nothing
    w1_changed = (net.values()['weights/w1'] != before['weights/w1']).any(axis=0)
    np.testing.assert_array_equal(w1_changed, mask > 0)


def test_same_dropout_with_one_step_as_with_the_next_only_by_chance(running):
    net = running(plain(hidden_units=(40,), dropout=0.5), identity=False)
    first = net.run(net.network.output_layer, keep_prob=0.5)
    np.testing.assert_array_equal(first, net.run(net.network.output_layer, keep_prob=0.5))
    net.set(net.network.global_step, 1)
    assert (first != net.run(net.network.output_layer, keep_prob=0.5)).any()
