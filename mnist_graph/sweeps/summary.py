"""What a sweep found: a table, results.csv, and the flagfile that makes the winner again.

Trials are ranked by their accuracy on validation images alone.
"""

import csv
import io
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from mnist_graph.base import files
from mnist_graph.sweeps import search_space
from mnist_graph.sweeps.attempts import Attempt, is_lost
from mnist_graph.sweeps.plan import Sweep
from mnist_graph.sweeps.storage import trial_records
from mnist_graph.sweeps.storage.trial_records import FrozenTrial, TrialState

RESULTS, BEST = 'results.csv', 'best.flags'


class Row(NamedTuple):
    """One point of the sweep, by its last trial.

    Attributes:
      point: Its number in the sweep.
      trial: The number of its last trial in the storage.
      state: 'complete', 'pruned', 'failed', 'running' or 'waiting'.
      values: What was tried, by name.
      accuracy: On the validation images after the last step that was taken, or None.
      loss: Likewise, the mean cross-entropy.
      seed, steps, seconds: Of its training; None if unknown.
      process: Id of the worker that trained it, wherever that was.
      weights_sha256: Of the trained weights, or ''.
      reason: Why it failed, or ''.
      curve: (step, validation accuracy) of each validation.
    """

    point: int
    trial: int
    state: str
    values: dict[str, Any]
    accuracy: float | None
    loss: float | None
    seed: int | None
    steps: int | None
    seconds: float | None
    process: int | None
    weights_sha256: str
    reason: str
    curve: tuple[tuple[int, float], ...]


def rows(sweep: Sweep, trials: Sequence[FrozenTrial]) -> list[Row]:
    """One Row for each point that has a trial, the best first, then the pruned, then the rest.

    Args:
      sweep: The sweep.
      trials: All its trials.
    """
    latest: dict[int, FrozenTrial] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        point = trial_records.attempt(trial).point
        # A result is a result, whatever came after it.
        if point not in latest or latest[point].state not in (TrialState.COMPLETE, TrialState.PRUNED):
            latest[point] = trial
    return sorted((_row(sweep, trial) for trial in latest.values()), key=_rank)


def _row(sweep: Sweep, trial: FrozenTrial) -> Row:
    planned, result, values = (
        trial_records.attempt(trial),
        trial_records.result(trial),
        trial_records.values_of(sweep, trial),
    )
    return Row(
        planned.point,
        trial.number,
        planned.state,
        values,
        trial.value if planned.state in ('complete', 'pruned') else None,
        result.get('validation_loss'),
        sweep.hparams(values).seed if values else None,
        result.get('steps'),
        result.get('seconds'),
        result.get('process'),
        result.get('weights_sha256', ''),
        trial_records.reason(trial),
        tuple(sorted(trial.intermediate_values.items())),
    )


def _rank(row: Row) -> tuple[int, float, float, int]:
    order = ('complete', 'pruned', 'failed', 'running', 'waiting').index(row.state)
    # Of equally many right answers, the surer ones; then whichever came first in the sweep.
    return order, -(row.accuracy or 0), row.loss if row.loss is not None else float('inf'), row.point


def winner(ranked: Sequence[Row]) -> Row | None:
    """The best complete row, if there is any."""
    return ranked[0] if ranked and ranked[0].state == 'complete' else None


def n_ended(trials: Sequence[FrozenTrial]) -> int:
    """Points that have come to their end: with a result, or failed for good."""
    by_point: dict[int, list[Attempt]] = {}
    for attempt in map(trial_records.attempt, trials):
        by_point.setdefault(attempt.point, []).append(attempt)
    return sum(
        not is_lost(tried) and not any(attempt.state in ('waiting', 'running') for attempt in tried)
        for tried in by_point.values()
    )


def write(folder: str, sweep: Sweep, ranked: Sequence[Row], dataset_flags: Sequence[str]) -> None:
    """Writes results.csv and best.flags into the folder, each atomically."""
    os.makedirs(folder, exist_ok=True)
    files.write_atomically(os.path.join(folder, RESULTS), results_csv(sweep, ranked))
    best = winner(ranked)
    if best:
        files.write_atomically(os.path.join(folder, BEST), best_flags(sweep, best, dataset_flags))


def results_csv(sweep: Sweep, ranked: Sequence[Row]) -> str:
    """All rows, with a line of names first."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator='\n')
    names = list(sweep.space)
    table.writerow(
        [
            'rank',
            'point',
            'trial',
            'state',
            *names,
            'validation_accuracy',
            'validation_loss',
            *(['seed'] if 'seed' not in names else []),
            'steps',
            'seconds',
            'weights_sha256',
            'reason',
        ]
    )
    for number, row in enumerate(ranked, start=1):
        table.writerow(
            [
                number if row.state == 'complete' else '',
                row.point,
                row.trial,
                row.state,
                *(search_space.value_text(row.values.get(name, '')) for name in names),
                row.accuracy,
                row.loss,
                *([row.seed] if 'seed' not in names else []),
                row.steps,
                '' if row.seconds is None else f'{row.seconds:.2f}',
                row.weights_sha256,
                row.reason,
            ]
        )
    return text.getvalue()


def best_flags(sweep: Sweep, best: Row, dataset_flags: Sequence[str]) -> str:
    """The flagfile with which main makes this row's weights again, to the last bit."""
    lines = [
        f'# Trial {best.trial} of the sweep: validation accuracy {best.accuracy:.4f} after {best.steps} steps.',
        f'# SHA-256 of its weights: {best.weights_sha256}',
        *sweep.hparams(best.values).to_flags(always=sweep.space),
        *dataset_flags,
        '# The order of additions, and so the last bits, depend on the number of threads.',
        '--num_threads=1',
    ]
    return '\n'.join(lines) + '\n'


def table(sweep: Sweep, ranked: Sequence[Row], most: int = 20) -> str:
    """The best rows for people to read, in columns."""
    names = list(sweep.space)
    cells = [['', *names, 'validation accuracy', 'loss', 'steps', 'trial', '']]
    for number, row in enumerate(ranked[:most], start=1):
        cells.append(
            [
                str(number) if row.state == 'complete' else '',
                *(shown(row.values.get(name, '')) for name in names),
                '' if row.accuracy is None else f'{row.accuracy:.4f}',
                '' if row.loss is None else f'{row.loss:.4f}',
                '' if row.steps is None else str(row.steps),
                str(row.trial),
                '' if row.state == 'complete' else f'{row.state}: {row.reason}' if row.reason else row.state,
            ]
        )
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    if len(ranked) > most:
        lines.append(f'... and {len(ranked) - most} more in {RESULTS}')
    return '\n'.join(lines)


def shown(value: Any) -> str:
    """A value in four digits, or as it is."""
    return f'{value:.4g}' if isinstance(value, float) else str(search_space.value_text(value))
