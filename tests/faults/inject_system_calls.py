"""Lets every system call on a run's folder fail once, or kills the process at it, and looks at what is left.

    python tests/faults/inject_system_calls.py            # all of them, which takes some minutes
    python tests/faults/inject_system_calls.py --every=20 # a sample
    python tests/faults/inject_system_calls.py --what=sweep

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
child would have.) With --what=sweep it is a sweep in a folder, of trials that end at once, whose
points must all be complete in the end, each once. strace counts calls for each thread apart; so the session
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
import sys
import tempfile
import time
from typing import Any, NamedTuple

os.environ['OPENBLAS_NUM_THREADS'] = '1'  # whose threads no child would have
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[folders]) for folders in (1, 2)]

from mnist_graph.base.tensorflow import import_tensorflow  # noqa: E402

tf = import_tensorflow()

from sweep_scene import Sweep  # noqa: E402
from traced import Scene  # noqa: E402

from helpers.data import tiny_dataset  # noqa: E402
from mnist_graph import graph  # noqa: E402
from mnist_graph.base.errors import CheckpointError  # noqa: E402
from mnist_graph.hparams import HParams  # noqa: E402
from mnist_graph.train import train  # noqa: E402
from mnist_graph.training import description, manifest  # noqa: E402
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
_ONE_CALL = re.compile(r'^(\w+)\((.*)$')


class Injection(NamedTuple):
    """One system call that fails: the `when`-th of its name in the main thread."""

    phase: str
    call: str
    when: int
    error: str


class Training(Scene):
    """A tiny training."""

    folder = 'runs/model'
    # One of runs/latest is removed when it is a minute old, since another run may be writing it.
    known = (
        r'latest(\.\w+\.part)?|hparams\.json|metrics\.jsonl|\.lock(\.pid)?|checkpoint|'
        r'model\.ckpt-\d+\.(json|index|data-00000-of-00001)'
    )
    description = 'hparams.json'

    def __init__(self):
        super().__init__()
        self._described = description.describe(HPARAMS, DATASET, 'auto', None, 1, tf.__version__)

    def prepare(self):
        """The network."""
        return graph.build(HPARAMS, DATASET.input_spec(), N_STEPS)

    def work(self, prepared, resume: bool, stop: bool = False) -> None:
        """Trains, from its start or resumed."""
        network = prepared
        make = RunFolder.reopen if resume else RunFolder.create
        # A negative number: operations run in the thread that asks for them.
        config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=-1)
        with make(self.folder, self._described, 1) as run, tf.Session(graph=network.graph, config=config) as sess:
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

    def result(self):
        """SHA-256 of the newest and the best variables, of the metrics, and of the files that are for TensorFlow."""
        paths = [find_checkpoint(self.folder, which)[0].prefix + '.data-00000-of-00001' for which in ('last', 'best')]
        return {
            path.partition(self.folder)[2]: hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
            for path in [
                *paths,
                f'{self.folder}/metrics.jsonl',
                f'{self.folder}/checkpoints/checkpoint',
                f'{self.folder}/best/checkpoint',
            ]
        }

    def problem(self, saved_before):
        """Whether the newest checkpoint loads, and TensorFlow finds a whole one, unless the first was being saved."""
        try:
            newest = find_checkpoint(self.folder, 'last')[0].prefix
            if found := tf.train.latest_checkpoint(os.path.dirname(newest)):
                manifest.verified(found, int(found.rpartition('-')[2]))
            elif saved_before:
                return 'TensorFlow finds no checkpoint'
        except CheckpointError as error:
            if saved_before or 'none was saved yet' not in str(error):
                return f'no checkpoint: {error}'
        return ''


def calls_on_folder(scene: Scene, phase: str, log: str) -> list[tuple[str, int]]:
    """(name, which of this name it is) of each system call of a phase that names something in the run's folder."""
    prepare(phase)
    code, message = scene.child(phase == 'resume', trace=['-o', log, '-e', 'trace=' + ','.join(CALLS)])
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


def temporary_files(scene: Scene) -> list[str]:
    """Files that are no part of what has ended."""
    known = re.compile(scene.known)
    return [str(path) for path in pathlib.Path('runs').rglob('*') if path.is_file() and not known.fullmatch(path.name)]


def faults_of(scene: Scene, injection: Injection, expected: Any, log: str) -> list[str]:
    """Lets one call fail; returns a line for everything that is not as it must be, or ['missed']."""
    prepare(injection.phase)
    kind = 'signal' if injection.error == KILL else 'error'
    inject = f'inject={injection.call}:{kind}={injection.error}:when={injection.when}'
    code, message = scene.child(
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
    if not killed and (left := temporary_files(scene)):
        found.append(f'left {left}')
    if problem := scene.problem(saved_before=injection.phase == 'resume'):
        found.append(problem)
    if code != 0:
        code, message = scene.child(os.path.exists(f'{scene.folder}/{scene.description}'))
        if code:
            found.append(f'going on ended with {code}: {message}')
    if not found:
        if (result := scene.result()) != expected:
            found.append(f'another result: {result} instead of {expected}')
        if left := temporary_files(scene):
            found.append(f'left after going on: {left}')
    return found


def run(scene: Scene, every: int = 1, first: int = 0, seconds: float = 0.0) -> tuple[int, list[str]]:
    """All injections, or each `every`-th from the `first` on, for so many seconds (0: all); returns how many there were, and the faults found."""
    with tempfile.TemporaryDirectory(prefix='mnist_graph_inject_') as folder, contextlib.chdir(folder):
        log = os.path.join(folder, 'strace.log')
        assert scene.child(False, True) == (0, '')
        os.rename('runs', 'stopped')
        assert scene.child(False) == (0, '')
        expected = scene.result()
        injections = [
            Injection(phase, call, when, error)
            for phase in ('start', 'resume')
            for call, when in calls_on_folder(scene, phase, log)
            for error in ((*ERRORS, KILL) if call not in READING else ('EIO', KILL))
        ][first::every]
        n_tried, n_done, faults = 0, 0, []
        end = time.monotonic() + (seconds or math.inf)
        for injection in injections:
            if time.monotonic() > end:
                break
            n_tried += 1
            found = faults_of(scene, injection, expected, log)
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
    parser.add_argument('--what', choices=['training', 'sweep'], default='training')
    parser.add_argument('--every', type=int, default=1, help='Only each so many-th injection.')
    parser.add_argument('--first', type=int, default=0, help='Number of the first injection.')
    parser.add_argument('--seconds', type=float, default=0.0, help='Stop after so many seconds.')
    arguments, began = parser.parse_args(), time.monotonic()
    n_done, faults = run(
        {'training': Training, 'sweep': Sweep}[arguments.what](), arguments.every, arguments.first, arguments.seconds
    )
    print(f'{n_done} injections, {len(faults)} faults, {time.monotonic() - began:.0f} s')
    sys.exit(bool(faults))


if __name__ == '__main__':
    main()
