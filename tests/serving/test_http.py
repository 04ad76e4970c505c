"""The server's answers: TensorFlow Serving's REST, /read, the page's own questions, and what is refused."""

import base64
import io
import json
import os
from random import Random

import numpy as np
import pytest
from PIL import Image

from helpers import serving
from helpers.fuzzing import mutated
from helpers.small_model import digits_model, patterns_model, picture, row_of
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.models import saved_model
from mnist_graph.pictures import extract
from mnist_graph.serving import catalogue, limits
from mnist_graph.serving.corrections import Corrections


@pytest.fixture(scope='module')
def corrections_dir(tmp_path_factory):
    return tmp_path_factory.mktemp('corrections')


@pytest.fixture(scope='module')
def server(corrections_dir):
    with serving.small_server(Corrections(str(corrections_dir))) as pair:
        yield pair


@pytest.fixture
def client(server):
    return server[0]


def png(image):
    content = io.BytesIO()
    image.save(content, 'PNG')
    return content.getvalue()


TWO = png(picture(2))


def error_of(response, status):
    assert response.status_code == status, response.text
    assert set(response.json()) == {'error'}
    return response.json()['error']


# TensorFlow Serving's REST.


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


def test_models_and_versions_that_do_not_exist(client):
    assert 'Latest(nope)' in error_of(client.get('/v1/models/nope'), 404)
    body = {'instances': [[0.0] * 784]}
    assert 'Latest(nope)' in error_of(client.post('/v1/models/nope:predict', json=body), 404)
    assert '31' in error_of(client.post('/v1/models/small/versions/31:predict', json=body), 404)
    assert '31' in error_of(client.get('/v1/models/small/versions/31'), 404)
    error_of(client.get('/v1/models/small/versions/x'), 404)
    error_of(client.get('/v1/models/small/versions/30:predict'), 405)


# /read.


def test_read_takes_raw_bytes_and_forms(client):
    raw = client.post('/read', content=TWO)
    form = client.post('/read', files={'file': ('two.png', TWO, 'image/png')})
    assert raw.status_code == 200 and raw.json() == form.json()
    answer = raw.json()
    assert (answer['model'], answer['version'], answer['text'], answer['rows']) == ('small', 60, '2', ['2'])
    (digit,) = answer['digits']
    assert digit['class'] == '2' and sum(digit['probabilities'].values()) == pytest.approx(1)
    left, top, right, bottom = digit['box']
    assert 0 <= left < right <= answer['size'][0] and 0 <= top < bottom <= answer['size'][1]


def test_rows_and_what_is_seen(client):
    page = Image.new('L', (420, 300), 255)
    page.paste(row_of(2, 0, 1), (0, 0))
    page.paste(row_of(1, 2), (0, 150))
    answer = client.post('/read?model=pretrained&pictures=true&inside=1', content=png(page)).json()
    assert answer['rows'] == ['201', '12'] and answer['text'] == '201/12'
    assert [digit['row'] for digit in answer['digits']] == [0, 0, 0, 1, 1]
    assert all(len(base64.b64decode(digit['picture'])) == 784 for digit in answer['digits'])
    assert answer['inside'] == 1
    layers = {layer['name']: layer for layer in answer['layers']}
    assert list(layers) == ['conv_1', 'conv_2', 'conv_3', 'layer_1', 'output_layer']
    for layer in layers.values():
        assert len(base64.b64decode(layer['values'])) == np.prod(layer['shape'])
    assert layers['output_layer']['low'] < 0 < layers['output_layer']['high']


def test_blank_paper_has_no_digit(client):
    answer = client.post('/read?inside=-1', content=png(Image.new('L', (60, 60), 255))).json()
    assert (answer['text'], answer['rows'], answer['digits']) == ('', [], [])


def test_what_is_no_picture_is_refused_in_one_line(client):
    assert 'empty' in error_of(client.post('/read'), 400)
    assert 'not a picture' in error_of(client.post('/read', content=b'no picture'), 400)
    assert 'damaged or truncated' in error_of(client.post('/read', content=TWO[:200]), 400)
    assert 'holds no file' in error_of(client.post('/read', files={'a': (None, 'b')}), 400)
    error_of(client.get('/read'), 405)
    error_of(client.post('/read?version=x', content=TWO), 422)


def test_damaged_pictures_are_read_or_refused_and_nothing_dies(client):
    random, statuses = Random(7), set()
    for _ in range(60):
        response = client.post('/read', content=mutated(random, TWO))
        statuses.add(response.status_code)
        assert response.status_code in (200, 400), response.text
    assert statuses == {200, 400}
    assert client.post('/read', content=TWO).json()['text'] == '2'


