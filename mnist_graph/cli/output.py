"""How readings are written: as text, JSON or CSV."""

import csv
import io
import json
from collections.abc import Sequence

# Of the ink: less that was left out is dots and specks.
_WORTH_MENTIONING = 0.1


class Writer:
    """Turns readings into text, piece by piece, so that thousands of pictures need no memory.

    The pieces are `begin()`, then `lines(...)` any number of times, then `end()`.
    JSON is one array of objects; CSV begins with the names of its columns. A
    reading is a `readings.Reading`, not imported here: a command that has none
    to write should not wait for numpy.
    """

    def __init__(self, form: str):
        self._form = form
        self._is_first = True

    def begin(self) -> str:
        if self._form == 'csv':
            return _csv_row(['path', 'digit', 'probability', 'second_guess', 'second_probability'])
        return '[' if self._form == 'json' else ''

    def lines(self, readings: Sequence) -> str:
        return ''.join(map(getattr(self, '_' + self._form), readings))

    def end(self) -> str:
        if self._form != 'json':
            return ''
        return ']\n' if self._is_first else '\n]\n'

    def _text(self, reading) -> str:
        if reading.is_empty:
            return f'{printable(reading.path)}: no digit\n'
        second = f'; second guess {reading.second} {reading.second_probability:.3f}' if reading.second else ''
        left_out = f'; {reading.left_out:.0%} of the ink left out' if reading.left_out >= _WORTH_MENTIONING else ''
        return f'{printable(reading.path)}: {reading.text} (probability {reading.probability:.3f}{second}{left_out})\n'

    def _csv(self, reading) -> str:
        return _csv_row(
            [
                reading.path,
                reading.text,
                f'{reading.probability:.6f}',
                reading.second,
                f'{reading.second_probability:.6f}',
            ]
        )

    def _json(self, reading) -> str:
        values = {
            'path': reading.path,
            'digit': reading.text,
            'probability': round(reading.probability, 6),
            'second_guess': reading.second,
            'second_probability': round(reading.second_probability, 6),
            'probabilities': [
                dict(zip(reading.class_names, [round(float(value), 6) for value in row]))
                for row in reading.probabilities
            ],
        }
        if reading.rows or reading.is_empty:
            values |= {'rows': list(reading.rows), 'left_out': round(reading.left_out, 6)}
        separator, self._is_first = '\n' if self._is_first else ',\n', False
        return separator + json.dumps(values)


def _csv_row(values: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerow(values)
    return text.getvalue()


def printable(text: str) -> str:
    """The text on one line: control characters, as a file's name may hold, are escaped."""
    return ''.join(letter if letter.isprintable() else letter.encode('unicode_escape').decode() for letter in text)
