"""The IDX reader and writer: known bytes, every kind of damage, bounded memory."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from helpers.data import idx_bytes
from mnist_graph.base import memory
from mnist_graph.base.errors import DataError
from mnist_graph.data import unpacking
from mnist_graph.data.idx import read_idx, to_bytes
from mnist_graph.drawn.dataset import draw_digits

# Two pictures of 2 rows and 3 columns, written out by hand.
KNOWN = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(1, 13))
# Without the time of day, which would be part of the tests' names.
GZIPPED = gzip.compress(KNOWN, mtime=0)
KNOWN_ARRAY = np.uint8([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]])


@pytest.fixture(params=['read', 'mapped'])
def file(request, tmp_path, monkeypatch):
    """The path of a file: an ordinary one, and one that is large for the memory."""
    if request.param == 'mapped':
        monkeypatch.setattr(memory, 'total_bytes', lambda: 0)
    return tmp_path / 'some-idx3-ubyte'


def test_known_bytes(file):
    for content in (KNOWN, gzip.compress(KNOWN)):
        file.write_bytes(content)
        array = read_idx(str(file))
        assert array.dtype == np.uint8 and not array.flags.writeable
        np.testing.assert_array_equal(array, KNOWN_ARRAY)


def test_known_bytes_of_32_bit_integers(file):
    """As QMNIST's labels are."""
    file.write_bytes(bytes([0, 0, 12, 2, 0, 0, 0, 1, 0, 0, 0, 2]) + bytes([0, 0, 1, 2, 255, 255, 255, 255]))
    array = read_idx(str(file))
    assert array.dtype == np.dtype('>i4') and array.tolist() == [[258, -1]]


