"""Every reader against damaged and hostile files.

Each input must be read, or refused with this package's own error in one line;
never anything else, and within 50 times the file's size of memory (or 2 MB,
for files smaller than what reading takes anyway). Together these tests read
more than 10,000 mutated inputs.
"""

import gzip
import io
import json
import os
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from conftest import idx_bytes, tiny_arrays, tiny_dataset
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image

from mnist_graph import checkpoint, data_files, description, files, images
from mnist_graph.data import Split  # noqa: F401  (imported here, so that no test below pays for it)
from mnist_graph.errors import MnistGraphError
from mnist_graph.hparams import HParams
from mnist_graph.idx import read_idx
from mnist_graph.run_folder import read_metrics

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays(n_train=12, n_test=6)
IDX = idx_bytes(TRAIN)
FAST = settings(max_examples=1500, deadline=None, database=None, derandomize=True,
                suppress_health_check=list(HealthCheck))
SLOWER = settings(FAST, max_examples=900)


def npz_bytes(save=np.savez_compressed):
    buffer = io.BytesIO()
    save(buffer, x_train=TRAIN, y_train=LABELS, x_test=TEST, y_test=TEST_LABELS)
    return buffer.getvalue()


def picture_bytes(kind, **options):
    pixels = np.random.default_rng(3).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


INTERESTING = st.sampled_from([b'\0', b'\xff', b'\x7f', b'\x80', b'\0\0\0\0', b'\xff\xff\xff\xff', b'\x7f\xff\xff\xff',
                               b'\0\0\0\1', b'\x1f\x8b', b'PK\3\4', b'IDAT', b'<html>', b'', b'-1', b'1e999', b'NaN', b'null',
                               b'[]', b'{}', b'"', b'9' * 400])


@st.composite
def mutated(draw, original):
    """`original` with up to six bytes changed, pieces overwritten, cut out, doubled or the end cut off."""
    content = bytearray(original)
    for _ in range(draw(st.integers(1, 6))):
        position = draw(st.integers(0, max(0, len(content) - 1)))
        kind = draw(st.sampled_from(['flip', 'set', 'set', 'insert', 'delete', 'double', 'cut']))
        if kind == 'flip' and content:
            content[position] ^= 1 << draw(st.integers(0, 7))
        elif kind == 'set':
            piece = draw(INTERESTING | st.binary(min_size=1, max_size=4))
            content[position:position + len(piece)] = piece
        elif kind == 'insert':
            content[position:position] = draw(INTERESTING)
        elif kind == 'delete':
            del content[position:position + draw(st.integers(1, 40))]
        elif kind == 'double':
            content[position:position] = content[position:position + draw(st.integers(1, 40))]
        else:
            del content[position:]
    return bytes(content)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder for one file at a time, in memory where the machine has such a folder."""
    return tmp_path_factory.mktemp('fuzz')


def read_or_refused(read, path, content):
    """Whether reading `content` from `path` succeeds; anything but our own one-line error is a failure."""
    with open(path, 'wb') as file:
        file.write(content)
    try:
        read()
        return True
    except MnistGraphError as error:
        message = str(error)
        assert '\n' not in message and len(message) < 1500
        assert os.path.basename(path) in message or os.path.basename(os.path.dirname(path)) in message
        return False


@FAST
@given(mutated(IDX))
def test_idx(place, content):
    path = str(place / 'images-idx3-ubyte')
    read_or_refused(lambda: read_idx(path), path, content)


@FAST
@given(mutated(IDX).map(lambda content: gzip.compress(content, 1)))
def test_gzipped_idx_with_a_sound_gzip(place, content):
    path = str(place / 'inside-idx3-ubyte.gz')
    read_or_refused(lambda: read_idx(path), path, content)


@FAST
@given(mutated(gzip.compress(IDX, 1, mtime=0)))
def test_gzip(place, content):
    path = str(place / 'outside-idx3-ubyte.gz')
    read_or_refused(lambda: read_idx(path), path, content)


@FAST
@given(st.binary(max_size=64) | st.builds(lambda dims, rest: struct.pack(f'>4B{len(dims)}I', 0, 0, 8, len(dims), *dims) + rest,
                                          st.lists(st.integers(0, 5) | st.integers(0, 2**32 - 1), min_size=1, max_size=4),
                                          st.binary(max_size=32)))
def test_idx_headers(place, content):
    path = str(place / 'header-idx3-ubyte')
    read_or_refused(lambda: read_idx(path), path, content)


@SLOWER
@given(mutated(npz_bytes()) | mutated(npz_bytes(np.savez)))
def test_npz(place, content):
    (place / 'npz').mkdir(exist_ok=True)
    path = str(place / 'npz' / 'mnist.npz')
    read_or_refused(lambda: data_files.read_folder(str(place / 'npz')), path, content)


@st.composite
def npz_with_mutated_member(draw):
    """A sound archive around one mutated array file."""
    buffer = io.BytesIO()
    victim = draw(st.sampled_from(['x_train', 'y_train', 'x_test', 'y_test']))
    with zipfile.ZipFile(buffer, 'w', draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as archive:
        for name, array in zip(('x_train', 'y_train', 'x_test', 'y_test'), (TRAIN, LABELS, TEST, TEST_LABELS)):
            member = io.BytesIO()
            np.save(member, array)
            content = member.getvalue()
            archive.writestr(f'{name}.npy', draw(mutated(content[:128])) + content[128:] if name == victim else content)
    return buffer.getvalue()


@SLOWER
@given(npz_with_mutated_member())
def test_npz_members(place, content):
    (place / 'member').mkdir(exist_ok=True)
    path = str(place / 'member' / 'mnist.npz')
    read_or_refused(lambda: data_files.read_folder(str(place / 'member')), path, content)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A model folder with hparams.json; returns (folder, content)."""
    folder = tmp_path_factory.mktemp('model')
    description.write(str(folder), description.describe(HParams(), tiny_dataset(), 'auto', None, 1, '2.21.0'))
    return folder, (folder / 'hparams.json').read_bytes()


