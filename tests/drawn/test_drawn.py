"""Tests of the drawn digits: mnist_graph.drawn and what it draws with."""

import hashlib
import os
import platform

import numpy as np
import pytest
from PIL import Image

from helpers.programs import REPOSITORY
from mnist_graph.base.errors import UsageError
from mnist_graph.drawn import dataset as drawn
from mnist_graph.drawn import pen, splines, strokes

SMALL = {'n_train': 30, 'n_test': 10, 'seed': 7}


@pytest.fixture(scope='module')
def digits():
    return drawn.draw_digits(1200, seed=3)


def _extent(image):
    """(height, width) in pixels of what is not black."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1


@pytest.mark.skipif(platform.machine() != 'x86_64', reason='other processors round single grey levels otherwise')
def test_the_same_digits_as_ever(digits):
    """Networks trained on drawn digits can be compared between versions of the package."""
    images, labels = digits
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    assert digest == '755f3e7d6cac35afbec94bb04ab3e907a08e5682ac8df481f41ec1ec28a83fa5'


def test_format_is_mnists(digits):
    images, labels = digits
    assert images.shape == (1200, 28, 28) and images.dtype == np.uint8
    assert labels.shape == (1200,) and labels.dtype == np.uint8
    # Ink reaches full white, and most of a picture is black.
    assert np.all(images.max(axis=(1, 2)) > 200)
    assert 0.7 < np.mean(images == 0) < 0.9


def test_classes_are_balanced_and_shuffled(digits):
    _, labels = digits
    assert np.bincount(labels, minlength=10).tolist() == [120] * 10
    assert 0.05 < np.mean(labels[1:] == labels[:-1]) < 0.15
    assert sorted(np.bincount(drawn.draw_digits(13, seed=0)[1], minlength=10)) == [1] * 7 + [2] * 3


def test_longest_side_is_20_pixels(digits):
    longest = np.array([max(_extent(image)) for image in digits[0]])
    assert longest.max() == 20
    assert np.mean(longest == 20) > 0.99


def test_centre_of_mass_is_pixel_14(digits):
    images = digits[0].astype(float)
    index = np.arange(28)
    total = images.sum(axis=(1, 2))
    rows, columns = images.sum(axis=2) @ index / total, images.sum(axis=1) @ index / total
    for centres in (rows, columns):
        # Whole-pixel shifts leave up to half a pixel; only digits stopped by the edge may be further off.
        assert np.mean(np.abs(centres - 14) <= 0.5 + 1e-9) > 0.99
        assert abs(centres.mean() - 14) < 0.05


def test_same_seed_same_digits_whatever_the_threads(digits):
    images, labels = drawn.draw_digits(1200, seed=3, n_threads=3)
    alone, alone_labels = drawn.draw_digits(1200, seed=3, n_threads=1)
    for others in (images, alone):
        np.testing.assert_array_equal(others, digits[0])
    np.testing.assert_array_equal(labels, alone_labels)


def test_other_seeds_other_digits():
    first, labels = drawn.draw_digits(50, seed=1)
    second, other_labels = drawn.draw_digits(50, seed=2)
    assert not {image.tobytes() for image in first} & {image.tobytes() for image in second}
    assert labels.tolist() != other_labels.tolist()


def test_no_digit_is_drawn_twice(digits):
    assert len({image.tobytes() for image in digits[0]}) == 1200


def test_single_digit():
    image = drawn.draw_digit(2, seed=5)
    assert image.shape == (28, 28) and image.dtype == np.uint8
    np.testing.assert_array_equal(image, drawn.draw_digit(2, seed=5))
    assert np.any(image != drawn.draw_digit(2, seed=6))
    assert np.any(image != drawn.draw_digit(3, seed=5))


def test_test_picture_is_dark_ink_on_light_paper():
    picture = drawn.test_picture()
    assert picture.shape == (28, 28) and picture.dtype == np.uint8
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert border.min() > 200 and picture.min() < 60 and 0.05 < np.mean(picture < 128) < 0.25
    # The file in the repository is this picture; another processor may round a grey level otherwise.
    path = REPOSITORY / 'test_img.png'
    with Image.open(path) as file:
        assert file.mode == 'L' and file.size == (28, 28)
        difference = np.abs(np.asarray(file).astype(int) - picture)
    assert difference.max() <= 2


@pytest.mark.parametrize(
    'call',
    [
        lambda: drawn.draw_digit(10, 0),
        lambda: drawn.draw_digits(-1, 0),
        lambda: drawn.draw_digits(1, -1),
        lambda: drawn.load_or_draw(None, 1, 1, -1),
    ],
)
def test_impossible_requests(call):
    with pytest.raises(UsageError):
        call()


def test_no_digits():
    images, labels = drawn.draw_digits(0, seed=1)
    assert images.shape == (0, 28, 28) and labels.shape == (0,)


def test_progress_counts_the_blocks():
    seen = []

    def progress(steps):
        for step in steps:
            yield step
            seen.append(step)

    drawn.draw_digits(2500, seed=1, progress=progress)
    assert len(seen) == 3


# Strokes and their splines.


@pytest.mark.parametrize('digit', range(10))
def test_descriptions_are_consistent(digit):
    for way in strokes.WAYS[digit]:
        assert way.frequency > 0
        parsed = [[splines.parse_stroke(text) for text in form] for form in way.forms]
        plan = [(len(points), corners) for points, corners in parsed[0]]
        for form in parsed:
            assert [(len(points), corners) for points, corners in form] == plan, way.name
            points = np.concatenate([points for points, _ in form])
            assert points.min() >= -0.2 and points.max() <= 1.2, way.name


def test_parse_stroke():
    points, corners = splines.parse_stroke('10 8  85 4 |  45 100')
    np.testing.assert_allclose(points, [[0.1, 0.08], [0.85, 0.04], [0.45, 1.0]])
    assert corners == [1]


@pytest.mark.parametrize('digit', range(10))
def test_splines_keep_a_digit_where_it_is(digit):
    # Rows that add up to 1: moving every control point moves the path alike.
    for way in strokes.WAYS[digit]:
        curves = splines.prepare(way)
        np.testing.assert_allclose(curves.sharp.sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(curves.round.sum(axis=1), 1, atol=1e-6)


def test_path_follows_the_described_points():
    # A right angle with a corner: every sample lies on one of the two straight legs.
    way = strokes.Way('angle', 1, (('0 0  50 0  100 0 |  100 50  100 100',),))
    curves = splines.prepare(way)
    path = curves.sharp @ curves.forms[0]
    on_top, on_right = np.abs(path[:, 1]) < 1e-6, np.abs(path[:, 0] - 1) < 1e-6
    assert np.all(on_top | on_right)
    assert on_top.sum() == on_right.sum() == splines.N_SAMPLES // 2
    # The rounded path cuts the corner.
    assert np.min(np.abs((curves.round @ curves.forms[0]) - [1, 0]).sum(axis=1)) > 0.1


def test_pen_draws_a_line_of_its_width():
    # A vertical line through x = 10 pixels, radius 2: columns 8 to 11 are inside, by 0.5 or 1.5 pixels.
    y = np.linspace(2, 18, 200, dtype=np.float32)[None]
    inside = pen.ink(np.full_like(y, 10), y, np.full_like(y, 2))[0]
    np.testing.assert_allclose(inside[10, 7:13], [-0.5, 0.5, 1.5, 1.5, 0.5, -0.5], atol=0.01)


def test_fit_makes_the_ink_20_pixels():
    x, y = np.array([[0, 0.3, 0.5]], np.float32), np.array([[0, 0.2, 1]], np.float32)
    radius = np.array([[1, 2, 3]], np.float32)
    x, y = pen.fit(x, y, radius)
    # 14 pixels wide, or less: moved to the middle by a whole number of pixels.
    start = (x - radius).min()
    assert start == pytest.approx(np.floor((20 - ((x + radius).max() - start)) / 2), abs=1e-3) and start >= 3
    assert (y - radius).min() == pytest.approx(0, abs=1e-4)
    assert (y + radius).max() == pytest.approx(20, abs=1e-3)
    # The shape keeps its proportions: half as wide as high, between pen tips.
    assert np.ptp(x) == pytest.approx(np.ptp(y) / 2, rel=1e-4)


def test_place_centres_a_known_picture():
    darkness = np.zeros((1, 20, 20), np.float32)
    darkness[0, 3, 5] = 1.0
    image = pen.place(darkness)[0]
    # (3, 5) cannot go to row 14, since at most 8 rows fit above a 20-pixel square.
    assert image[3 + 8, 5 + 8] == 255 and image.sum() == 255
    darkness[0, 17, 9] = 1.0  # now the centre of mass is (10, 7)
    image = pen.place(darkness)[0]
    assert image[3 + 4, 5 + 7] == 255 and image[17 + 4, 9 + 7] == 255


# The cache.


def test_train_and_test_share_nothing():
    train, _, test, _ = drawn.load_or_draw(None, **SMALL)
    assert train.shape == (30, 28, 28) and test.shape == (10, 28, 28)
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}


def test_cache_round_trip(tmp_path, monkeypatch):
    cache_dir = str(tmp_path / 'not' / 'yet')
    first = drawn.load_or_draw(cache_dir, **SMALL)
    files = os.listdir(cache_dir)
    assert len(files) == 1  # and no temporary file

    def no_drawing(*arguments):
        raise AssertionError('drew again in spite of the cache')

    monkeypatch.setattr(pen, 'draw_block', no_drawing)
    second = drawn.load_or_draw(cache_dir, **SMALL)
    for expected, found in zip(first, second):
        assert found.dtype == np.uint8 and found.flags.writeable
        np.testing.assert_array_equal(found, expected)
    # Another seed is not served from it.
    with pytest.raises(AssertionError, match='drew again'):
        drawn.load_or_draw(cache_dir, 30, 10, seed=8)


@pytest.mark.parametrize('damage', ['flip', 'cut', 'empty', 'longer', 'version'])
def test_unsound_cache_is_drawn_anew(tmp_path, monkeypatch, damage):
    expected = drawn.load_or_draw(str(tmp_path), **SMALL)
    (path,) = tmp_path.iterdir()
    sound = path.read_bytes()
    content = bytearray(sound)
    content[len(content) // 2] ^= 1
    path.write_bytes(
        {'flip': bytes(content), 'cut': sound[:-1], 'empty': b'', 'longer': sound + b'\0', 'version': sound}[damage]
    )
    if damage == 'version':
        monkeypatch.setattr(drawn, '_VERSION', drawn._VERSION + 1)
    found = drawn.load_or_draw(str(tmp_path), **SMALL)
    for one, other in zip(expected, found):
        np.testing.assert_array_equal(one, other)
    (path,) = tmp_path.iterdir()
    assert (path.read_bytes() == sound) == (damage != 'version')


def test_unwritable_cache_folder_is_no_error(tmp_path):
    # A file where the folder should be: unwritable even for the superuser.
    blocked = tmp_path / 'file'
    blocked.write_text('')
    images = drawn.load_or_draw(str(blocked / 'cache'), **SMALL)[0]
    np.testing.assert_array_equal(images, drawn.load_or_draw(None, **SMALL)[0])


def test_failed_write_leaves_no_temporary_file(tmp_path, monkeypatch):
    def full_disk(*paths):
        raise OSError('No space left on device')

    monkeypatch.setattr(os, 'replace', full_disk)
    drawn.load_or_draw(str(tmp_path), **SMALL)
    assert list(tmp_path.iterdir()) == []
