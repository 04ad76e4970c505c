"""Requests that arrive together are one run, in their order, and nobody waits for nothing."""

import threading
import time
from concurrent.futures import Future

import numpy as np
import pytest

from mnist_graph.serving import batching
from mnist_graph.serving.batching import Batcher


class Network:
    """Doubles its input, and notes how many rows each run had; the first run waits until it is let go."""

    def __init__(self):
        self.sizes, self.begun, self.go = [], threading.Event(), threading.Event()

    def run(self, X):
        self.sizes.append(len(X))
        self.begun.set()
        assert self.go.wait(20)
        return 2 * X


@pytest.fixture
def network():
    return Network()


def rows(*values):
    return np.float32(values)[:, None]


def test_what_arrives_during_a_run_becomes_the_next_one(network):
    observed = []
    batcher = Batcher(lambda: 0, observed.append)
    first = batcher.submit(network.run, rows(1))
    assert network.begun.wait(20)
    others = [batcher.submit(network.run, rows(value, value + 0.5)) for value in (2, 3, 4)]
    network.go.set()
    assert first.result(20).tolist() == [[2]]
    assert [future.result(20).ravel().tolist() for future in others] == [[4, 5], [6, 7], [8, 9]]
    assert network.sizes == observed == [1, 6]
    batcher.close()


def test_other_networks_have_runs_of_their_own(network):
    batcher = Batcher(lambda: 0)
    other = lambda X: X + 1
    network.go.set()
    results = [batcher.submit(run, rows(1)) for run in (network.run, other, network.run, other)]
    assert [future.result(20).item() for future in results] == [2, 2, 2, 2]
    batcher.close()


def test_a_run_has_no_more_pictures_than_its_bound(network, monkeypatch):
    monkeypatch.setattr(batching, 'MOST_PICTURES', 4)
    batcher = Batcher(lambda: 0)
    first = batcher.submit(network.run, rows(0))
    assert network.begun.wait(20)
    others = [batcher.submit(network.run, rows(1, 2, 3)) for _ in range(3)] + [
        batcher.submit(network.run, rows(*range(9)))
    ]
    network.go.set()
    for future in [first, *others]:
        future.result(20)
    assert network.sizes == [1, 3, 3, 3, 9]
    batcher.close()


def test_the_first_waits_for_others_that_are_on_their_way_but_not_for_long(network, monkeypatch):
    monkeypatch.setattr(batching, 'MOST_WAITING', 30.0)
    network.go.set()
    batcher = Batcher(lambda: 2)
    first = batcher.submit(network.run, rows(1))
    time.sleep(0.05)
    assert not first.done()
    batcher.submit(network.run, rows(2)).result(20)
    assert first.done() and network.sizes == [2]
    monkeypatch.setattr(batching, 'MOST_WAITING', 0.01)
    assert batcher.submit(network.run, rows(1)).result(20).item() == 2
    batcher.close()


def test_an_error_reaches_all_who_wait_and_the_next_are_served(network):
    network.go.set()
    batcher = Batcher(lambda: 0)
    with pytest.raises(ZeroDivisionError):
        batcher.submit(lambda X: 1 / 0, rows(1)).result(20)
    assert batcher.submit(network.run, rows(3)).result(20).item() == 6
    batcher.close()
    with pytest.raises(RuntimeError):
        batcher.submit(network.run, rows(3)).result(20)


def test_what_is_cancelled_is_left_out_and_the_others_are_answered(network):
    observed = []
    batcher = Batcher(lambda: 0, observed.append)
    first = batcher.submit(network.run, rows(1))
    assert network.begun.wait(20)
    assert not first.cancel()  # its run has begun
    other = lambda X: X + 1
    alone, gone, kept = [batcher.submit(run, rows(2)) for run in (other, network.run, network.run)]
    assert alone.cancel() and gone.cancel()
    network.go.set()
    assert [first.result(20).item(), kept.result(20).item()] == [2, 4]
    assert observed == network.sizes == [1, 1]
    assert batcher.submit(other, rows(3)).result(20).item() == 4
    batcher.close()


def test_closing_answers_what_is_in_the_queue(network):
    batcher = Batcher(lambda: 0)
    futures: list[Future] = [batcher.submit(network.run, rows(value)) for value in range(5)]
    network.go.set()
    batcher.close()
    assert [future.result(0).item() for future in futures] == [0, 2, 4, 6, 8]


def test_what_is_asked_alone_is_computed_at_once_by_who_asks(network):
    observed = []
    batcher = Batcher(lambda: 1, observed.append)
    threads = []
    assert batcher.run_alone(lambda X: threads.append(threading.current_thread()) or 2 * X, rows(3)).item() == 6
    assert threads == [threading.current_thread()] and observed == [1]
    first = batcher.submit(network.run, rows(1))
    assert network.begun.wait(20)
    assert batcher.run_alone(network.run, rows(2)) is None  # another run is under way
    network.go.set()
    assert first.result(20).item() == 2
    with pytest.raises(ZeroDivisionError):
        batcher.run_alone(lambda X: 1 / 0, rows(1))
    assert batcher.submit(network.run, rows(2)).result(20).item() == 4  # which the error did not block
    batcher.close()
    assert batcher.run_alone(network.run, rows(2)) is None


def test_what_is_asked_while_others_are_expected_waits_for_them(network):
    batcher = Batcher(lambda: 2)
    assert batcher.run_alone(network.run, rows(1)) is None and not network.sizes
    batcher.close()
