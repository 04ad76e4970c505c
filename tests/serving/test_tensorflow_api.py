"""TensorFlow Serving's REST: predictions, models and their versions."""

import base64
import json
import os
import pathlib

import numpy as np
import pytest

from helpers import serving
from helpers.serving import TWO, error_of
from helpers.small_model import digits_model, picture
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.models import saved_model
from mnist_graph.pictures import extract
from mnist_graph.serving import catalogue, limits


def test_predict_gives_the_probabilities_of_the_command_line(client):
    pixels = extract.picture_to_digit(picture(2))
    with saved_model.load(digits_model().model) as model:
        expected = model.probabilities(pixels[None, :, :, None])[0]
    for instance in (pixels.ravel(), pixels, pixels[:, :, None]):
        answer = client.post('/v1/models/small:predict', json={'instances': [instance.tolist()] * 2})
        assert np.allclose(answer.json()['predictions'], [expected, expected], atol=1e-6)
    encoded = {'b64': base64.b64encode(TWO).decode()}
    for body in ({'instances': [encoded]}, {'instances': [{'X': pixels.ravel().tolist()}]}):
        assert np.allclose(
            client.post('/v1/models/small:predict', json=body).json()['predictions'], [expected], atol=1e-6
        )
    columns = client.post('/v1/models/small:predict', json={'inputs': {'X': [pixels.tolist()]}})
    assert np.allclose(columns.json()['outputs'], [expected], atol=1e-6)


@pytest.mark.parametrize(
    'body, words',
    [
        (b'', 'is not JSON'),
        (b'[' * 100_000, 'is not JSON'),
        (b'[1]', 'must be an object'),
        (b'{}', 'either "instances" or "inputs"'),
        (b'{"instances": [[1]], "inputs": [[1]]}', 'either "instances" or "inputs"'),
        (b'{"instances": []}', 'at least one picture'),
        (b'{"instances": 3}', 'must be a list'),
        (b'{"instances": [[0, 1]]}', 'of shape [784] or [28, 28, 1] or [28, 28]'),
        (b'{"instances": ["abc"]}', 'of shape'),
        (b'{"instances": [null]}', 'of shape'),
        (b'{"instances": [[[1], [1, 2]]]}', 'of shape'),
        (json.dumps({'instances': [[255] * 784]}).encode(), 'divide bytes by 255'),
        (json.dumps({'instances': [[float('nan')] * 784]}).encode(), 'pixels must be in [0, 1]'),
        (b'{"instances": [{"b64": "*"}]}', 'must be text in base64'),
        (b'{"instances": [{"b64": 3}]}', 'must be text in base64'),
        (b'{"instances": [{"c64": "aaaa"}]}', 'must be text in base64'),
        (b'{"instances": [{"b64": "aaaa"}]}', 'not a picture'),
        (b'{"instances": [[0]], "signature_name": "other"}', 'Serving signature key "other" not found'),
        (json.dumps({'instances': [[0]] * (limits.MOST_INSTANCES + 1)}).encode(), 'at most 2048 instances'),
        (json.dumps({'instances': [{'b64': ''}] * (limits.MOST_PICTURES + 1)}).encode(), 'at most 64 encoded'),
    ],
)
def test_predictions_that_cannot_be_made(client, body, words):
    assert words in error_of(client.post('/v1/models/small:predict', content=body), 400)


def test_versions_are_checkpoints(client):
    status = client.get('/v1/models/small').json()
    fine = {'error_code': 'OK', 'error_message': ''}
    assert status['model_version_status'][0] == {'version': '60', 'state': 'AVAILABLE', 'status': fine}
    assert '30' in [each['version'] for each in status['model_version_status']]
    assert client.get('/v1/models/small/versions/30').json()['model_version_status'][0]['version'] == '30'
    zeros = {'instances': [[0.0] * 784]}
    answers = [client.post(f'/v1/models/small/versions/{number}:predict', json=zeros).json() for number in (30, 60)]
    assert answers[0] != answers[1] == client.post('/v1/models/small:predict', json=zeros).json()
    signature = client.get('/v1/models/small/metadata').json()['metadata']['signature_def']['signature_def']
    assert signature['serving_default']['inputs']['X']['tensor_shape']['dim'][1]['size'] == '784'


