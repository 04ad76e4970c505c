"""One training on several machines: workers elsewhere compute its towers, through TensorFlow's gRPC.

The chief is task 0 of TensorFlow's job `worker`. It has the graph and the data, and computes towers, too. It connects to
the port of each worker; both say their versions, and the chief says who takes part. From then on the connection is a life
line: both send bytes, and take the other to be gone when the line breaks or is silent for too long. Meanwhile TensorFlow's
servers listen at the same ports.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mnist_graph import __version__
from mnist_graph.base.errors import UsageError, WorkerError
from mnist_graph.cluster.addresses import resolve
from mnist_graph.training import cores

# Seconds: from one byte on a life line to the next; for a call to be answered; for a worker's or a session's start or end;
# between two tries to reach a worker.
_BEAT, _ANSWER, _CHANGE, _RETRY = 0.25, 5.0, 10.0, 1.0
_MAX_MESSAGE = 65_536  # bytes; the longest is a list of addresses


class Order(NamedTuple):
    """What a chief says to a worker.

    Attributes:
      workers: 'host:port' of the chief and of each worker.
      task: Which of them is addressed.
      threads: Threads within an operation, and operations at a time.
      timeout: Seconds of silence after which the other side is taken to be gone.
    """

    workers: Sequence[str]
    task: int
    threads: Sequence[int]
    timeout: float


def _send(line: socket.socket, message: dict[str, Any]) -> None:
    line.sendall(json.dumps(message).encode() + b'\n')


def _receive(line: socket.socket, seconds: float) -> dict[str, Any]:
    """A message; raises OSError or ValueError if none comes. The other side sends no more before it is answered."""
    line.settimeout(seconds)
    try:
        message = json.loads(line.makefile().readline(_MAX_MESSAGE))
    except RecursionError:  # brackets in brackets
        message = None
    if not isinstance(message, dict):
        raise ValueError('no message')
    return message


def _versions() -> dict[str, str]:
    import tensorflow.compat.v1 as tf

    return {'mnist_graph': __version__, 'TensorFlow': tf.__version__}


def await_order(listener: socket.socket) -> tuple[socket.socket, Order]:
    """Greets whoever connects to a worker, until one of them is a chief; returns the life line to it, and its order.

    Raises:
      TimeoutError: The listener has a timeout, and nobody connected.
    """
    while True:
        line, _ = listener.accept()
        with contextlib.suppress(OSError, ValueError, TypeError):
            _send(line, _versions())
            order = Order(**_receive(line, _CHANGE))
            if 0 < order.task < len(order.workers) and min(order.threads) > 0 and order.timeout > 0:
                return line, order
        line.close()


def start_server(order: Order):
    """TensorFlow's own server for one task, a tf.distribute.Server; WorkerError if it cannot use its port."""
    import tensorflow.compat.v1 as tf

    try:
        config = cores.session_config(*order.threads)
        return tf.distribute.Server({'worker': list(order.workers)}, 'worker', order.task, config=config)
    except tf.errors.OpError as error:
        address = order.workers[order.task]
        raise WorkerError(f'{address}: TensorFlow cannot use this port ({error.message}).', address) from None


def watch(line: socket.socket, timeout: float) -> str:
    """Keeps a life line until the other end is gone; returns how that was noticed.

    Silence is counted while this process runs: one that was paused itself does not take the other for gone.
    """
    silence = 0.0
    line.settimeout(_BEAT)
    while silence < timeout:
        try:
            line.send(b'.')
            if not line.recv(_MAX_MESSAGE):
                return 'has ended'
            silence = 0.0
            time.sleep(_BEAT)
        except TimeoutError:
            silence += _BEAT
        except OSError:
            return 'has ended'
    return f'has not answered for {timeout:g} seconds'


