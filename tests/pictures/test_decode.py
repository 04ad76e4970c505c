"""Finding and decoding picture files, good and bad."""

import io
import os
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps, PngImagePlugin

from helpers.drawn_pictures import correlation, draw_picture, draw_share
from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import decode, extract


def fails(path):
    """The message of the ImageError that reading `path` raises; it must be one line with the file's name."""
    with pytest.raises(ImageError) as error:
        extract.picture_to_digit(path)
    message = str(error.value)
    assert '\n' not in message and os.path.basename(path) in message
    return message


def test_list_pictures_takes_files_and_folders_in_order(tmp_path):
    for name in ('b.png', 'a.JPG', 'notes.txt', '.hidden.png', 'sub/c.bmp', '.cache/d.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    found = extract.list_pictures([tmp_path / 'notes.txt', str(tmp_path)])
    assert [os.path.relpath(path, tmp_path) for path in found] == ['notes.txt', 'a.JPG', 'b.png', 'sub/c.bmp']


def test_list_pictures_reports_what_is_not_there(tmp_path):
    with pytest.raises(ImageError, match='nowhere'):
        extract.list_pictures([tmp_path / 'nowhere'])
    with pytest.raises(ImageError, match='no pictures'):
        extract.list_pictures(tmp_path)


def test_bad_files_are_errors_of_one_line(tmp_path):
    path = tmp_path / 'digit.png'
    draw_picture().save(path)
    good = path.read_bytes()
    path.write_bytes(b'')
    assert 'empty' in fails(path)
    path.write_bytes(good[: len(good) // 2])
    assert 'truncated' in fails(path)
    path.write_bytes(good[:40] + bytes(60) + good[100:])
    fails(path)
    path.write_bytes(b'This is\nno picture.')
    assert 'not a picture' in fails(path)
    assert 'no such file' in fails(tmp_path / 'missing.png')
    assert 'folder' in fails(tmp_path)


def test_truncated_jpeg_is_an_error(tmp_path):
    path = tmp_path / 'photo.jpg'
    draw_picture(size=(400, 400)).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    assert 'truncated' in fails(path)


@pytest.mark.skipif(not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='root may read everything')
def test_unreadable_file_is_an_error(tmp_path):
    path = tmp_path / 'secret.png'
    draw_picture().save(path)
    path.chmod(0)
    assert 'permission' in fails(path)


def test_bomb_is_refused_before_decoding(tmp_path, monkeypatch):
    path = tmp_path / 'bomb.png'
    # The header alone says 30,000 x 30,000; decoding would fail otherwise.
    draw_picture().save(path)
    content = path.read_bytes()
    header = b'IHDR' + (30000).to_bytes(4, 'big') * 2 + content[24:29]
    import zlib

    path.write_bytes(content[:12] + header + zlib.crc32(header).to_bytes(4, 'big') + content[33:])
    assert 'megapixels' in fails(path)
    draw_picture().save(path)
    monkeypatch.setattr(decode, 'MAX_PIXELS', 120 * 120 - 1)
    assert 'megapixels' in fails(path)


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'WEBP'])
def test_damaged_tags_do_not_keep_a_picture_from_being_read(tmp_path, kind):
    path = tmp_path / 'tags'
    draw_picture('7').convert('L').save(path, kind, exif=b'Exif\0\0garbage!', quality=95)
    assert correlation(extract.picture_to_digit(path), extract.picture_to_digit(draw_picture('7'))) > 0.98


def test_floats_may_overshoot_and_hold_infinities():
    digit = 1 - draw_share('7')
    expected = extract.picture_to_digit(digit)
    np.testing.assert_allclose(extract.picture_to_digit(digit * 1.02), expected, atol=0.05)
    broken = digit.copy()
    broken[0, 0], broken[0, 1], broken[1, 0] = np.inf, -np.inf, np.nan
    assert correlation(extract.picture_to_digit(broken), expected) > 0.98
    np.testing.assert_allclose(extract.picture_to_digit((digit * 255).astype(np.int32)), expected, atol=0.02)


@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_orientation_is_obeyed(tmp_path, orientation):
    upright = draw_picture('7', size=(100, 120), box=(20, 20, 60, 80)).convert('L')
    # How a camera held so stores it: the inverse of what a viewer does.
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    picture = upright if stored is None else upright.transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / 'turned.jpg'
    picture.save(path, exif=exif, quality=95)
    expected = extract.picture_to_digit(upright)
    assert correlation(extract.picture_to_digit(path), expected) > 0.98


@pytest.mark.parametrize('ink', [0, 70, 255])
def test_transparent_paper_suits_the_ink(ink):
    share = draw_share()
    alpha = Image.fromarray(np.uint8(share * 255))
    for hidden in (0, 255):  # the colour of what cannot be seen
        grey = Image.fromarray(np.where(share > 0, ink, hidden).astype(np.uint8))
        for picture in (Image.merge('LA', (grey, alpha)), Image.merge('RGBA', (grey, grey, grey, alpha))):
            assert correlation(extract.picture_to_digit(picture), share_reference()) > 0.98


def share_reference():
    return extract.picture_to_digit(draw_picture())


def test_transparent_margin_takes_the_papers_colour():
    picture = draw_picture(size=(120, 120)).convert('RGBA')
    pixels = np.asarray(picture).copy()
    y, x = np.mgrid[:120, :120]
    pixels[np.hypot(y - 60, x - 60) > 62] = 0  # black and transparent, around a round card
    assert correlation(extract.picture_to_digit(Image.fromarray(pixels)), share_reference()) > 0.98


def test_palette_with_transparency(tmp_path):
    share = draw_share() > 0.5
    picture = Image.new('P', (120, 120))
    picture.putdata(share.astype(int).ravel().tolist())
    picture.putpalette([0, 0, 0, 0, 0, 0])  # black ink on what would be black, were it not transparent
    picture.save(tmp_path / 'p.png', transparency=0)
    assert correlation(extract.picture_to_digit(tmp_path / 'p.png'), share_reference()) > 0.95


def test_16_bit_grey_with_alpha(tmp_path):
    share = draw_share()
    rows = b''
    for line in share:
        grey = np.full(120, 3000, '>u2')
        rows += b'\0' + np.stack([grey, (line * 65535).astype('>u2')], axis=1).tobytes()
    import zlib

    def chunk(kind, data):
        return len(data).to_bytes(4, 'big') + kind + data + zlib.crc32(kind + data).to_bytes(4, 'big')

    header = (120).to_bytes(4, 'big') * 2 + bytes([16, 4, 0, 0, 0])
    path = tmp_path / 'deep.png'
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')
    )
    assert correlation(extract.picture_to_digit(path), share_reference()) > 0.98