def test_models_and_versions_that_do_not_exist(client):
    assert 'Latest(nope)' in error_of(client.get('/v1/models/nope'), 404)
    body = {'instances': [[0.0] * 784]}
    assert 'Latest(nope)' in error_of(client.post('/v1/models/nope:predict', json=body), 404)
    assert '31' in error_of(client.post('/v1/models/small/versions/31:predict', json=body), 404)
    assert '31' in error_of(client.get('/v1/models/small/versions/31'), 404)
    error_of(client.get('/v1/models/small/versions/x'), 404)
    error_of(client.get('/v1/models/small/versions/30:predict'), 405)


def test_checkpoints_that_are_damaged(tmp_path):
    folder = serving.copy_of_small_model(tmp_path, 'one')
    checkpoints = tmp_path / 'one/checkpoints'
    with serving.small_server(one=folder) as (client, _):
        (weights,) = checkpoints.glob('model.ckpt-30.data*')
        weights.write_bytes(b'x' + weights.read_bytes()[1:])
        for path in (tmp_path / 'one/best').glob('*-30.*'):
            path.unlink()
        body = {'instances': [[0.0] * 784]}
        error_of(client.post('/v1/models/one/versions/30:predict', json=body), 404)
        numbers = [each['version'] for each in client.get('/v1/models/one').json()['model_version_status']]
        assert '30' not in numbers and '60' in numbers
        assert client.post('/v1/models/one:predict', json=body).status_code == 200


def test_checkpoints_that_are_asked_for_before_they_are_there(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, '_LOOK_AGAIN', 0.0)
    folder = serving.copy_of_small_model(tmp_path, 'one')
    later = [path for path in (tmp_path / 'one').glob('*/model.ckpt-60.*')]
    for path in later:
        path.rename(f'{path}.away')
    body = {'instances': [[0.0] * 784]}
    with serving.small_server(one=folder) as (client, _):
        for number in (60, 61):
            error_of(client.post(f'/v1/models/one/versions/{number}:predict', json=body), 404)
        before = client.post('/v1/models/one:predict', json=body).json()
        for path in later:
            pathlib.Path(f'{path}.away').rename(path)
        after = client.post('/v1/models/one:predict', json=body).json()
        assert after == client.post('/v1/models/one/versions/60:predict', json=body).json() != before
        assert client.get('/v1/models/one').json()['model_version_status'][0]['version'] == '60'


def test_a_damaged_checkpoint_that_is_saved_anew_is_served(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, '_LOOK_AGAIN', 0.0)
    folder = serving.copy_of_small_model(tmp_path, 'one')
    body = {'instances': [[0.0] * 784]}
    with serving.small_server(one=folder) as (client, _):
        whole = {path: path.read_bytes() for path in (tmp_path / 'one').glob('*/model.ckpt-30.*')}
        for path in whole:
            if '.data' in path.name:
                path.write_bytes(b'damaged')
        error_of(client.post('/v1/models/one/versions/30:predict', json=body), 404)
        for path in whole:
            path.unlink()
        assert client.get('/v1/models/one').json()['model_version_status'][0]['version'] == '60'
        for path, content in whole.items():
            path.write_bytes(content)
        versions = [each['version'] for each in client.get('/v1/models/one').json()['model_version_status']]
        assert '30' in versions
        assert client.post('/v1/models/one/versions/30:predict', json=body).status_code == 200


def test_models_are_called_after_their_folders(tmp_path):
    one = serving.copy_of_small_model(tmp_path, 'one')
    two = serving.copy_of_small_model(tmp_path, 'two')
    assert list(catalogue.find([f'{one},{two}'])) == list(catalogue.find([one, two])) == ['one', 'two']
    assert list(catalogue.find(['pretrained'])) == ['pretrained']
    assert list(catalogue.find([f',{one},'])) == ['one']
    (tmp_path / 'below').mkdir()
    again = serving.copy_of_small_model(tmp_path / 'below', 'one')
    with pytest.raises(UsageError, match='is called one'):
        catalogue.find([one, again])
    with pytest.raises(CheckpointError, match='nope'):
        catalogue.find([str(tmp_path / 'nope')])


@pytest.mark.parametrize('model_dirs', [None, [], [','], ['', ',,']])
def test_without_a_name_the_newest_run_is_served_or_the_shipped_reader(fresh_folder, model_dirs):
    assert list(catalogue.find(model_dirs)) == ['pretrained']
    serving.copy_of_small_model(fresh_folder / 'runs', 'newest')
    assert [found.folders for found in catalogue.find(model_dirs).values()] == [[os.path.join('runs', 'newest')]]