@FAST
@given(data=st.data())
def test_hparams_json(model, data):
    folder, content = model
    path = str(folder / 'hparams.json')
    read_or_refused(lambda: description.read(str(folder)), path, data.draw(mutated(content)))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=6)


@SLOWER
@given(data=st.data())
def test_hparams_json_with_any_value_anywhere(model, data):
    folder, content = model
    values = json.loads(content)
    inner = data.draw(st.sampled_from([values, values['hparams'], values['input_spec']]))
    inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(ANY_JSON)
    path = str(folder / 'hparams.json')
    read_or_refused(lambda: description.read(str(folder)), path, json.dumps(values).encode())


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """A folder with two checkpoints as `checkpoint.save` leaves them, but of made-up bytes; the content of each file."""
    folder = tmp_path_factory.mktemp('checkpoints')
    for step in (1, 2):
        prefix = folder / f'model.ckpt-{step}'
        names = (f'{prefix}.index', f'{prefix}.data-00000-of-00001')
        for number, name in enumerate(names):
            with open(name, 'wb') as file:
                file.write(np.random.default_rng(number).bytes(300))
        manifest = {'step': step, 'progress': {'step': step, 'best_accuracy': 0.5, 'best_step': 1, 'validations_since_best': 0},
                    'files': {os.path.basename(name): {'bytes': 300, 'sha256': files.sha256(name)} for name in names}}
        files.write_json(f'{prefix}.json', {**manifest, 'sha256': checkpoint._digest(manifest)})
    return folder, {path.name: path.read_bytes() for path in folder.iterdir()}


def test_saved_is_what_save_writes(saved):
    assert checkpoint.find(str(saved[0]))[0].step == 2


@FAST
@given(data=st.data())
def test_checkpoint_files(saved, data):
    """Whatever happens to the newest checkpoint's files, it is whole and unchanged, or the one before it is used."""
    folder, contents = saved
    name = data.draw(st.sampled_from([name for name in sorted(contents) if '-2.' in name]))
    mutant = data.draw(mutated(contents[name]))
    (folder / name).write_bytes(mutant)
    try:
        found, problems = checkpoint.find(str(folder))
        if found.step == 2:
            assert problems == [] and found.progress['best_accuracy'] == 0.5
            assert name.endswith('.json') or mutant == contents[name]
        else:
            assert found.step == 1 and len(problems) == 1 and '\n' not in problems[0]
    finally:
        (folder / name).write_bytes(contents[name])


@SLOWER
@given(data=st.data())
def test_forged_manifests(saved, data):
    """With a right SHA-256 over wrong content."""
    folder, contents = saved
    manifest = json.loads(contents['model.ckpt-2.json'])
    del manifest['sha256']
    inner = data.draw(st.sampled_from([manifest, manifest['progress'], manifest['files']]))
    inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(ANY_JSON)
    path = folder / 'model.ckpt-2.json'
    path.write_text(json.dumps({**manifest, 'sha256': checkpoint._digest(manifest)}))
    try:
        found, problems = checkpoint.find(str(folder))
        assert found.step + len(problems) == 2
    finally:
        path.write_bytes(contents['model.ckpt-2.json'])


