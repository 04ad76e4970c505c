"""What one training step changes, by hand: gradients, every optimizer, learning rate and averages."""

import math

import numpy as np
import pytest

from helpers.by_hand import BIASES, GRADIENT, WEIGHTS, P, X, Y, plain


def test_gradient_descent_by_hand(running):
    weights, biases = running(plain()).step()
    np.testing.assert_allclose(weights, WEIGHTS - 0.5 * GRADIENT, rtol=1e-6)
    np.testing.assert_allclose(biases, -0.5 * (P - [1, 0]), rtol=1e-6)


def test_gradient_is_the_mean_over_the_batch(running):
    once = running(plain()).step()
    np.testing.assert_allclose(
        running(plain(batch_size=4)).step(X=np.repeat(X, 4, 0), Y=np.repeat(Y, 4, 0))[0], once[0], rtol=1e-6
    )


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


def adagrad(g, slots, step):
    # Duchi, Hazan and Singer 2011; TensorFlow's sum of squares begins at 0.1.
    slots['sum'] = slots.get('sum', 0.1) + g * g
    return 0.5 * g / np.sqrt(slots['sum'])


@pytest.mark.parametrize(
    'hparams, update',
    [
        (plain(), lambda g, slots, step: 0.5 * g),
        (plain(optimizer='adam'), adam),
        (plain(optimizer='momentum', momentum=0.8), momentum),
        (plain(optimizer='rmsprop'), rmsprop),
        (plain(optimizer='adagrad'), adagrad),
    ],
    ids=['gradient_descent', 'adam', 'momentum', 'rmsprop', 'adagrad'],
)
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
