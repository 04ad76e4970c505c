"""hparams.json: everything comes back, and nothing strange is taken in."""

import json
import os

import pytest

from helpers.data import tiny_dataset
from mnist_graph import __version__
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams
from mnist_graph.training import description

HPARAMS = HParams(hidden_units=(6, 5), learning_rate=0.1 + 0.2, augment=True, standardize=True)


@pytest.fixture
def described(tmp_path):
    """(folder, Description written into it)."""
    it = description.describe(HPARAMS, tiny_dataset(), 'auto', str(tmp_path / 'data'), 2, '2.21.0')
    description.write(str(tmp_path), it)
    return str(tmp_path), it


def test_what_is_described_is_what_was_used(monkeypatch):
    monkeypatch.setenv('HOME', '/home/somebody')
    drawn = tiny_dataset()._replace(name='drawn')
    it = description.describe(HPARAMS, drawn, 'auto', '~/mnist', 2, '2.21.0')
    assert (it.dataset_flag, it.data_dir) == ('drawn', '/home/somebody/mnist')


def rewrite(folder, change):
    path = os.path.join(folder, 'hparams.json')
    with open(path) as file:
        values = json.load(file)
    change(values)
    with open(path, 'w') as file:
        json.dump(values, file)


def test_round_trip(described):
    folder, it = described
    read = description.read(folder)
    assert read == it and read.hparams == HPARAMS
    assert type(read.hparams.hidden_units) is tuple and type(read.input_spec) is InputSpec
    assert (read.dataset, read.fingerprint, read.class_names) == ('tiny', '0123456789abcdef', ('0', '1', '2', '3'))
    assert (read.n_train, read.n_threads, read.package_version) == (45, 2, __version__)
    assert read.trained_with == ((0, '2.21.0', 2, 1),)
    assert read.data_dir == os.path.join(folder, 'data') and not read.reads_digits
    assert 0 < read.input_spec.pixel_mean < 1 and read.input_spec.pixel_std < 1


def test_it_is_readable_json_with_all_hyperparameters(described):
    with open(os.path.join(described[0], 'hparams.json')) as file:
        text = file.read()
    assert text.count('\n') > 20
    assert json.loads(text)['hparams'] == HPARAMS.to_dict()


def set_to(*path_and_value):
    *path, last, value = path_and_value

    def change(values):
        for name in path:
            values = values[name]
        values[last] = value

    return change


@pytest.mark.parametrize(
    'change, problem',
    [
        (set_to('format', 2), 'has format 2, but this version reads 1'),
        (set_to('format', None), 'has format None'),
        (set_to('extra', 1), "unknown entry 'extra'; it was edited, or written by another version"),
        (lambda values: values.pop('fingerprint'), "missing entry 'fingerprint'"),
        (set_to('hparams', 'learning_rat', 1), "unknown hyperparameter 'learning_rat'. Did you mean learning_rate"),
        (set_to('hparams', 'seed', -1), 'seed=-1: must be a whole number'),
        (set_to('hparams', 'n_iterations', 10**400), 'n_iterations=1000.*: must be a whole number'),
        (set_to('hparams', []), 'hparams.json'),
        (set_to('hparams', 5), 'cannot be right'),
        (set_to('hparams', [['a']]), 'hparams.json'),
        (set_to('hparams', 'activation', 're\nlu'), 'activation=re lu'),
        (set_to('input_spec', 'height', 0), 'cannot be right'),
        (set_to('input_spec', 'depth', 3), 'cannot be right'),
        (set_to('input_spec', 'height', 10**9), 'cannot be right'),
        (set_to('input_spec', 'height', True), 'cannot be right'),
        (set_to('input_spec', 'pixel_std', 0), 'cannot be right'),
        (set_to('input_spec', 'pixel_mean', 'x'), 'cannot be right'),
        (set_to('input_spec', 'pixel_mean', float('nan')), 'cannot be right'),
        (set_to('input_spec', None), 'cannot be right'),
        (set_to('class_names', ['0']), 'cannot be right'),
        (set_to('class_names', 7), 'cannot be right'),
        (set_to('n_train', 0), 'cannot be right'),
        (set_to('teacher_model_dirs', 'runs/a'), 'cannot be right'),
        (set_to('trained_with', []), 'cannot be right'),
        (set_to('trained_with', 5), 'cannot be right'),
        (set_to('trained_with', 0, 'n_threads', '2'), 'cannot be right'),
        (set_to('trained_with', 0, 'n_towers', 0), 'cannot be right'),
        (set_to('trained_with', 0, 'step', -1), 'cannot be right'),
        (set_to('trained_with', 0, 'tensorflow', 2), 'cannot be right'),
        (set_to('reads_digits', 1), 'cannot be right'),
        (set_to('reads_digits', True), 'cannot be right'),
        (set_to('dataset', None), 'cannot be right'),
        (set_to('data_dir', 5), 'cannot be right'),
    ],
)
def test_what_cannot_be_right_is_named(described, change, problem):
    folder, _ = described
    rewrite(folder, change)
    with pytest.raises(CheckpointError, match=problem) as caught:
        description.read(folder)
    assert str(caught.value).startswith(os.path.join(folder, 'hparams.json')) and '\n' not in str(caught.value)


