"""The main program from its flags to its last line, with tiny data."""

import json
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from helpers.data import tiny_arrays, write_idx_folder
from helpers.programs import REPOSITORY, TINY_JOB, run_python
from mnist_graph.training import description, metrics, runs
from mnist_graph.training.run_folder import find_checkpoint

FLAGS = (*TINY_JOB, '--display_step=20', '--eval_steps=30')
DISPLAY = r'Iteration (\d+)\t\| Loss = (\d+\.\d\d|0\.0\d{3})\t\| Accuracy = ([01]\.\d\d)'


def test_whole_job(entry_point):
    write_idx_folder('data')
    ended = entry_point(*FLAGS, '--model_dir=model')
    assert ended.code == 0 and ended.err == ''
    # 64 * 6 + 6 + 6 * 5 + 5 + 5 * 4 + 4 parameters; 15 of the 60 pictures are held out.
    opening, explanation, *lines = ended.out.splitlines()
    assert opening == '45 pictures, 64-6-5-4, 449 parameters, 60 steps'
    assert explanation == 'Loss and accuracy are those of one mini-batch (8 pictures), without dropout.'
    assert [int(re.fullmatch(DISPLAY, line)[1]) for line in lines[:3]] == [20, 40, 60]
    assert re.fullmatch(r'Accuracy on validation set \(data\): [01]\.\d{4}', lines[3])
    assert re.fullmatch(r'Accuracy on test set \(data\): [01]\.\d{4}', lines[4])
    assert lines[5:] == ['The model is in model']  # and no prediction, as this network reads no digits
    recorded = metrics.read('model')
    assert lines[1] == 'Iteration 40\t| Loss = {loss:.2f}\t| Accuracy = {accuracy:.2f}'.format(
        **next(line for line in recorded if line['step'] == 40)
    )
    # What is printed last is what was measured on all validation pictures.
    assert lines[3].endswith(f'{recorded[-1]["validation_accuracy"]:.4f}')
    assert [name for name in os.listdir('model') if 'tfevents' in name]
    saved = description.read('model')
    assert saved.dataset == 'data' and saved.data_dir == os.path.abspath('data') and saved.hparams.n_iterations == 60


def test_again_from_the_same_seed_and_from_another(entry_point):
    write_idx_folder('data')
    flags = [*FLAGS, '--notensorboard']
    outs = [
        entry_point(*flags, f'--model_dir=model{number}', f'--seed={seed}').out.splitlines()[:-1]
        for number, seed in enumerate((3, 3, 4))
    ]
    assert outs[0] == outs[1] != outs[2]
    digests = []
    for number in range(3):
        with open(find_checkpoint(f'model{number}', 'last')[0].prefix + '.data-00000-of-00001', 'rb') as file:
            digests.append(file.read())
    assert digests[0] == digests[1] != digests[2]


def test_default_folder_resume_and_longer(entry_point):
    write_idx_folder('data')
    first = entry_point(*FLAGS)
    folder = re.search(r'^The model is in (runs/\S+)$', first.out, re.M)[1]
    assert runs.resolve('runs/latest') == folder
    # --resume alone finds run, data and hyperparameters again.
    again = entry_point('--resume')
    assert again.code == 0 and again.err == ''
    assert again.out.splitlines()[2] == 'Already at step 60; give a larger --n_iterations'
    assert again.out.splitlines()[3:] == first.out.splitlines()[5:]
    longer = entry_point('--resume', '--n_iterations=80', '--display_step=20')
    assert longer.code == 0
    assert longer.out.splitlines()[2] == 'Going on from step 60'
    assert longer.out.splitlines()[3].startswith('Iteration 80\t')
    refused = entry_point('--resume', '--n_iterations=80', '--learning_rate=0.5')
    assert refused.code == 2 and 'learning_rate: 0.02 -> 0.5' in refused.err and refused.err.count('\n') == 1
    refused = entry_point('--resume', '--n_iterations=60')
    assert refused.code == 2 and 'can only grow' in refused.err
    write_idx_folder('data', seed=9)
    refused = entry_point('--resume')
    assert refused.code == 2 and 'was trained on other data' in refused.err and refused.err.count('\n') == 1


