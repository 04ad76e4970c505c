"""Random distortions: exact warps computed by hand, statistics of the draws, determinism."""

import numpy as np
import pytest
import tensorflow as tf

from helpers.networks import run
from mnist_graph.base.errors import UsageError
from mnist_graph.network import augmentation
from mnist_graph.network.augmentation import OFF, Augmentation, augment, draw_coefficients, warp

IDENTITY = [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
RANDOM = np.random.default_rng(3)
IMAGES = RANDOM.integers(0, 256, (6, 12, 10, 1), dtype=np.uint8)
DIGITS = RANDOM.integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)


def warped(images, matrix, **options):
    coefficients = np.broadcast_to(np.float32(matrix), (len(images), 2, 3))
    return run(lambda i, c: warp(i, c, **options), np.asarray(images), coefficients)


@pytest.mark.parametrize('compiled', [True, False])
def test_identity_keeps_every_pixel(compiled):
    got = warped(IMAGES, IDENTITY, compiled=compiled)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, IMAGES)


def test_half_pixel_shift_averages_neighbours():
    image = np.float32([[0, 10, 20], [30, 40, 50]])[np.newaxis, :, :, np.newaxis]
    got = warped(image, [[0.0, 0.0, 1.0], [0.5, 1.0, 0.0]])[0, :, :, 0]
    # The last column looks half a pixel past the border and repeats it.
    np.testing.assert_allclose(got, [[5, 15, 20], [35, 45, 50]], rtol=1e-6)


def test_bilinear_value_inside_one_cell():
    image = np.float32([[1, 2], [3, 5]])[np.newaxis, :, :, np.newaxis]
    # Every pixel looks at row 0.25, column 0.75 (0.5, 0.5 is the centre):
    # (1 * 0.25 + 2 * 0.75) * 0.75 + (3 * 0.25 + 5 * 0.75) * 0.25 = 2.4375
    got = warped(image, [[-0.25, 0.0, 0.0], [0.25, 0.0, 0.0]])
    np.testing.assert_allclose(got, np.full_like(image, 2.4375), rtol=1e-6)


def test_transpose_and_quarter_turn():
    square = IMAGES[:, :10]
    np.testing.assert_array_equal(warped(square, [[0, 1, 0], [0, 0, 1]]), square.transpose(0, 2, 1, 3))
    turned = warped(square, [[0, 1, 0], [0, 0, -1]])
    np.testing.assert_array_equal(turned, np.rot90(square, 1, (1, 2)))


def test_channels_move_together():
    colour = RANDOM.integers(0, 256, (3, 9, 11, 3), dtype=np.uint8)
    both = run(lambda i: augment(i, 1, 2), colour)
    for channel in range(3):
        alone = run(lambda i: augment(i, 1, 2), colour[..., channel : channel + 1])
        np.testing.assert_allclose(both[..., channel : channel + 1], alone, atol=1e-3)


def test_rotation_angle_and_shear_of_the_drawn_map():
    draws = np.float32([[1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 1, -1, 0, 0.5, -1]])
    strengths = Augmentation(rotation=30.0, scale=0.25, shear=0.2, shift=2.0)
    got = run(lambda d: augmentation._affine_coefficients(d, strengths), draws)
    half, root = 0.5, np.sqrt(3) / 2
    np.testing.assert_allclose(got[0], [[0, half, root], [0, root, -half]], atol=1e-6)
    np.testing.assert_allclose(got[1], [[0, 0, 1], [0, 1, 0.2]], atol=1e-6)
    np.testing.assert_allclose(got[2], [[1, 0, 0.8], [-2, 1.25, 0]], atol=1e-6)


def test_elastic_field_has_the_standard_deviation_asked_for():
    basis = augmentation._bump_basis(28, 28, 4.5)
    assert basis.shape == (36, 784)
    coefficients = run(lambda: draw_coefficients(2000, (28, 28), 5, 0, OFF._replace(elastic_std=1.5)))
    field = coefficients[:, :, 3:] @ basis
    assert np.abs(field.mean()) < 0.05
    np.testing.assert_allclose(field.std(axis=0), np.full((2, 784), 1.5), atol=0.12)
    # Smooth: neighbouring pixels move nearly alike, far corners independently.
    assert np.corrcoef(field[:, 0, 400], field[:, 0, 401])[0, 1] > 0.97
    assert abs(np.corrcoef(field[:, 0, 0], field[:, 0, 783])[0, 1]) < 0.1


