"""predict: from picture files to lines, JSON and CSV; bad files, several digits."""

import csv
import gzip
import importlib.util
import io
import json
import os
import pathlib
import shutil
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from helpers.data import write_table
from helpers.programs import run_python
from helpers.small_model import N_WRONG_LABELS, digits_model, patterns_model, picture, row_of
from mnist_graph import data
from mnist_graph.base import picture_paths
from mnist_graph.cli import output
from mnist_graph.data import table_file
from mnist_graph.models import readings


@pytest.fixture
def predict(entry_point):
    """Runs predict with the small digits model; returns an Ended."""
    return lambda *arguments: entry_point(*arguments, f'--model_dir={digits_model().model}', name='predict')


def save_digits(*digits, folder='.'):
    """Writes pictures 0.png, 1.png ... into a folder; returns their paths."""
    os.makedirs(folder, exist_ok=True)
    paths = [os.path.join(folder, f'{digit}.png') for digit in digits]
    for digit, path in zip(digits, paths):
        picture(digit).save(path)
    return paths


# What was read.


def test_reading_of_one_digit():
    got = readings.reading_of('a.png', np.array([[0.1, 0.2, 0.7]]), 'xyz')
    assert (got.text, got.probability, got.second) == ('z', 0.7, 'y')
    assert got.second_probability == pytest.approx(0.2)


def test_reading_of_several_digits_changes_the_least_sure_one_for_the_second_guess():
    probabilities = np.array([[0.9, 0.06, 0.04], [0.3, 0.1, 0.6], [0.0, 1.0, 0.0]])
    got = readings.reading_of('a.png', probabilities, ('0', '1', '2'))
    assert (got.text, got.second) == ('021', '001')
    assert got.probability == pytest.approx(0.9 * 0.6)
    assert got.second_probability == pytest.approx(0.9 * 0.3)


def test_reading_with_one_class_has_no_second_guess():
    got = readings.reading_of('a.png', np.array([[1.0]]), ('cat',))
    assert (got.text, got.second, got.second_probability) == ('cat', '', 0.0)
    assert output.Writer('text').lines([got]) == 'a.png: cat (probability 1.000)\n'


def test_formats():
    one = readings.reading_of('odd, "name"\n.png', np.array([[0.25, 0.75]]), ('a', 'b'))
    two = readings.reading_of('b.png', np.array([[0.5, 0.5], [1.0, 0.0]]), ('a', 'b'))

    def written(form):
        writer = output.Writer(form)
        return writer.begin() + writer.lines([one]) + writer.lines([two]) + writer.end()

    assert written('text') == (
        'odd, "name"\\n.png: b (probability 0.750; second guess a 0.250)\n'
        'b.png: aa (probability 0.500; second guess ba 0.500)\n'
    )
    assert list(csv.DictReader(io.StringIO(written('csv'))))[0] == {
        'path': 'odd, "name"\n.png',
        'digit': 'b',
        'probability': '0.750000',
        'second_guess': 'a',
        'second_probability': '0.250000',
    }
    first, second = json.loads(written('json'))
    assert first == {
        'path': 'odd, "name"\n.png',
        'digit': 'b',
        'probability': 0.75,
        'second_guess': 'a',
        'second_probability': 0.25,
        'probabilities': [{'a': 0.25, 'b': 0.75}],
    }
    assert second['probabilities'][1] == {'a': 1.0, 'b': 0.0}


# The command.


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


def test_json_and_csv(predict):
    save_digits(0, 2)
    found = json.loads(predict('0.png', '2.png', '--format=json').out)
    assert [(entry['path'], entry['digit']) for entry in found] == [('0.png', '0'), ('2.png', '2')]
    assert sum(found[0]['probabilities'][0].values()) == pytest.approx(1, abs=1e-5)
    rows = list(csv.DictReader(io.StringIO(predict('0.png', '2.png', '--format=csv').out)))
    assert [row['digit'] for row in rows] == ['0', '2']


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


