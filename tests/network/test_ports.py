"""What the benchmarks' ports of a recipe compute in NumPy is what the package computes in its graph."""

import pathlib
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from mnist_graph import graph
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams
from mnist_graph.network import augmentation, averages, batch_norm, initializers, updater, views

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / 'benchmarks'
sys.path.insert(0, str(BENCHMARKS / 'peers'))

import common  # noqa: E402
import recipe  # noqa: E402

FAST = sorted(path.stem for path in (BENCHMARKS.parent / 'flags').glob('fast_*.flags'))


def job_of(name, n_steps=50):
    digits = common.Digits(np.zeros((300, 784), np.float32), np.zeros(300, np.int64), *np.zeros((2, 1), np.float32))
    return recipe.Job(HParams(**recipe.read_flags(name)[0]), digits, n_steps, '')


@pytest.mark.parametrize('name', FAST)
def test_a_recipe_has_the_package_s_weights_and_learning_rates(name):
    job = job_of(name, n_steps=300)
    hparams, steps = job.hparams, np.arange(300)
    with tf.Graph().as_default(), tf.Session() as sess:
        model = graph.make_model(hparams, InputSpec(28, 28, 1, 10, 0.1, 0.3))
        shapes = {weight: tuple(variable.shape.as_list()) for weight, variable in model.weights.items()}
        rates, moved = sess.run(
            [
                updater.learning_rate_at(
                    steps, hparams.learning_rate, hparams.learning_rate_schedule, hparams.warmup_steps, 300
                ),
                averages.ema_step_size(hparams.ema_decay, tf.constant(steps)),
            ]
        )
    assert recipe.weight_shapes(hparams) == shapes
    np.testing.assert_allclose(recipe.learning_rates(job), rates, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(1 - recipe.average_keeps(hparams.ema_decay, 300), moved, atol=1e-6)
    assert (recipe.BATCH_NORM_DECAY, recipe.BATCH_NORM_EPSILON) == (batch_norm.DECAY, batch_norm.EPSILON)


def test_distortions_are_spread_like_the_package_s():
    job = job_of('fast_99_6')
    hparams = job.hparams
    strengths = augmentation.Augmentation(
        hparams.augment_rotation,
        hparams.augment_scale,
        hparams.augment_shear,
        hparams.augment_shift,
        hparams.augment_elastic,
    )
    with tf.Graph().as_default(), tf.Session() as sess:
        drawn = sess.run(augmentation.draw_coefficients(20000, (28, 28), 1, 1, strengths, 0.0))
    ours = recipe._coefficients(job, 0, 20000, np.random.default_rng(0))
    assert ours.shape == drawn.shape
    assert next(recipe.batches(job))[1].shape == (hparams.batch_size, *drawn.shape[1:])
    np.testing.assert_allclose(ours.mean(axis=0), drawn.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(ours.std(axis=0), drawn.std(axis=0), rtol=0.05, atol=0.005)
    bumps = augmentation._bump_basis(28, 28, augmentation.DEFAULT.elastic_sigma)
    np.testing.assert_allclose(recipe.basis(), np.concatenate([augmentation._affine_basis(28, 28), bumps]), atol=1e-5)


def test_views_are_the_package_s():
    pictures = np.random.default_rng(2).random((3, 28, 28, 1), np.float32)
    coefficients = np.repeat(recipe.view_coefficients(9), 3, axis=0)
    with tf.Graph().as_default(), tf.Session() as sess:
        expected = sess.run(views.make_views(pictures, 9))
        moved = sess.run(
            augmentation.warp(tf.constant(np.tile(pictures, (9, 1, 1, 1))), tf.constant(coefficients), compiled=False)
        )
    np.testing.assert_allclose(moved.reshape(expected.shape), expected, atol=1e-6)


@pytest.mark.parametrize(('n_views', 'expected'), [(1, 0), (2, 1)])
def test_probabilities_of_views_are_averaged(n_views, expected):
    job = job_of('fast_99')._replace(n_views=n_views)
    job = job._replace(digits=job.digits._replace(test_images=np.zeros((10, 784), np.float32)))

    def logits_of(pictures, coefficients):
        # The picture itself is class 0 by 0.9 against 0.1; moved, it is class 1 by 0.99 against 0.01.
        moved = coefficients is not None and coefficients[0, 0, 0] != 0
        odds = [0.01, 0.99] if moved else [0.9, 0.1]
        return np.log(np.tile(np.pad(odds, (0, 8), constant_values=1e-9), (len(pictures), 1)))

    assert (recipe.guess(job, logits_of) == expected).all()


@pytest.mark.parametrize('initializer, scale', [('he_normal', (2 / 200) ** 0.5 / 0.8796), ('truncated_normal', 0.1)])
def test_first_weights_have_the_package_s_variance_and_no_tails(initializer, scale):
    hparams = HParams(initializer=initializer)
    weights = recipe.first_weights(hparams, (5, 5, 8, 400), np.random.default_rng(0))
    assert weights.std() == pytest.approx(0.8796 * scale, rel=0.02)
    assert np.abs(weights).max() <= 2 * scale + 1e-6
    with tf.Graph().as_default(), tf.Session() as sess:
        drawn = sess.run(initializers.initial_weights(hparams, [5, 5, 8, 400], 0))
        bias = sess.run(initializers.initial_biases(hparams, 1))
    assert weights.std() == pytest.approx(drawn.std(), rel=0.02)
    assert recipe.FIRST_BIASES[initializer] == pytest.approx(bias[0])


def test_smoothed_labels_are_probabilities():
    np.testing.assert_allclose(recipe.smoothed(np.array([2]), 0.1)[0], [0.01, 0.01, 0.91] + [0.01] * 7, atol=1e-6)
