"""Opening and decoding picture files, good and bad."""

import io
import os
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from helpers.drawn_pictures import correlation, draw_picture
from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import decode, extract

REFERENCE = extract.picture_to_digit(draw_picture())


def fails(path):
    """The message of the ImageError that reading `path` raises; it must be one line with the file's name."""
    with pytest.raises(ImageError) as error:
        extract.picture_to_digit(path)
    message = str(error.value)
    assert '\n' not in message and os.path.basename(path) in message
    return message


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


@pytest.mark.parametrize('orientation', [3, 6, 8])
def test_turned_tiff_file_without_compression_is_read_upright(tmp_path, orientation):
    grey = draw_picture().convert('L').crop((0, 0, 120, 90))
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey.save(tmp_path / 'turned.tif', exif=exif, compression=None)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO((tmp_path / 'turned.tif').read_bytes())))
    np.testing.assert_allclose(
        extract.read_picture(tmp_path / 'turned.tif', None)[:, :, 0], np.asarray(upright) / np.float32(255), atol=1e-6
    )


@pytest.mark.parametrize('ending', ['bmp', 'gif', 'tif', 'webp', 'ppm', 'jpg'])
def test_every_common_format_gives_the_same_digit(tmp_path, ending):
    path = tmp_path / f'digit.{ending}'
    draw_picture().save(path)
    assert extract.list_pictures(tmp_path) == [str(path)]
    assert correlation(extract.picture_to_digit(path), REFERENCE) > 0.97


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'LA', 'RGB', 'RGBA', 'I;16'])
def test_png_that_claims_more_than_its_bytes_can_hold_is_refused(tmp_path, mode):
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
    assert correlation(extract.picture_to_digit(path), REFERENCE) > 0.97


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


@pytest.mark.parametrize('mode', ['1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK', 'YCbCr', 'I', 'F', 'I;16'])
def test_modes_make_no_difference(mode):
    picture = draw_picture()
    if mode == 'I;16':
        picture = Image.fromarray(np.asarray(picture.convert('L')).astype(np.uint16) * 257)
        assert picture.mode == mode
    else:
        picture = picture.convert(mode)
    assert correlation(extract.picture_to_digit(picture), REFERENCE) > 0.98


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='this system has no named pipes')
def test_named_pipe_is_refused_without_opening_it(tmp_path):
    os.mkfifo(tmp_path / 'a.png')
    assert 'named pipe' in fails(tmp_path / 'a.png')


def test_path_that_the_system_refuses_is_not_called_damaged(tmp_path):
    (tmp_path / 'file').write_bytes(b'')
    assert 'cannot be read (Not a directory)' in fails(tmp_path / 'file' / 'a.png')


@pytest.mark.parametrize('mode', ['I;16', 'I', 'F'])
@pytest.mark.parametrize('longest_side', [96, 5])
def test_deep_tiff_takes_little_memory_besides_its_own(tmp_path, mode, longest_side):
    side = 2400
    grey = np.tile(np.arange(side) % 256, (side, 1))
    kind = {'I;16': np.uint16, 'I': np.int32, 'F': np.float32}[mode]
    Image.fromarray(grey.astype(kind)).save(tmp_path / 'deep.tif')
    tracemalloc.start()  # sees what numpy takes, and not the decoded picture, which is Pillow's
    try:
        assert extract.read_picture(tmp_path / 'deep.tif', longest_side).shape == (longest_side, longest_side, 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * side * side


BYTES_A_PIXEL = {
    ('L', 'PNG'): 5,
    ('RGB', 'PNG'): 8,
    ('I;16', 'PNG'): 6,
    ('F', 'TIFF'): 12,
    ('RGB', 'WEBP'): 16,
    ('RGB', 'JPEG2000'): 24,
    ('RGB', 'progressive JPEG'): 14,
}


@pytest.mark.parametrize('mode, kind', BYTES_A_PIXEL)
def test_memory_is_bounded_by_what_the_header_says(tmp_path, monkeypatch, mode, kind):
    path, side = tmp_path / 'picture', 90
    options = {'progressive': True} if 'progressive' in kind else {}
    if mode == 'I;16':
        picture = Image.fromarray(np.asarray(draw_picture().convert('L')).astype(np.uint16) * 257).resize((side, side))
    else:
        picture = draw_picture().resize((side, side)).convert(mode)
    picture.save(path, kind.split()[-1], **options)
    needed = BYTES_A_PIXEL[mode, kind] * side * side
    monkeypatch.setattr(decode, 'MAX_BYTES', needed)
    extract.read_picture(path)
    monkeypatch.setattr(decode, 'MAX_BYTES', needed - 1)
    monkeypatch.setattr(Image.Image, 'load', lambda image: pytest.fail('decoded'))
    message = fails(path)
    assert 'the limit is 0 MB; make the picture smaller' in message and '90 x 90' in message


def test_photo_of_48_megapixels_is_within_the_limits():
    per_pixel = max(decode._DECODER_BYTES['WEBP'], 6) + 4 + decode._COPY_BYTES
    assert 48_000_000 <= decode.MAX_PIXELS and 48_000_000 * per_pixel <= decode.MAX_BYTES


def test_heic_pictures_are_read_as_they_stand(tmp_path):
    heif = pytest.importorskip('pillow_heif')
    path = tmp_path / 'phone.heic'
    heif.from_pillow(draw_picture(size=(400, 400)).convert('RGB')).save(path)
    assert correlation(extract.picture_to_digit(path), REFERENCE) > 0.95
    assert 'HEIF' not in Image.OPEN  # Pillow was taught nothing


def test_a_heic_picture_without_its_extra_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / 'phone.heic'
    path.write_bytes(b'\0\0\0\x1cftypheic' + bytes(100))
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    assert "[heic]'" in fails(path)


def test_documents_are_refused_with_the_remedy(tmp_path):
    for name, start in (
        ('scan.pdf', b'%PDF-1.7\n'),
        ('a.svg', b'<svg xmlns="x">'),
        ('b.svg', b'<?xml version="1"?><svg>'),
    ):
        (tmp_path / name).write_bytes(start + bytes(20))
        assert 'export it as PNG' in fails(tmp_path / name)


def test_every_page_of_a_tiff_file_is_a_picture(tmp_path):
    path, single = tmp_path / 'scan.tif', tmp_path / 'one.tiff'
    pages = [draw_picture(), ImageOps.mirror(draw_picture())]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    pages[0].save(single)
    paths = decode.with_pages([str(path), str(single), 'missing.tif', 'a.png'])
    assert paths == [f'{path}#1', f'{path}#2', str(single), 'missing.tif', 'a.png']
    for page, named in zip(pages, paths):
        np.testing.assert_allclose(extract.picture_to_digit(named), extract.picture_to_digit(page), atol=1e-6)
    assert 'no more' in fails(f'{path}#3') or 'damaged' in fails(f'{path}#3')
