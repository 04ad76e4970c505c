"""Which points of a sweep still need a trial, and which have come to their end."""

from collections.abc import Iterable
from typing import Any, NamedTuple

MOST_RETRIES = 2  # of a point whose trials crash: what crashes three times will again
# Why a trial failed. Only a crash is blamed on the trial: it is tried again, but not for ever.
DIVERGED, UNUSABLE, CRASHED, INTERRUPTED = 'diverged', 'unusable', 'crashed', 'interrupted'


class Attempt(NamedTuple):
    """One trial as far as planning is concerned.

    Attributes:
      point: Which point it tries.
      state: 'waiting', 'running', 'complete', 'pruned' or 'failed'.
      failure: Why it failed: DIVERGED, UNUSABLE, CRASHED or INTERRUPTED.
      values: What a failed one tried, or None if that was never chosen.
    """

    point: int
    state: str
    failure: str = ''
    values: dict[str, Any] | None = None


def needed(attempts: Iterable[Attempt], n_points: int, n_waiting: int) -> list[tuple[int, dict[str, Any] | None]]:
    """The trials to be queued: every point that lost its trial, and as many new ones as keep the queue filled.

    Args:
      attempts: All trials so far.
      n_points: Number of points in the sweep.
      n_waiting: Length that the queue should have.

    Returns:
      For each: the point, and its values if an earlier trial of it had any.
    """
    by_point: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        by_point.setdefault(attempt.point, []).append(attempt)
    lost = [
        (point, next((attempt.values for attempt in tried if attempt.values), None))
        for point, tried in sorted(by_point.items())
        if is_lost(tried)
    ]
    waiting = sum(attempt.state == 'waiting' for tried in by_point.values() for attempt in tried)
    new = [point for point in range(n_points) if point not in by_point] if len(by_point) < n_points else []
    return lost + [(point, None) for point in new[: max(0, n_waiting - waiting - len(lost))]]


def is_lost(tried: list[Attempt]) -> bool:
    """Whether a point has neither a result, nor a trial under way, nor failed for good."""
    if any(attempt.state != 'failed' or attempt.failure in (DIVERGED, UNUSABLE) for attempt in tried):
        return False
    return sum(attempt.failure == CRASHED for attempt in tried) <= MOST_RETRIES


def is_over(attempts: Iterable[Attempt], n_points: int) -> bool:
    """Whether every point has come to its end."""
    attempts = list(attempts)
    return not any(attempt.state in ('waiting', 'running') for attempt in attempts) and not needed(
        attempts, n_points, n_points
    )
