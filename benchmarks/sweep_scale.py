"""Many machines on one PostgreSQL database, without TensorFlow: how many trials a second it bears.

    python benchmarks/sweep_scale.py
    python benchmarks/sweep_scale.py --machines 50 --workers 8 --trial_seconds 1 2 5 10 20

Every "machine" is a process with the package's own coordinator, whose workers
sleep instead of training. All of them and the server share this computer's
cores, so a server of its own bears more. For each length of trial the table
says how many trials a second were asked for (workers / seconds) and how many
were finished once all machines were busy; where the second falls behind the
first, the database is saturated.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time

import local_postgresql
from measure import ROOT, machine, markdown_table

sys.path.insert(0, ROOT)

from mnist_graph.hparams import HParams
from mnist_graph.sweeps import plan, search_space
from mnist_graph.sweeps.coordinator import Coordinator, SweepCallback
from mnist_graph.sweeps.messages import WorkerConfig
from mnist_graph.sweeps.runner import Recorder
from mnist_graph.sweeps.storage.postgresql_store import PostgresqlStore


class SleepingPool:
    """Behaves as a WorkerPool whose trials sleep, report two accuracies, and end."""

    def __init__(self, n_workers, seconds):
        self.n_workers, self._seconds = n_workers, seconds
        self._agenda = []

    def ensure(self, n_workers):
        pass

    @property
    def n_busy(self):
        return len({job.key for _, job, _ in self._agenda})

    @property
    def n_idle(self):
        return self.n_workers - self.n_busy

    def start(self, job):
        seconds = self._seconds * random.uniform(0.8, 1.2)
        now, accuracy = time.monotonic(), random.random()
        self._agenda += [
            (now + seconds / 2, job, ('validation', job.key, 100, accuracy)),
            (now + seconds, job, ('validation', job.key, 200, accuracy)),
            (
                now + seconds,
                job,
                (
                    'done',
                    job.key,
                    {
                        'validation_accuracy': accuracy,
                        'validation_loss': 1 - accuracy,
                        'steps': 200,
                        'seconds': seconds,
                        'weights_sha256': '0' * 64,
                    },
                ),
            ),
        ]

    def answer(self, key, go_on):
        pass

    def wait(self, timeout):
        end = time.monotonic() + timeout
        first = min((entry[0] for entry in self._agenda), default=end)
        time.sleep(max(0.0, min(first, end) - time.monotonic()))
        now = time.monotonic()
        due = sorted((entry for entry in self._agenda if entry[0] <= now), key=lambda entry: entry[0])
        self._agenda = [entry for entry in self._agenda if entry[0] > now]
        return [event for _, _, event in due]

    def close(self):
        pass


def one_machine(results, url, study, n_workers, seconds, n_trials, start, end):
    """A coordinator as `mnist_graph.sweep --storage` has it, from time `start` to `end`."""
    random.seed(os.getpid())
    ends = []

    class Counter(SweepCallback):
        def on_trial_end(self, claimed, state, outcome, reason):
            ends.append(time.time())

    space = search_space.parse(['learning_rate=log:1e-5:1e-2', 'dropout=0:0.6', 'batch_size=64,128'])
    sweep = plan.make(space, HParams(), 'random', 'none', n_trials)
    with tempfile.TemporaryDirectory() as folder:
        store = PostgresqlStore(url, study, create=True)
        store.adopt(sweep)
        joined = time.time()
        time.sleep(max(0.0, start - joined))
        recorder = Recorder(store, folder, WorkerConfig('drawn', None, ''), Counter())
        Coordinator(store, SleepingPool(n_workers, seconds), recorder, lambda: 2 if time.time() > end else 0).run()
    results.put((joined, ends))


def measure(url, arguments, seconds):
    """Starts all machines; returns trials a second while all were busy."""
    study = f'scale-{seconds}-{time.time():.0f}'
    n_workers = arguments.machines * arguments.workers
    start = time.time() + arguments.startup
    # All trials begin together: measure from the second wave on, for two waves at least.
    warmup, duration = max(arguments.warmup, 1.5 * seconds), max(arguments.duration, 2 * seconds)
    begin, end = start + warmup, start + warmup + duration
    n_trials = int(n_workers / seconds * (warmup + duration) * 2) + n_workers
    common = [url, study, arguments.workers, seconds, n_trials, start, end]
    # Forks, as importing everything fifty times over would take longer than the measurement.
    context = multiprocessing.get_context('fork')
    results = context.Queue()
    processes = [context.Process(target=one_machine, args=(results, *common)) for _ in range(arguments.machines)]
    for process in processes:
        process.start()
    ends, late = [], 0
    for _ in processes:
        joined, its_ends = results.get()
        late += joined > begin
        ends += its_ends
    for process in processes:
        process.join()
    return sum(begin <= one < end for one in ends) / duration, late


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--machines', type=int, default=50)
    parser.add_argument('--workers', type=int, default=8, help='on each machine')
    parser.add_argument('--trial_seconds', type=float, nargs='+', default=[20, 10, 5, 2])
    parser.add_argument(
        '--duration', type=float, default=20, help='seconds measured for each length of trial, two trials at least'
    )
    parser.add_argument('--warmup', type=float, default=15, help='seconds before that')
    parser.add_argument('--startup', type=float, default=40, help='seconds until all processes have started')
    parser.add_argument('--url', help='a database; by default a server is started for this alone')
    arguments = parser.parse_args()

    def all_lengths(url):
        rows = []
        for seconds in arguments.trial_seconds:
            asked = arguments.machines * arguments.workers / seconds
            reached, late = measure(url, arguments, seconds)
            rows.append([f'{seconds:g}', f'{asked:.1f}', f'{reached:.1f}', f'{reached / asked:.0%}', late])
            print(' '.join(map(str, rows[-1])), file=sys.stderr, flush=True)
        print(
            f'{arguments.machines} machines x {arguments.workers} sleeping workers, and the server, on: {machine()}\n'
        )
        print(
            markdown_table(
                ['seconds of a trial', 'asked for, trials/s', 'finished, trials/s', 'share', 'joined late'], rows
            )
        )

    if arguments.url:
        return all_lengths(arguments.url)
    with local_postgresql.server(max_connections=3 * arguments.machines + 20) as url:
        all_lengths(url)


if __name__ == '__main__':
    main()
