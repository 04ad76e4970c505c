"""docs/the-graph.ipynb: it runs from top to bottom, and the outputs stored in it are those of its own cells."""

import itertools
import json
import re

import pytest

from helpers.data import write_idx_folder
from helpers.programs import REPOSITORY, environment, run_python

PATH = REPOSITORY / 'docs' / 'the-graph.ipynb'


def test_it_runs_on_a_small_data_set(tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip('nbformat'), pytest.importorskip('nbclient')
    # The first 5000 pictures are held out, and 100 steps are fed by hand; what follows is shortened.
    folder = write_idx_folder(tmp_path / 'digits', n_train=18_000, n_test=200, shape=(28, 28), n_classes=10)
    notebook = nbformat.read(PATH, as_version=4)
    stored = [cell.get('outputs', []) for cell in notebook.cells]
    for cell in notebook.cells:
        cell.source = cell.source.replace('n_iterations=1000', 'n_iterations=130')
    extra = {'MNIST_DATA_DIR': str(folder), 'MPLCONFIGDIR': str(tmp_path / 'matplotlib')}
    # Where matplotlib has no list of fonts yet, it makes one, and says so if that takes more than 5 seconds.
    run_python('-c', 'import matplotlib.font_manager', folder=tmp_path, **extra)
    for name, value in environment(tmp_path, **extra).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv('MPLBACKEND', raising=False)  # the notebook draws into itself
    nbclient.NotebookClient(
        notebook, timeout=500, startup_timeout=300, resources={'metadata': {'path': str(PATH.parent)}}
    ).execute()
    for cell, outputs in zip(notebook.cells, stored):
        # What a cell prints may arrive in one piece or in several.
        kinds = [
            [kind for kind, _ in itertools.groupby(output.output_type for output in each)]
            for each in (cell.get('outputs', []), outputs)
        ]
        assert kinds[0] == kinds[1], cell.source
    printed = [''.join(output.get('text', '') for output in cell.get('outputs', [])) for cell in notebook.cells]
    assert '16200 training, 1800 validation and 200 test pictures\n' in printed
    (accuracy,) = re.findall(r'test accuracy: ([\d.]+)', ''.join(printed))
    assert float(accuracy) > 0.9


def test_stored_outputs_are_whole_and_name_no_folder():
    notebook = json.loads(PATH.read_text())
    assert 12 <= len(notebook['cells']) <= 18
    outputs = [output for cell in notebook['cells'] for output in cell.get('outputs', [])]
    assert sum('image/png' in output.get('data', {}) for output in outputs) == 5
    assert {output['output_type'] for output in outputs} == {'stream', 'display_data'}
    assert {output['name'] for output in outputs if output['output_type'] == 'stream'} == {'stdout'}
    text = ''.join(''.join(output.get('text', [])) for output in outputs)
    assert 'prediction: 2' in text and '/' not in text