@pytest.mark.parametrize('ending', ['bmp', 'gif', 'tif', 'webp', 'ppm', 'jpg'])
def test_formats(tmp_path, ending):
    path = tmp_path / f'digit.{ending}'
    draw_picture().save(path)
    assert extract.list_pictures(tmp_path) == [str(path)]
    assert correlation(extract.picture_to_digit(path), share_reference()) > 0.97


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'LA', 'RGB', 'RGBA', 'I;16'])
def test_png_that_claims_more_than_its_bytes_can_hold(tmp_path, mode):
    path = tmp_path / 'page.png'
    # What compresses best of all is still a picture, only without ink.
    Image.new(mode, (3000, 3000)).save(path, optimize=True)
    assert 'truncated' not in fails(path)
    good = path.read_bytes()
    header = good[12:16] + (7000).to_bytes(4) * 2 + good[24:29]
    path.write_bytes(good[:8] + (13).to_bytes(4) + header + zlib.crc32(header).to_bytes(4) + good[33:200])
    assert 'bytes cannot hold 7000 x 7000 pixels' in fails(path)


def test_large_photo_is_reduced(tmp_path):
    path = tmp_path / 'photo.jpg'
    draw_picture(size=(2000, 1500), box=(700, 300, 600, 800), pen=80).save(path)
    assert extract.read_picture(path).shape == (192, 256, 1)
    assert extract.read_picture(path, longest_side=None).shape == (1500, 2000, 1)
    assert correlation(extract.picture_to_digit(path), share_reference()) > 0.97


def test_callers_image_is_left_alone():
    buffer = io.BytesIO()
    draw_picture(size=(600, 600)).save(buffer, 'JPEG')
    picture = Image.open(buffer)
    extract.picture_to_digit(picture)
    assert picture.size == (600, 600)


def test_too_much_text_in_a_png_is_an_error(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text('comment', 'x' * 20_000_000, zip=True)
    draw_picture().save(tmp_path / 'text.png', pnginfo=info)
    fails(tmp_path / 'text.png')


@pytest.mark.parametrize(
    'array', [np.zeros((0, 5)), np.zeros(9), np.zeros((4, 4, 5)), np.zeros((4, 4), complex), np.zeros((2, 2, 2, 2))]
)
def test_arrays_that_are_no_pictures(array):
    with pytest.raises(ImageError, match='not a picture'):
        extract.read_picture(array)


def test_long_integers_may_be_a_mask():
    mask = np.asarray(draw_picture()) < 128
    for kind in (np.int32, np.int64):
        np.testing.assert_array_equal(extract.picture_to_digit(mask.astype(kind)), extract.picture_to_digit(mask))


@pytest.mark.parametrize('orientation', [3, 6, 8])
def test_turned_tiff_files_without_compression(tmp_path, orientation):
    grey = draw_picture().convert('L').crop((0, 0, 120, 90))
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey.save(tmp_path / 'turned.tif', exif=exif, compression=None)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO((tmp_path / 'turned.tif').read_bytes())))
    np.testing.assert_allclose(
        extract.read_picture(tmp_path / 'turned.tif', None)[:, :, 0], np.asarray(upright) / np.float32(255), atol=1e-6
    )


@pytest.mark.parametrize('grey', [0, 255])
def test_bold_digit_cut_out_on_transparency(grey):
    """More ink than paper, and none of the paper is opaque."""
    alpha = Image.new('L', (60, 100), 0)
    draw = ImageDraw.Draw(alpha)
    draw.ellipse((0, 0, 59, 99), fill=255)
    draw.ellipse((22, 30, 37, 69), fill=0)
    bold = Image.merge('LA', (Image.new('L', alpha.size, grey), alpha))
    on_paper = Image.new('L', (100, 140), 255 - grey)
    on_paper.paste(grey, (20, 20), alpha)
    assert np.abs(extract.picture_to_digit(bold) - extract.picture_to_digit(on_paper)).mean() < 0.02
