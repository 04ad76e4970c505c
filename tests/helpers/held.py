"""Programs that go only so far as a test lets them, so that one which is looked at or killed too late has not ended before.

How far is in the file `until` of the working directory. A test that is in time never makes a program wait.
"""

# main, which waits where it has shown this step or a later one.
MAIN = """
import pathlib, time
from mnist_graph import main
from mnist_graph.cli.printer import TrainingPrinter

on_display = TrainingPrinter.on_display

def held(self, step, *measured):
    on_display(self, step, *measured)
    while step >= int(pathlib.Path('until').read_text() or 0):
        time.sleep(0.05)

TrainingPrinter.on_display = held
main.console_main()
"""

# sweep, which waits where so many of its trials have ended.
SWEEP = """
import pathlib, time
from mnist_graph import sweep
from mnist_graph.sweeps.runner import Recorder

on_trial_end, ended = Recorder.on_trial_end, []

def held(self, *trial):
    on_trial_end(self, *trial)
    ended.append(trial)
    while len(ended) >= int(pathlib.Path('until').read_text() or 0):
        time.sleep(0.05)

Recorder.on_trial_end = held
sweep.console_main()
"""


def let_go(folder, until=10**9):
    """Lets a program in this folder go until there, by default to its end."""
    (folder / 'until').write_text(str(until))
