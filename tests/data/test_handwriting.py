"""Own pictures of one size: digits are recognised by their looks and normalised, other pictures stay what they are."""

import numpy as np
import pytest
from PIL import Image

from mnist_graph.base.errors import DataError, UsageError
from mnist_graph.data import load
from mnist_graph.data.readers.handwriting import show_handwriting
from mnist_graph.drawn.dataset import draw_digits

DIGITS, LABELS = draw_digits(60, seed=11)
random = np.random.default_rng(0)


def on_canvas(digit, side=64):
    """A digit somewhere on a light canvas, of its own size."""
    size = int(random.integers(side // 3, side // 2))
    ink = np.asarray(Image.fromarray(digit).resize((size, size)))
    canvas = np.zeros((side, side), np.uint8)
    top, left = random.integers(2, side - size - 2, 2)
    canvas[top : top + size, left : left + size] = ink
    return 255 - canvas


def garment(side=28):
    """A textured filled shape that reaches from edge to edge, as Fashion-MNIST's do."""
    picture = np.zeros((side, side))
    body = int(random.integers(side // 5, side // 3))
    picture[:, body:-body] = random.uniform(0.4, 0.9)
    picture[2 : side // 3, :] = random.uniform(0.4, 0.9)
    return np.uint8(255 * np.clip(picture * random.normal(1, 0.15, picture.shape), 0, 1))


def with_channel(pictures):
    return [picture[..., None] for picture in pictures]


HANDWRITING = {
    'digits of MNIST': list(DIGITS),
    'dark on light': [255 - digit for digit in DIGITS],
    'on a canvas': [on_canvas(digit) for digit in DIGITS],
    'a bright digit on a canvas': [255 - on_canvas(digit) for digit in DIGITS],
    'with noise and a shadow': [
        np.uint8(np.clip(0.7 * on_canvas(digit) - np.linspace(0, 40, 64) + random.normal(0, 7, (64, 64)), 0, 255))
        for digit in DIGITS
    ],
}
OTHER = {
    'garments': [garment() for _ in range(60)],
    'large garments': [garment(64) for _ in range(60)],
    'textures': list(random.integers(0, 256, (60, 40, 40), np.uint8)),
    'discs': [np.uint8(255 * (np.hypot(*(np.mgrid[:40, :40] - 20)) < radius)) for radius in range(6, 18)],
    'blank': [np.full((40, 40), 200, np.uint8)] * 5,
    'tiny digits': [np.asarray(Image.fromarray(digit).resize((8, 8))) for digit in DIGITS],
}


@pytest.mark.parametrize('kind', HANDWRITING)
def test_handwriting_is_recognised(kind):
    assert show_handwriting(with_channel(HANDWRITING[kind]))


@pytest.mark.parametrize('kind', OTHER)
def test_other_pictures_are_not_taken_for_handwriting(kind):
    assert not show_handwriting(with_channel(OTHER[kind]))
    colour = [np.repeat(digit[..., None], 3, axis=2) for digit in DIGITS]
    assert not show_handwriting(colour) and not show_handwriting([])


def write_classes(folder, pictures, labels, names, n_test=10):
    for index, (picture, label) in enumerate(zip(pictures, labels)):
        path = folder / ('test' if index < n_test else 'train') / names[label]
        path.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path / f'{index}.png')
    return str(folder)


@pytest.mark.parametrize('names', ['0123456789', [f'sign {i}' for i in range(10)]])
def test_pictures_decide_and_names_do_not(tmp_path, names):
    digits = load('auto', write_classes(tmp_path / 'digits', HANDWRITING['on a canvas'], LABELS, names))
    assert digits.input_spec()[:3] == (28, 28, 1) and digits.reads_digits
    (notice,) = digits.notices
    assert 'made each picture a 28x28 digit' in notice and '--pictures=raw' in notice
    garments = load('auto', write_classes(tmp_path / 'garments', OTHER['garments'], LABELS, names))
    np.testing.assert_array_equal(
        np.sort(garments.test.images.ravel()), np.sort(np.ravel(OTHER['garments'][:10]))
    )  # not a pixel was changed
    assert not garments.reads_digits
    (notice,) = garments.notices
    assert 'took the pictures as they are (28x28 pixels, grey)' in notice and '--pictures=digits' in notice


def test_the_user_can_choose(tmp_path):
    folder = write_classes(tmp_path, HANDWRITING['on a canvas'], LABELS, '0123456789')
    raw = load('auto', folder, pictures='raw')
    assert raw.input_spec()[:3] == (64, 64, 1) and not raw.reads_digits and raw.notices == ()
    digits = load('auto', folder, pictures='digits')
    assert digits.input_spec()[:3] == (28, 28, 1) and digits.reads_digits and digits.notices == ()
    np.testing.assert_array_equal(digits.train.images, load('auto', folder).train.images)
    with pytest.raises(UsageError, match='pictures=plain: must be one of auto, raw, digits'):
        load('auto', folder, pictures='plain')


def test_digits_that_are_taken_raw_are_not_read_as_digits_either(tmp_path):
    """Training on 28x28 pictures as they are and then normalising what is predicted would be two views."""
    folder = write_classes(tmp_path, HANDWRITING['dark on light'], LABELS, '0123456789')
    assert not load('auto', folder, pictures='raw').reads_digits


@pytest.mark.parametrize('sides', [(40, 50), (300, 300)])
def test_pictures_that_cannot_be_taken_raw(tmp_path, sides):
    pictures = [on_canvas(digit, side) for digit, side in zip(DIGITS[:4], sides * 2)]
    folder = write_classes(tmp_path, pictures, LABELS[[0, 0, 0, 0]], '0123456789', n_test=2)
    with pytest.raises(DataError, match='cannot be taken as they are; make them of one size'):
        load('auto', folder, pictures='raw', n_validation=0)
    made = load('auto', folder, n_validation=0)
    reason = 'larger than 256 pixels' if sides[0] == sides[1] else 'different sizes'
    assert made.made_digits and reason in made.notice
