"""`metrics.jsonl`: what was measured in the course of a run, one line of JSON for each display and validation."""

import json
import os
from typing import Any, TextIO

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError

FILENAME = 'metrics.jsonl'


def read(folder: str) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl that are whole, oldest first; [] if there is no such file.

    Raises:
      CheckpointError: The file cannot be read.
    """
    path = os.path.join(folder, FILENAME)
    lines = []
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            for line in file:
                try:
                    values = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(values, dict) and isinstance(values.get('step'), int):
                    lines.append(values)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CheckpointError(
            f'{files.relative(path)}: cannot be read ({error.strerror}); see to its permissions, or move it away.'
        ) from None
    return lines


class MetricsFile:
    """The file of a run that goes on, to which lines are added.

    Args:
      folder: The run's folder.
      step: Where the run goes on; lines of later steps, which will be taken again, are dropped.

    Raises:
      CheckpointError: The file cannot be read or written; also of `write`.
    """

    def __init__(self, folder: str, step: int):
        self._path = os.path.join(folder, FILENAME)
        kept = ''.join(json.dumps(line) + '\n' for line in read(folder) if line['step'] <= step)
        try:
            files.write_atomically(self._path, kept)
            self._file: TextIO = open(self._path, 'a', buffering=1)
        except OSError as error:
            raise self._cannot_write(error) from None

    def write(self, values: dict[str, Any]) -> None:
        """Adds one line."""
        try:
            self._file.write(json.dumps(values) + '\n')
        except OSError as error:
            raise self._cannot_write(error) from None

    def close(self, after_error: bool = False) -> None:
        """Closes the file; after another error, such as a full disk, what cannot be written is given up."""
        try:
            self._file.close()
        except OSError as error:
            if not after_error:
                raise self._cannot_write(error) from None

    def _cannot_write(self, error: OSError) -> CheckpointError:
        return CheckpointError(
            f'{files.relative(self._path)}: cannot be written ({error.strerror}); '
            f'{files.how_to_mend(error)}, then --resume.'
        )
