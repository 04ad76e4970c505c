"""What chief and worker say to each other, and what they refuse, without TensorFlow's servers."""

import contextlib
import json
import socket
import threading
import time
import types

import pytest

from helpers.programs import free_address
from mnist_graph.base.errors import UsageError, WorkerError
from mnist_graph.cluster import addresses, runtime

ORDER = runtime.Order(('127.0.0.1:1', '127.0.0.1:2'), 1, (1, 2), 30.0)


def started(function):
    """A thread that does not keep a failed test from ending."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def ended(thread):
    thread.join(20)
    assert not thread.is_alive()


@contextlib.contextmanager
def answering(answer):
    """A server that sends `answer` to whoever connects, then waits for the other side; yields its address."""
    with socket.create_server(('127.0.0.1', 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                line, _ = server.accept()
                with line:
                    line.sendall(answer)
                    line.recv(1)

        server.settimeout(20)  # where nobody connects
        thread = started(serve)
        yield '{}:{}'.format(*server.getsockname())
        ended(thread)


def ordered(*addresses):
    return runtime.Order(('127.0.0.1:1', *addresses), 0, (1, 1), 1.0)


def test_other_versions_are_refused(tf):
    for theirs in ({'mnist_graph': '0.9'}, {'TensorFlow': '1.15'}):
        greeting = json.dumps({**runtime._versions(), **theirs}).encode() + b'\n'
        with answering(greeting) as address, pytest.raises(UsageError) as refused:
            runtime.engage(ordered(address))
        ((name, number),) = theirs.items()
        assert f'{address}: has ' in str(refused.value) and f'{name} {number}' in str(refused.value)
        assert f'but here is mnist_graph {runtime.__version__}, TensorFlow {tf.__version__};' in str(refused.value)


NESTED = b'[' * 60_000 + b'\n'


@pytest.mark.parametrize(
    'answer', [b'HTTP/1.1 400 Bad Request\r\n', b'[]\n', b'\xff\xfe\n', b'7' * 70_000, b'\n', NESTED]
)
def test_what_is_no_worker_is_refused(answer):
    with answering(answer) as address, pytest.raises(WorkerError, match=f'{address}: is no mnist_graph.worker'):
        runtime.engage(ordered(address))


def test_a_worker_that_cannot_be_reached_is_named():
    address = free_address()
    with pytest.raises(WorkerError, match=f'{address}: cannot be reached .+; start') as refused:
        runtime.engage(ordered(address))
    assert refused.value.address == address


def test_a_worker_that_ends_before_the_training_is_named(tf):
    with answering(json.dumps(runtime._versions()).encode() + b'\n') as address:
        with pytest.raises(WorkerError, match=f'{address}: ended before the training began'):
            runtime.engage(ordered(address))


def test_a_worker_that_works_for_somebody_else_is_refused(tf):
    address = free_address()
    runtime.start_server(runtime.Order((address,), 0, (1, 1), 1.0))
    with pytest.raises(WorkerError, match=f'{address}: is no mnist_graph.worker, or one that works for somebody else'):
        runtime.engage(ordered(address))


@pytest.mark.parametrize(
    'order',
    [
        b'GET / HTTP/1.1\r\n',
        b'{}\n',
        NESTED,
        b'{"workers": 7, "task": 1, "threads": [1, 1], "timeout": 30}\n',
        b'{"workers": ["a:1"], "task": 1, "threads": [1, 1], "timeout": 30}\n',
        b'{"workers": ["a:1", "b:1"], "task": 0, "threads": [1, 1], "timeout": 30}\n',
        b'{"workers": ["a:1", "b:1"], "task": 1, "threads": [0, 1], "timeout": 30}\n',
        b'{"workers": ["a:1", "b:1"], "task": 1, "threads": [1, 1], "timeout": -1}\n',
    ],
)
def test_a_worker_waits_on_after_nonsense(tf, order):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        found = []
        thread = started(lambda: found.append(runtime.await_order(listener)))
        for message in (order, json.dumps(ORDER._asdict()).encode() + b'\n'):
            with socket.create_connection(listener.getsockname(), timeout=20) as chief:
                assert json.loads(chief.makefile().readline()) == runtime._versions()
                chief.sendall(message)
                if message is order:
                    assert not chief.recv(1)
        ended(thread)
    line, received = found[0]
    line.close()
    assert (list(received.workers), received.task, received.timeout) == (list(ORDER.workers), 1, 30.0)


def test_a_life_line_ends_with_the_other_side():
    one, other = socket.socketpair()
    began = time.monotonic()
    threading.Timer(0.6, other.close).start()
    assert runtime.watch(one, 600.0) == 'has ended'
    assert time.monotonic() - began < 60


def test_a_silent_life_line_ends_after_the_timeout():
    one, _other = socket.socketpair()
    began = time.monotonic()
    assert runtime.watch(one, 1.0) == 'has not answered for 1 seconds'
    assert 1 <= time.monotonic() - began < 60


def test_a_process_that_was_paused_does_not_take_the_other_for_gone(monkeypatch):
    one, other = socket.socketpair()
    clock = types.SimpleNamespace(now=0.0)

    def paused(seconds):
        clock.now += 1000
        if clock.now > 5000:
            other.close()
        else:
            other.send(b'.')

    monkeypatch.setattr(runtime, 'time', types.SimpleNamespace(monotonic=lambda: clock.now, sleep=paused))
    other.send(b'.')
    assert runtime.watch(one, 2.0) == 'has ended'


def test_both_ends_of_a_life_line_hear_each_other(monkeypatch):
    monkeypatch.setattr(runtime, '_BEAT', 0.05)
    one, other = socket.socketpair()
    ends = []
    threads = [started(lambda line=line: ends.append(runtime.watch(line, 2.0))) for line in (one, other)]
    time.sleep(2.5)
    assert not ends
    one.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        ended(thread)
    assert ends == ['has ended'] * 2


@pytest.mark.parametrize(
    'given, message',
    [
        (['127.0.0.1'], 'write HOST:PORT'),
        (['127.0.0.1:99999'], 'write HOST:PORT'),
        (['[::1]:2222'], 'is known; mend the name'),
        (['127.0.0.1:2222', 'no machine:2222'], 'is known; mend the name'),
        (['127.0.0.1:2222', 'localhost:2222'], 'localhost:2222: is there twice'),
        (['127.0.0.1:2222', '10.0.0.2:2222'], 'reaches this machine only from itself'),
        (['10.0.0.1:2222', '8.8.8.8:2222'], '8.8.8.8: is a public address'),
    ],
)
def test_addresses_that_cannot_be_used(given, message):
    with pytest.raises(UsageError, match=message):
        addresses.check(given, insecure=False)


def test_a_public_machine_is_refused_unless_that_is_wanted(monkeypatch):
    class Probe(socket.socket):
        def connect(self, address):
            pass

        def getsockname(self):
            return '8.8.4.4', 1

    monkeypatch.setattr(socket, 'socket', Probe)
    with pytest.raises(UsageError, match='8.8.4.4: is a public address, and TensorFlow lets everybody in'):
        addresses.refuse_public('127.0.0.1:2222', insecure=False)
    addresses.refuse_public('127.0.0.1:2222', insecure=True)


def test_a_port_in_use_is_refused():
    with socket.create_server(('127.0.0.1', 0)) as server:
        with pytest.raises(UsageError, match='cannot be used here'):
            addresses.check(['{}:{}'.format(*server.getsockname())], insecure=False)
