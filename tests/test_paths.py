"""Functions of the library that take a path take a `pathlib.Path`, too."""

import pathlib

import pytest

from helpers.data import tiny_dataset, write_idx_folder
from helpers.small_model import digits_model
from mnist_graph import data, input_data
from mnist_graph.base.errors import CheckpointError
from mnist_graph.exports import exporting
from mnist_graph.exports.request import Request
from mnist_graph.hparams import HParams
from mnist_graph.models import saved_model, starting_point
from mnist_graph.sweeps import runner
from mnist_graph.training import description, run_folder

FOLDER = pathlib.Path('data')


@pytest.fixture
def model():
    return pathlib.Path(digits_model().model)


def test_data_sets(fresh_folder):
    write_idx_folder('data')
    assert data.load(data_dir=FOLDER, n_validation=15).name == 'data'
    assert data.load(data_dir=FOLDER / 'train-images-idx3-ubyte', n_validation=15).name == 'train-images-idx3-ubyte'
    with pytest.raises(data.NoDataError, match='gone: there is no such folder'):
        data.load(data_dir=pathlib.Path('gone'))
    assert input_data.read_data_sets(FOLDER).test.num_examples == 25


def test_models_and_runs(fresh_folder, model):
    assert saved_model.find([model, model]).folders == [str(model)] * 2
    with pytest.raises(CheckpointError, match='gone: holds no model'):
        saved_model.find([pathlib.Path('gone')])
    assert starting_point.resolved(HParams(init_checkpoint=model)).init_checkpoint == str(model)
    described = description.read(model)
    for open_folder in run_folder.RunFolder.create, run_folder.RunFolder.reopen:
        with open_folder(pathlib.Path('run'), described) as run:
            assert run.path == 'run'
    with pytest.raises(CheckpointError, match='run: has no whole checkpoint'):
        run_folder.find_checkpoint(pathlib.Path('run'), 'last')
    assert description.describe(HParams(), tiny_dataset(), 'auto', FOLDER, 1, '2').data_dir == str(
        fresh_folder / FOLDER
    )


def test_exports(fresh_folder, model):
    found = saved_model.find(model)
    write_idx_folder('data', shape=(28, 28), n_classes=3)
    with saved_model.rebuild(found) as saved:
        exporting.export(Request('npz', pathlib.Path('a.npz')), found, saved, data.load(data_dir=FOLDER))
    assert exporting.size(pathlib.Path('a.npz')) > 0


def test_sweeps(fresh_folder):
    write_idx_folder('data')
    found = runner.run(
        {'seed': [1]}, sweep_dir=pathlib.Path('sweep'), data_dir=FOLDER, workers=1, n_iterations=2, hidden_units=[3]
    )
    assert found.best and (fresh_folder / 'sweep' / 'best.flags').exists()
