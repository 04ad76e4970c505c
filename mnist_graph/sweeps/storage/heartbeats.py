"""Which trials have lost their coordinator, where several machines work on a sweep.

Every coordinator counts up a number in the storage, beside the numbers of the
trials that it runs. Every other one watches these counts, by its own clock
alone, so that neither the clocks nor the time zones of the machines matter.
"""

from collections.abc import Iterable, Mapping


class Watch:
    """Remembers when each running trial was last known to have a coordinator.

    Args:
      grace_seconds: A trial is lost after so many seconds without one.
    """

    def __init__(self, grace_seconds: float):
        self._grace_seconds = grace_seconds
        self._counts: dict[str, int] = {}
        self._seen: dict[int, float] = {}

    def lost(self, heartbeats: Mapping[str, tuple[int, list[int]]], running: Iterable[int], now: float) -> list[int]:
        """The running trials that have lost their coordinator.

        Args:
          heartbeats: By coordinator, its count and the trials that it runs.
          running: All running trials; one that is new here is lost after the whole grace at the earliest.
          now: Seconds of `time.monotonic`.
        """
        for name, (count, numbers) in heartbeats.items():
            if self._counts.get(name) != count:
                self._counts[name] = count
                self._seen.update(dict.fromkeys(numbers, now))
        self._seen = {number: self._seen.get(number, now) for number in running}
        return [number for number, seen in self._seen.items() if now - seen > self._grace_seconds]

    def start_again(self) -> None:
        """Gives every trial the whole grace again, as after a time in which no coordinator could be heard."""
        self._seen = {}