def test_nothing_readable_still_gives_whole_json(predict):
    ended = predict('missing.png', '--format=json')
    assert ended.code == 1 and json.loads(ended.out) == []
    with open('empty.png', 'wb'):
        pass
    ended = predict('empty.png', '--format=json')
    assert ended.code == 1 and json.loads(ended.out) == []


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


def test_rows_and_what_is_no_digit_in_json(entry_point):
    page = Image.new('L', (420, 300), 255)
    page.paste(row_of(2, 0, 1), (0, 0))
    page.paste(row_of(1, 2), (0, 150))
    page.save('page.png')
    Image.new('L', (50, 50), 255).save('blank.png')
    ended = entry_point('page.png', 'blank.png', '--format=json', '--model_dir=pretrained', name='predict')
    assert ended.code == 1
    found, blank = json.loads(ended.out)
    assert (found['digit'], found['rows']) == ('201/12', ['201', '12'])
    assert (blank['digit'], blank['rows'], blank['probabilities']) == ('', [], [])


def test_digits_below_the_least_probability_are_question_marks():
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7]])
    assert readings.reading_of('a.png', probabilities, ('0', '1'), [1, 1], min_probability=0.8).text == '0/?'


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


def test_a_model_of_other_pictures_gets_them_resized(entry_point):
    Image.fromarray(np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)).save('noise.png')
    model = f'--model_dir={patterns_model().model}'
    ended = entry_point('noise.png', model, '--format=json', name='predict')
    (found,) = json.loads(ended.out)
    assert list(found['probabilities'][0]) == ['0', '1', '2', '3']
    ended = entry_point('noise.png', model, '--digits=many', name='predict')
    assert ended.code == 2 and '--digits=many' in ended.err


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


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    def walk(folder, onerror):
        onerror(PermissionError(13, 'Permission denied', folder))
        return []

    monkeypatch.setattr(os, 'walk', walk)
    assert picture_paths.find_files([str(tmp_path)])[1] == [
        f'{tmp_path}: cannot be read (Permission denied); see to its permissions.'
    ]


def test_without_matplotlib_the_view_is_refused_at_once(predict, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name, *rest: None if name == 'matplotlib' else find_spec(name, *rest)
    )
    save_digits(0)
    ended = predict('0.png', '--save_view=seen.png')
    assert ended.code == 2 and ended.out == '' and not os.path.exists('seen.png')
    assert ended.err.count('\n') == 1 and "[plots]'" in ended.err


def test_a_wrong_path_is_answered_without_tensorflow(fresh_folder):
    ended = run_python(
        '-c',
        'import sys\nfrom mnist_graph import predict\ntry:\n  predict.console_main()\n'
        'except SystemExit as end:\n  print(end.code, "tensorflow" in sys.modules)',
        'nope.png',
        folder=fresh_folder,
    )
    assert ended.out == '1 False\n' and ended.err.startswith('nope.png: ')


def test_names_that_the_terminal_cannot_show_are_escaped(monkeypatch):

    raw = io.BytesIO()
    monkeypatch.setattr(sys, 'stdout', io.TextIOWrapper(raw, encoding='ascii'))
    output.ReadingsOutput._print('ä\udc80: 3\n')
    assert raw.getvalue() == b'\\xe4\\udc80: 3\n'


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


# Tables.


@pytest.fixture
def test_table():
    """Writes test.csv as Kaggle's, of the small model's test pictures over and over; returns their labels as read."""

    def write(n, path='test.csv', **options):
        test = data.load(data_dir=digits_model().data, n_validation=0).test
        rows = np.arange(n) % len(test)
        header = ','.join(f'pixel{i}' for i in range(784))
        write_table(path, test.images[rows, ..., 0], header=header, **options)
        # The first labels of the small data set are wrong, and the model reads all pictures rightly.
        labels = test.labels.copy()
        labels[:N_WRONG_LABELS] = (labels[:N_WRONG_LABELS] - 1) % 3
        return labels[rows].tolist()

    return write


