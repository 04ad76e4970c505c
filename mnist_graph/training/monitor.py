"""How far a training has come, and what may watch it."""

from typing import NamedTuple

import numpy as np

from mnist_graph.data import Split
from mnist_graph.training import evaluation


class Progress(NamedTuple):
    """How far a training has come; with the variables, all that resuming needs.

    Attributes:
      step: Updates done.
      best_accuracy: Best validation accuracy so far; -1.0 before the first validation.
      best_step: The step that reached it.
      validations_since_best: Validations since then.
    """

    step: int = 0
    best_accuracy: float = -1.0
    best_step: int = 0
    validations_since_best: int = 0

    def after_validation(self, accuracy: float) -> 'Progress':
        """With one more validation counted; only a strictly better accuracy is a new best."""
        if accuracy > self.best_accuracy:
            return self._replace(best_accuracy=accuracy, best_step=self.step, validations_since_best=0)
        return self._replace(validations_since_best=self.validations_since_best + 1)


class Monitor:
    """What may watch a training; each method does nothing unless a subclass says otherwise."""

    def on_steps(self, step: int) -> None:
        """Called several times a second, when `step` updates are done."""

    def on_display(self, step: int, loss: float, accuracy: float, learning_rate: float) -> None:
        """Every display_step steps: loss and accuracy on the last mini-batch, without dropout."""

    def on_validation(self, progress: Progress, metrics: evaluation.Metrics, is_best: bool) -> None:
        """Every `HParams.validation_interval` steps and after the last, if there are validation pictures."""

    def on_save(self, progress: Progress) -> None:
        """Every save_steps steps, after save_seconds since the last save, after the last step, and when stopped."""

    def on_end(self, progress: Progress, validation: Split, logits: np.ndarray) -> None:
        """After the last step, with the final logits of all validation pictures, if there are any."""
