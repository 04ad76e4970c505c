"""Many pictures at once: in order, in bounded chunks, by worker processes that end with the program."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from helpers.programs import environment, is_alive
from helpers.small_model import digits_model, picture
from mnist_graph.pictures import stream
from mnist_graph.pictures.stream import Wanted

DIGITS = Wanted(True, 'one', 28, 28, 1)
# Reads one picture over and over with three workers, as predict does, and never takes the second chunk.
PROGRAM = """
import signal, sys, time
from mnist_graph.cli import process
from mnist_graph.pictures import stream

def main(arguments):
    chunks = stream.stream(['1.png'] * 2000, stream.Wanted(True, 'one', 28, 28, 1), n_workers=3)
    next(chunks)
    print('reading', flush=True)
    time.sleep(100)

if __name__ == '__main__':
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever the tests themselves ignore
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process.run_command(main, lambda: None)
"""


def test_many_pictures_are_prepared_alike_by_one_process_and_by_two(tmp_path):
    paths = [str(tmp_path / f'{digit}.png') for digit in (0, 2)]
    for digit, path in zip((0, 2), paths):
        picture(digit).save(path)
    bad = tmp_path / 'bad.png'
    bad.write_bytes(b'')
    paths = [paths[0], str(bad), paths[1], paths[0]] * 105

    def flat(n_workers):
        return [prepared for chunk in stream.stream(paths, DIGITS, n_workers=n_workers) for prepared in chunk]

    alone, together = flat(1), flat(2)
    assert [prepared.path for prepared in together] == paths
    for left, right in zip(alone, together):
        assert left.error == right.error
        np.testing.assert_array_equal(left.images, right.images)
    assert 'bad.png' in together[-3].error and together[-3].images is None
    assert together[0].images.shape == (1, 28, 28, 1)


def test_pictures_come_in_bounded_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, 'CHUNK_SIZE', 4)
    path = str(tmp_path / '1.png')
    picture(1).save(path)
    assert [len(chunk) for chunk in stream.stream([path] * 10, DIGITS)] == [4, 4, 2]


def test_workers_start_where_signals_cannot_be_blocked(tmp_path, monkeypatch):
    """As on Windows."""
    monkeypatch.delattr(signal, 'pthread_sigmask')
    path = str(tmp_path / '1.png')
    picture(1).save(path)
    assert sum(map(len, stream.stream([path] * 400, DIGITS, n_workers=2))) == 400


def descendants(process_id):
    """Process ids of all processes below one that live and are no zombies."""
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                state, parent = pathlib.Path(f'/proc/{name}/stat').read_text().rpartition(') ')[2].split()[:2]
            except OSError:
                continue
            if int(parent) == process_id and state != 'Z':
                found += [int(name), *descendants(int(name))]
    return found


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (reached := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return reached


needs_proc = pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='looks for processes in /proc')


def assert_nothing_is_left_after(number, process, n_workers):
    """Sends the signal to a living program with living workers."""
    assert wait_until(lambda: len(descendants(process.pid)) >= n_workers)
    workers = descendants(process.pid)
    assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert wait_until(lambda: not any(map(is_alive, workers))), [each for each in workers if is_alive(each)]


@needs_proc
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_no_signal_leaves_a_worker_behind(fresh_folder, number):
    picture(1).save('1.png')
    pathlib.Path('program.py').write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, 'program.py'],
        env=environment(fresh_folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == 'reading\n', process.stderr.read()
    assert_nothing_is_left_after(number, process, n_workers=3)


@needs_proc
@pytest.mark.parametrize('digits, n_workers', [('one', 2), ('auto', 0)])  # processes, and threads
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_predict_leaves_no_worker_behind(fresh_folder, number, digits, n_workers):
    picture(1).save('1.png')
    process = subprocess.Popen(
        [sys.executable, '-m', 'mnist_graph.predict', f'--model_dir={digits_model().model}', '--num_threads=2']
        + [f'--digits={digits}', *['1.png'] * 20_000],
        env=environment(fresh_folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline().startswith('1.png: 1 '), process.stderr.read()
    assert_nothing_is_left_after(number, process, n_workers)