def test_a_model_of_other_pictures_gets_them_resized():
    with serving.small_server(patterns=patterns_model().model) as (client, _):
        answer = client.post('/read?pictures=true', content=TWO).json()
        assert len(answer['digits']) == 1 and answer['digits'][0]['box'] is None
        assert len(base64.b64decode(answer['digits'][0]['picture'])) == 64
        encoded = {'instances': [{'b64': base64.b64encode(TWO).decode()}]}
        (row,) = client.post('/v1/models/patterns:predict', json=encoded).json()['predictions']
        assert sum(row) == pytest.approx(1)


# The page's own questions.


def test_the_page_and_its_files_are_there(client):
    page = client.get('/')
    assert page.status_code == 200 and page.headers['content-type'].startswith('text/html')
    for path in ('/static/main.js', '/static/reader.js', '/static/page.css', '/static/icon.svg', '/docs'):
        assert client.get(path).status_code == 200, path
    assert client.get('/static/main.js').headers['content-type'].startswith('text/javascript')
    for path in ('/static/../app.py', '/static/%2e%2e/app.py', '/static/', '/nope'):
        error_of(client.get(path), 404)


def test_units_of_every_layer(client):
    digit = client.post('/read?model=pretrained&pictures=true', content=TWO).json()['digits'][0]
    question = {'model': 'pretrained', 'version': 0, 'picture': digit['picture']}
    for layer, position, before in (
        ('conv_1', [5, 5, 3], 'X'),
        ('conv_2', [5, 5, 3], 'conv_1'),
        ('layer_1', [7], 'conv_3'),
    ):
        answer = client.post('/unit', json={**question, 'layer': layer, 'position': position}).json()
        assert answer['before'] == before and answer['is_first'] == (before == 'X')
        assert len(base64.b64decode(answer['picture'])) == 784
        amounts = [abs(each['amount']) for each in answer['strongest']]
        assert amounts == sorted(amounts, reverse=True)
    for layer, position, status in (
        ('conv_9', [0], 404),
        ('layer_1', [128], 404),
        ('layer_1', [-1], 404),
        ('layer_1', [], 404),
    ):
        error_of(client.post('/unit', json={**question, 'layer': layer, 'position': position}), status)
    assert 'must have 784 bytes' in error_of(
        client.post('/unit', json={**question, 'picture': 'aaaa', 'layer': 'layer_1', 'position': [0]}), 400
    )
    assert error_of(client.post('/unit', json={}), 400).startswith('model: ')


def test_the_first_layers_weights_are_what_a_unit_shows(client):
    picture = base64.b64encode(bytes(784)).decode()
    question = {'model': 'small', 'version': 60, 'picture': picture, 'layer': 'layer_1', 'position': [3]}
    answer = client.post('/unit', json=question).json()
    with saved_model.load(digits_model().model) as model:
        weights = model.first_layer()[:, :, 0, 3]
    shown = (np.frombuffer(base64.b64decode(answer['picture']), np.uint8).reshape(28, 28).astype(float) - 128) / 127
    assert np.allclose(shown, weights / np.abs(weights).max(), atol=0.01)
    assert answer['strongest'] == []  # a black picture adds nothing


def test_the_picture_that_the_boxes_are_in_is_sent_if_it_is_asked_for(client):
    assert 'seen' not in client.post('/read', content=TWO).json()
    answer = client.post('/read?seen=true', content=TWO).json()
    with Image.open(io.BytesIO(base64.b64decode(answer['seen']))) as image:
        assert image.format == 'JPEG' and list(image.size) == answer['size']


def test_a_correction_is_saved_under_its_label_and_nowhere_else(client, corrections_dir):
    digit = client.post('/read?pictures=true', content=TWO).json()['digits'][0]
    question = {'model': 'small', 'picture': digit['picture'], 'label': '1'}
    saved = client.post('/corrections', json=question).json()
    with Image.open(corrections_dir / saved['saved']) as image:
        assert image.size == (28, 28) and image.tobytes() == base64.b64decode(digit['picture'])
    assert saved['saved'].startswith('train/1/') and saved['count'] == 1
    assert f'--init_checkpoint={digits_model().model} --data_dir={corrections_dir} ' in saved['command']
    for label in ('../1', '9', '', '1/../../x', 'train'):
        assert 'must be one of 0, 1, 2' in error_of(client.post('/corrections', json={**question, 'label': label}), 400)
    found = [path for path in corrections_dir.rglob('*') if path.is_file()]
    assert [path.name for path in found if 'drawn' not in path.name] == [os.path.basename(saved['saved'])]
    # Digits that are not to be forgotten: of the model's classes, in both parts, and none that the training will test with.
    drawn = [path for path in found if 'drawn' in path.name]
    assert {(path.parts[-3], path.parts[-2]) for path in drawn} == {(a, b) for a in ('train', 'test') for b in '012'}
    assert len({path.read_bytes() for path in drawn}) == len(drawn) == 2 * 3 * 20


