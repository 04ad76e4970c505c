"""Arrays and images of every kind become the same pixels: scales, transparency, idle colour."""

import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers.drawn_pictures import correlation, draw_picture, draw_share
from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import decode, extract, pixels

REFERENCE = extract.picture_to_digit(draw_picture())


def test_floats_may_overshoot_and_hold_infinities():
    digit = 1 - draw_share('7')
    expected = extract.picture_to_digit(digit)
    np.testing.assert_allclose(extract.picture_to_digit(digit * 1.02), expected, atol=0.05)
    broken = digit.copy()
    broken[0, 0], broken[0, 1], broken[1, 0] = np.inf, -np.inf, np.nan
    assert correlation(extract.picture_to_digit(broken), expected) > 0.98
    np.testing.assert_allclose(extract.picture_to_digit((digit * 255).astype(np.int32)), expected, atol=0.02)


@pytest.mark.parametrize('ink', [0, 70, 255])
def test_transparent_paper_suits_the_ink(ink):
    share = draw_share()
    alpha = Image.fromarray(np.uint8(share * 255))
    for hidden in (0, 255):  # the colour of what cannot be seen
        grey = Image.fromarray(np.where(share > 0, ink, hidden).astype(np.uint8))
        for picture in (Image.merge('LA', (grey, alpha)), Image.merge('RGBA', (grey, grey, grey, alpha))):
            assert correlation(extract.picture_to_digit(picture), REFERENCE) > 0.98


def test_transparent_margin_takes_the_papers_colour():
    picture = draw_picture(size=(120, 120)).convert('RGBA')
    pixels = np.asarray(picture).copy()
    y, x = np.mgrid[:120, :120]
    pixels[np.hypot(y - 60, x - 60) > 62] = 0  # black and transparent, around a round card
    assert correlation(extract.picture_to_digit(Image.fromarray(pixels)), REFERENCE) > 0.98


def test_palette_with_transparency_is_drawn_on_paper(tmp_path):
    share = draw_share() > 0.5
    picture = Image.new('P', (120, 120))
    picture.putdata(share.astype(int).ravel().tolist())
    picture.putpalette([0, 0, 0, 0, 0, 0])  # black ink on what would be black, were it not transparent
    picture.save(tmp_path / 'p.png', transparency=0)
    assert correlation(extract.picture_to_digit(tmp_path / 'p.png'), REFERENCE) > 0.95


def test_16_bit_grey_with_alpha_is_drawn_on_paper(tmp_path):
    share = draw_share()
    rows = b''
    for line in share:
        grey = np.full(120, 3000, '>u2')
        rows += b'\0' + np.stack([grey, (line * 65535).astype('>u2')], axis=1).tobytes()

    def chunk(kind, data):
        return len(data).to_bytes(4, 'big') + kind + data + zlib.crc32(kind + data).to_bytes(4, 'big')

    header = (120).to_bytes(4, 'big') * 2 + bytes([16, 4, 0, 0, 0])
    path = tmp_path / 'deep.png'
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')
    )
    assert correlation(extract.picture_to_digit(path), REFERENCE) > 0.98


@pytest.mark.parametrize(
    'array', [np.zeros((0, 5)), np.zeros(9), np.zeros((4, 4, 5)), np.zeros((4, 4), complex), np.zeros((2, 2, 2, 2))]
)
def test_array_that_is_no_picture_is_an_error(array):
    with pytest.raises(ImageError, match='not a picture'):
        extract.read_picture(array)


def test_long_integers_may_be_a_mask():
    mask = np.asarray(draw_picture()) < 128
    for kind in (np.int32, np.int64):
        np.testing.assert_array_equal(extract.picture_to_digit(mask.astype(kind)), extract.picture_to_digit(mask))


@pytest.mark.parametrize('grey', [0, 255])
def test_bold_digit_cut_out_on_transparency_gets_paper_around_it(grey):
    """More ink than paper, and none of the paper is opaque."""
    alpha = Image.new('L', (60, 100), 0)
    draw = ImageDraw.Draw(alpha)
    draw.ellipse((0, 0, 59, 99), fill=255)
    draw.ellipse((22, 30, 37, 69), fill=0)
    bold = Image.merge('LA', (Image.new('L', alpha.size, grey), alpha))
    on_paper = Image.new('L', (100, 140), 255 - grey)
    on_paper.paste(grey, (20, 20), alpha)
    assert np.abs(extract.picture_to_digit(bold) - extract.picture_to_digit(on_paper)).mean() < 0.02


@pytest.mark.parametrize('kind', ['grey', 'rgb', 'float', 'wide float', 'bool', 'uint16', 'one channel'])
def test_arrays_are_pictures_too(kind):
    rgb = np.asarray(draw_picture())
    grey = rgb[:, :, 0]
    array = {
        'grey': grey,
        'rgb': rgb,
        'float': grey / 255,
        'wide float': grey.astype(np.float64),
        'bool': grey > 127,
        'uint16': grey.astype(np.uint16) * 257,
        'one channel': grey[:, :, None],
    }[kind]
    assert correlation(extract.picture_to_digit(array), REFERENCE) > 0.98


@pytest.mark.parametrize('kind', [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize('longest_side', [None, 96, 400, 7])
def test_conversion_in_strips_gives_the_numbers_of_the_whole(monkeypatch, kind, longest_side):
    values = np.random.default_rng(1).random((523, 331))
    array = (values * (0.9 if kind == np.float32 else 40_000)).astype(kind)
    whole = pixels.reduce_picture(pixels.array_to_picture(array), longest_side)
    monkeypatch.setattr(pixels, '_STRIP_VALUES', 331 * 10)
    np.testing.assert_array_equal(pixels.deep_image_to_picture(Image.fromarray(array), longest_side), whole)
    np.testing.assert_array_equal(pixels.reduce_picture(pixels.array_to_picture(array), longest_side), whole)


@pytest.mark.parametrize(('shape', 'dtype'), [((9, 7), np.uint8), ((9, 7, 3), np.uint8), ((9, 7, 4), np.float32)])
def test_pixels_are_bytes_where_the_file_is_and_is_opaque(tmp_path, shape, dtype):
    values = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    path = tmp_path / 'x.png'
    Image.fromarray(values).save(path)
    found = decode.read_pixels(path)
    assert found.dtype == dtype
    np.testing.assert_array_equal(pixels.as_floats(found), decode.read_picture(path))


@pytest.mark.parametrize('channels', [1, 3])
def test_what_is_shown_of_bytes_and_of_floats_is_the_same(channels):
    column = np.repeat(np.uint8([[[30]], [[200]]]), channels, axis=2).repeat(4, axis=0).repeat(2, axis=1)
    assert pixels.shown(column, 8) is column
    for picture in (column, column / np.float32(255)):
        small = pixels.shown(picture, 4)
        assert small.dtype == np.uint8 and small.shape == (4, 1, channels)
        assert small[:, 0, 0].tolist() == [30, 30, 200, 200]
        assert pixels.shown(picture, 9).tolist() == column.tolist()
    assert pixels.shown(np.zeros((900, 1, channels), np.uint8), 10).shape == (10, 1, channels)
