"""Every reader against damaged and hostile files.

Each input must be read, or refused with this package's own error in one line;
never anything else, and within 50 times the file's size of memory (or 2 MB,
for files smaller than what reading takes anyway). Together these tests read
more than 10,000 mutated inputs.
"""

import functools
import gzip
import io
import json
import os
import struct
import tracemalloc
import zipfile
import zlib
from random import Random

import numpy as np
import pytest
from conftest import idx_bytes, tiny_arrays, tiny_dataset
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image

from mnist_graph import checkpoint, data_files, description, files, images
from mnist_graph.errors import MnistGraphError
from mnist_graph.hparams import HParams
from mnist_graph.idx import read_idx
from mnist_graph.run_folder import read_metrics

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays(n_train=12, n_test=6)
IDX = idx_bytes(TRAIN)
# Hypothesis picks the seeds, and finds the first that fails again; making the
# inputs from plain random numbers is far cheaper than drawing each byte.
N_EXAMPLES, N_INPUTS = 45, 20
SEEDS = st.integers(0, 2**32).map(Random)
FUZZ = settings(max_examples=N_EXAMPLES, deadline=None, database=None, derandomize=True,
                suppress_health_check=list(HealthCheck))
ANY = settings(FUZZ, max_examples=150)


def fuzz(test):
    """Runs `test(random=...)` N_EXAMPLES * N_INPUTS times."""
    @FUZZ
    @given(random=SEEDS)
    @functools.wraps(test)
    def run(random, **fixtures):
        for _ in range(N_INPUTS):
            test(random=random, **fixtures)
    return run


def npz_bytes(save=np.savez_compressed):
    buffer = io.BytesIO()
    save(buffer, x_train=TRAIN, y_train=LABELS, x_test=TEST, y_test=TEST_LABELS)
    return buffer.getvalue()


NPZ_NAMES = ('x_train', 'y_train', 'x_test', 'y_test')
NPZ = npz_bytes(), npz_bytes(np.savez)
GZIPPED = gzip.compress(IDX, 1, mtime=0)


def picture_bytes(kind, **options):
    pixels = np.random.default_rng(3).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


INTERESTING = (b'\0', b'\xff', b'\x7f', b'\x80', b'\0\0\0\0', b'\xff\xff\xff\xff', b'\x7f\xff\xff\xff', b'\0\0\0\1',
               b'\x1f\x8b', b'PK\3\4', b'IDAT', b'<html>', b'', b'-1', b'1e999', b'NaN', b'null', b'[]', b'{}', b'"',
               b'9' * 400)


def mutated(random, original):
    """`original` with up to six bytes changed, pieces overwritten, cut out, doubled or the end cut off."""
    content = bytearray(original)
    for _ in range(random.randint(1, 6)):
        position = random.randrange(max(1, len(content)))
        kind = random.choice(['flip', 'set', 'set', 'insert', 'delete', 'double', 'cut'])
        if kind == 'flip' and content:
            content[position % len(content)] ^= 1 << random.randrange(8)
        elif kind == 'set':
            piece = random.choice(INTERESTING) if random.random() < 0.5 else random.randbytes(random.randint(1, 4))
            content[position:position + len(piece)] = piece
        elif kind == 'insert':
            content[position:position] = random.choice(INTERESTING)
        elif kind == 'delete':
            del content[position:position + random.randint(1, 40)]
        elif kind == 'double':
            content[position:position] = content[position:position + random.randint(1, 40)]
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


@fuzz
def test_idx(place, random):
    content = mutated(random, IDX)
    path = str(place / 'images-idx3-ubyte')
    read_or_refused(lambda: read_idx(path), path, content)


@fuzz
def test_gzipped_idx_with_a_sound_gzip(place, random):
    content = gzip.compress(mutated(random, IDX), 1)
    path = str(place / 'inside-idx3-ubyte.gz')
    read_or_refused(lambda: read_idx(path), path, content)


@fuzz
def test_gzip(place, random):
    content = mutated(random, GZIPPED)
    path = str(place / 'outside-idx3-ubyte.gz')
    read_or_refused(lambda: read_idx(path), path, content)


