"""Readers of a model's files against damage and forgery: each file is read, or refused in one line."""

import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.data import tiny_dataset
from helpers.fuzzing import ANY, ANY_JSON, fuzz, mutated, read_or_refused
from mnist_graph.base import files
from mnist_graph.hparams import HParams
from mnist_graph.training import checkpoint, description, manifest, metrics


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
    return read_or_refused(lambda: description.read(str(folder)), path, mutated(random, content))


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
        values = {
            'step': step,
            'progress': {'step': step, 'best_accuracy': 0.5, 'best_step': 1, 'validations_since_best': 0},
            'files': {os.path.basename(name): {'bytes': 300, 'sha256': files.sha256(name)} for name in names},
        }
        files.write_json(f'{prefix}.json', {**values, 'sha256': manifest._digest(values)})
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
    values = json.loads(contents['model.ckpt-2.json'])
    del values['sha256']
    inner = data.draw(st.sampled_from([values, values['progress'], values['files']]))
    inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(ANY_JSON)
    path = folder / 'model.ckpt-2.json'
    path.write_text(json.dumps({**values, 'sha256': manifest._digest(values)}))
    try:
        found, problems = checkpoint.find(str(folder))
        assert found.step + len(problems) == 2
    finally:
        path.write_bytes(contents['model.ckpt-2.json'])


@fuzz
def test_metrics(place, random):
    content = mutated(random, b'{"step": 5, "loss": 0.5, "accuracy": 1.0, "learning_rate": 0.1}\n' * 3)
    (place / 'metrics').mkdir(exist_ok=True)
    (place / 'metrics' / 'metrics.jsonl').write_bytes(content)
    lines = metrics.read(str(place / 'metrics'))
    assert all(isinstance(line['step'], int) for line in lines)
    return len(lines) == 3  # the rest lost a line, and no more than what was damaged