def test_resuming_says_what_has_become_of_the_data_and_of_a_training_that_stopped_early(entry_point):
    write_idx_folder('data')
    stopping = ['--early_stopping_patience=1', '--eval_steps=1', '--learning_rate=10', '--model_dir=model']
    first = entry_point(*FLAGS, *stopping)
    assert first.code == 0, first.err
    again = entry_point('--resume', '--model_dir=model')
    assert re.match(
        r'Already stopped early, at step \d+, as --early_stopping_patience asks; to train longer, start a new run with a '
        r'larger one$',
        again.out.splitlines()[2],
    )
    os.rename('data', 'moved')
    gone = entry_point('--resume', '--model_dir=model')
    assert gone.code == 1 and gone.err.count('\n') == 1
    assert gone.err.endswith('data: the data that the model was trained on is no longer there; give --data_dir.\n')
    assert entry_point('--resume', '--model_dir=model', '--data_dir=moved').code == 0


def test_resuming_says_where_it_goes_on(entry_point):
    write_idx_folder('data')
    assert entry_point(*FLAGS, '--model_dir=model', '--n_epochs=4', '--n_iterations=0').code == 2
    flags = [flag for flag in FLAGS if not flag.startswith('--n_iterations')]
    assert entry_point(*flags, '--model_dir=model', '--n_epochs=4').code == 0
    resumed = ('--resume', '--model_dir=model')
    assert entry_point(*resumed).out.splitlines()[2] == 'Already at step 23; give a larger --n_epochs'
    shutil.rmtree('model/checkpoints')
    again = entry_point(*resumed)
    assert again.code == 0 and again.out.splitlines()[2] == 'Nothing was saved yet: starting again'
    scheduled = [*FLAGS, '--learning_rate_schedule=cosine', '--model_dir=scheduled']
    assert entry_point(*scheduled).code == 0
    ended = entry_point('--resume', '--model_dir=scheduled')
    assert ended.out.splitlines()[2] == 'Already at step 60, the end that its schedule was made for'


def test_a_cnn_is_introduced(entry_point):
    write_idx_folder('data')
    ended = entry_point(*FLAGS, '--model=cnn', '--filters=2,3,2', '--n_iterations=1', '--batch_size=100')
    opening, explanation = ended.out.splitlines()[:2]
    assert re.fullmatch(r'45 pictures, 2-3-2 filters, 6-5-4 units, \d+ parameters, 1 step', opening)
    assert '(45 pictures)' in explanation


def test_all_ingredients_survive_a_resume_and_being_loaded(entry_point):
    """Moments, averages and all: half a training and its other half are the whole, and predict has what was tested."""
    import tensorflow as tf

    from mnist_graph.data import load
    from mnist_graph.models import saved_model

    write_idx_folder('data')
    cnn = (
        *FLAGS,
        '--model=cnn',
        '--filters=2,3,2',
        '--batch_norm',
        '--standardize',
        '--augment',
        '--deskew',
        '--ema_decay=0.9',
        '--label_smoothing=0.1',
        '--dropout_layers=all',
        '--notensorboard',
    )
    whole = entry_point(*cnn, '--model_dir=whole')
    assert whole.code == 0 and entry_point(*cnn, '--n_iterations=20', '--model_dir=halves').code == 0
    halves = entry_point('--resume', '--model_dir=halves', '--n_iterations=60', '--display_step=20', '--save_steps=20')
    assert halves.out.splitlines()[-4:-1] == whole.out.splitlines()[-4:-1]
    one, other = (tf.train.load_checkpoint(find_checkpoint(folder, 'last')[0].prefix) for folder in ('whole', 'halves'))
    names = sorted(one.get_variable_to_shape_map())
    assert any('moments' in name for name in names) and any('averages' in name for name in names)
    for name in names:
        np.testing.assert_array_equal(one.get_tensor(name), other.get_tensor(name), err_msg=name)
    test = load('auto', 'data', 15).test
    with saved_model.load(['halves']) as model:
        accuracy = (model.probabilities(test.images).argmax(axis=1) == test.labels).mean()
    assert f'Accuracy on test set (data): {accuracy:.4f}' in whole.out