PNG, JPEG = picture_bytes('PNG'), picture_bytes('JPEG', quality=70)


@SLOWER
@given(mutated(PNG))
def test_png(place, content):
    path = str(place / 'picture.png')
    read_or_refused(lambda: images.read_picture(path), path, content)


def with_right_checksums(png):
    """A PNG whose chunks have the CRC of their content again, so that decoders look inside."""
    fixed, position = bytearray(png[:8]), 8
    while position + 12 <= len(png):
        length = struct.unpack('>I', png[position:position + 4])[0]
        body = png[position + 4:position + 8 + length]
        fixed += png[position:position + 4] + body + struct.pack('>I', zlib.crc32(body))
        position += 12 + length
    return bytes(fixed + png[position:])


@SLOWER
@given(mutated(PNG).map(with_right_checksums))
def test_png_with_right_checksums(place, content):
    path = str(place / 'checked.png')
    read_or_refused(lambda: images.read_picture(path), path, content)


@SLOWER
@given(mutated(JPEG))
def test_jpeg(place, content):
    path = str(place / 'picture.jpg')
    read_or_refused(lambda: images.read_picture(path), path, content)


@SLOWER
@given(mutated(b'{"step": 5, "loss": 0.5, "accuracy": 1.0, "learning_rate": 0.1}\n' * 3))
def test_metrics(place, content):
    (place / 'metrics').mkdir(exist_ok=True)
    (place / 'metrics' / 'metrics.jsonl').write_bytes(content)
    assert all(isinstance(line['step'], int) for line in read_metrics(str(place / 'metrics')))


# Memory: what a hostile file claims must not be what is taken.


def zip_bomb():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name in ('x_train', 'y_train', 'x_test', 'y_test'):
            member = io.BytesIO()
            np.save(member, np.zeros((40_000, 28, 28), np.uint8))
            archive.writestr(f'{name}.npy', member.getvalue())
    return buffer.getvalue()


def huge_npy():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        for name in ('x_train', 'y_train', 'x_test', 'y_test'):
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(header, {'descr': '|u1', 'fortran_order': False, 'shape': (10**9, 2, 2)})
            archive.writestr(f'{name}.npy', header.getvalue())
    return buffer.getvalue()


def png_of_size(width, height, rows=0):
    """A 1-channel PNG that says it has this size, with so many rows of black."""
    def chunk(name, body):
        return struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))

    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(bytes(rows * (width + 1)), 9)) + chunk(b'IEND', b''))


HOSTILE = {
    'gzip bomb': ('x-idx3-ubyte.gz', lambda: gzip.compress(idx_bytes(np.zeros((50_000, 28, 28), np.uint8)))),
    'gzip bomb of labels': ('x-idx1-ubyte.gz', lambda: gzip.compress(bytes(10**8))),
    'idx claiming much': ('x-idx3-ubyte', lambda: struct.pack('>4B3I', 0, 0, 8, 3, 60_000, 280, 280) + bytes(100)),
    'gzip claiming much': ('x-idx3-ubyte.gz', lambda: gzip.compress(struct.pack('>4B3I', 0, 0, 8, 3, 2**20, 99, 99))),
    'zip bomb': ('mnist.npz', zip_bomb),
    'npy claiming much': ('mnist.npz', huge_npy),
    'json of brackets': ('hparams.json', lambda: b'[' * 500_000),
    'json of one number': ('hparams.json', lambda: b'9' * 999_999),
    'huge json': ('hparams.json', lambda: b'{"a": "' + b'x' * 30_000_000),
    'png claiming the limit': ('x.png', lambda: png_of_size(60_000, 60_000)),
    'png claiming 49 megapixels': ('x.png', lambda: png_of_size(7_000, 7_000, 1)),
}


@pytest.mark.parametrize('name', HOSTILE)
def test_hostile_files_cost_little_memory(tmp_path, name):
    file_name, make = HOSTILE[name]
    path = str(tmp_path / file_name)
    with open(path, 'wb') as file:
        file.write(make())
    read = {'mnist.npz': lambda: data_files.read_folder(str(tmp_path)),
            'hparams.json': lambda: description.read(str(tmp_path)),
            'x.png': lambda: images.read_picture(path)}.get(file_name, lambda: read_idx(path))
    tracemalloc.start()
    try:
        with pytest.raises(MnistGraphError):
            read()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < max(50 * os.path.getsize(path), 2 << 20)
