"""Sends the server what it must refuse, and prints a table of its answers; it must still read a picture afterwards.

    python benchmarks/hostile_requests.py
    schemathesis run http://127.0.0.1:8080/openapi.json

The second command, from the package schemathesis, sends what the server's own description allows; start the server first.
"""

import argparse
import io
import json
import os
import pathlib
import socket
import struct
import sys
import tempfile
import time
import zlib

import measure
from PIL import Image

sys.path.insert(0, os.path.join(measure.ROOT, 'tests'))
from helpers import serving
from helpers.small_model import picture


def png_of(image):
    content = io.BytesIO()
    image.save(content, 'PNG')
    return content.getvalue()


def png_that_claims(width, height):
    """A PNG file whose header claims so many pixels, and which holds next to none."""

    def chunk(name, content):
        return struct.pack('>I', len(content)) + name + content + struct.pack('>I', zlib.crc32(name + content))

    header = struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    body = chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(bytes(100))) + chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + body


def request(path, body=b'', method='POST', **headers):
    """The bytes of a request; a header whose value is None is left out."""
    fields = {
        'Host': 'localhost',
        'Content-Length': str(len(body)),
        **{k.replace('_', '-'): v for k, v in headers.items()},
    }
    lines = [f'{method} {path} HTTP/1.1', *(f'{name}: {value}' for name, value in fields.items() if value is not None)]
    return '\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body


def requests():
    """(what it is, the bytes to send) of every hostile request; those cut short never send their end."""
    two, read = png_of(picture(2)), '/read'
    predict = '/v1/models/pretrained:predict'
    yield "another site's name as Host", request(read, two, Host='evil.example')
    yield 'no Host', request(read, two, Host=None)
    yield 'a page of another site', request(read, two, Origin='https://evil.example')
    yield 'a page without an origin', request(read, two, Origin='null')
    yield 'a post that the browser calls cross-site', request(read, two, Sec_Fetch_Site='cross-site')
    yield 'a body of 30 MB', request(read, bytes(30_000_000))
    yield 'a body that claims 10 GB', request(read, Content_Length='10000000000')
    yield (
        'a chunked body of 30 MB',
        request(read, Content_Length=None, Transfer_Encoding='chunked')
        + (b'100000\r\n' + bytes(0x100000) + b'\r\n') * 29
        + b'0\r\n\r\n',
    )
    yield 'a body that stops half way', request(read, two[:100], Content_Length=str(len(two)))
    yield 'no picture', request(read, b'GIF89a but not really')
    yield 'a picture cut short', request(read, two[: len(two) // 2])
    yield 'a PNG that claims 60,000 x 60,000', request(read, png_that_claims(60_000, 60_000))
    yield 'a PNG of 400 MB when unpacked', request(read, png_of(Image.new('RGB', (12_000, 11_500))))
    yield 'a PNG of 63 megapixels', request(read, png_of(Image.new('1', (7_900, 7_900), 1)))
    yield 'a form without a file', request(read, b'--x--\r\n', Content_Type='multipart/form-data; boundary=x')
    yield 'a damaged form', request(read, b'--x\r\nrubbish', Content_Type='multipart/form-data; boundary=x')
    yield 'brackets without an end', request(predict, b'[' * 1_000_000)
    yield 'numbers beyond measure', request(predict, json.dumps({'instances': [[1e308] * 784]}).encode())
    yield 'a million instances', request(predict, b'{"instances": [' + b'0,' * 999_999 + b'0]}')
    yield (
        'a label that climbs out of the folder',
        request(
            '/corrections', json.dumps({'model': 'pretrained', 'picture': 'A' * 1046, 'label': '../../4'}).encode()
        ),
    )
    yield 'a path that climbs out', request('/static/../../serve.py', method='GET')
    yield 'a method that is none', request(read, method='TRACE')
    yield 'no HTTP at all', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(64) + b'\r\n\r\n'
    yield 'a header of 1 MB', request(read, two, X_Long='x' * 1_000_000)
    yield 'headers without an end', request(read, X_Long='x' * 30_000_000)
    yield 'half a request line, then silence', b'POST /re'


def answer_to(address, content, seconds=75):
    """What comes back: 'STATUS reason', or how the connection ended."""
    try:
        with socket.create_connection(address, timeout=seconds) as connection:
            try:
                connection.sendall(content)
            except OSError:
                pass  # refused before it was whole; the answer is there all the same
            received = b''
            while b'}' not in received and (part := connection.recv(65536)):
                received += part
    except TimeoutError:
        return f'nothing within {seconds} s'
    except OSError as error:
        return f'connection closed ({error.strerror})'
    if not received:
        return 'connection closed'
    head, _, body = received.partition(b'\r\n\r\n')
    words = body.decode('utf-8', 'replace')
    if words.startswith('{'):
        words = json.loads(words).get('error', 'answered')
    return f'{head.split()[1].decode()} {words[:90]}'


def main():
    """Prints the table."""
    argparse.ArgumentParser(description=__doc__.split('\n\n')[0]).parse_args()
    with tempfile.TemporaryDirectory() as folder, serving.program(folder, '--corrections_dir=corrections') as running:
        host, port = running.address.split('/')[2].split(':')
        rows = []
        for what, content in requests():
            begun = time.monotonic()
            answer = answer_to((host, int(port)), content)
            rows.append([what, answer.replace('|', '/'), f'{time.monotonic() - begun:.1f}'])
        print(measure.markdown_table(['request', 'answer', 'seconds'], rows))
        left = [path for path in pathlib.Path(folder).rglob('*.png')]
        print(
            f'\nafterwards: {answer_to((host, int(port)), request("/read", png_of(picture(2))))}; files written: {len(left)}'
        )
        code, errors = running.end()
        print(f'exit code {code}, tracebacks in the log: {errors.count("Traceback")}')


if __name__ == '__main__':
    measure.run_main(main)