def test_best_checkpoint_is_tested(entry_point, monkeypatch):
    from mnist_graph.training import evaluation

    write_idx_folder('data')
    real, scripted = evaluation.metrics_of, iter([0.99, 0.5])

    def metrics_of(logits, labels):
        measured = real(logits, labels)
        return measured._replace(accuracy=next(scripted, measured.accuracy)) if len(labels) == 15 else measured

    monkeypatch.setattr(evaluation, 'metrics_of', metrics_of)
    ended = entry_point(*FLAGS, '--model_dir=model', '--checkpoint=best', '--dropout=0')
    assert ended.code == 0
    assert find_checkpoint('model', 'best')[0].step == 30
    from mnist_graph.models import saved_model

    with saved_model.load(['model'], 'best') as model:
        test = tiny_arrays()
        got = (model.probabilities(test[2][..., None]).argmax(1) == test[3]).mean()
    assert f'Accuracy on test set (data): {got:.4f}' in ended.out


def test_several_views_are_tested(entry_point, monkeypatch):
    from mnist_graph.network.views import Views

    asked, mean = [], Views.mean
    monkeypatch.setattr(
        Views, 'mean', lambda self, images, *rest: asked.append(len(images)) or mean(self, images, *rest)
    )
    write_idx_folder('data')
    plain = entry_point(*FLAGS, '--model_dir=plain')
    averaged = entry_point(*FLAGS, '--model_dir=model', '--tta=5')
    assert averaged.code == 0 and asked == [15, 25]  # the validation and the test pictures
    from mnist_graph.models import saved_model

    *_, images, labels = tiny_arrays()
    with saved_model.load(['model'], n_views=5) as model:
        probabilities = model.probabilities(images[..., None])
    accuracy = (probabilities.argmax(1) == labels).mean()
    assert f'Accuracy on test set (data): {accuracy:.4f}' in averaged.out
    # The training is the same; only what is measured after it may be another.
    assert plain.out.splitlines()[:5] == averaged.out.splitlines()[:5]


def test_views_are_refused_before_the_training_where_pictures_are_too_small(entry_point):
    write_idx_folder('data', shape=(1, 8))
    ended = entry_point(*FLAGS, '--model_dir=model', '--tta=2')
    assert ended.code == 2 and ended.err.count('\n') == 1 and '--tta' in ended.err
    assert not os.path.exists('model')


def test_early_stopping_says_so(entry_point, monkeypatch):
    from mnist_graph.training import evaluation

    write_idx_folder('data')
    real = evaluation.metrics_of
    monkeypatch.setattr(evaluation, 'metrics_of', lambda logits, labels: real(logits, labels)._replace(accuracy=0.5))
    ended = entry_point(*FLAGS, '--eval_steps=10', '--early_stopping_patience=2')
    assert 'Stopped early after step 30: the best validation accuracy was 0.5000 at step 10.' in ended.out
    assert ended.code == 0


def test_flags_without_effect_are_named(entry_point):
    write_idx_folder('data')
    ended = entry_point(
        *FLAGS,
        '--n_iterations=1',
        '--augment_shift=2.0',
        '--momentum=0.5',
        '--filters=1,2,3',
        '--dropout=0',
        '--dropout_layers=all',
    )
    assert ended.code == 0
    assert ended.err == (
        '--momentum=0.5 has no effect without --optimizer=momentum.\n'
        '--filters=1,2,3 has no effect without --model=cnn.\n'
        '--dropout_layers=all has no effect without a --dropout above 0.\n'
        '--augment_shift=2.0 has no effect without --augment.\n'
    )
    ended = entry_point(*FLAGS, '--n_iterations=1', '--augment', '--augment_shift=2.0')
    assert ended.code == 0 and ended.err == ''


def test_without_validation_pictures(entry_point):
    write_idx_folder('data')
    ended = entry_point(
        *(flag for flag in FLAGS if not flag.startswith('--n_iterations')), '--n_validation=0', '--n_epochs=2'
    )
    assert ended.code == 0 and 'validation' not in ended.out and 'Accuracy on test set' in ended.out
    assert ended.out.splitlines()[2].startswith('Iteration 15\t')  # 2 * 60 pictures in batches of 8


