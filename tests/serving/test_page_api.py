"""The page's files and its own questions: the units of a layer, and corrections."""

import base64
import errno
import os

import numpy as np
import pytest
from PIL import Image

from helpers import serving
from helpers.serving import TWO, error_of
from helpers.small_model import digits_model
from mnist_graph.base.errors import UsageError
from mnist_graph.models import saved_model
from mnist_graph.serving.corrections import Corrections


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


def test_drawn_digits_that_could_not_all_be_saved_are_saved_with_the_next_correction(tmp_path, monkeypatch):
    corrections, n_left = Corrections(str(tmp_path)), [250]
    save, question = Image.Image.save, (np.zeros((28, 28, 1), np.uint8), '4', '0123456789', True)

    def save_until_the_disk_is_full(image, *arguments):
        n_left[0] -= 1
        if n_left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(image, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, 'save', save_until_the_disk_is_full)
        with pytest.raises(OSError, match='No space left'):
            corrections.save(*question)
    corrections.save(*question)
    assert sorted(os.listdir(tmp_path)) == ['test', 'train'] and corrections.count() == 1
    for part in ('train', 'test'):
        assert len(list((tmp_path / part).glob('*/drawn-*.png'))) == 200


def test_without_a_folder_no_correction_is_saved():
    with serving.small_server(small=digits_model().model) as (client, _):
        assert client.get('/models').json()['corrections'] is False
        question = {'model': 'small', 'picture': base64.b64encode(bytes(784)).decode(), 'label': '1'}
        assert '--corrections_dir' in error_of(client.post('/corrections', json=question), 403)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UsageError, match='--corrections_dir=.*file: cannot be read and written'):
        Corrections(str(tmp_path / 'file'))
