"""export: what it writes, what it says, and that other programs read it."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from helpers import markdown
from helpers.markdown import text_of
from helpers.programs import REPOSITORY, run_python
from helpers.small_model import digits_model
from mnist_graph.base.errors import ExportError
from mnist_graph.exports import exporting, verification
from mnist_graph.exports.formats import FORMATS
from mnist_graph.exports.pixels import Pixels
from mnist_graph.models import saved_model

# The files of docs/export.md, by the format that writes them.
OUTPUTS = {
    'saved_model': 'digits',
    'frozen_graph': 'digits.pb',
    'litert': 'digits.tflite',
    'onnx': 'digits.onnx',
    'npz': 'digits.npz',
}


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """A folder with the small model in each format whose packages are installed."""
    from mnist_graph import data
    from mnist_graph.exports.request import Request

    folder = tmp_path_factory.mktemp('exported')
    found = saved_model.find(digits_model().model)
    dataset = data.load('auto', digits_model().data, 0)
    with saved_model.rebuild(found) as model:
        for name, output in OUTPUTS.items():
            if all(map(installed, FORMATS[name].modules)):
                agreement = exporting.export(Request(name, str(folder / output)), found, model, dataset)
                assert agreement.agreement == 1 and agreement.largest_difference < 1e-5 and agreement.n == 45
    return folder


def installed(module):
    import importlib.util

    return importlib.util.find_spec(module) is not None


def programs():
    """The programs of docs/export.md that read `digits`, by their first lines."""
    return [each for each in markdown.blocks(text_of('docs/export.md'), 'python') if 'digits' in each]


ALONE = "import sys; sys.modules['mnist_graph'] = None; exec(compile(sys.stdin.read(), 'program', 'exec'))"


@pytest.mark.parametrize('program', programs(), ids=lambda text: re.search(r"'(digits[.\w]*)'", text)[1])
def test_a_program_of_the_documentation_reads_it_without_this_package(exported, program):
    for module in re.findall(r'^(?:import|from) (\w+)', program, re.M):
        pytest.importorskip(module)
    assert 'mnist_graph' not in program and len(program.strip().splitlines()) <= 14
    shutil.copy(REPOSITORY / 'test_img.png', exported)  # which may be on another disk, or belong to somebody else
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    done = subprocess.run(
        [sys.executable, '-c', ALONE], input=program, cwd=exported, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    from PIL import Image

    if 'image_bytes' in program:
        assert done.stdout.strip() in ('0', '1', '2')
        return
    pixels = 1 - np.asarray(Image.open(REPOSITORY / 'test_img.png').convert('L'), np.float32) / 255
    with saved_model.load(digits_model().model) as model:
        (expected,) = model.probabilities(pixels[None, :, :, None])
    name, probability = done.stdout.split()
    assert name == str(expected.argmax()) and float(probability) == pytest.approx(expected.max(), abs=6e-4)


def described(path):
    """The description inside an exported file."""
    if path.is_dir():
        return json.loads((path / 'assets.extra' / 'description.json').read_text())
    if path.suffix == '.npz':
        return json.loads(str(np.load(path, allow_pickle=False)['description']))
    if path.suffix == '.tflite':
        assert zipfile.ZipFile(path).read('labels.txt') == b'0\n1\n2\n'
        return json.loads(zipfile.ZipFile(path).read('description.json'))
    if path.suffix == '.onnx':
        import onnxruntime

        meta = onnxruntime.InferenceSession(str(path)).get_modelmeta()
        assert meta.description.startswith('Feed pictures of 28 x 28 pixels')
        return json.loads(meta.custom_metadata_map['description'])
    import tensorflow.compat.v1 as tf

    graph_def = tf.GraphDef.FromString(path.read_bytes())
    (node,) = [node for node in graph_def.node if node.name == 'description']
    return json.loads(node.attr['value'].tensor.string_val[0])


@pytest.mark.parametrize('output', OUTPUTS.values())
def test_each_file_says_what_it_is(exported, output):
    if not (exported / output).exists():
        pytest.skip('its packages are not installed')
    about = described(exported / output)
    assert about['classes'] == ['0', '1', '2'] and about['licence'] == 'Apache-2.0'
    assert about['test'] == {'data_set': 'digits', 'pictures': 45, 'accuracy': 43 / 45}
    assert about['input'] == {'name': 'pixels_float32', 'dtype': 'float32', 'shape': ['n', 784]}
    assert 'values of 0.0 to 1.0' in about['preprocessing'] and 'bright on black' in about['preprocessing']


def test_the_command_says_what_it_found(export):
    ended = export('--format=npz', '--output=digits.npz')
    assert ended.code == 0
    assert ended.err == f'Model: {digits_model().model}, step 60, trained on digits, validation accuracy 1.0000\n'
    lines = ended.out.splitlines()
    assert re.fullmatch(r'digits.npz: npz, 0.0\d MB; feed pixels_float32', lines[0])
    assert lines[1].startswith(
        'Read again on 45 test pictures (digits): 100.00% the same class, largest difference of '
    )
    assert lines[2] == 'Accuracy: 0.9556, and 0.9556 before the export' and len(lines) == 3
    assert os.listdir() == ['digits.npz']


def test_a_saved_model_is_written_without_a_word(export):
    ended = export('--format=saved_model', '--output=digits', '--pixels=uint8', '--shape=image', '--tta=2')
    assert ended.code == 0 and ended.err.count('\n') == 1
    folder = pathlib.Path('.').absolute()
    cli = ('-m', 'tensorflow.python.tools.saved_model_cli')
    shown = run_python(*cli, 'show', '--dir=digits', '--all', folder=folder)
    assert "inputs['pixels_uint8'] tensor_info:\n        dtype: DT_UINT8\n        shape: (-1, 28, 28, 1)" in shown.out
    assert "signature_def['image_bytes']" in shown.out and "outputs['class_name']" in shown.out
    np.save('pictures.npy', np.zeros((2, 28, 28, 1), np.uint8))
    ran = run_python(
        *cli,
        'run',
        '--dir=digits',
        '--tag_set=serve',
        '--signature_def=serving_default',
        '--inputs=pixels_uint8=pictures.npy',
        folder=folder,
    )
    assert ran.code == 0 and 'Result for output key probabilities:' in ran.out, ran.err


def test_opencv_reads_a_frozen_graph(exported):
    cv2 = pytest.importorskip('cv2')
    if not hasattr(cv2.dnn, 'readNetFromTensorflow'):
        pytest.skip('this OpenCV reads none')
    images = np.random.default_rng(3).integers(0, 256, (4, 28, 28, 1), np.uint8)
    net = cv2.dnn.readNetFromTensorflow(str(exported / 'digits.pb'))
    net.setInput(Pixels().of(images))
    with saved_model.load(digits_model().model) as model:
        np.testing.assert_allclose(net.forward('probabilities'), model.probabilities(images), atol=1e-5)


def test_data_of_some_of_the_classes_is_enough(export):
    from helpers.data import write_idx_folder

    arrays = [array for n in (30, 8) for array in (np.zeros((n, 28, 28), np.uint8), np.arange(n).astype(np.uint8) % 2)]
    ended = export('--format=npz', '--output=a.npz', f'--data_dir={write_idx_folder("two", arrays)}')
    assert ended.code == 0 and 'Read again on 8 test pictures (two)' in ended.out


def test_quantized_weights_may_differ_a_little():
    from mnist_graph.data import Split

    split = Split(np.zeros((200, 1, 1, 1), np.uint8), np.zeros(200, np.int32))
    probabilities = np.tile([0.6, 0.4], (200, 1))
    other = probabilities.copy()
    other[:2] = [0.4, 0.6]
    reader = lambda pictures: other[: len(pictures)]
    found = verification.compare(reader, Pixels(), split, probabilities, quantized=True)
    assert found.agreement == 0.99 and found.accuracy == 1 and found.exported_accuracy == 0.99
    with pytest.raises(ExportError, match='reads 2 of 200 pictures otherwise'):
        verification.compare(reader, Pixels(), split, probabilities)
    other[:3] = [0.4, 0.6]
    with pytest.raises(ExportError, match='reads 3 of 200 pictures otherwise'):
        verification.compare(reader, Pixels(), split, probabilities, quantized=True)


def test_a_quantized_file_is_smaller(entry_point):
    pytest.importorskip('ai_edge_litert')
    ended = entry_point(
        '--format=litert', '--quantize', '--output=small.tflite', f'--model_dir={digits_model().model}', name='export'
    )
    assert ended.code == 0 and os.path.getsize('small.tflite') < 784 * 16 * 4 / 2
    assert ended.err.count('\n') == 1


def test_without_a_network_it_is_checked_on_drawn_digits(export, monkeypatch):
    """And says so, once; but data that is asked for is not replaced."""
    from mnist_graph import data
    from mnist_graph.cli import loading

    def load_data(dataset, data_dir, **options):
        if dataset != 'drawn':
            raise data.NoDataError('could not be downloaded')
        return data.load('auto', digits_model().data, 0)

    monkeypatch.setattr(loading, 'load_data', load_data)
    ended = export('--format=npz')
    assert ended.code == 0 and ended.err.count('so this uses the drawn digits') == 1
    assert export('--format=npz', '--output=other.npz', '--dataset=mnist').code == 1


def test_a_name_of_255_bytes(export, fresh_folder):
    """What is written has another name until it is whole, which must not be too long."""
    name = 'a' * 251 + '.npz'
    assert export('--format=npz', f'--output={name}').code == 0 and name in os.listdir()