def _call(address: str) -> socket.socket:
    """The life line to a worker; WorkerError if it is missing, UsageError if it has other versions."""
    try:
        line = socket.create_connection(resolve(address), timeout=_ANSWER)
    except OSError as error:
        reason = error.strerror or 'no answer'
        raise WorkerError(
            f'{address}: cannot be reached ({reason}); start mnist_graph.worker there.', address
        ) from None
    try:
        theirs, ours = _receive(line, _ANSWER), _versions()
        if theirs == ours:
            return line
    except (OSError, ValueError):
        line.close()
        message = f'{address}: is no mnist_graph.worker, or one that works for somebody else; wait, or give another.'
        raise WorkerError(message, address) from None
    line.close()
    has, needs = (', '.join(f'{name} {number}' for name, number in each.items()) for each in (theirs, ours))
    raise UsageError(f'{address}: has {has}, but here is {needs}; install the same on both.')


def engage(order: Order) -> dict[str, socket.socket]:
    """Calls all workers, and has them start their servers; returns the life lines. Raises as `_call` does."""
    with contextlib.ExitStack() as stack:
        lines = {address: stack.enter_context(_call(address)) for address in order.workers[1:]}
        for task, line in enumerate(lines.values(), start=1):
            with contextlib.suppress(OSError):  # which is noticed just below
                _send(line, order._replace(task=task)._asdict())
        for address, line in lines.items():
            line.settimeout(_CHANGE)
            started = b''
            with contextlib.suppress(OSError):
                started = line.recv(1)
            if not started:
                raise WorkerError(f'{address}: ended before the training began.', address)
        stack.pop_all()
    return lines


class Cluster:
    """The chief's side of a training on several machines, as a context manager.

    Args:
      order: The order of task 0; see `Order`.
      lost: Called from any thread with a line about a lost worker. It should end the process, as TensorFlow may wait
        for that worker for ever. Another may be set later.
      patience: Seconds for which missing workers are called again and again.
      go_on_without: Whether those that are still missing are then left out.
      waiting: Called with a line about a worker that is missing.

    Raises:
      WorkerError, UsageError: A worker is missing, or has other versions.
    """

    def __init__(
        self, order: Order, lost: Callable[[str], Any], patience: float, go_on_without: bool, waiting: Callable
    ):
        deadline, said = time.monotonic() + patience, set()
        while True:
            try:
                self._lines = engage(order)
                break
            except WorkerError as error:
                late = time.monotonic() >= deadline
                if late and not go_on_without:
                    raise
                if late:
                    order = order._replace(workers=[each for each in order.workers if each != error.address])
                if (notice := f'{error.address}: {"going on without it" if late else "waiting for it"}.') not in said:
                    waiting(notice)
                said.add(notice)
                time.sleep(_RETRY)
        self._order, self.lost, self._telling = order, lost, threading.Lock()
        self._server = start_server(order)
        for address in self._lines:
            threading.Thread(target=self._watch, args=[address], daemon=True).start()

    def _watch(self, address: str) -> None:
        how = watch(self._lines[address], self._order.timeout)
        with self._telling:  # once
            if self._lines:
                self.lost(f'Worker {address} {how}')

    def __enter__(self) -> 'Cluster':
        return self

    def __exit__(self, *error) -> None:
        lines, self._lines = self._lines, {}
        for line in lines.values():
            line.close()

    def devices(self, n_towers: int, ps_tasks: int) -> tuple[list[str], list[str]]:
        """The device of each tower, spread evenly over the workers; and those of variables, the first `ps_tasks`."""
        n = len(self._order.workers)
        tasks = [tower * n // n_towers for tower in range(n_towers)], range(min(ps_tasks, n))
        towers, variables = ([f'/job:worker/task:{task}' for task in each] for each in tasks)
        return towers, variables

    @contextlib.contextmanager
    def open_session(self, network):
        """A tf.Session of the cluster; where a worker is lost, its runs wait for `lost`."""
        import tensorflow.compat.v1 as tf

        longest = self._order.timeout + 2 * _BEAT  # until it is known who is lost
        gone = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)

        class Session(tf.Session):
            def run(self, *args, **options):
                try:
                    return super().run(*args, **options)
                except gone:
                    time.sleep(longest)
                    raise

        sess = Session(self._server.target, network.graph, cores.session_config(*self._order.threads))
        try:
            yield sess
        finally:  # closing waits for workers that are gone, so this does not wait for it
            closing = threading.Thread(target=sess.close, daemon=True)
            closing.start()
            closing.join(_CHANGE)
