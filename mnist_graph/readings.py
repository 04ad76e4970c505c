"""What a network read in a picture, and how that is written: as text, JSON or CSV."""

import csv
import io
import json
from typing import NamedTuple, Sequence

import numpy as np

FORMATS = ('text', 'json', 'csv')


class Reading(NamedTuple):
    """What was read in one picture.

    Attributes:
      path: The picture file.
      text: The likeliest reading: a class name, or those of several digits in order.
      probability: Of that reading; for several digits the product of theirs.
      second: The next likeliest reading, which differs in one digit; '' if there is one class only.
      second_probability: Of that one.
      probabilities: float64 [digits, classes].
      class_names: What each label stands for.
    """

    path: str
    text: str
    probability: float
    second: str
    second_probability: float
    probabilities: np.ndarray
    class_names: Sequence[str]


def reading_of(path: str, probabilities: np.ndarray, class_names: Sequence[str]) -> Reading:
    """The Reading of a picture from the probabilities of its digits, float64 [digits, classes]."""
    order = np.argsort(-probabilities, axis=1, kind='stable')
    best = order[:, 0]
    rows = np.arange(len(probabilities))
    probability = float(probabilities[rows, best].prod())
    if probabilities.shape[1] < 2:
        return Reading(path, _join(best, class_names), probability, '', 0.0, probabilities, class_names)
    # The digits are read apart, so the next likeliest reading differs in the one digit that is least sure.
    ratios = probabilities[rows, order[:, 1]] / probabilities[rows, best]
    least_sure = int(ratios.argmax())
    second = best.copy()
    second[least_sure] = order[least_sure, 1]
    return Reading(path, _join(best, class_names), probability, _join(second, class_names),
                   probability * float(ratios[least_sure]), probabilities, class_names)


def _join(labels: np.ndarray, class_names: Sequence[str]) -> str:
    names = [class_names[label] for label in labels]
    return ('' if all(len(name) == 1 for name in names) else ' ').join(names)


class Writer:
    """Turns readings into text, piece by piece, so that thousands of pictures need no memory.

    The pieces are `begin()`, then `lines(...)` any number of times, then `end()`.
    JSON is one array of objects; CSV begins with the names of its columns.
    """

    def __init__(self, form: str):
        self._form = form
        self._is_first = True

    def begin(self) -> str:
        if self._form == 'csv':
            return _csv_row(['path', 'digit', 'probability', 'second_guess', 'second_probability'])
        return '[' if self._form == 'json' else ''

    def lines(self, readings: Sequence[Reading]) -> str:
        return ''.join(map(getattr(self, '_' + self._form), readings))

    def end(self) -> str:
        if self._form != 'json':
            return ''
        return ']\n' if self._is_first else '\n]\n'

    def _text(self, reading: Reading) -> str:
        second = f'; second guess {reading.second} {reading.second_probability:.3f}' if reading.second else ''
        return f'{printable(reading.path)}: {reading.text} (probability {reading.probability:.3f}{second})\n'

    def _csv(self, reading: Reading) -> str:
        return _csv_row([reading.path, reading.text, f'{reading.probability:.6f}',
                         reading.second, f'{reading.second_probability:.6f}'])

    def _json(self, reading: Reading) -> str:
        values = {
            'path': reading.path, 'digit': reading.text, 'probability': round(reading.probability, 6),
            'second_guess': reading.second, 'second_probability': round(reading.second_probability, 6),
            'probabilities': [dict(zip(reading.class_names, np.round(row, 6).tolist()))
                              for row in reading.probabilities]}
        separator, self._is_first = '\n' if self._is_first else ',\n', False
        return separator + json.dumps(values)


def _csv_row(values: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerow(values)
    return text.getvalue()


def printable(text: str) -> str:
    """The text on one line: control characters, as a file's name may hold, are escaped."""
    return ''.join(letter if letter.isprintable() else letter.encode('unicode_escape').decode() for letter in text)
