"""A training on several machines, as the flags or TF_CONFIG describe it: who takes part, and what to do if one is lost."""

import contextlib
import functools
import json
import math
import os
import socket
import subprocess
import sys

from absl import flags

from mnist_graph.base.errors import UsageError
from mnist_graph.cli import process

FLAGS = flags.FLAGS
_ALONE = '127.0.0.1:2222'  # the port of TensorFlow's own examples


def define_flags() -> None:
    """Defines the flags that say how the towers of a training are spread over machines."""
    flags.DEFINE_list(
        'workers',
        [],
        'Machines to train on, as HOST:PORT, separated by commas: first this one, then those where mnist_graph.worker waits. '
        'By default those of the environment variable TF_CONFIG, if it names any. --num_threads then counts the cores of all '
        'machines together.',
    )
    flags.DEFINE_integer(
        'local_workers',
        0,
        'Instead of --workers: train with this many processes on this machine. One is this process; it starts the others.',
        0,
        64,
    )
    flags.DEFINE_integer(
        'n_towers',
        0,
        'Parts (towers) into which each batch is split; they are computed at the same time. 0 chooses: with several '
        'workers, one for each.',
        0,
        1024,
    )
    flags.DEFINE_integer('ps_tasks', 1, 'How many of the workers hold the variables, beginning with this one.', 1, 1024)
    flags.DEFINE_float('worker_timeout', 30, 'Seconds without an answer after which a worker is lost.', 1, 86_400)
    flags.DEFINE_boolean(
        'continue_without', False, 'When a worker is lost and stays away, give its towers to the others.'
    )
    flags.DEFINE_boolean('wait_for_workers', False, 'Wait for workers that are not there yet.')
    define_insecure_network()


def define_insecure_network() -> None:
    """The flag that main and worker share."""
    flags.DEFINE_boolean(
        'insecure_network', False, 'Let TensorFlow listen at public addresses, though it lets everybody in.'
    )


def _tf_config() -> tuple[list[str], int]:
    """The addresses in TF_CONFIG, the chief's first, and which of them is this process; ([], 0) if there are none."""
    text = os.environ.get('TF_CONFIG', '')
    try:
        config = json.loads(text or '{}')
        cluster, task = config.get('cluster', {}), config.get('task', {})
        unknown = set(cluster) - {'chief', 'worker'}
        chiefs = list(cluster.get('chief', []))
        index = int(task.get('index', 0)) + len(chiefs) * (task.get('type', 'worker') == 'worker')
        addresses = [*map(str, chiefs), *map(str, cluster.get('worker', []))]
        if unknown or addresses and not 0 <= index < len(addresses):
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            f'TF_CONFIG={text[:200]}: is not understood; it needs a "cluster" of "worker" and perhaps "chief", and a "task".'
        ) from None
    return addresses, index


def own_address() -> str:
    """Where a worker listens that is not told."""
    addresses, index = _tf_config()
    return addresses[index] if addresses else _ALONE


def check_flags(batch_size: int, n_towers: int) -> tuple[list[str], int]:
    """The addresses to train on, [] for this process alone, and the number of towers, 0 if --num_threads decides it.

    Args:
      batch_size: Rows of a batch.
      n_towers: What the run that is resumed has; 0 for a new one.

    Raises:
      UsageError: What is asked for cannot be.
    """
    from mnist_graph.cluster import addresses

    workers = FLAGS.workers
    if not (workers or FLAGS.local_workers):
        workers, index = _tf_config()
        if index:
            raise UsageError(f'TF_CONFIG makes this process worker {index}; run python -m mnist_graph.worker in it.')
    elif workers and FLAGS.local_workers:
        raise UsageError('--workers and --local_workers exclude each other; leave one of them out.')
    n_workers = len(workers) or FLAGS.local_workers or 1
    n_towers = FLAGS.n_towers or n_towers or (n_workers if workers or FLAGS.local_workers else 0)
    if n_towers > batch_size:
        raise UsageError(f'--batch_size={batch_size} has too few rows for {n_towers} towers, which need one each.')
    if not FLAGS.ps_tasks <= n_workers <= max(1, n_towers):
        raise UsageError(
            f'--ps_tasks={FLAGS.ps_tasks}, {n_workers} workers, {n_towers} towers: give at least as many --n_towers as '
            f'workers, and no more --ps_tasks.'
        )
    if workers:
        addresses.check(workers, FLAGS.insecure_network)
    elif FLAGS.local_workers:
        addresses.refuse_public(_ALONE, FLAGS.insecure_network)
    return workers, n_towers


@contextlib.contextmanager
def opened(workers: list[str], n_threads: int, n_towers: int):
    """A `runtime.Cluster` of these addresses or of --local_workers, for which TensorFlow is imported; None without either.

    Args:
      workers: As `check_flags` returns them.
      n_threads: Cores of all workers together.
      n_towers: Parts of each batch.

    Raises:
      WorkerError, UsageError: A worker is missing, or has other versions.
    """
    if not (workers or FLAGS.local_workers):
        yield None
        return
    from mnist_graph.base import tensorflow
    from mnist_graph.cluster import addresses, runtime

    started: list[subprocess.Popen] = []
    lost = functools.partial(begin_again, '')
    try:
        if not workers:
            started = [_start_worker() for _ in range(FLAGS.local_workers - 1)]
        tensorflow.import_tensorflow()
        if not workers:
            others = [addresses.of_started(each) for each in started]
            with socket.create_server(('127.0.0.1', 0)) as free:  # TensorFlow takes the port soon
                workers = [f'127.0.0.1:{free.getsockname()[1]}', *others]
        threads = max(1, n_threads // n_towers), max(1, n_threads // len(workers))
        drop = FLAGS.continue_without and FLAGS.wait_for_workers  # not at the beginning of a training
        patience = FLAGS.worker_timeout if drop else math.inf if FLAGS.wait_for_workers else 0.0
        order = runtime.Order(workers, 0, threads, FLAGS.worker_timeout)
        with runtime.Cluster(order, lost, patience, drop, process.note) as cluster:
            yield cluster
    finally:
        for each in started:
            each.kill()
            each.wait()


def _start_worker() -> subprocess.Popen:
    command = [sys.executable, '-m', 'mnist_graph.worker', '--listen=127.0.0.1:0', '--once']
    command += ['--insecure_network'] * FLAGS.insecure_network
    # In a session of its own, so that Ctrl-C does not end it before its training is saved.
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def begin_again(folder: str, lost: str) -> None:
    """Begins this program anew, from the last checkpoint of the run in `folder` if there is one already.

    Nothing else is sure to end what TensorFlow does: it waits for the lost worker even to close a session.
    """
    process.note(f'{lost}; going on from the last checkpoint when it is back.')
    resume = ['--resume', f'--model_dir={folder}'] if folder else []
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], '--wait_for_workers', *resume])
