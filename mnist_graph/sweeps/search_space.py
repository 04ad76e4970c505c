"""What a sweep may vary: `--search=FLAG=SPEC`, checked by the same rules as the flags themselves.

    a,b,c            these values: --search=batch_size=64,128
    lo:hi            any number from lo to hi: --search=dropout=0.1:0.6
    log:lo:hi        the same, evenly over orders of magnitude: --search=learning_rate=log:1e-5:1e-2
    int:lo:hi[:step] whole numbers from lo to hi, both included: --search=warmup_steps=int:0:500:100

Values of flags that are lists themselves are written with an x between their
numbers: --search=hidden_units=512x256x128,128,none is three choices.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mnist_graph import hparams
from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import SPECS, HParams

_NO_UNITS = 'none'


class Choices(NamedTuple):
    """A hyperparameter that takes one of some values, in the order given."""

    values: tuple[Any, ...]


class Range(NamedTuple):
    """A hyperparameter that takes any number of a range.

    Attributes:
      low, high: Bounds, both included.
      log: Whether its logarithm is what is spread evenly.
      whole: Whether it is a whole number.
      step: From one whole number to the next.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    step: int = 1

    @property
    def size(self) -> float:
        """Number of different values; infinity for real numbers."""
        return (self.high - self.low) // self.step + 1 if self.whole else math.inf

    def draw(self, fraction: float) -> float | int:
        """The value at `fraction` in [0, 1) of the way through the range."""
        if self.whole and not self.log:
            return int(self.low + self.step * int(fraction * ((self.high - self.low) // self.step + 1)))
        if self.log:
            # A whole number stands for the half on either side of it.
            widen = 0.5 if self.whole else 0.0
            low, high = math.log(self.low - widen), math.log(self.high + widen)
            value = math.exp(low + fraction * (high - low))
        else:
            value = self.low + fraction * (self.high - self.low)
        value = round(value) if self.whole else value
        return min(max(value, self.low), self.high)


Space = dict[str, Choices | Range]


def parse(arguments: Sequence[str]) -> Space:
    """The search space of the --search flags.

    Args:
      arguments: 'FLAG=SPEC' each.

    Raises:
      UsageError: A flag is unknown or named twice, or a value is not one that it takes.
    """
    space = {}
    for argument in arguments:
        name, equals, spec = argument.partition('=')
        name = name.strip().lstrip('-')
        if not equals:
            raise UsageError(f'search={argument}: must be FLAG=SPEC, as in --search=learning_rate=log:1e-5:1e-2.')
        if name in space:
            raise UsageError(f'search={argument}: --{name} is searched twice; give all its values in one --search.')
        space[name] = parse_spec(name, spec)
    return space


def from_python(space: Mapping[str, Any]) -> Space:
    """The search space of a dictionary: of spec texts as on a command line, or sequences of values.

    Raises:
      UsageError: As `parse`.
    """
    made = {}
    for name, spec in space.items():
        if isinstance(spec, (Choices, Range, str)):
            made[name] = parse_spec(name, spec if isinstance(spec, str) else to_text(spec))
        else:
            _check_name(name)
            if not isinstance(spec, Sequence):
                raise UsageError(f'{name}={spec!r}: give a list of values, or a text such as "1e-5,1e-4".')
            made[name] = _choices(name, [getattr(HParams(**{name: value}), name) for value in spec], spec)
    return made


def parse_spec(name: str, spec: str) -> Choices | Range:
    """What one SPEC of hyperparameter `name` means.

    Raises:
      UsageError: As `parse`.
    """
    _check_name(name)
    if ':' in spec and SPECS[name].kind != 'text':  # the path of a folder may hold one
        return _range(name, spec)
    return _choices(name, [_value(name, text) for text in spec.split(',')], spec)


def _check_name(name: str) -> None:
    if name not in SPECS:
        similar = hparams.closest(name, SPECS)
        hint = f' Did you mean --{similar}?' if similar else ''
        raise UsageError(f'Unknown flag --{name} to search.{hint}')


def _choices(name: str, values: Sequence[Any], spec: Any) -> Choices:
    if not values:
        raise UsageError(f'search={name}={spec}: there is no value to try.')
    for value in values:
        if values.count(value) > 1:
            raise UsageError(f'search={name}={spec}: {value_text(value)} is given twice.')
    return Choices(tuple(values))


def _value(name: str, text: str) -> Any:
    text = text.strip()
    if SPECS[name].kind != 'ints':
        return hparams.parse(name, text)
    if not all(text.split('x')):
        raise UsageError(f'search={name}: there is an empty value; write {_NO_UNITS} for an empty list.')
    return hparams.parse(name, '' if text == _NO_UNITS else text.replace('x', ','))


def _range(name: str, spec: str) -> Range:
    kind = SPECS[name].kind
    parts = [part.strip() for part in spec.split(':')]
    prefix = parts.pop(0) if parts[0] in ('log', 'int') else ''
    where = f'search={name}={spec}'
    if kind not in ('float', 'int'):
        within = ', and x between the numbers of each, as in 512x256x128,128' if kind == 'ints' else ''
        raise UsageError(f'{where}: --{name} takes no range; list its values, with commas between them{within}.')
    if len(parts) not in ((2, 3) if prefix == 'int' else (2,)):
        raise UsageError(f'{where}: a range is lo:hi, log:lo:hi or int:lo:hi[:step].')
    if prefix == 'int' and kind != 'int':
        raise UsageError(f'{where}: --{name} is not a whole number; use lo:hi or log:lo:hi.')
    if not prefix and kind == 'int':
        raise UsageError(f'{where}: --{name} is a whole number; use int:{":".join(parts)}.')
    low, high = (hparams.parse(name, part) for part in parts[:2])
    if low >= high:
        raise UsageError(f'{where}: the lower end must be less than the upper.')
    if prefix == 'log' and low <= 0:
        raise UsageError(f'{where}: a logarithmic range must begin above 0.')
    return Range(low, high, prefix == 'log', kind == 'int', _step(where, parts[2:], high - low))


def _step(where: str, parts: Sequence[str], span: float) -> int:
    if not parts:
        return 1
    if not parts[0].isdecimal() or not 1 <= int(parts[0]) <= span:
        raise UsageError(f'{where}: the step must be a whole number from 1 to {span:g}.')
    return int(parts[0])


def value_text(value: Any) -> Any:
    """A value as tables and storages hold it: itself, or '512x256' for a list."""
    if isinstance(value, (tuple, list)):
        return 'x'.join(map(str, value)) or _NO_UNITS
    return value


def value_from_text(name: str, value: Any) -> Any:
    """The inverse of `value_text`."""
    return _value(name, value) if SPECS[name].kind == 'ints' else value


def to_text(dimension: Choices | Range) -> str:
    """The SPEC that `parse_spec` reads as `dimension`."""
    if isinstance(dimension, Choices):
        texts = (repr(value) if isinstance(value, float) else str(value_text(value)) for value in dimension.values)
        return ','.join(texts)
    ends = f'{dimension.low!r}:{dimension.high!r}'
    if dimension.log:
        return f'log:{ends}'
    step = f':{dimension.step}' if dimension.step != 1 else ''
    return f'int:{ends}{step}' if dimension.whole else ends


def size(space: Space) -> float:
    """Number of different points; infinity if there is a range of real numbers."""
    return math.prod(
        len(dimension.values) if isinstance(dimension, Choices) else dimension.size for dimension in space.values()
    )


def grid_point(space: Space, index: int) -> dict[str, Any]:
    """The values of point `index`; the last hyperparameter varies fastest."""
    values = {}
    for name, dimension in reversed(space.items()):
        assert isinstance(dimension, Choices), 'a grid has no ranges'
        index, position = divmod(index, len(dimension.values))
        values[name] = dimension.values[position]
    return {name: values[name] for name in space}


class RandomPoints:
    """The points of a random search, all different, in an order that depends on the space and the seed alone."""

    def __init__(self, space: Space, seed: int):
        self._space, self._seed = space, seed
        self._points: list[dict[str, Any]] = []
        self._seen: set[tuple[Any, ...]] = set()
        self._n_drawn = 0

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The values of point `index`.

        Raises:
          IndexError: There are not so many different points.
        """
        if index >= size(self._space):
            raise IndexError(index)
        while len(self._points) <= index:
            point = _random_point(self._space, self._seed, self._n_drawn)
            self._n_drawn += 1
            if tuple(point.values()) not in self._seen:
                self._seen.add(tuple(point.values()))
                self._points.append(point)
        return dict(self._points[index])


def _random_point(space: Space, seed: int, index: int) -> dict[str, Any]:
    """The values of draw `index`: the same whenever and wherever it is drawn."""
    import numpy as np  # not above: a wrong flag should be answered before this is needed

    values: dict[str, Any] = {}
    for name, dimension in space.items():
        key = [seed << 32 | zlib.crc32(name.encode()), index]
        fraction = np.random.Generator(np.random.Philox(key=key)).random()
        values[name] = (
            dimension.draw(fraction)
            if isinstance(dimension, Range)
            else dimension.values[int(fraction * len(dimension.values))]
        )
    return values
