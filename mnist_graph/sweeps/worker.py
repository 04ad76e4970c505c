"""A sweep's worker: a process that imports TensorFlow once and trains one trial after another.

`pool.WorkerPool` starts it and talks to it in lines of JSON, through its
standard input and output. It learns of a trial only its hyperparameters, tells
its validation accuracies, and ends at once when its standard input closes. Each
trial is computed as `python -m mnist_graph.main --num_threads=1` would: in a
fresh graph and session, on one thread, so that its weights are the same to the
last bit.
"""

import ctypes
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from mnist_graph.base import tensorflow
from mnist_graph.base.errors import DataError, DivergedError, MnistGraphError
from mnist_graph.sweeps.attempts import CRASHED, DIVERGED, UNUSABLE
from mnist_graph.sweeps.messages import JOB, Job, Line, WorkerConfig
from mnist_graph.sweeps.trainer import Datasets, StoppedError, Trainer
from mnist_graph.training import cores


def main() -> None:
    """Serves the coordinator until it hangs up.

    'unfit' tells it that no worker will do any better, and why.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the terminal is for the coordinator alone
    line = Line()
    try:
        trainer = Trainer(line, Datasets(WorkerConfig(*line.receive())))
        tensorflow.import_tensorflow()
        cores.share_cores(1)
    except MnistGraphError as error:
        line.send('unfit', str(error))
        return
    line.send('ready')
    while True:
        word, what = line.receive()
        if word == JOB:
            line.send(*_outcome(trainer, Job(*what)))
            _return_memory()


def _outcome(train: Callable[[Job], dict[str, Any]], job: Job) -> tuple[Any, ...]:
    """The last message about a job: 'done', 'stopped' or 'failed', and what it came to; or 'unfit', see `main`."""
    try:
        return 'done', job.key, train(job)
    except StoppedError:
        return 'stopped', job.key
    except DataError as error:
        return 'unfit', str(error)  # no fault of this point, and the next would fare no better
    except DivergedError as error:
        return 'failed', job.key, DIVERGED, str(error)
    except MnistGraphError as error:
        return 'failed', job.key, UNUSABLE, str(error)
    except Exception as error:
        traceback.print_exc()
        return 'failed', job.key, CRASHED, ' '.join(f'{type(error).__name__}: {error}'.split())[:300]


def _return_memory() -> None:
    """Gives the freed graph's memory back to the system, which otherwise keeps growing with every trial."""
    gc.collect()
    if sys.platform == 'linux':
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except AttributeError:
            pass  # a C library other than glibc


if __name__ == '__main__':
    main()
    sys.stderr.flush()
    os._exit(0)
