"""evaluate on a model whose mistakes are known: which pictures are measured, and the pictures of the report."""

import importlib.util
import os
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from helpers.data import write_idx_folder
from helpers.small_model import N_WRONG_LABELS, digits_model, patterns_model, picture
from mnist_graph.models import report, saved_model


def png_size(path):
    with Image.open(path) as image:
        assert image.format == 'PNG'
        return image.size


@pytest.fixture
def evaluate(entry_point):
    """Runs evaluate with the small digits model; returns an Ended."""
    return lambda *arguments: entry_point(*arguments, f'--model_dir={digits_model().model}', name='evaluate')


def test_every_test_picture_of_the_data_trained_on_is_measured(evaluate):
    ended = evaluate()
    assert ended.code == 0
    assert ended.err == f'Model: {digits_model().model}, step 60, trained on digits, validation accuracy 1.0000\n'
    n_right = 45 - N_WRONG_LABELS
    low, high = report.wilson_interval(n_right, 45)
    lines = ended.out.splitlines()
    assert lines[0] == (
        f'Accuracy on test set (digits): {n_right / 45:.4f} (95% interval {low:.4f} to {high:.4f}, 45 pictures)'
    )
    assert 'Class  Precision  Recall  Support' in lines and 'Label   0   1   2' in lines
    confusion = [line.split()[1:] for line in lines[-3:]]
    # The labels of the first pictures, a 0 and a 1, say 1 and 2.
    assert confusion == [['14', '.', '.'], ['1', '14', '.'], ['.', '1', '15']]


@pytest.mark.parametrize('arguments', [(), ('--dataset=auto',)])
def test_auto_is_the_data_set_that_the_model_was_trained_on(entry_point, monkeypatch, arguments):
    """As --help says, also if that data set has a name and no folder."""
    from absl import flags

    from mnist_graph.cli import loading

    entry_point.load('evaluate').define_flags()
    flags.FLAGS(['evaluate', *arguments])
    asked = []
    monkeypatch.setattr(loading, 'load_data', lambda *given, **options: asked.append(given) or few)
    found = saved_model.find(digits_model().model)
    few = SimpleNamespace(name='drawn')
    trained_on_drawn = found.descriptions[0]._replace(dataset_flag='drawn', dataset='drawn', data_dir='')
    monkeypatch.setattr(saved_model.Found, 'check_reads', lambda self, dataset: [])
    loading.load_measured_data(found._replace(descriptions=[trained_on_drawn]))
    assert asked == [('drawn', None)]


def test_validation_split(evaluate):
    ended = evaluate('--split=validation')
    assert 'Accuracy on validation set (digits): 1.0000' in ended.out and ' 15 pictures)' in ended.out


def test_validation_pictures_are_those_that_no_model_was_trained_on(entry_point):
    for models in ([digits_model(), digits_model(n_validation=12)], [digits_model(n_validation=12), digits_model()]):
        ended = entry_point(*(f'--model_dir={each.model}' for each in models), '--split=validation', name='evaluate')
        assert ended.code == 0 and ' 12 pictures)' in ended.out


def test_views_and_several_models(entry_point):
    ended = entry_point(
        '--tta=5',
        f'--model_dir={digits_model().model}',
        f'--model_dir={digits_model(seed=1).model}',
        '--split=validation',
        name='evaluate',
    )
    assert ended.code == 0 and re.fullmatch(r'Models: .*, step 60, .*; .*, step 60, .*\n', ended.err)
    assert 'Accuracy on validation set (digits): 1.0000' in ended.out


def test_other_data_is_used_with_a_warning(evaluate):
    arrays = [array for n in (30, 6) for array in (np.zeros((n, 28, 28), np.uint8), np.arange(n).astype(np.uint8) % 3)]
    folder = write_idx_folder('blank', arrays)
    ended = evaluate(f'--data_dir={folder}')
    assert ended.code == 0 and 'Accuracy on test set (blank): 0.3333' in ended.out
    assert 'trained on other data' in ended.err.splitlines()[0] and ended.err.splitlines()[1].startswith('Model: ')


def test_other_data_may_be_smaller_than_what_the_model_held_out(evaluate):
    arrays = [array for n in (9, 6) for array in (np.zeros((n, 28, 28), np.uint8), np.arange(n).astype(np.uint8) % 3)]
    ended = evaluate(f'--data_dir={write_idx_folder("blank", arrays)}')  # 9 pictures, where 15 were held out
    assert ended.code == 0 and 'Accuracy on test set (blank): 0.3333' in ended.out
    refused = evaluate('--data_dir=blank', '--split=validation')
    assert refused.code == 2 and refused.out == ''
    assert refused.err.endswith(
        'model was trained with --n_validation=15, but blank has only 9 such pictures; use --split=test.\n'
    )


def test_data_that_does_not_fit_is_refused(evaluate):
    ended = evaluate(f'--data_dir={patterns_model().data}')
    assert ended.code == 1 and ended.out == '' and ended.err.count('\n') == 1
    assert '8x8' in ended.err and '28x28' in ended.err


