"""A sweep in a folder, whose trials end at once, to be interrupted at any system call."""

import os
import types

from traced import Scene

from helpers.sweep_fakes import FakePool, grid
from mnist_graph.base.errors import MnistGraphError
from mnist_graph.sweeps import location, runner, summary
from mnist_graph.sweeps.coordinator import Coordinator, SweepCallback
from mnist_graph.sweeps.location import SweepLocation
from mnist_graph.sweeps.storage.trial_records import attempt

N_POINTS = 2


class Sweep(Scene):
    """Two points, one worker."""

    folder = 'runs/sweep'
    known = r'journal\.log|results\.csv|best\.flags|\.lock(\.pid)?'
    description = 'journal.log'

    def work(self, prepared, resume: bool, stop: bool = False) -> None:
        """Runs the sweep, or goes on with it; with `stop` after the first trial no other begins."""
        config = types.SimpleNamespace(dataset='auto', data_dir='')
        with location.opened(SweepLocation(self.folder), create=True) as store:
            store.adopt(grid('dropout=0,0.5', 'batch_size=1'))
            recorder = runner.Recorder(store, self.folder, config, SweepCallback())
            try:
                coordinator = Coordinator(
                    store,
                    FakePool(1, steps=(300,)),
                    recorder,
                    lambda: int(stop and summary.n_ended(store.trials()) > 0),
                )
                coordinator.run()
            finally:
                recorder.write()

    def result(self):
        """The points that are complete, each with its accuracy, and how many count as ended."""
        with location.opened(SweepLocation(self.folder), create=False, writable=False) as store:
            trials = store.trials()
        complete = [each for each in map(attempt, trials) if each.state == 'complete']
        accuracies = sorted((trial.params['dropout'], trial.value) for trial in trials if trial.value is not None)
        return sorted(each.point for each in complete), accuracies, summary.n_ended(trials), self._results()

    def _results(self) -> list[str]:
        """Ranks; a point that was tried again is another trial."""
        with open(os.path.join(self.folder, 'results.csv')) as file:
            return [line.split(',')[0] for line in file]

    def problem(self, saved_before):
        """Whether the journal can be read, and holds the first trial if that had ended."""
        try:
            with location.opened(SweepLocation(self.folder), create=False, writable=False) as store:
                if saved_before and not summary.n_ended(store.trials()):
                    return 'the first trial is lost'
        except MnistGraphError as error:
            if saved_before or 'holds no sweep yet' not in str(error):
                return f'no sweep: {error}'
        return ''