@fuzz
def test_idx_headers(place, random):
    dimensions = [random.choice((random.randrange(5), random.randrange(2**32), 2**32 - 1, 0))
                  for _ in range(random.randint(1, 4))]
    content = struct.pack(f'>4B{len(dimensions)}I', 0, 0, 8, len(dimensions), *dimensions) + random.randbytes(random.randrange(32))
    path = str(place / 'header-idx3-ubyte')
    read_or_refused(lambda: read_idx(path), path, random.choice((content, gzip.compress(content, 1))))


@fuzz
def test_npz(place, random):
    content = mutated(random, random.choice(NPZ))
    (place / 'npz').mkdir(exist_ok=True)
    path = str(place / 'npz' / 'mnist.npz')
    read_or_refused(lambda: data_files.read_folder(str(place / 'npz')), path, content)


def npz_with_mutated_member(random):
    """A sound archive around one mutated array file."""
    buffer, victim = io.BytesIO(), random.randrange(4)
    with zipfile.ZipFile(buffer, 'w', random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for index, (name, array) in enumerate(zip(NPZ_NAMES, (TRAIN, LABELS, TEST, TEST_LABELS))):
            member = io.BytesIO()
            np.save(member, array)
            header, values = member.getvalue()[:128], member.getvalue()[128:]
            archive.writestr(f'{name}.npy', (mutated(random, header) if index == victim else header) + values)
    return buffer.getvalue()


@fuzz
def test_npz_members(place, random):
    content = npz_with_mutated_member(random)
    (place / 'member').mkdir(exist_ok=True)
    path = str(place / 'member' / 'mnist.npz')
    read_or_refused(lambda: data_files.read_folder(str(place / 'member')), path, content)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A model folder with hparams.json; returns (folder, content)."""
    folder = tmp_path_factory.mktemp('model')
    description.write(str(folder), description.describe(HParams(), tiny_dataset(), 'auto', None, 1, '2.21.0'))
    return folder, (folder / 'hparams.json').read_bytes()


@fuzz
def test_hparams_json(model, random):
    folder, content = model
    path = str(folder / 'hparams.json')
    read_or_refused(lambda: description.read(str(folder)), path, mutated(random, content))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=6)


@ANY
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


@fuzz
def test_checkpoint_files(saved, random):
    """Whatever happens to the newest checkpoint's files, it is whole and unchanged, or the one before it is used."""
    folder, contents = saved
    name = random.choice([name for name in sorted(contents) if '-2.' in name])
    mutant = mutated(random, contents[name])
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


@ANY
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


@fuzz
def test_png(place, random):
    content = mutated(random, PNG)
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


@fuzz
def test_png_with_right_checksums(place, random):
    content = with_right_checksums(mutated(random, PNG))
    path = str(place / 'checked.png')
    read_or_refused(lambda: images.read_picture(path), path, content)


@fuzz
def test_jpeg(place, random):
    content = mutated(random, JPEG)
    path = str(place / 'picture.jpg')
    read_or_refused(lambda: images.read_picture(path), path, content)


@fuzz
def test_metrics(place, random):
    content = mutated(random, b'{"step": 5, "loss": 0.5, "accuracy": 1.0, "learning_rate": 0.1}\n' * 3)
    (place / 'metrics').mkdir(exist_ok=True)
    (place / 'metrics' / 'metrics.jsonl').write_bytes(content)
    assert all(isinstance(line['step'], int) for line in read_metrics(str(place / 'metrics')))


# Memory: what a hostile file claims must not be what is taken.


def zip_bomb():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name in NPZ_NAMES:
            member = io.BytesIO()
            np.save(member, np.zeros((40_000, 28, 28), np.uint8))
            archive.writestr(f'{name}.npy', member.getvalue())
    return buffer.getvalue()


def huge_npy():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        for name in NPZ_NAMES:
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(header, {'descr': '|u1', 'fortran_order': False, 'shape': (10**9, 2, 2)})
            archive.writestr(f'{name}.npy', header.getvalue())
    return buffer.getvalue()


def png_of_size(width, height):
    """A grey PNG that says it has this size, and has not."""
    def chunk(name, body):
        return struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))

    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(b'')) + chunk(b'IEND', b''))


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
