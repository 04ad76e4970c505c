"""What a coordinator and its workers say to each other: lines of JSON through a worker's standard input and output."""

import json
import os
import queue
import sys
import threading
from typing import Any, NamedTuple

# The words that a coordinator says, each with a job or the key of one.
JOB, GO, STOP = 'job', 'go', 'stop'


class WorkerConfig(NamedTuple):
    """What a worker must know before its first trial.

    Attributes:
      dataset, data_dir: The data set; see `data.load`.
      fingerprint: What that must turn out to be.
      pictures, skip_bad_pictures: How its pictures are read; see `data.load`.
    """

    dataset: str
    data_dir: str | None
    fingerprint: str
    pictures: str = 'auto'
    skip_bad_pictures: bool = False


class Job(NamedTuple):
    """One trial.

    Attributes:
      key: What messages about it are marked with.
      hparams: Its hyperparameters, by name.
      event_folder: Where to write event files for TensorBoard, or ''.
      test: Whether to read the test set, too; if this worker trained just that as its best trial, it need not again.
    """

    key: int
    hparams: dict[str, Any]
    event_folder: str = ''
    test: bool = False


class Line:
    """The worker's end of its conversation with the coordinator, which ends the process when the coordinator is gone.

    Must be made before anything is written to standard output, which goes to standard error from then on.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), 'w', encoding='utf-8')
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._messages: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._messages.put(json.loads(line))
        os._exit(0)  # even in the middle of a step; taking TensorFlow down in order would keep the sweep waiting

    def send(self, *message: Any) -> None:
        """Says something."""
        try:
            self._out.write(json.dumps(message) + '\n')
            self._out.flush()
        except OSError:
            os._exit(0)

    def receive(self) -> list[Any]:
        """The next message, once there is one."""
        return self._messages.get()

    def has_message(self) -> bool:
        """Whether `receive` would return at once."""
        return not self._messages.empty()
