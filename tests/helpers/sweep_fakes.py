"""A worker pool without processes, for tests of what the coordinator does."""

from mnist_graph.hparams import HParams
from mnist_graph.sweeps import plan, search_space
from mnist_graph.sweeps.coordinator import SweepCallback


def grid(*search, **options):
    """A sweep, by default of 2 x 3 points."""
    base = HParams(n_iterations=300, eval_steps=100)
    return plan.make(search_space.parse(search or ['dropout=0,0.5', 'batch_size=1,2,3']), base, **options)


def accuracy_of(hparams):
    """What the fake network reaches: less with dropout and with larger batches."""
    return round(0.9 - 0.1 * hparams['dropout'] - 0.01 * hparams['batch_size'], 6)


class FakePool:
    """Trials that end at once, as `what` says.

    Args:
      n_workers: How many trials may run at a time.
      what: Function of (hparams, how many trials of these hparams before) that
        returns 'done', 'died', or (kind, reason) of a failure.
      steps: At which steps trials report their accuracy.
    """

    def __init__(self, n_workers=2, what=lambda hparams, before: 'done', steps=(100, 200, 300)):
        self.n_workers, self._what, self._steps = n_workers, what, steps
        self.n_alive = 0
        self.begun, self.answers = [], []
        self._busy = {}

    def ensure(self, n_workers):
        self.n_alive = max(self.n_alive, min(n_workers, self.n_workers))

    @property
    def n_busy(self):
        return len(self._busy)

    @property
    def n_idle(self):
        return self.n_alive - self.n_busy

    def start(self, job):
        before = sum(earlier.hparams == job.hparams for earlier in self.begun)
        self.begun.append(job)
        accuracy = accuracy_of(job.hparams)
        events = [('validation', job.key, step, accuracy * step / 300) for step in self._steps]
        what = self._what(job.hparams, before)
        if what == 'done':
            events.append(
                (
                    'done',
                    job.key,
                    {
                        'validation_accuracy': accuracy,
                        'validation_loss': 1 - accuracy,
                        'steps': 300,
                        'seconds': 1.0,
                        'weights_sha256': f'{job.hparams["seed"]:064x}',
                        'test_accuracy': accuracy - 0.5,
                    },
                )
            )
        else:
            events.append(('died', job.key, 'the worker was killed') if what == 'died' else ('failed', job.key, *what))
        self._busy[job.key] = events

    def answer(self, key, go_on):
        self.answers.append((key, go_on))
        # A trial that is told to stop after its last step has a result all the same.
        if not go_on and key in self._busy and self._busy[key][0][0] != 'done':
            self._busy[key] = [('stopped', key)]

    def wait(self, timeout):
        events = []
        for key in list(self._busy):
            events.append(self._busy[key].pop(0))
            if not self._busy[key]:
                del self._busy[key]
        return events

    def close(self):
        pass


class Log(SweepCallback):
    """Remembers what it is told."""

    def __init__(self):
        self.ends, self.notes = [], []

    def on_trial_end(self, claimed, state, outcome, reason):
        self.ends.append((claimed.point, state, reason))

    def on_note(self, line):
        self.notes.append(line)
