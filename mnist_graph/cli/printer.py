"""What a person sees while a network trains: a line now and then, and a bar on a terminal."""

import sys

from tqdm import tqdm

from mnist_graph.training.monitor import Monitor


class Printer(Monitor):
    """Prints `Iteration 100	| Loss = 0.49	| Accuracy = 0.87`; used as a context manager.

    Attributes:
      error: The OSError that ended what could be printed, as when standard
        output is closed or its disk full; None while all is well.
    """

    error: OSError | None = None

    def __init__(self, step: int, n_steps: int):
        self._bar = tqdm(
            total=n_steps,
            initial=step,
            unit='step',
            leave=False,
            disable=not (sys.stderr.isatty() and sys.stdout.isatty()),
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._bar.close()

    def on_steps(self, step):
        self._bar.update(step - self._bar.n)

    def on_display(self, step, loss, accuracy, learning_rate):
        # A loss below 0.1 would read 0.00 to two places and seem to stand still.
        shown = f'{loss:.2f}' if loss >= 0.1 else f'{loss:.4f}'
        if self.error:
            return
        try:
            self._bar.write(f'Iteration {step}\t| Loss = {shown}\t| Accuracy = {accuracy:.2f}', file=sys.stdout)
            sys.stdout.flush()
        except OSError as error:
            self.error = error
