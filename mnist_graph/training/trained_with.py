"""What the last bits of a run's weights depend on beside its hyperparameters and data, from step to step."""

from typing import Any, NamedTuple


class TrainedWith(NamedTuple):
    """What the last bits of the weights depend on beside the hyperparameters and the data.

    Attributes:
      step: The entry holds for the steps after this one, up to the step of the next entry.
      tensorflow: Version of TensorFlow.
      n_threads: Cores used.
      n_towers: Parts that each batch was divided into; see `cores.share_cores`.
        None where an earlier version of the package did not write it.
    """

    step: int
    tensorflow: str
    n_threads: int
    n_towers: int | None

    def __str__(self) -> str:
        towers = '' if self.n_towers is None else f' and {self.n_towers} tower{"s" * (self.n_towers != 1)}'
        return f'TensorFlow {self.tensorflow}, {self.n_threads} thread{"s" * (self.n_threads != 1)}{towers}'

    def same_bits_as(self, other: 'TrainedWith') -> bool:
        """Whether both give the same weights; a number of towers that is not known is taken to be the same."""
        towers = {self.n_towers, other.n_towers} - {None}
        return self[1:3] == other[1:3] and len(towers) < 2


def parse(values: list[dict[str, Any]]) -> tuple[TrainedWith, ...]:
    """The entries of a file.

    Raises:
      ValueError, TypeError, AttributeError: They cannot be right.
    """
    entries = tuple(TrainedWith(**entry) for entry in values)
    for each in entries:
        numbers = [each.step + 1, each.n_threads, 1 if each.n_towers is None else each.n_towers]
        if not all(type(number) is int and number >= 1 for number in numbers) or not isinstance(each.tensorflow, str):
            raise ValueError('trained_with')
    if not entries or [each.step for each in entries] != sorted({each.step for each in entries}):
        raise ValueError('trained_with')
    return entries


def going_on(earlier: tuple[TrainedWith, ...], current: TrainedWith, step: int) -> tuple[tuple[TrainedWith, ...], str]:
    """The entries of a run that goes on from `step` with `current`.

    Returns:
      The entries; and what has changed, if the last bits may now be others, else ''.
    """
    # What was to begin at this step or later has trained nothing that is kept.
    kept = tuple(each for each in earlier if each.step < step)
    if kept and kept[-1].same_bits_as(current):
        return kept, ''
    change = f'was trained with {kept[-1]}, and now with {current}, so its last bits may differ' if kept else ''
    return (*kept, current._replace(step=step)), change
