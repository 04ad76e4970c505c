"""A command as a process: its output, signals, and what it cleans up before it ends."""

import os
import shlex
import signal
import subprocess
import sys

import pytest

from helpers.data import write_idx_folder
from helpers.programs import TINY_JOB, environment, run_in_bash, run_python
from mnist_graph.cli import process


@pytest.mark.parametrize(
    'arguments',
    [
        ['-m', 'mnist_graph.main', '--help'],
        ['-u', '-m', 'mnist_graph.main', '-h'],
        ['-m', 'mnist_graph.show', '--dataset=drawn', '--n=2'],
    ],
)
def test_output_that_nobody_reads_any_more_is_no_error(fresh_folder, arguments):
    program = shlex.join([sys.executable, *arguments])
    ended = run_in_bash(f'{program} | head -n 1; exit ${{PIPESTATUS[0]}}', fresh_folder)
    assert ended.code in (0, 128 + signal.SIGPIPE)  # 0 where the pipe took all before head had ended
    assert ended.err == '' and ended.out.count('\n') == 1


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs /dev/full')
def test_a_full_disk_for_the_output_gets_one_line(fresh_folder):
    ended = run_in_bash(f'{sys.executable} -m mnist_graph.show --dataset=drawn >/dev/full', fresh_folder)
    assert ended.code == 1 and ended.err.count('\n') == 1
    assert ended.err.startswith('mnist_graph: The output cannot be written (No space left on device)')


@pytest.mark.parametrize('closed', ['>&-', '2>&-', '<&- >&- 2>&-'])
def test_closed_streams_lose_what_goes_to_them_and_nothing_else(fresh_folder, closed):
    write_idx_folder(fresh_folder / 'data')
    program = shlex.join([sys.executable, '-m', 'mnist_graph.main', *TINY_JOB, '--model_dir=run'])
    ended = run_in_bash(f'{program} {closed}', fresh_folder)
    assert ended.code == 0 and ended.err == ''
    assert ('Accuracy on test set' in ended.out) == (closed == '2>&-')
    assert (fresh_folder / 'run' / 'checkpoints' / 'checkpoint').exists()


def test_with_closed_streams_a_mistake_has_its_exit_code(fresh_folder):
    for module in 'predict', 'run_tf1':
        program = shlex.join([sys.executable, '-m', f'mnist_graph.{module}', '--no_such_flag'])
        done = subprocess.run(['bash', '-c', f'{program} >&- 2>&-'], cwd=fresh_folder, env=environment(fresh_folder))
        assert done.returncode == 2


def test_first_signal_is_noted_and_the_second_stops_at_once():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        with process.StopRequest().listening() as stop:
            assert not stop
            os.kill(os.getpid(), number)
            assert stop and stop.signal == number
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_sigterm_and_sighup_clean_up_before_they_end_a_command(fresh_folder):
    """As Ctrl-C does, with the exit code that shells give."""
    program = (
        'import os, signal, sys\n'
        'from mnist_graph.cli import process\n'
        'signal.signal(signal.SIGHUP, signal.SIG_DFL)\n'  # which nohup would have ignored
        'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
        'def main(arguments):\n'
        '  try:\n'
        '    os.kill(os.getpid(), int(arguments[1]))\n'
        '  finally:\n'
        '    print("clean")\n'
        'process.run_command(main, lambda: None)\n'
    )
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        ended = run_python('-c', program, int(number), folder=fresh_folder)
        assert ended == (128 + number, 'clean\n', '\nStopped.\n')


def test_platforms_without_sighup(monkeypatch):
    monkeypatch.delattr(signal, 'SIGHUP')
    with process.StopRequest().listening() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == signal.SIGTERM


def test_what_nohup_lets_be_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with process.StopRequest().listening() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop
    finally:
        signal.signal(signal.SIGHUP, before)
