"""A sweep in pictures, if matplotlib is installed (the `plots` extra)."""

import io
import math
import os
from typing import Any

from mnist_graph.base import cache, files
from mnist_graph.sweeps.search_space import Choices, Range, value_text

_MOST_CURVES = 200
_DPI = 120
# Equal choices are drawn up to so far from their tick, in units of the distance between ticks.
_JITTER = 0.1
# Steps by this share of the jitter's width spread any number of points evenly: the golden ratio's fraction.
_GOLDEN = 0.618
# Empty space at both ends of an axis of choices, in units of the distance between ticks.
_MARGIN = 0.5
# Empty space at both ends of a range's axis, as a share of the range.
_RANGE_MARGIN = 0.04


def write(result) -> list[str]:
    """Draws what there is to draw of a `runner.SweepResult` into its folder; returns the files written.

    Raises:
      OSError: The folder cannot be written.
    """
    cache.set_matplotlib_folder()
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return []

    def figure(width: float, height: float) -> Any:
        made = Figure(figsize=(width, height), dpi=_DPI, layout='constrained')
        FigureCanvasAgg(made)
        return made

    drawn = {}
    if sum(row.accuracy is not None for row in result.rows) >= 2:
        drawn['accuracy.png'] = _accuracy(result, figure)
    if result.importances:
        drawn['importance.png'] = _importance(result, figure)
    if any(len(row.curve) > 1 for row in result.rows):
        drawn['curves.png'] = _curves(result, figure)
    return [_save(os.path.join(result.folder, name), made) for name, made in drawn.items()]


def _save(path: str, figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    files.write_atomically(path, buffer.getvalue())
    return path


def _accuracy(result, figure):
    """Validation accuracy against each hyperparameter."""
    space = result.sweep.space
    made = figure(3.2 * len(space) + 0.6, 3.2)
    all_axes = made.subplots(1, len(space), sharey=True, squeeze=False)[0]
    for axes, (name, dimension) in zip(all_axes, space.items()):
        for state, style in (('complete', {'color': 'C0'}), ('pruned', {'color': '0.6', 'marker': 'x'})):
            rows = [row for row in result.rows if row.state == state]
            axes.scatter(
                [_position(dimension, row.values[name], row.point) for row in rows],
                [row.accuracy for row in rows],
                s=18,
                alpha=0.7,
                label=state,
                **style,
            )
        _set_axis(axes, dimension)
        axes.set_xlabel(name)
        axes.grid(alpha=0.3)
    all_axes[0].set_ylabel('validation accuracy')
    if any(row.state == 'pruned' for row in result.rows):
        all_axes[-1].legend()
    return made


def _position(dimension: Choices | Range, value: Any, point: int) -> float:
    """Where on its axis a value is drawn; equal choices a little apart, so that their points can be told apart."""
    if isinstance(dimension, Choices):
        return dimension.values.index(value) + 2 * _JITTER * (point * _GOLDEN % 1 - 0.5)
    return value


def _set_axis(axes, dimension: Choices | Range) -> None:
    """The whole axis of a hyperparameter, with both of its ends, whichever values were tried."""
    if isinstance(dimension, Choices):
        axes.set_xticks(range(len(dimension.values)), [_short(value) for value in dimension.values])
        axes.set_xlim(-_MARGIN, len(dimension.values) - 1 + _MARGIN)
        return
    if not dimension.log:
        width = _RANGE_MARGIN * (dimension.high - dimension.low)
        axes.set_xlim(dimension.low - width, dimension.high + width)
        return
    factor = (dimension.high / dimension.low) ** _RANGE_MARGIN
    axes.set_xscale('log')
    axes.set_xlim(dimension.low / factor, dimension.high * factor)
    # The ends, and the powers of ten that are not too close to them for their labels.
    gap = (dimension.high / dimension.low) ** 0.15
    powers = [10.0**n for n in range(math.ceil(math.log10(dimension.low)), math.floor(math.log10(dimension.high)) + 1)]
    inner = [power for power in powers if dimension.low * gap < power < dimension.high / gap]
    ticks = [dimension.low, *inner, dimension.high]
    axes.set_xticks(ticks, [_short(tick) for tick in ticks])
    axes.set_xticks([], minor=True)


def _importance(result, figure):
    """How much each hyperparameter explains."""
    made = figure(5, 0.5 * len(result.importances) + 1)
    axes = made.subplots()
    names = list(result.importances)[::-1]
    axes.barh(names, [result.importances[name] for name in names])
    axes.set_xlim(0, 1)
    axes.set_xlabel('share of the variance of validation accuracy')
    return made


def _curves(result, figure):
    """All learning curves together, the best in front."""
    made = figure(6, 4)
    axes = made.subplots()
    with_curve = [row for row in result.rows if row.curve][:_MOST_CURVES]
    for rank, row in reversed(list(enumerate(with_curve))):
        steps, accuracies = zip(*row.curve)
        label = ', '.join(f'{name}={_short(value)}' for name, value in row.values.items()) if rank == 0 else None
        style = {'color': 'C3', 'linewidth': 2} if rank == 0 else {'color': '0.6', 'alpha': 0.5, 'linewidth': 0.8}
        axes.plot(steps, accuracies, label=label, **style)
    axes.set_xlabel('iteration')
    axes.set_ylabel('validation accuracy')
    axes.grid(alpha=0.3)
    axes.legend(fontsize='small')
    return made


def _short(value: Any) -> str:
    return f'{value:.3g}' if isinstance(value, float) else str(value_text(value))
