"""One bad picture can't stop the rest: it is refused, or costs the process that tried to read it, and no more."""

import asyncio
import io
import os
import signal

import numpy as np
import pytest
from PIL import Image

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


def test_a_picture_that_takes_too_long_is_given_up(workers, monkeypatch):
    read(workers, TWO)
    victim = next(iter(workers._all))
    monkeypatch.setattr(limits, 'PICTURE_SECONDS', 0.2)

    async def stop(images):
        os.kill(victim.process.pid, signal.SIGSTOP)
        return np.zeros((len(images), 11))

    with pytest.raises(RequestError, match='more than 0 seconds'):
        read(workers, TWO, 'page', stop)
    monkeypatch.setattr(limits, 'PICTURE_SECONDS', 300.0)
    assert read(workers, TWO).shape == (28, 28, 1)


def test_a_defect_of_the_scores_is_no_fault_of_the_picture(workers):
    async def fail(images):
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        read(workers, TWO, 'page', fail)
    assert read(workers, TWO).shape == (28, 28, 1)


@pytest.mark.skipif(not hasattr(os, 'sysconf'), reason='needs the resource limits of Linux')
def test_memory_is_bounded():
    large = content(Image.new('1', (7900, 7900), 1))
    made = Workers(1)
    try:
        with pytest.raises(RequestError):
            read(made, large)
        process = next(iter(made._all)).process
        with open(f'/proc/{process.pid}/limits') as file:
            line = next(line for line in file if line.startswith('Max address space'))
        assert 'unlimited' not in line.split()[3]
    finally:
        made.close()


def test_closing_ends_all_processes():
    made = Workers(2)
    processes = [each.process for each in made._all]
    made.close()
    assert not any(process.is_alive() for process in processes)