def test_a_model_of_other_classes_is_trained_on_its_corrections_alone(tmp_path):
    corrections = Corrections(str(tmp_path / 'new'))
    name = corrections.save(np.zeros((8, 8, 3), np.uint8), 'cat', ('cat', 'dog'), reads_digits=False)
    assert [str(path.relative_to(tmp_path / 'new')) for path in tmp_path.rglob('*.png')] == [name]
    assert f' --init_checkpoint=runs/a --data_dir={tmp_path}/new/train ' in corrections.command('runs/a')


def test_without_a_folder_no_correction_is_saved():
    with serving.small_server(small=digits_model().model) as (client, _):
        assert client.get('/models').json()['corrections'] is False
        question = {'model': 'small', 'picture': base64.b64encode(bytes(784)).decode(), 'label': '1'}
        assert '--corrections_dir' in error_of(client.post('/corrections', json=question), 403)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UsageError, match='--corrections_dir=.*file: cannot be read and written'):
        Corrections(str(tmp_path / 'file'))


# Who may ask, and how much.


def test_only_this_server_and_its_own_pages_are_answered(client):
    for host in ('evil.example', 'localhost.evil.example', 'a@localhost:x', '', 'x' * 300):
        error_of(client.get('/healthz', headers={'host': host}), 421)
    for host in ('localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080', 'LOCALHOST'):
        assert client.get('/healthz', headers={'host': host}).status_code == 200, host
    for origin in ('http://evil.example', 'null', 'http://localhost:81', 'http://localhost.evil.example'):
        assert 'other sites' in error_of(client.post('/read', content=TWO, headers={'origin': origin}), 403)
    assert client.post('/read', content=TWO, headers={'origin': 'http://localhost'}).status_code == 200
    error_of(client.post('/read', content=TWO, headers={'sec-fetch-site': 'cross-site'}), 403)


def test_every_answer_forbids_what_the_page_does_not_need(client):
    for response in (client.get('/'), client.get('/nope'), client.get('/', headers={'host': 'evil.example'})):
        policy = response.headers['content-security-policy']
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and 'unsafe' not in policy
        assert response.headers['x-content-type-options'] == 'nosniff' and 'set-cookie' not in response.headers


def test_a_body_that_is_too_large_is_refused(client, monkeypatch):
    monkeypatch.setattr(limits, 'MAX_BODY_BYTES', 1000)
    error_of(client.post('/read', content=bytes(1001)), 413)
    error_of(client.post('/read', content=iter([bytes(600), bytes(600)])), 413)
    assert 'not a picture' in error_of(client.post('/read', content=bytes(1000)), 400)


def test_too_many_requests_are_told_when_to_come_again(client, monkeypatch):
    monkeypatch.setattr(limits, 'MOST_REQUESTS', 0)
    response = client.post('/read', content=TWO)
    error_of(response, 503)
    assert response.headers['retry-after'] == '1'
    assert client.get('/healthz').status_code == 200


def test_a_defect_shows_no_trace(client, monkeypatch):
    monkeypatch.setattr(catalogue.ServedModel, 'versions', lambda self: 1 / 0)
    response = client.get('/v1/models/small')
    assert error_of(response, 500) == 'an error of the server; its log says more' and 'Zero' not in response.text


# For those who operate it.


def test_health_and_metrics(client, server):
    assert client.get('/healthz').json() == client.get('/readyz').json() == {'status': 'ok'}
    client.post('/read', content=TWO)
    text = client.get('/metrics').text
    assert 'mnist_graph_requests_total{route="/read",status="200"}' in text
    assert 'mnist_graph_request_seconds_bucket' in text and 'mnist_graph_requests_in_flight 0.0' in text
    server[1].is_draining = True
    try:
        assert client.get('/readyz').status_code == 503
        assert client.get('/healthz').headers['connection'] == 'close'
    finally:
        server[1].is_draining = False


def test_the_description_names_every_route(client):
    described = client.get('/openapi.json').json()
    assert {'/read', '/unit', '/models', '/corrections', '/healthz', '/v1/models/{name}:predict'} <= set(
        described['paths']
    )
    assert 'image/*' in described['paths']['/read']['post']['requestBody']['content']


# Which models are served.


def test_models_are_called_after_their_folders(tmp_path):
    one = serving.copy_of_small_model(tmp_path, 'one')
    two = serving.copy_of_small_model(tmp_path, 'two')
    assert list(catalogue.find([f'{one},{two}'])) == list(catalogue.find([one, two])) == ['one', 'two']
    assert list(catalogue.find(['pretrained'])) == ['pretrained']
    (tmp_path / 'below').mkdir()
    again = serving.copy_of_small_model(tmp_path / 'below', 'one')
    with pytest.raises(UsageError, match='is called one'):
        catalogue.find([one, again])
    with pytest.raises(CheckpointError, match='nope'):
        catalogue.find([str(tmp_path / 'nope')])


def test_checkpoints_that_are_damaged_or_come_later(tmp_path):
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
