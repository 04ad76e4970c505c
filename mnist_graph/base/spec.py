"""What a value of one hyperparameter may be, how it is read from text and written to it, and fields that carry this."""

import dataclasses
import math
import numbers
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from mnist_graph.base.errors import UsageError

# As long as a path may be on Linux.
_LONGEST_TEXT = 4096


class BadValueError(UsageError):
    """A value that a hyperparameter cannot have.

    Attributes:
      expected: 'must be a number above 0 and at most 10.': the message without the name and the value.
    """

    def __init__(self, name: str, value: str, expected: str):
        super().__init__(f'{name}={value}: {expected}')
        self.expected = expected


class Spec(NamedTuple):
    """What a value of one hyperparameter may be.

    Attributes:
      kind: 'float', 'int', 'bool', 'enum', 'ints' (a list of whole numbers) or
        'text' (one line, of which 'none' and '' are the same).
      help: Its meaning and unit, as `--help` prints it.
      lower, upper: Bounds, both allowed unless `open_lower`/`open_upper`.
      choices: The values of an enum.
      may_be_empty: Whether a list of kind 'ints' may hold no number.
      length: How many numbers a list holds; None is any.
      group: Heading under which `--help` lists it.
    """

    kind: str
    help: str
    lower: float | None = None
    upper: float | None = None
    open_lower: bool = False
    open_upper: bool = False
    choices: tuple[str, ...] = ()
    may_be_empty: bool = False
    length: int | None = None
    group: str = ''

    def describe_bounds(self) -> str:
        """'above 0 and at most 10': the bounds as an error message says them."""
        parts = []
        if self.lower is not None:
            parts.append(('above ' if self.open_lower else 'at least ') + f'{self.lower:.12g}')
        if self.upper is not None:
            parts.append(('below ' if self.open_upper else 'at most ') + f'{self.upper:.12g}')
        return ' and '.join(parts)

    def allows(self, number: float) -> bool:
        """Whether one number is finite and within the bounds."""
        if not isinstance(number, numbers.Integral) and not math.isfinite(number):
            return False
        if self.lower is not None and (number < self.lower or (self.open_lower and number == self.lower)):
            return False
        if self.upper is not None and (number > self.upper or (self.open_upper and number == self.upper)):
            return False
        return True

    def parse(self, name: str, text: str) -> Any:
        """One value of the hyperparameter `name` from its text on a command line.

        Choices and booleans may be written in capitals.

        Raises:
          BadValueError: The text is not of the hyperparameter's type or out of bounds.
        """
        text = text.strip()
        value: Any
        try:
            if self.kind == 'float':
                value = float(text)
            elif self.kind == 'int':
                value = int(text)
            elif self.kind == 'ints':
                value = tuple(int(part) for part in text.split(',')) if text else ()
            elif self.kind == 'text':
                value = text
            elif self.kind == 'bool':
                value = {'true': True, '1': True, 'false': False, '0': False}[text.lower()]
            else:
                value = next((choice for choice in self.choices if choice.lower() == text.lower()), text)
        except (ValueError, KeyError):
            raise BadValueError(name, _shown(text), f'{self._expected()}.') from None
        return self.checked(name, value)

    def flag(self, name: str, value: Any) -> str:
        """`--name=value` as a flagfile or a command line takes it; floats round-trip."""
        if self.kind == 'bool':
            return f'--{name}' if value else f'--no{name}'
        if self.kind == 'ints':
            return f'--{name}=' + ','.join(map(str, value))
        return f'--{name}={value!r}' if isinstance(value, float) else f'--{name}={value}'

    def checked(self, name: str, value: Any) -> Any:
        """`value` in the hyperparameter's own type.

        Raises:
          BadValueError: It is of another type or out of bounds; the message says `name`.
        """
        if self.kind == 'text' and isinstance(value, os.PathLike):
            value = os.fspath(value)
        good: Any = None
        if self.kind == 'enum' and value in self.choices or self.kind == 'bool' and isinstance(value, bool):
            good = value
        elif self.kind == 'text' and isinstance(value, str) and len(value) <= _LONGEST_TEXT and value.isprintable():
            good = '' if value == 'none' else value
        elif self.kind == 'int' and _is_int(value) and self.allows(value):
            good = int(value)
        elif self.kind == 'float' and _is_real(value) and self.allows(value):
            good = float(value)
        elif self.kind == 'ints' and isinstance(value, (list, tuple)):
            whole = tuple(int(number) for number in value if _is_int(number) and self.allows(number))
            if len(whole) == len(value) and (whole or self.may_be_empty) and self.length in (None, len(whole)):
                good = whole
        if good is None:
            shown = ','.join(map(_text, value)) if isinstance(value, (list, tuple)) else _text(value)
            expected = self._expected()
            if self.kind == 'ints' and not isinstance(value, (list, tuple)):
                expected = expected.replace('separated by commas', 'in a tuple or a list')
            raise BadValueError(name, _shown(shown), f'{expected}.')
        return good

    def _expected(self) -> str:
        """'must be a number above 0 and at most 10'."""
        if self.kind == 'enum':
            return 'must be one of ' + ', '.join(self.choices)
        count = f'{self.length} ' if self.length else ''
        noun = {
            'float': 'must be a number',
            'int': 'must be a whole number',
            'bool': 'must be true or false',
            'text': f'must be one line of at most {_LONGEST_TEXT} characters',
            'ints': f'must be {count}whole numbers separated by commas, each',
        }[self.kind]
        return f'{noun} {self.describe_bounds()}'.rstrip()


def _shown(value: str) -> str:
    """The value on one line, cut to what an error message can hold."""
    return ' '.join(value.split())[:100]


def _text(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return 'a number of thousands of digits'


def _is_int(number: Any) -> bool:
    return isinstance(number, numbers.Integral) and not isinstance(number, bool)


def _is_real(number: Any) -> bool:
    return isinstance(number, numbers.Real) and not isinstance(number, bool)


def field(
    group: str,
    default: Any,
    kind: str,
    help: str,
    lower: float | None = None,
    upper: float | None = None,
    **options: Any,
) -> Any:
    """A field of a dataclass with its Spec in `metadata['spec']`; the arguments are those of the Spec."""
    spec = Spec(kind, help, lower, upper, group=group, **options)
    return dataclasses.field(default=default, metadata={'spec': spec})


def float_field(group: str, default: float, help: str, lower: float, upper: float, **open_ends: bool) -> Any:
    return field(group, default, 'float', help, lower, upper, **open_ends)


def int_field(group: str, default: int, help: str, lower: int, upper: int) -> Any:
    return field(group, default, 'int', help, lower, upper)


def bool_field(group: str, help: str) -> Any:
    """A field that is true or false, by default false."""
    return field(group, False, 'bool', help)


def ints_field(group: str, default: tuple[int, ...], help: str, lower: int, upper: int, **options: Any) -> Any:
    return field(group, default, 'ints', help, lower, upper, **options)


def enum_field(group: str, default: str, help: str, table: Mapping[str, Any]) -> Any:
    """A field that is a name in `table`. The help says what each means: the entry's `help`, or the entry itself."""
    choices = ', '.join(f'{name} ({getattr(entry, "help", entry)})' for name, entry in table.items())
    return field(group, default, 'enum', f'{help}: {choices}.', choices=tuple(table))
