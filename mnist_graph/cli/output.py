"""How readings are written: as text, JSON or CSV, piece by piece."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from typing import Any

from mnist_graph.cli import process

FORMATS = ('text', 'json', 'csv', 'kaggle')
_WORTH_A_BAR = 256  # pictures
# Fraction of the ink: less that was left out is dots and specks.
_WORTH_MENTIONING = 0.1


class Writer:
    """Turns readings into text, piece by piece, so that thousands of pictures need no memory.

    The pieces are `begin()`, then `lines(...)` any number of times, then `end()`.
    JSON is one array of objects; CSV begins with the names of its columns, and so
    does a submission to Kaggle, whose first column counts the pictures from 1. A
    reading is a `readings.Reading`, not imported here: a command that has none
    to write should not wait for numpy.
    """

    def __init__(self, form: str):
        self._form = form
        self._is_first = True
        self._n = 0

    def begin(self) -> str:
        if self._form == 'csv':
            return _csv_row(['path', 'digit', 'probability', 'second_guess', 'second_probability'])
        if self._form == 'kaggle':
            return _csv_row(['ImageId', 'Label'])
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

    def _kaggle(self, reading) -> str:
        self._n += 1
        return _csv_row([str(self._n), reading.text])

    def _json(self, reading) -> str:
        values: dict[str, Any] = {
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


class ReadingsOutput:
    """Writes readings to standard output and errors to standard error, with a progress bar for many pictures.

    Used as a context manager, which writes what begins and ends the format.

    Attributes:
      n_errors: Errors reported so far.
      n_empty: Pictures so far that hold no digit.
    """

    def __init__(self, form: str, n_pictures: int):
        self.n_errors = self.n_empty = 0
        self._writer, self._bar = Writer(form), None
        if n_pictures > _WORTH_A_BAR and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=n_pictures, unit=' pictures', leave=False)

    def __enter__(self) -> 'ReadingsOutput':
        self._print(self._writer.begin())
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self._bar:
            self._bar.close()
        if kind is None:
            self._print(self._writer.end())

    def report(self, errors: Sequence[str]) -> None:
        """A line for each error."""
        self.n_errors += len(errors)
        for error in errors:
            self.note(error)

    def note(self, message: str) -> None:
        """A line on standard error, above the bar."""
        if self._bar:
            self._bar.clear()
        process.note(printable(message))

    def write(self, readings: Sequence, n_done: int) -> None:
        """The readings among the next `n_done` pictures."""
        if self._bar:
            self._bar.clear()
        self.n_empty += sum(reading.is_empty for reading in readings)
        self._print(self._writer.lines(readings))
        if self._bar:
            self._bar.update(n_done)

    @staticmethod
    def _print(text: str) -> None:
        """Writes to standard output; what its encoding lacks is escaped."""
        encoding = sys.stdout.encoding or 'utf-8'
        sys.stdout.write(text.encode(encoding, 'backslashreplace').decode(encoding))
        sys.stdout.flush()