def test_earlier_versions_did_not_write_what_pictures_look_like(described):
    folder, it = described
    rewrite(folder, lambda values: values.pop('reads_digits'))
    assert description.read(folder) == it


def test_earlier_versions_wrote_one_version_and_one_number_of_threads(described):
    folder, it = described

    def as_before(values):
        first = values.pop('trained_with')[0]
        values |= {'tensorflow_version': first['tensorflow'], 'n_threads': first['n_threads']}

    rewrite(folder, as_before)
    assert description.read(folder) == it._replace(trained_with=((0, '2.21.0', 2, None),))


@pytest.mark.parametrize(
    'content', [b'', b'{', b'\xff\xfe', b'[' * 100_000, b'null', b'[]', b'"text"', b'{"format": 1}']
)
def test_damaged_file(described, content):
    path = os.path.join(described[0], 'hparams.json')
    with open(path, 'wb') as file:
        file.write(content)
    with pytest.raises(CheckpointError, match='hparams.json'):
        description.read(described[0])


def test_no_file(tmp_path):
    with pytest.raises(CheckpointError, match='holds no model .hparams.json is missing.; train one'):
        description.read(str(tmp_path))
    (tmp_path / 'hparams.json').mkdir()
    with pytest.raises(CheckpointError, match=r'cannot be read \(Is a directory\)'):
        description.read(str(tmp_path))


@pytest.mark.parametrize(
    'saved, wanted',
    [
        ({}, {}),
        ({'n_iterations': 10}, {'n_iterations': 11}),
        ({'n_epochs': 2}, {'n_epochs': 2}),
        (
            {'n_epochs': 2, 'batch_size': 400},
            {'n_epochs': 4, 'batch_size': 400},
        ),  # 2 x 1000 pictures are 5 whole batches
        (
            {'early_stopping_patience': 2, 'eval_steps': 500},
            {'early_stopping_patience': 2, 'eval_steps': 500, 'n_iterations': 2000},
        ),
        ({'learning_rate_schedule': 'cosine'}, {'learning_rate_schedule': 'cosine'}),
    ],
)
def test_runs_that_may_be_resumed(saved, wanted):
    description.check_resumable(HParams(**saved), HParams(**wanted), 1000)


@pytest.mark.parametrize(
    'saved, wanted, problem',
    [
        ({}, {'learning_rate': 1e-3, 'seed': 1}, r'\(learning_rate: 0.0001 -> 0.001; seed: 0 -> 1\)'),
        ({'n_iterations': 10}, {'n_iterations': 9}, 'can only grow'),
        ({'n_epochs': 1}, {}, 'can only grow'),
        ({}, {'n_epochs': 1}, 'can only grow'),
        ({'n_epochs': 1}, {'n_epochs': 2}, 'short batch'),
        (
            {'learning_rate_schedule': 'cosine'},
            {'learning_rate_schedule': 'cosine', 'n_iterations': 2000},
            'cannot move',
        ),
        ({'augment_taper': 0.1}, {'augment_taper': 0.1, 'n_iterations': 2000}, 'cannot move'),
        (
            {'early_stopping_patience': 2, 'eval_steps': 300},
            {'early_stopping_patience': 2, 'eval_steps': 300, 'n_iterations': 2000},
            'was validated every 300 steps and at step 1000, its end; a longer run would be validated at other steps',
        ),
    ],
)
def test_runs_that_may_not_be_resumed(saved, wanted, problem):
    with pytest.raises(UsageError, match=problem):
        description.check_resumable(HParams(**saved), HParams(**wanted), 1000)
