"""predict on pictures: files and folders, several digits, the model that reads them, bad files and mistakes, the view."""

import importlib.util
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from helpers.programs import run_python
from helpers.small_model import digits_model, patterns_model, row_of, save_digits


def test_reads_pictures_and_folders(predict):
    save_digits(0, 1, 2, folder='several')
    (one,) = save_digits(1)
    ended = predict(one, 'several')
    assert ended.code == 0
    assert ended.err == f'Model: {digits_model().model}, step 60, trained on digits, validation accuracy 1.0000\n'
    lines = ended.out.splitlines()
    assert [line.partition(' (')[0] for line in lines] == [
        './1.png: 1',
        'several/0.png: 0',
        'several/1.png: 1',
        'several/2.png: 2',
    ]
    assert '; second guess ' in lines[0]


def test_a_folder_in_the_home_folder(entry_point, monkeypatch):
    (one,) = save_digits(1)
    monkeypatch.setenv('HOME', os.path.dirname(digits_model().model))
    ended = entry_point(one, '--model_dir=~/model', name='predict')
    assert ended.code == 0 and ended.out.startswith('./1.png: 1'), ended.err


def test_several_digits_in_a_row(predict):
    row_of(2, 0, 1).save('row.png')
    assert predict('row.png', '--digits=many').out.startswith('row.png: 201 (')
    (found,) = json.loads(predict('row.png', '--format=json').out)
    assert found['digit'] == '201' and len(found['probabilities']) == 3


def test_two_digits_that_may_be_one_get_a_hint(predict):
    row_of(2, 1).save('row.png')
    save_digits(0)
    ended = predict('row.png', '0.png', 'row.png')
    assert ended.err.splitlines()[1] == (
        'row.png and 1 more: two digits were found. If it is one, use --digits=one; '
        '--save_view=seen.png draws what the network saw.'
    )
    for quiet in (['0.png'], ['row.png', '--digits=many'], ['row.png', '--digits=one']):
        assert 'two digits' not in predict(*quiet).err


def test_bad_files_have_a_line_each_and_the_others_are_read(predict):
    save_digits(2)
    with open('empty.png', 'wb'):
        pass
    with open('text\n.png', 'w') as file:
        file.write('no picture')
    with open('cut.png', 'wb') as file:
        file.write(open('2.png', 'rb').read()[:200])
    Image.new('L', (50, 50), 255).save('blank.png')
    os.mkdir('nothing')
    bad = ['empty.png', 'text\n.png', 'cut.png', 'nothing', 'missing.png']
    ended = predict(*bad[:3], '2.png', 'blank.png', *bad[3:])
    assert ended.code == 1
    assert ended.out.startswith('2.png: 2 ') and ended.out.endswith('\nblank.png: no digit\n')
    assert ended.out.count('\n') == 2
    lines = [line for line in ended.err.splitlines() if not line.startswith('Model: ')]
    assert len(lines) == len(bad)
    for name in bad:
        assert sum(name.replace('\n', '\\n') in line for line in lines) == 1, name


@pytest.mark.parametrize(
    'flags, code, words',
    [
        ([], 2, 'No picture to read'),
        (['1.png', '--tta=10'], 2, 'tta'),
        (['1.png', '--save_view=view.xyz'], 2, 'view.xyz'),
        (['1.png', '--save_view=no/folder/view.png'], 2, 'no/folder/view.png'),
        (['1.png', '--format=xml'], 2, 'format'),
    ],
)
def test_mistakes_get_one_line(predict, flags, code, words):
    save_digits(1)
    ended = predict(*flags)
    assert ended.code == code and words in ended.err and ended.err.count('\n') == 1 and ended.out == ''


def test_a_wrong_path_is_answered_without_tensorflow(fresh_folder):
    ended = run_python(
        '-c',
        'import sys\nfrom mnist_graph import predict\ntry:\n  predict.console_main()\n'
        'except SystemExit as end:\n  print(end.code, "tensorflow" in sys.modules)',
        'nope.png',
        folder=fresh_folder,
    )
    assert ended.out == '1 False\n' and ended.err.startswith('nope.png: ')


def test_the_newest_run_is_the_default(entry_point):
    save_digits(1)
    shipped = entry_point('1.png', name='predict')
    assert shipped.code == 0 and shipped.out.startswith('1.png: 1 ')
    assert shipped.err == (
        'There is no trained model here yet, so this uses the reader that is shipped with the package.\n'
        'Model: pretrained, step 0, trained on handwriting\n'
    )
    shutil.copytree(digits_model().model, 'runs/first')
    os.symlink('first', 'runs/latest')
    assert entry_point('1.png', name='predict').out.startswith('1.png: 1 ')


def test_a_model_of_other_pictures_gets_them_resized(entry_point):
    Image.fromarray(np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)).save('noise.png')
    model = f'--model_dir={patterns_model().model}'
    ended = entry_point('noise.png', model, '--format=json', name='predict')
    (found,) = json.loads(ended.out)
    assert list(found['probabilities'][0]) == ['0', '1', '2', '3']
    ended = entry_point('noise.png', model, '--digits=many', name='predict')
    assert ended.code == 2 and '--digits=many' in ended.err


def test_a_damaged_checkpoint_is_passed_over_with_a_line(entry_point):
    save_digits(0)
    shutil.copytree(digits_model().model, 'model')
    (newest,) = pathlib.Path('model/checkpoints').glob('model.ckpt-60.data*')
    newest.write_bytes(b'x' + newest.read_bytes()[1:])
    ended = entry_point('0.png', '--model_dir=model', name='predict')
    assert ended.code == 0 and ended.out.startswith('0.png: 0 ')
    first, second = ended.err.splitlines()
    assert newest.name in first and first.endswith('; using the checkpoint before it.')
    assert second == 'Model: model, step 30, trained on digits, best validation accuracy 1.0000'
    shutil.rmtree('model/checkpoints')
    ended = entry_point('0.png', '--model_dir=model', name='predict')
    assert ended.code == 1 and ended.err.count('\n') == 1 and 'no whole checkpoint' in ended.err


def test_view_of_what_the_network_saw(predict):
    pytest.importorskip('matplotlib')
    save_digits(0, 1)
    row_of(2, 1).save('row $5.png')
    ended = predict('0.png', '1.png', 'row $5.png', '--save_view=seen.png')
    assert ended.code == 0 and 'seen.png' in ended.err
    with Image.open('seen.png') as image:
        pixels = np.asarray(image.convert('RGB')).astype(int)
    assert pixels.shape[1] > pixels.shape[0] > 300
    # The bar of the likeliest digit is the only saturated blue.
    assert ((pixels[..., 2] > 150) & (pixels[..., 0] < 30)).sum() > 1000
    # So is the red of the box around the digit that stands beside it.
    assert ((pixels[..., 0] > 190) & (pixels[..., 2] < 30)).sum() > 300


def test_the_view_does_not_replace_a_picture_that_is_read(predict):
    save_digits(0)
    before = pathlib.Path('0.png').read_bytes()
    ended = predict('0.png', '--save_view=./0.png')
    assert ended.code == 2 and 'is a picture to be read' in ended.err and ended.err.count('\n') == 1
    assert pathlib.Path('0.png').read_bytes() == before


def test_without_matplotlib_the_view_is_refused_at_once(predict, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name, *rest: None if name == 'matplotlib' else find_spec(name, *rest)
    )
    save_digits(0)
    ended = predict('0.png', '--save_view=seen.png')
    assert ended.code == 2 and ended.out == '' and not os.path.exists('seen.png')
    assert ended.err.count('\n') == 1 and "[plots]'" in ended.err