def test_a_submission_to_kaggle_has_every_row_in_order(predict, test_table):
    labels = test_table(2345)  # three pieces
    ended = predict('test.csv', '--format=kaggle')
    assert ended.code == 0
    expected = ''.join(f'{row},{label}\n' for row, label in enumerate(labels, 1))
    assert ended.out == f'ImageId,Label\n{expected}'


def test_tables_in_the_other_formats(predict, test_table):
    labels = test_table(3)
    with open('test.csv', 'rb') as file, gzip.open('b.csv.gz', 'wb') as packed:
        packed.write(file.read())
    ended = predict('test.csv', 'b.csv.gz')
    assert [line.split(' (')[0] for line in ended.out.splitlines()] == [
        f'{path}:{row}: {label}' for path in ('test.csv', 'b.csv.gz') for row, label in enumerate(labels, 1)
    ]
    rows = list(csv.DictReader(io.StringIO(predict('test.csv', '--format=csv').out)))
    assert [row['path'] for row in rows] == ['test.csv:1', 'test.csv:2', 'test.csv:3']
    assert [row['path'] for row in json.loads(predict('test.csv', '--format=json').out)] == [
        'test.csv:1',
        'test.csv:2',
        'test.csv:3',
    ]


@pytest.mark.parametrize('divisor', [255, 1])
def test_labels_in_a_table_are_left_out(predict, divisor):
    test = data.load(data_dir=digits_model().data, n_validation=0).test[N_WRONG_LABELS:12]
    rows = np.insert(test.images.reshape(-1, 784) / divisor, 0, 9, axis=1)
    np.savetxt('t.csv', rows, '%.8g', ',')
    ended = predict('t.csv', '--format=kaggle')
    assert ended.out.split()[1:] == [f'{row},{label}' for row, label in enumerate(test.labels, 1)]


@pytest.mark.parametrize(
    'arguments, code, problem',
    [
        ('gone.csv', 1, 'gone.csv: cannot be read (No such file or directory)'),
        ('empty.csv', 1, 'empty.csv: has no rows'),
        ('small.csv', 1, 'small.csv: has 8 pixels in a row, but the model reads 784 (28x28x1)'),
        ('words.csv', 1, 'words.csv: is no table of numbers'),
        ('test.csv 0.png', 2, 'test.csv: is a table; read tables and pictures with a command each'),
        ('0.png --format=kaggle', 2, '--format=kaggle: is for one table of pictures'),
        ('test.csv test.csv --format=kaggle', 2, '--format=kaggle: is for one table of pictures'),
        ('test.csv --save_view=seen.png', 2, '--save_view=seen.png: is for pictures, not for tables'),
        ('test.csv --digits=one', 2, '--digits=one: is for pictures, not for tables'),
        ('pipe.csv', 1, 'pipe.csv: is a named pipe, a socket or a device'),
    ],
)
def test_bad_tables(predict, test_table, arguments, code, problem):
    test_table(3)
    save_digits(0)
    for name, text in ('empty.csv', ''), ('small.csv', '1,2,3,4,5,6,7,8,9\n'), ('words.csv', 'a,b\nc,d\n'):
        pathlib.Path(name).write_text(text)
    os.mkfifo('pipe.csv')
    ended = predict(*arguments.split())
    assert ended.code == code and problem in ended.err and ended.err.count('\n') == 1 and not ended.out


def test_a_table_that_is_damaged_further_down(predict, test_table):
    test_table(1500)
    with open('test.csv', 'a') as file:
        file.write('1,2,3\n')
    ended = predict('test.csv', '--format=kaggle')
    assert ended.code == 1 and 'test.csv: is no table of numbers behind row 1000 (' in ended.err
    assert len(ended.out.splitlines()) == 1001


def test_a_table_is_read_in_bounded_memory(tmp_path):
    path = str(tmp_path / 't.csv')
    with open(path, 'w') as file:
        file.writelines(','.join(['200'] * 784) + '\n' for _ in range(8000))
    tracemalloc.start()
    n = sum(len(piece) for piece in table_file.stream_pictures(path, 28, 28, 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 8000 and peak < 16 << 20  # the whole would take 24 MiB as floats
