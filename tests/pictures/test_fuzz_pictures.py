"""The picture reader against damaged files: each is read, or refused in one line."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from helpers.fuzzing import fuzz, mutated, read_or_refused
from mnist_graph.pictures import extract


def picture_bytes(kind, **options):
    pixels = np.random.default_rng(3).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


PNG, JPEG = picture_bytes('PNG'), picture_bytes('JPEG', quality=70)


@fuzz
def test_png(place, random):
    content = mutated(random, PNG)
    path = str(place / 'picture.png')
    return read_or_refused(lambda: extract.read_picture(path), path, content)


def with_right_checksums(png):
    """A PNG whose chunks have the CRC of their content again, so that decoders look inside."""
    fixed, position = bytearray(png[:8]), 8
    while position + 12 <= len(png):
        length = struct.unpack('>I', png[position : position + 4])[0]
        body = png[position + 4 : position + 8 + length]
        fixed += png[position : position + 4] + body + struct.pack('>I', zlib.crc32(body))
        position += 12 + length
    return bytes(fixed + png[position:])


@fuzz
def test_png_with_right_checksums(place, random):
    content = with_right_checksums(mutated(random, PNG))
    path = str(place / 'checked.png')
    return read_or_refused(lambda: extract.read_picture(path), path, content)


@fuzz
def test_jpeg(place, random):
    content = mutated(random, JPEG)
    path = str(place / 'picture.jpg')
    return read_or_refused(lambda: extract.read_picture(path), path, content)
