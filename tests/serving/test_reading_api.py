"""/read: pictures as bytes and forms, rows of digits, layers, and what is no picture."""

import base64
import io
from random import Random

import numpy as np
import pytest
from PIL import Image

from helpers import serving
from helpers.fuzzing import mutated
from helpers.serving import TWO, error_of, png
from helpers.small_model import patterns_model, picture, row_of


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


def test_the_picture_that_the_boxes_are_in_is_sent_if_it_is_asked_for(client):
    assert 'seen' not in client.post('/read', content=TWO).json()
    for number in (0, 2):  # the network is sure of the first at once, so that its bytes never become floats
        answer = client.post('/read?seen=true', content=png(picture(number))).json()
        with Image.open(io.BytesIO(base64.b64decode(answer['seen']))) as image:
            assert image.format == 'JPEG' and list(image.size) == answer['size']
            darkest, _ = image.convert('L').getextrema()
            assert darkest < 15 and image.convert('L').getpixel((0, 0)) > 240


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
