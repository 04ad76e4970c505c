"""Dropout of pixels and of units: how much is dropped, when, and what follows from it."""

import numpy as np
import pytest

from helpers.by_hand import X, plain
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams


def test_input_dropout(running):
    net = running(plain(input_dropout=0.75, learning_rate=0.001), InputSpec(1, 1000, 1, 2), identity=False)
    ones, label = np.ones((1, 1000), np.float32), np.float32([[1, 0]])
    before = net.values()['weights/out']
    np.testing.assert_allclose(
        net.run(net.network.output_layer, X=ones, Y=label)[0], before.sum(0) + 0.1, rtol=1e-4, atol=1e-4
    )  # nothing is dropped when tested
    change = net.step(X=ones, Y=label)[0] - before
    moved = change[:, 0] != 0
    assert 180 < moved.sum() < 320  # a quarter is left
    np.testing.assert_allclose(change[moved, 0], change[moved, 0].mean(), rtol=1e-2)
    second = net.values()['weights/out']
    moved_next = (net.step(X=ones, Y=label)[0] - second)[:, 0] != 0
    assert 20 < (moved & moved_next).sum() < 120  # another quarter at the next step


def draw_masks(tf, hparams, n_rows, keep_prob, step):
    from mnist_graph.network.dropout import dropout_masks

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


# Distortion and deskewing.

SIDE = InputSpec(6, 6, 1, 2)
PICTURES = np.random.default_rng(4).uniform(size=(3, 36)).astype(np.float32)


def test_distortion_has_the_strengths_of_its_flags_and_tapers_at_the_end(tf):
    from mnist_graph.network import augmentation
    from mnist_graph.network.training_input import training_input

    strengths = {'rotation': 40.0, 'scale': 0.3, 'shear': 0.2, 'shift': 2.0, 'elastic': 1.5}
    hparams = HParams(
        augment=True, augment_taper=0.25, seed=9, **{f'augment_{name}': value for name, value in strengths.items()}
    )
    by_hand = augmentation.Augmentation(rotation=40.0, scale=0.3, shear=0.2, shift=2.0, elastic_std=1.5)
    with tf.Graph().as_default(), tf.Session() as sess:
        for step, taper in ((0, 0.0), (74, 0.0), (75, 1.0), (99, 1.0)):
            images = tf.reshape(tf.constant(PICTURES), [-1, 6, 6, 1])
            got, expected = sess.run(
                [
                    training_input(hparams, SIDE, tf.constant(PICTURES), tf.constant(step, tf.int64), 100),
                    augmentation.augment(images, 9, step, by_hand, taper),
                ]
            )
            np.testing.assert_allclose(got, expected.reshape(3, 36), atol=1e-5)
            assert np.abs(got - PICTURES).max() > 0.1


def test_nothing_is_distorted_in_a_test(running):
    net, plain_net = (
        running(plain(augment=augment, initializer='he_normal'), SIDE, identity=False) for augment in (True, False)
    )
    label = np.float32([[1, 0]] * 3)
    np.testing.assert_array_equal(
        net.run(net.network.output_layer, X=PICTURES, Y=label),
        plain_net.run(plain_net.network.output_layer, X=PICTURES, Y=label),
    )


def test_deskewed_pictures_are_what_is_learned_and_standardized(running, tf):
    from mnist_graph.network.deskew import deskew

    spec = SIDE._replace(pixel_mean=0.5, pixel_std=0.25)
    net = running(plain(deskew=True, standardize=True, initializer='he_normal'), spec, identity=False)
    picture, label = PICTURES[:1], np.float32([[1, 0]])
    with tf.Graph().as_default(), tf.Session() as sess:
        upright = sess.run(deskew(tf.constant(picture.reshape(1, 6, 6, 1)))).reshape(1, 36)
    assert np.abs(upright - picture).max() > 0.01
    fed = (upright - 0.5) / 0.25
    before = net.values()
    logits = net.run(net.network.output_layer, X=picture, Y=label)
    np.testing.assert_allclose(logits, fed @ before['weights/out'] + before['biases/out'], rtol=1e-4, atol=1e-5)
    error = np.exp(logits[0] - logits.max()) / np.exp(logits[0] - logits.max()).sum() - label[0]
    np.testing.assert_allclose(
        net.step(X=picture, Y=label)[0] - before['weights/out'], -0.5 * np.outer(fed, error), rtol=1e-3, atol=1e-4
    )
