"""Exports that fail: files that disagree with the model, what is refused, converters that are killed; nothing is left behind."""

import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from helpers.programs import REPOSITORY, environment, is_alive
from mnist_graph.exports.formats import FORMATS, converter, format, npz, saved_model


class Lying:
    """A format that answers something else than the model."""

    def __init__(self, change):
        self._change = change

    def __call__(self, path, exported):
        right = npz.open_reader(path, exported)
        return lambda pictures: self._change(right(pictures))


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda read: read[:, ::-1], r'reads \d+ of 45 pictures otherwise than the model .*; it was removed'),
        (lambda read: read * np.nan, r'reads \d+ of 45 pictures otherwise'),
        (lambda read: read[:, :2], r'returns \(45, 2\) probabilities instead of \(45, 3\)'),
    ],
)
def test_a_file_that_disagrees_is_removed(export, monkeypatch, change, message):
    monkeypatch.setitem(FORMATS, 'npz', FORMATS['npz']._replace(open=Lying(change)))
    ended = export('--format=npz', '--output=digits.npz')
    assert ended.code == 1 and re.search(message, ended.err) and os.listdir() == []
    assert 'Traceback' not in ended.err and ended.out == ''


@pytest.mark.parametrize(
    'flags, code, message',
    [
        ([], 2, 'There is no format to write; give --format=saved_model|frozen_graph|litert|onnx|npz.'),
        (['--format=coreml'], 2, 'value should be one of <saved_model|frozen_graph|litert|onnx|npz>'),
        (['--format=npz', '--output=there'], 2, '--output=there: exists already; give another path, or remove it.'),
        (['--format=npz', '--output=no/where.npz'], 2, 'there is no folder '),
        (['--format=npz', '--quantize'], 2, 'stores no weights of 8 bits; use --format=litert.'),
        (
            ['--format=npz', '--pixels=uint8'],
            2,
            'holds weights alone, which are for pixels of 0.0 to 1.0; leave --pixels out.',
        ),
        (['--format=npz', '--tta=3'], 2, '--tta=3: --format=npz holds weights alone; leave --tta out.'),
    ],
)
def test_what_makes_no_sense_is_refused(export, flags, code, message):
    with open('there', 'w') as file:
        file.write('mine')
    ended = export(*flags)
    assert ended.code == code and message in ended.err and ended.err.count('\n') == 1
    assert os.listdir() == ['there'] and open('there').read() == 'mine'


def test_a_missing_extra_is_named(export, monkeypatch):
    find_spec = format.importlib.util.find_spec
    monkeypatch.setattr(format.importlib.util, 'find_spec', lambda name: None if name == 'tf2onnx' else find_spec(name))
    ended = export('--format=onnx')
    assert ended.code == 2 and ended.err == (
        f"mnist_graph: --format=onnx: needs the package tf2onnx; install it with pip install -e '{REPOSITORY}[onnx]'.\n"
    )


def test_a_model_that_the_format_cannot_hold_is_refused(export, monkeypatch):
    monkeypatch.setattr(format, 'MOST_BYTES', 1000)
    ended = export('--format=frozen_graph', '--output=digits.pb')
    assert ended.code == 2 and os.listdir() == []
    assert '--format=frozen_graph: weights for 3 classes take 50,444 bytes, and such a file can hold 1,000' in ended.err
    assert export('--format=npz', '--output=digits.npz').code == 0


KILLED = """
import sys
from mnist_graph.exports.formats import converter
converter._FOLDER = '.'
converter.run('sleep.py', [])
"""


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='looks for a process in /proc')
def test_a_converter_ends_with_an_export_that_is_killed(fresh_folder):
    (fresh_folder / 'sleep.py').write_text(
        "import os, time; print(os.getpid(), file=open('pid', 'w'), flush=True); time.sleep(600)"
    )
    export = subprocess.Popen([sys.executable, '-c', KILLED], cwd=fresh_folder, env=environment(fresh_folder))
    deadline = time.monotonic() + 120
    while not (fresh_folder / 'pid').exists() or not (text := (fresh_folder / 'pid').read_text()).endswith('\n'):
        assert time.monotonic() < deadline and export.poll() is None
        time.sleep(0.05)
    assert is_alive(int(text))
    export.kill()
    export.wait()
    deadline = time.monotonic() + 120
    while is_alive(int(text)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_converter_that_fails_leaves_nothing(export, monkeypatch, tmp_path):
    pytest.importorskip('ai_edge_litert')
    (tmp_path / 'convert_to_litert.py').write_text('raise ValueError("no such operation")')
    monkeypatch.setattr(converter, '_FOLDER', str(tmp_path))
    ended = export('--format=litert', '--output=digits.tflite')
    assert ended.code == 1 and os.listdir() == []
    assert ended.err.endswith(
        'The model could not be converted (ValueError: no such operation); choose another --format.\n'
    )


@pytest.mark.skipif(os.name == 'nt', reason='needs a limit for the size of files')
def test_a_disk_that_is_full_for_tensorflow_gets_one_line(export, monkeypatch):
    import resource

    def full(exported, path):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        try:
            saved_model.write(exported, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    monkeypatch.setitem(FORMATS, 'saved_model', FORMATS['saved_model']._replace(write=full))
    ended = export('--format=saved_model', '--output=digits')
    assert ended.code == 1 and os.listdir() == []
    assert ended.err.endswith('mnist_graph: digits: cannot be written (File too large); give another path.\n')


def test_a_full_disk_leaves_nothing(export, monkeypatch):
    def full(exported, path):
        with open(path, 'w') as file:
            file.write('half')
        raise OSError(28, 'No space left on device', path)

    monkeypatch.setitem(FORMATS, 'npz', FORMATS['npz']._replace(write=full))
    ended = export('--format=npz', '--output=digits.npz')
    assert ended.code == 1 and os.listdir() == []
    assert ended.err.endswith('digits.npz: cannot be written (No space left on device); give another path.\n')
