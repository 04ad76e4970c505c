"""Lets every system call on a run's folder fail once, or kills the process at it, and looks at what is left.

    python tests/faults/inject_system_calls.py            # all of them, which takes some minutes
    python tests/faults/inject_system_calls.py --every=20 # a sample

A tiny network is trained with a few saves, once from the start and once
resumed. A first run under `strace` lists the system calls of its main thread
that name a file in the run's folder. Then each of them fails once with each
error, or the process is killed at it, in a run of its own. Afterwards there must be:
an error of one line or none, no temporary file (after a kill: none once the run
has gone on), the newest whole checkpoint that loads, and, when the run is begun
again or resumed, the same bits as a run that nothing happened to.

TensorFlow's import takes far longer than such a run. So one process imports it
and forks a child for each run, to which strace attaches when it has built its
graph. (The graph cannot be built before the fork: that starts threads, which no
child would have.) strace counts calls for each thread apart; so the session
computes in the main thread, which makes the count the same in each run. Only Linux
has strace. Prints one line for each fault that was found, and how many there were.
"""

import argparse
import contextlib
import hashlib
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

os.environ['OPENBLAS_NUM_THREADS'] = '1'  # whose threads no child would have
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[folders]) for folders in (1, 2)]

from mnist_graph.base.tensorflow import import_tensorflow  # noqa: E402

tf = import_tensorflow()

from helpers.data import tiny_dataset  # noqa: E402
from mnist_graph import graph  # noqa: E402
from mnist_graph.base.errors import CheckpointError, MnistGraphError  # noqa: E402
from mnist_graph.hparams import HParams  # noqa: E402
from mnist_graph.train import train  # noqa: E402
from mnist_graph.training import description  # noqa: E402
from mnist_graph.training.run_folder import RunFolder, find_checkpoint  # noqa: E402

CALLS = (
    'openat,write,pwrite64,read,pread64,getdents64,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,'
    'unlink,unlinkat,rmdir,flock,fcntl,ftruncate'
).split(',')
ERRORS = ('ENOSPC', 'EIO', 'EACCES', 'EINTR')
READING = ('read', 'pread64', 'getdents64')  # which can only fail with EIO
KILL = 'SIGKILL'
N_STEPS, SAVE_STEPS, STOP_AFTER = 2, 1, 1
HPARAMS = HParams(
    hidden_units=(3,), batch_size=4, learning_rate=0.02, n_iterations=N_STEPS, n_validation=15, eval_steps=2
)
DATASET = tiny_dataset()
FOLDER = 'runs/model'
_ONE_CALL = re.compile(r'^(\w+)\((.*)$')


class Injection(NamedTuple):
    """One system call that fails: the `when`-th of its name in the main thread."""

    phase: str
    call: str
    when: int
    error: str


class Runner:
    """Runs the tiny training in forked children."""

    def __init__(self):
        self._described = description.describe(HPARAMS, DATASET, 'auto', None, 1, tf.__version__)
        assert len(os.listdir('/proc/self/task')) == 1, 'threads would be lost in the children'

    def train(self, network, resume: bool, stop: bool = False) -> None:
        """Trains in FOLDER, from its start or resumed; with `stop` ends early."""
        make = RunFolder.reopen if resume else RunFolder.create
        # A negative number: operations run in the thread that asks for them.
        config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=-1)
        with make(FOLDER, self._described, 1) as run, tf.Session(graph=network.graph, config=config) as sess:
            start, _ = run.attach(network, sess)
            reached = []
            run.on_steps = reached.append
            train(
                network,
                sess,
                HPARAMS,
                DATASET,
                start=start,
                monitors=[run],
                display_step=1,
                save_steps=SAVE_STEPS,
                should_stop=lambda: stop and bool(reached) and reached[-1] >= STOP_AFTER,
            )

    def child(self, *options, trace: list[str] | None = None) -> tuple[int, str]:
        """Calls `train` in a child, under strace with these arguments.

        Returns:
          Its exit code (0; 1 for an error with a message for the user; 2 for any
          other; negative for a signal), and its message.
        """
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            self._in_child(writing, options, bool(trace))
        os.close(writing)
        tracer = None
        if trace:
            os.waitpid(pid, os.WUNTRACED)
            tracer = subprocess.Popen(
                ['strace', '-qq', '-y', '-s', '300', '-p', str(pid), *trace], stderr=subprocess.DEVNULL
            )
            while '\nTracerPid:\t0\n' in pathlib.Path(f'/proc/{pid}/status').read_text():
                time.sleep(0.001)
            os.kill(pid, signal.SIGCONT)
        with os.fdopen(reading, errors='replace') as file:
            message = file.read()
        if tracer:
            tracer.wait()
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), message

    def _in_child(self, writing: int, options, traced: bool) -> None:
        code, message = 0, ''
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what TensorFlow logs of its own
            network = graph.build(HPARAMS, DATASET.input_spec(), N_STEPS)
            if traced:
                os.kill(os.getpid(), signal.SIGSTOP)
            self.train(network, *options)
        except MnistGraphError as error:
            code, message = 1, str(error)
        except BaseException as error:
            code, message = 2, f'{type(error).__name__}: {error}'
        os.write(writing, message.encode(errors='replace'))
        os._exit(code)


