"""What a person sees while something takes long: lines now and then, and a bar on a terminal."""

import sys

from tqdm import tqdm

from mnist_graph.training.monitor import Monitor


class Printer:
    """Prints whole lines above a progress bar, which only a terminal shows; used as a context manager.

    Attributes:
      error: The OSError that ended what could be printed, as when standard
        output is closed or its disk full; None while all is well.
    """

    error: OSError | None = None

    def __init__(self, unit: str, n: int | None = None, done: int = 0):
        """A bar of `n` units (None: not known yet) of which some are done."""
        is_seen = sys.stderr.isatty() and sys.stdout.isatty()
        self._bar = tqdm(total=n, initial=done, unit=unit, leave=False, disable=not is_seen)

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self._bar.close()

    def show_progress(self, done: int, n: int | None = None) -> None:
        """Sets the bar to so many units that are done, of `n` if that has changed."""
        if n is not None:
            self._bar.total = n
        self._bar.update(done - self._bar.n)

    def line(self, text: str) -> None:
        """A line on standard output, at once; nothing after the first that could not be written."""
        if self.error:
            return
        try:
            self._bar.write(text, file=sys.stdout)
            sys.stdout.flush()
        except OSError as error:
            self.error = error

    def note(self, text: str) -> None:
        """A line on standard error."""
        self._bar.write(text, file=sys.stderr)


class TrainingPrinter(Printer, Monitor):
    """Prints `Iteration 100	| Loss = 0.49	| Accuracy = 0.87` now and then."""

    def __init__(self, step: int, n_steps: int):
        super().__init__('step', n_steps, step)

    def on_steps(self, step):
        self.show_progress(step)

    def on_display(self, step, loss, accuracy, learning_rate):
        # A loss below 0.1 would read 0.00 to two places and seem to stand still.
        shown = f'{loss:.2f}' if loss >= 0.1 else f'{loss:.4f}'
        self.line(f'Iteration {step}\t| Loss = {shown}\t| Accuracy = {accuracy:.2f}')
