"""What predict writes: readings with their second guesses, as text, JSON and CSV."""

import csv
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from helpers.small_model import row_of, save_digits
from mnist_graph.cli import output
from mnist_graph.models import readings


def test_reading_of_one_digit():
    got = readings.reading_of('a.png', np.array([[0.1, 0.2, 0.7]]), 'xyz')
    assert (got.text, got.probability, got.second) == ('z', 0.7, 'y')
    assert got.second_probability == pytest.approx(0.2)


def test_reading_of_several_digits_changes_the_least_sure_one_for_the_second_guess():
    probabilities = np.array([[0.9, 0.06, 0.04], [0.3, 0.1, 0.6], [0.0, 1.0, 0.0]])
    got = readings.reading_of('a.png', probabilities, ('0', '1', '2'))
    assert (got.text, got.second) == ('021', '001')
    assert got.probability == pytest.approx(0.9 * 0.6)
    assert got.second_probability == pytest.approx(0.9 * 0.3)


def test_reading_with_one_class_has_no_second_guess():
    got = readings.reading_of('a.png', np.array([[1.0]]), ('cat',))
    assert (got.text, got.second, got.second_probability) == ('cat', '', 0.0)
    assert output.Writer('text').lines([got]) == 'a.png: cat (probability 1.000)\n'


def test_digits_below_the_least_probability_are_question_marks():
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7]])
    assert readings.reading_of('a.png', probabilities, ('0', '1'), [1, 1], min_probability=0.8).text == '0/?'


def test_formats():
    one = readings.reading_of('odd, "name"\n.png', np.array([[0.25, 0.75]]), ('a', 'b'))
    two = readings.reading_of('b.png', np.array([[0.5, 0.5], [1.0, 0.0]]), ('a', 'b'))

    def written(form):
        writer = output.Writer(form)
        return writer.begin() + writer.lines([one]) + writer.lines([two]) + writer.end()

    assert written('text') == (
        'odd, "name"\\n.png: b (probability 0.750; second guess a 0.250)\n'
        'b.png: aa (probability 0.500; second guess ba 0.500)\n'
    )
    assert list(csv.DictReader(io.StringIO(written('csv'))))[0] == {
        'path': 'odd, "name"\n.png',
        'digit': 'b',
        'probability': '0.750000',
        'second_guess': 'a',
        'second_probability': '0.250000',
    }
    first, second = json.loads(written('json'))
    assert first == {
        'path': 'odd, "name"\n.png',
        'digit': 'b',
        'probability': 0.75,
        'second_guess': 'a',
        'second_probability': 0.25,
        'probabilities': [{'a': 0.25, 'b': 0.75}],
    }
    assert second['probabilities'][1] == {'a': 1.0, 'b': 0.0}


def test_json_and_csv(predict):
    save_digits(0, 2)
    found = json.loads(predict('0.png', '2.png', '--format=json').out)
    assert [(entry['path'], entry['digit']) for entry in found] == [('0.png', '0'), ('2.png', '2')]
    assert sum(found[0]['probabilities'][0].values()) == pytest.approx(1, abs=1e-5)
    rows = list(csv.DictReader(io.StringIO(predict('0.png', '2.png', '--format=csv').out)))
    assert [row['digit'] for row in rows] == ['0', '2']


def test_rows_and_what_is_no_digit_in_json(entry_point):
    page = Image.new('L', (420, 300), 255)
    page.paste(row_of(2, 0, 1), (0, 0))
    page.paste(row_of(1, 2), (0, 150))
    page.save('page.png')
    Image.new('L', (50, 50), 255).save('blank.png')
    ended = entry_point('page.png', 'blank.png', '--format=json', '--model_dir=pretrained', name='predict')
    assert ended.code == 1
    found, blank = json.loads(ended.out)
    assert (found['digit'], found['rows']) == ('201/12', ['201', '12'])
    assert (blank['digit'], blank['rows'], blank['probabilities']) == ('', [], [])


def test_nothing_readable_still_gives_whole_json(predict):
    ended = predict('missing.png', '--format=json')
    assert ended.code == 1 and json.loads(ended.out) == []
    with open('empty.png', 'wb'):
        pass
    ended = predict('empty.png', '--format=json')
    assert ended.code == 1 and json.loads(ended.out) == []


def test_names_that_the_terminal_cannot_show_are_escaped(monkeypatch):

    raw = io.BytesIO()
    monkeypatch.setattr(sys, 'stdout', io.TextIOWrapper(raw, encoding='ascii'))
    output.ReadingsOutput._print('ä\udc80: 3\n')
    assert raw.getvalue() == b'\\xe4\\udc80: 3\n'