def test_other_classes_are_refused(evaluate):
    for split in ('train', 'test'):
        for name in 'abc':
            os.makedirs(f'letters/{split}/{name}')
            for number in range(20):
                Image.fromarray(np.full((28, 28), 50, np.uint8)).save(f'letters/{split}/{name}/{number}.png')
    ended = evaluate('--data_dir=letters', '--pictures=raw')
    assert ended.code == 1 and ended.out == '' and ended.err.count('\n') == 1
    assert 'has the classes a, b, c, but the model reads 0, 1, 2;' in ended.err


def test_labelled_pictures_with_nothing_to_train_on_are_all_measured(evaluate, tmp_path):
    (tmp_path / '0').mkdir()
    picture(0).save(tmp_path / '0' / 'a.png')
    picture(2).save(tmp_path / '2_by_me.png')
    picture(2).save(tmp_path / '0_wrong.png')  # there is no 1, and that is well
    ended = evaluate(f'--data_dir={tmp_path}')
    assert ended.code == 0
    assert ended.out.startswith(f'Accuracy on {tmp_path}: 0.6667 (95% interval 0.2077 to 0.9385, 3 pictures)\n')


def test_a_data_set_of_some_of_the_classes_can_be_measured(evaluate, tmp_path):
    for part in ('train', 'test'):
        for digit in (1, 2):
            (tmp_path / part / str(digit)).mkdir(parents=True)
            picture(digit).save(tmp_path / part / str(digit) / 'a.png')
    ended = evaluate(f'--data_dir={tmp_path}', '--pictures=digits')
    assert ended.code == 0 and ': 1.0000 (95% interval' in ended.out and '2 pictures' in ended.out


def test_an_empty_split_is_refused(entry_point):
    ended = entry_point(f'--model_dir={patterns_model().model}', '--split=validation', name='evaluate')
    assert ended.code == 2 and ended.err.count('\n') == 1 and '--split=test' in ended.err


def test_pictures_of_the_report(evaluate):
    pytest.importorskip('matplotlib')
    ended = evaluate('--report_dir=new/report')
    assert ended.code == 0 and ended.out.endswith('The pictures are in new/report\n')
    assert sorted(os.listdir('new/report')) == [
        'confusion_matrix.png',
        'first_layer.png',
        'training_curves.png',
        'worst_mistakes.png',
    ]
    for name in os.listdir('new/report'):
        width, height = png_size(f'new/report/{name}')
        assert width > 500 and height > 200


def test_the_report_says_which_pictures_were_measured(evaluate, tmp_path, monkeypatch):
    pytest.importorskip('matplotlib')
    from mnist_graph.plots import figures

    picture(2).save(tmp_path / '2_by_me.png')
    shown = []
    monkeypatch.setattr(figures, 'confusion_matrix', lambda result, where, path: shown.append(where))
    assert evaluate('--report_dir=report').code == 0
    assert evaluate(f'--data_dir={tmp_path}', '--report_dir=report').code == 0
    assert shown == ['test set (digits)', f'folder {tmp_path}']


@pytest.mark.parametrize('n_channels', [1, 2, 3, 4, 5])
def test_pictures_of_any_number_of_channels_can_be_shown(fresh_folder, n_channels):
    pytest.importorskip('matplotlib')
    from mnist_graph.plots import canvas

    picture = np.random.default_rng(1).integers(0, 256, (8, 9, n_channels), np.uint8)
    with canvas.Drawing('shown.png', 3, 3) as figure:
        axes = figure.subplots()
        canvas.show_picture(axes, picture)
    drawn = axes.images[0].get_array()
    np.testing.assert_allclose(drawn, picture if n_channels == 3 else picture.mean(axis=2))


def test_a_perfect_model_without_metrics_has_two_pictures_fewer(entry_point):
    pytest.importorskip('matplotlib')
    shutil.copytree(digits_model().model, 'model')
    os.unlink('model/metrics.jsonl')
    ended = entry_point('--model_dir=model', '--split=validation', '--report_dir=report', name='evaluate')
    assert ended.code == 0
    assert sorted(os.listdir('report')) == ['confusion_matrix.png', 'first_layer.png']


def test_without_matplotlib_the_report_is_refused_at_once(evaluate, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name, *rest: None if name == 'matplotlib' else find_spec(name, *rest)
    )
    ended = evaluate('--report_dir=report')
    assert ended.code == 2 and ended.out == '' and "[plots]'" in ended.err and ended.err.count('\n') == 1


def test_many_classes_and_odd_names_can_be_drawn(tmp_path):
    pytest.importorskip('matplotlib')
    from mnist_graph import data
    from mnist_graph.plots import figures

    n = 25
    names = tuple(f'${number}_ë' for number in range(n))
    probabilities = np.random.default_rng(0).dirichlet(np.ones(n), 50)
    labels = (np.arange(50) % n).astype(np.int32)
    result = report.make(probabilities, labels, names)
    figures.confusion_matrix(result, 'test set', str(tmp_path / 'confusion.png'))
    images = np.zeros((5, 20, 30, 3), np.uint8)
    figures.worst_mistakes(
        data.Split(images, labels[:5]), probabilities[:5], names, 'test set', str(tmp_path / 'worst.png')
    )
    figures.first_layer(np.ones((5, 5, 3, 7), np.float32), str(tmp_path / 'first.png'))
    for name in ('confusion', 'worst', 'first'):
        png_size(tmp_path / f'{name}.png')
