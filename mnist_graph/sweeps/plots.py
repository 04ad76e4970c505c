"""A sweep in pictures, if matplotlib is installed (the `plots` extra)."""

import os

import numpy as np

from mnist_graph.base import cache, files
from mnist_graph.sweeps import search_space
from mnist_graph.sweeps.search_space import Choices, value_text

_MOST_CURVES = 200
_DPI = 120


def write(found) -> list[str]:
    """Draws what there is to draw of a `runner.Found` into its folder; returns the files written."""
    cache.set_matplotlib_folder()
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return []

    def figure(width, height):
        made = Figure(figsize=(width, height), dpi=_DPI, layout='constrained')
        FigureCanvasAgg(made)
        return made

    drawn = {}
    if sum(row.accuracy is not None for row in found.rows) >= 2:
        drawn['accuracy.png'] = _accuracy(found, figure)
    if found.importances:
        drawn['importance.png'] = _importance(found, figure)
    if any(len(row.curve) > 1 for row in found.rows):
        drawn['curves.png'] = _curves(found, figure)
    return [_save(os.path.join(found.folder, name), made) for name, made in drawn.items()]


def _save(path: str, figure) -> str:
    import io

    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    files.write_atomically(path, buffer.getvalue())
    return path


def _accuracy(found, figure):
    """Validation accuracy against each hyperparameter."""
    space = found.sweep.space
    made = figure(3.2 * len(space) + 0.6, 3.2)
    axes = np.atleast_1d(made.subplots(1, len(space), sharey=True))
    for axis, (name, one) in zip(axes, space.items()):
        for state, style in (('complete', {'color': 'C0'}), ('pruned', {'color': '0.6', 'marker': 'x'})):
            some = [row for row in found.rows if row.state == state]
            axis.scatter(
                [_position(one, row.values[name], row.point) for row in some],
                [row.accuracy for row in some],
                s=18,
                alpha=0.7,
                label=state,
                **style,
            )
        if isinstance(one, Choices):
            axis.set_xticks(range(len(one.values)), [str(value_text(value)) for value in one.values])
        elif one.log:
            axis.set_xscale('log')
        axis.set_xlabel(name)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel('validation accuracy')
    if any(row.state == 'pruned' for row in found.rows):
        axes[-1].legend()
    return made


def _position(one, value, point: int) -> float:
    """Where on its axis a value is drawn; equal choices a little apart, so that their points can be told apart."""
    if isinstance(one, Choices):
        return one.values.index(value) + 0.2 * (point * 0.618 % 1 - 0.5)
    return value


def _importance(found, figure):
    """How much each hyperparameter explains."""
    made = figure(5, 0.5 * len(found.importances) + 1)
    axis = made.subplots()
    names = list(found.importances)[::-1]
    axis.barh(names, [found.importances[name] for name in names])
    axis.set_xlabel('share of the variance of validation accuracy')
    return made


def _curves(found, figure):
    """All learning curves together, the best in front."""
    made = figure(6, 4)
    axis = made.subplots()
    with_curve = [row for row in found.rows if row.curve][:_MOST_CURVES]
    for rank, row in reversed(list(enumerate(with_curve))):
        steps, accuracies = zip(*row.curve)
        label = ', '.join(f'{name}={_short(value)}' for name, value in row.values.items()) if rank == 0 else None
        axis.plot(
            steps,
            accuracies,
            color='C3' if rank == 0 else '0.6',
            alpha=1 if rank == 0 else 0.5,
            label=label,
            linewidth=2 if rank == 0 else 0.8,
        )
    axis.set_xlabel('iteration')
    axis.set_ylabel('validation accuracy')
    axis.grid(alpha=0.3)
    axis.legend(fontsize='small')
    return made


def _short(value) -> str:
    return f'{value:.3g}' if isinstance(value, float) else str(search_space.value_text(value))