def test_strengths_bound_the_affine_part():
    coefficients = run(lambda: draw_coefficients(4000, (28, 28), 9, 1, OFF._replace(shift=1.5)))
    assert np.abs(coefficients[:, :, 0]).max() <= 1.5
    assert coefficients[:, :, 0].std() == pytest.approx(1.5 / np.sqrt(3), rel=0.03)
    np.testing.assert_array_equal(coefficients[:, :, 1:3], np.broadcast_to(np.float32([[0, 1], [1, 0]]), (4000, 2, 2)))


def test_full_taper_draws_a_strength_for_each_image():
    only_shift = OFF._replace(shift=1.0)
    full = run(lambda: draw_coefficients(4000, (28, 28), 9, 1, only_shift))
    tapered = run(lambda: draw_coefficients(4000, (28, 28), 9, 1, only_shift, taper=tf.constant(1.0)))
    factor = tapered[:, :, 0] / full[:, :, 0]
    np.testing.assert_allclose(factor[:, 0], factor[:, 1], rtol=1e-4)
    assert 0 <= factor.min() < 0.01 and 0.99 < factor.max() <= 1
    assert factor[:, 0].mean() == pytest.approx(0.5, abs=0.02)


def test_equal_seed_and_step_repeat_to_the_bit_and_others_differ():
    first = run(lambda i: augment(i, 7, 100), DIGITS)
    np.testing.assert_array_equal(first, run(lambda i: augment(i, 7, tf.constant(100)), DIGITS))
    assert np.abs(first - run(lambda i: augment(i, 7, 101), DIGITS)).mean() > 1
    assert np.abs(first - run(lambda i: augment(i, 8, 100), DIGITS)).mean() > 1


def test_rows_of_a_batch_get_different_distortions():
    same = np.repeat(DIGITS[:1], 4, axis=0)
    got = run(lambda i: augment(i, 7, 1), same)
    assert all(np.abs(got[0] - other).mean() > 1 for other in got[1:])


@pytest.mark.parametrize('compiled', [True, False])
def test_parts_warped_apart_equal_the_whole_batch(compiled):
    def split(images):
        coefficients = draw_coefficients(64, (28, 28), 7, 3)
        halves = [warp(images[half], coefficients[half], compiled=compiled) for half in (slice(32), slice(32, 64))]
        return tf.concat(halves, axis=0)

    np.testing.assert_array_equal(run(split, DIGITS), run(lambda i: augment(i, 7, 3, compiled=compiled), DIGITS))


def test_compiled_and_plain_agree_up_to_rounding():
    compiled = run(lambda i: augment(i, 2, 2, compiled=True), DIGITS)
    plain = run(lambda i: augment(i, 2, 2, compiled=False), DIGITS)
    np.testing.assert_allclose(compiled, plain, atol=0.02)


def test_off_only_casts():
    with tf.Graph().as_default() as graph:
        got = augment(tf.constant(IMAGES), 1, 1, OFF)
        assert {operation.type for operation in graph.get_operations()} == {'Const', 'Cast'}
        assert got.dtype == tf.float32


def test_unknown_batch_size():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        images = tf.compat.v1.placeholder(tf.uint8, [None, 28, 28, 1])
        got = session.run(augment(images, 7, 3), {images: DIGITS})
    np.testing.assert_allclose(got, run(lambda i: augment(i, 7, 3), DIGITS), atol=0.02)


def test_elastic_field_without_width_is_refused():
    with tf.Graph().as_default(), pytest.raises(ValueError, match='elastic_sigma'):
        augment(tf.zeros([3, 28, 28, 1]), 0, 0, Augmentation(elastic_sigma=0.0))


def test_one_pixel_images_are_refused():
    with tf.Graph().as_default(), pytest.raises(UsageError, match='2 x 2'):
        augment(tf.zeros([3, 1, 28, 1]), 0, 0)


def test_large_images_are_refused_before_they_take_the_memory():
    with tf.Graph().as_default():
        with pytest.raises(UsageError, match='256x256 are too large .* give --augment_elastic=0'):
            augment(tf.zeros([3, 256, 256, 1]), 0, 0)
        augment(tf.zeros([3, 256, 256, 1]), 0, 0, Augmentation(elastic_std=0.0))