@pytest.mark.parametrize('shape', [(0,), (1,), (300,), (3, 0), (2, 3), (4, 3, 2), (2, 3, 4, 3)])
def test_round_trip(file, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert to_bytes(array) == idx_bytes(array)
    file.write_bytes(to_bytes(array))
    np.testing.assert_array_equal(read_idx(str(file)), array)
    file.write_bytes(gzip.compress(idx_bytes(array)))
    np.testing.assert_array_equal(read_idx(str(file)), array)


@pytest.mark.parametrize(
    'content, problem',
    [
        (b'', 'is empty'),
        (KNOWN[:3], 'is not an IDX file: it starts with 00 00 08'),
        (KNOWN[:4], 'truncated inside its header'),
        (KNOWN[:10], 'truncated inside its header'),
        (KNOWN[:-1], 'is truncated: 27 bytes of the 28 that its header announces'),
        (KNOWN + b'\0', 'has more bytes than the 28'),
        (b'<!DOCTYPE html><html>', 'an HTML page'),
        (b'PK\3\4 some archive', 'starts with 50 4b 03 04'),
        (b'\0\0\x0d' + KNOWN[3:], 'wrong magic number 3331'),
        (b'\0\0\x08\0' + KNOWN[4:], 'wrong magic number 2048'),
        (b'\0\0\x08\x05' + KNOWN[4:], 'wrong magic number 2053'),
        (GZIPPED[:-1], 'the gzip stream ends early'),
        (GZIPPED[:-8], 'the gzip stream ends early'),
        (GZIPPED[:20], 'is not an IDX file|truncated'),
        (GZIPPED[:-5] + bytes(5), 'is damaged'),
        (b'\x1f\x8b\x08' + bytes(30), 'is damaged|truncated|not an IDX'),
        (gzip.compress(b'<html>404</html>', mtime=0), 'an HTML page'),
        (gzip.compress(KNOWN[:-1], mtime=0), 'is truncated'),
        (gzip.compress(KNOWN + b'\0', mtime=0), 'has more bytes'),
        (struct.pack('>4B4I', 0, 0, 8, 4, 0, *[2**32 - 1] * 3), 'impossible shape'),
        (struct.pack('>4B3I', 0, 0, 8, 3, *[2**32 - 1] * 3), 'impossible shape'),
        (struct.pack('>4B3I', 0, 0, 12, 3, 2**31, 2**30, 0), 'impossible shape'),  # just too large at 4 bytes a value
        (struct.pack('>4B1I', 0, 0, 8, 1, 2**32 - 1), 'is truncated'),
    ],
)
def test_damage_is_named(file, content, problem):
    file.write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        read_idx(str(file))
    assert str(caught.value).startswith(str(file)) and '\n' not in str(caught.value)


def test_every_truncation_is_refused(file):
    for content in (KNOWN, gzip.compress(KNOWN)):
        for length in range(len(content)):
            file.write_bytes(content[:length])
            with pytest.raises(DataError):
                read_idx(str(file))


def test_no_flipped_bit_of_a_gzipped_file_goes_unseen(file):
    content = gzip.compress(KNOWN, mtime=0)
    for position in range(10, len(content)):  # behind gzip's own header, whose time stamp may be anything
        file.write_bytes(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
        with pytest.raises(DataError):
            read_idx(str(file))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r'gone: cannot be read \(No such file or directory\)'):
        read_idx(str(tmp_path / 'gone'))
    with pytest.raises(DataError, match=r'cannot be read \(Is a directory\)'):
        read_idx(str(tmp_path))


def test_gzip_files_of_several_members(file):
    """As `cat a.gz b.gz`, pigz or bgzip make them."""
    pieces = [gzip.compress(piece, mtime=0) for piece in (KNOWN[:5], b'', KNOWN[5:20], KNOWN[20:])]
    file.write_bytes(b''.join(pieces))
    np.testing.assert_array_equal(read_idx(str(file)), KNOWN_ARRAY)
    file.write_bytes(b''.join(pieces) + bytes(512))  # padded, as tapes and some tools do
    np.testing.assert_array_equal(read_idx(str(file)), KNOWN_ARRAY)
    for content in (b''.join(pieces[:-1]), b''.join(pieces)[:-1], b''.join(pieces) + GZIPPED):
        file.write_bytes(content)
        with pytest.raises(DataError, match='truncated|has more bytes'):
            read_idx(str(file))


def test_a_file_of_very_many_members_takes_no_longer_than_its_size(file):
    file.write_bytes(gzip.compress(b'', mtime=0) * 50_000 + GZIPPED)
    np.testing.assert_array_equal(read_idx(str(file)), KNOWN_ARRAY)


@pytest.mark.parametrize('side', [96, 200])
def test_digits_on_a_large_canvas_pack_well_and_are_read(file, side):
    digits = draw_digits(200, seed=1)[0]
    margin = (side - 28) // 2
    padded = np.pad(digits, ((0, 0), (margin, margin), (margin, margin)))
    packed = gzip.compress(idx_bytes(padded))
    assert padded.nbytes > 40 * len(packed)
    file.write_bytes(packed)
    np.testing.assert_array_equal(read_idx(str(file)), padded)


def test_what_a_packed_file_may_unpack_to_is_bounded_in_bytes(file, monkeypatch):
    monkeypatch.setattr(unpacking, 'MAX_UNPACKED_BYTES', 2_000_000)
    pixels = np.zeros((3000, 28, 28), np.uint8)
    pixels[:, 3:9, 5] = np.random.default_rng(0).integers(0, 256, (3000, 6))
    file.write_bytes(gzip.compress(idx_bytes(pixels)))
    with pytest.raises(DataError, match='unpacks to 2,352,016 bytes, more than the 2,000,000 .* unpack it first'):
        read_idx(str(file))
    file.write_bytes(idx_bytes(pixels))  # which is the remedy
    np.testing.assert_array_equal(read_idx(str(file)), pixels)


@pytest.mark.parametrize('n', [100, 3000, 20_000])
def test_blank_pictures_pack_best_of_all_and_are_read(file, n):
    """A thousand to one: how well a file is packed says nothing of whether it is data."""
    pixels = np.zeros((n, 28, 28), np.uint8)
    pixels[::1000, 14, 14] = 255
    packed = gzip.compress(idx_bytes(pixels))
    assert n == 100 or pixels.nbytes > 900 * len(packed)
    file.write_bytes(packed)
    np.testing.assert_array_equal(read_idx(str(file)), pixels)


def test_memory_of_a_packed_file_is_bounded_by_what_it_holds(file, monkeypatch):
    """Neither its claim nor, beyond the limit, its content is given memory."""
    packed = gzip.compress(idx_bytes(np.zeros((20_000, 28, 28), np.uint8)))
    cut = packed[: len(packed) // 2]
    claims = gzip.compress(struct.pack('>4B3I', 0, 0, 8, 3, 20_000, 28, 28) + bytes(16_000))
    for content, max_bytes, error in (
        (packed, 10_000_000, 'unpacks to 15,680,016 bytes, more than the 10,000,000'),
        (cut, 1 << 30, 'impossible; it is damaged or truncated'),
        (claims, 1 << 30, 'impossible; it is damaged or truncated'),
    ):
        monkeypatch.setattr(unpacking, 'MAX_UNPACKED_BYTES', max_bytes)
        file.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(DataError, match=error):
            read_idx(str(file))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 << 20


def test_a_large_plain_file_is_mapped_and_takes_no_memory(tmp_path, monkeypatch):
    file, pixels = tmp_path / 'large-idx3-ubyte', np.zeros((20_000, 28, 28), np.uint8)
    pixels[7, 14, 14] = 255
    for total_bytes, least, most in ((4 * pixels.nbytes, 0, 2 << 20), (5 * pixels.nbytes, pixels.nbytes, 17 << 20)):
        monkeypatch.setattr(memory, 'total_bytes', lambda: total_bytes)
        file.write_bytes(idx_bytes(pixels))
        tracemalloc.start()
        array = read_idx(str(file))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        file.unlink()  # which leaves what is mapped alone
        assert array[7, 14, 14] == 255 and array.shape == pixels.shape and not array.flags.writeable
        assert least <= peak < most