def test_no_digit_is_predicted_where_garments_were_learned(entry_point):
    write_idx_folder('data', tiny_arrays(shape=(28, 28)))
    ended = entry_point(*FLAGS, '--n_iterations=1')
    assert ended.code == 0 and 'Accuracy on test set' in ended.out and 'Prediction' not in ended.out


def test_a_test_img_png_that_is_none_stops_nothing(entry_point):
    arrays = tiny_arrays(shape=(28, 28), n_classes=10)
    for images in arrays[0], arrays[2]:
        images[:, [0, -1]] = images[:, :, [0, -1]] = 0
    write_idx_folder('data', arrays)
    with open('test_img.png', 'w') as file:
        file.write('junk')
    ended = entry_point(*FLAGS, '--n_iterations=1')
    assert ended.code == 0 and 'Prediction for test image (data): ' in ended.out
    ended = entry_point(*FLAGS, '--n_iterations=1', '--image=test_img.png')
    assert ended.code == 1 and ended.err.startswith('mnist_graph: test_img.png: ')


def test_own_picture_of_another_size(entry_point):
    arrays = tiny_arrays(shape=(8, 8, 3))
    write_idx_folder('data', arrays)
    Image.fromarray(np.repeat(np.repeat(arrays[2][0], 4, 0), 4, 1)).save('mine.png')
    ended = entry_point(*FLAGS, '--image=mine.png', '--n_iterations=150', '--dropout=0')
    assert ended.code == 0
    assert re.search(rf'Prediction for test image \(data\): {arrays[3][0]} \(probability [01]\.\d{{3}}\)', ended.out)


def test_built_in_digits_when_nothing_else_is_to_be_had(entry_point, monkeypatch):
    from mnist_graph import drawn
    from mnist_graph.base.errors import DataError
    from mnist_graph.data import download

    def unreachable(folder, show_progress=False):
        raise DataError('nothing could be downloaded (no network).')

    draw = drawn.load_or_draw
    monkeypatch.setattr(download, 'download_mnist', unreachable)
    monkeypatch.setattr(drawn, 'load_or_draw', lambda cache_dir, progress=None: draw(None, 600, 100))
    ended = entry_point(
        '--n_validation=50',
        '--n_iterations=120',
        '--hidden_units=64',
        '--batch_size=32',
        '--learning_rate=3e-3',
        '--notensorboard',
    )
    assert ended.code == 0
    assert ended.err.count('\n') == 1 and 'MNIST could not be downloaded' in ended.err and '(no network)' in ended.err
    result_lines = [line for line in ended.out.splitlines() if line.startswith(('Accuracy', 'Prediction'))]
    assert len(result_lines) == 3 and all('(drawn)' in line for line in result_lines)
    assert re.search(r'Prediction for test image \(drawn\): 2 \(probability', ended.out)


def test_the_picture_that_comes_with_the_package_is_a_dark_2_on_light():
    with Image.open(REPOSITORY / 'test_img.png') as image:
        array = np.asarray(image)
    assert array.shape == (28, 28) and array.dtype == np.uint8
    assert np.median(array) > 200 and array.min() < 100


def test_as_a_program_its_terminal_is_clean(fresh_folder):
    write_idx_folder('data')
    ended = run_python('-m', 'mnist_graph.main', *FLAGS, '--model_dir=model', folder=fresh_folder)
    assert ended.code == 0 and ended.err == ''
    assert len(ended.out.splitlines()) == 8 and ended.out.splitlines()[2].startswith('Iteration 20\t| Loss = ')
    with open('model/hparams.json') as file:
        assert json.load(file)['dataset'] == 'data'


@pytest.mark.skipif(not os.environ.get('MNIST_DATA_DIR'), reason='needs MNIST_DATA_DIR')
def test_real_digits_are_learnt(entry_point):
    ended = entry_point(
        f'--data_dir={os.environ["MNIST_DATA_DIR"]}',
        '--n_iterations=300',
        '--learning_rate=1e-3',
        f'--image={REPOSITORY}/test_img.png',
        '--notensorboard',
    )
    assert ended.code == 0 and ended.err == ''
    assert float(re.search(r'Accuracy on test set: (0\.\d{4})', ended.out)[1]) > 0.9
    assert 'Prediction for test image: 2 (probability' in ended.out
