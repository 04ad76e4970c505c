"""One bad picture can't stop the rest: it is refused, or costs the process that tried to read it, and no more."""

import asyncio
import io
import os
import signal

import numpy as np
import pytest
from PIL import Image

from helpers.programs import run_python
from helpers.small_model import picture
from mnist_graph.serving import limits
from mnist_graph.serving.limits import RequestError
from mnist_graph.serving.workers import Job, Workers


@pytest.fixture(scope='module')
def workers():
    made = Workers(1)
    yield made
    made.close()


def content(image):
    file = io.BytesIO()
    image.save(file, 'PNG')
    return file.getvalue()


def read(workers, data, kind='one', score=None):
    return asyncio.run(workers.read(Job(data, kind, (28, 28, 1)), score))


TWO = content(picture(2))


def test_a_digit_a_page_and_a_plain_picture(workers):
    assert read(workers, TWO).shape == (28, 28, 1)
    assert read(workers, TWO, 'plain').shape == (28, 28, 1)
    asked = []

    async def score(images):
        asked.append(images.shape[1:])
        return np.eye(11)[[2] * len(images)]

    page = read(workers, TWO, 'page', score)
    assert len(page.rows) == 1 and set(asked) == {(28, 28)}


def test_a_picture_that_cannot_be_read_is_refused(workers):
    for data in (b'', b'no picture', TWO[:100], content(Image.new('L', (50, 50), 255))):
        with pytest.raises(RequestError) as error:
            read(workers, data)
        assert error.value.status == 400 and '\n' not in str(error.value)


def test_a_process_that_dies_is_replaced(workers):
    victim = next(iter(workers._all))

    async def die(images):
        os.kill(victim.process.pid, signal.SIGKILL)
        return np.zeros((len(images), 11))

    with pytest.raises(RequestError, match='could not be decoded'):
        read(workers, TWO, 'page', die)
    assert read(workers, TWO).shape == (28, 28, 1)
    assert victim not in workers._all and not victim.process.is_alive()


def test_the_pictures_of_many_share_the_processes(workers):
    async def read_all():
        return await asyncio.gather(*(workers.read(Job(TWO, 'one', (28, 28, 1))) for _ in range(5)))

    assert [found.shape for found in asyncio.run(read_all())] == [(28, 28, 1)] * 5


@pytest.mark.skipif(not hasattr(signal, 'SIGSTOP'), reason='needs a process that can be stopped')
def test_a_picture_that_takes_too_long_is_given_up(workers, monkeypatch):
    read(workers, TWO)
    victim = next(iter(workers._all))

    async def stop(images):
        os.kill(victim.process.pid, signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(victim.process.pid, os.WUNTRACED)[1])
        monkeypatch.setattr(limits, 'PICTURE_SECONDS', 0.2)
        return np.zeros((len(images), 11))

    with pytest.raises(RequestError, match='more than 0 seconds'):
        read(workers, TWO, 'page', stop)
    monkeypatch.setattr(limits, 'PICTURE_SECONDS', 300.0)
    assert read(workers, TWO).shape == (28, 28, 1)
    assert victim not in workers._all and not victim.process.is_alive()


def test_a_defect_of_the_scores_is_no_fault_of_the_picture(workers):
    async def fail(images):
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        read(workers, TWO, 'page', fail)
    assert read(workers, TWO).shape == (28, 28, 1)


def test_memory_is_bounded():
    resource = pytest.importorskip('resource')
    if not hasattr(resource, 'prlimit'):
        pytest.skip('needs the limits of Linux')
    large = content(picture(2).resize((5000, 5000)))
    made = Workers(1)
    try:
        assert read(made, large).shape == (28, 28, 1)
        process = next(iter(made._all)).process
        bound, _ = resource.prlimit(process.pid, resource.RLIMIT_AS)
        with open(f'/proc/{process.pid}/statm') as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        assert used < bound < used + 2 * limits.WORKER_BYTES
        resource.prlimit(process.pid, resource.RLIMIT_AS, (used + 10_000_000, bound))
        with pytest.raises(RequestError, match='(?i)memory'):
            read(made, large)
        assert read(made, TWO).shape == (28, 28, 1)
        assert next(iter(made._all)).process is process
    finally:
        made.close()


INTERRUPTED = """
import asyncio, os, signal
from mnist_graph.serving.workers import Workers

async def all_messages():
    return [await each._message() for each in made._all]

made = Workers(2)
for each in made._all:
    os.kill(each.process.pid, signal.SIGINT)
print(asyncio.run(all_messages()))
made.close()
"""


@pytest.mark.skipif(not hasattr(signal, 'pthread_sigmask'), reason='needs signals that can be blocked')
def test_ctrl_c_while_they_start_does_not_reach_the_processes(fresh_folder):
    ended = run_python('-c', INTERRUPTED, folder=fresh_folder)
    assert (ended.code, ended.out, ended.err) == (0, "['ready', 'ready']\n", '')


def test_closing_ends_all_processes():
    made = Workers(2)
    processes = [each.process for each in made._all]
    made.close()
    assert not any(process.is_alive() for process in processes)