def calls_on_folder(runner: Runner, phase: str, log: str) -> list[tuple[str, int]]:
    """(name, which of this name it is) of each system call of a phase that names something in the run's folder."""
    prepare(phase)
    code, message = runner.child(phase == 'resume', trace=['-o', log, '-e', 'trace=' + ','.join(CALLS)])
    assert code == 0, message
    counts: dict[str, int] = {}
    found = []
    for line in open(log, errors='replace'):
        if match := _ONE_CALL.match(line):
            counts[match[1]] = counts.get(match[1], 0) + 1
            if 'runs/' in match[2] or 'runs"' in match[2] or 'runs>' in match[2]:
                found.append((match[1], counts[match[1]]))
    return found


def prepare(phase: str) -> None:
    """Makes the folder runs/ as it is before the phase."""
    shutil.rmtree('runs', ignore_errors=True)
    if phase == 'resume':
        shutil.copytree('stopped', 'runs')


def bits(folder: str) -> dict[str, str]:
    """SHA-256 of what a run must leave the same: the newest and the best variables, and the metrics."""
    paths = [find_checkpoint(folder, which)[0].prefix + '.data-00000-of-00001' for which in ('last', 'best')]
    return {
        path.partition(folder)[2]: hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
        for path in [*paths, f'{folder}/metrics.jsonl']
    }


def temporary_files(folder: str) -> list[str]:
    """Files that are no part of a run that has ended."""
    known = re.compile(
        # One of runs/latest is removed when it is a minute old, since another run may be writing it.
        r'latest(\.\w+\.part)?|hparams\.json|metrics\.jsonl|\.lock(\.pid)?|model\.ckpt-\d+\.(json|index|data-00000-of-00001)'
    )
    return [str(path) for path in pathlib.Path(folder).rglob('*') if path.is_file() and not known.fullmatch(path.name)]


def faults_of(runner: Runner, injection: Injection, expected: dict[str, str], log: str) -> list[str]:
    """Lets one call fail; returns a line for everything that is not as it must be, or ['missed']."""
    prepare(injection.phase)
    kind = 'signal' if injection.error == KILL else 'error'
    inject = f'inject={injection.call}:{kind}={injection.error}:when={injection.when}'
    code, message = runner.child(
        injection.phase == 'resume', trace=['-o', log, '-e', f'trace={injection.call}', '-e', inject]
    )
    killed = injection.error == KILL
    if not killed and not any('(INJECTED)' in line and 'runs' in line for line in open(log, errors='replace')):
        return ['missed']
    found = []
    allowed = {-signal.SIGKILL} if killed else {0, 1}
    if injection.call == 'pread64':
        # tf.train.NewCheckpointReader (2.21) crashes when its second reading of an index fails. The file was
        # read whole a moment before, so this hardly happens, and nothing is lost by it.
        allowed.add(-signal.SIGSEGV)
    if code not in allowed or '\n' in message:
        found.append(f'ended with {code}: {message}')
    if not killed and (left := temporary_files('runs')):
        found.append(f'left {left}')
    saved_before = injection.phase == 'resume'
    try:
        find_checkpoint(FOLDER, 'last')
    except CheckpointError as error:
        if saved_before or 'none was saved yet' not in str(error):
            found.append(f'no checkpoint: {error}')
    if code != 0:
        code, message = runner.child(os.path.exists(f'{FOLDER}/hparams.json'))
        if code:
            found.append(f'going on ended with {code}: {message}')
    if not found:
        if bits(FOLDER) != expected:
            found.append(f'other bits: {bits(FOLDER)} instead of {expected}')
        if left := temporary_files('runs'):
            found.append(f'left after going on: {left}')
    return found


def run(every: int = 1, first: int = 0, seconds: float = 0.0) -> tuple[int, list[str]]:
    """All injections, or each `every`-th from the `first` on, for so many seconds (0: all); returns how many there were, and the faults found."""
    runner = Runner()
    with tempfile.TemporaryDirectory(prefix='mnist_graph_inject_') as folder, contextlib.chdir(folder):
        log = os.path.join(folder, 'strace.log')
        assert runner.child(False, True) == (0, '')
        os.rename('runs', 'stopped')
        assert runner.child(False) == (0, '')
        expected = bits(FOLDER)
        injections = [
            Injection(phase, call, when, error)
            for phase in ('start', 'resume')
            for call, when in calls_on_folder(runner, phase, log)
            for error in ((*ERRORS, KILL) if call not in READING else ('EIO', KILL))
        ][first::every]
        n_tried, n_done, faults = 0, 0, []
        end = time.monotonic() + (seconds or math.inf)
        for injection in injections:
            if time.monotonic() > end:
                break
            n_tried += 1
            found = faults_of(runner, injection, expected, log)
            if found == ['missed']:
                continue
            n_done += 1
            for fault in found:
                faults.append(f'{injection}: {fault}')
                print(faults[-1], flush=True)
        print(f'{n_tried} of {len(injections)} tried, {n_done} calls failed or killed as planned', flush=True)
        return n_done, faults


def main() -> None:
    """Parses the flags and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--every', type=int, default=1, help='Only each so many-th injection.')
    parser.add_argument('--first', type=int, default=0, help='Number of the first injection.')
    parser.add_argument('--seconds', type=float, default=0.0, help='Stop after so many seconds.')
    arguments, began = parser.parse_args(), time.monotonic()
    n_done, faults = run(arguments.every, arguments.first, arguments.seconds)
    print(f'{n_done} injections, {len(faults)} faults, {time.monotonic() - began:.0f} s')
    sys.exit(bool(faults))


if __name__ == '__main__':
    main()
