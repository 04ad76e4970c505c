"""A training of 40 steps, its description, and a monitor that writes down what happens in one."""

from helpers.data import tiny_dataset
from mnist_graph.hparams import HParams
from mnist_graph.training import description
from mnist_graph.training.monitor import Monitor

TINY = HParams(
    hidden_units=(6, 5), batch_size=8, learning_rate=0.02, n_iterations=40, n_validation=15, eval_steps=10, dropout=0.2
)


def described(hparams: HParams = TINY) -> description.Description:
    return description.describe(hparams, tiny_dataset(), 'auto', None, 1, '2.21.0')


class Recorder(Monitor):
    """Writes down all events but on_steps."""

    def __init__(self):
        self.events = []

    def on_display(self, step, loss, accuracy, learning_rate):
        self.events.append(('display', step, loss, accuracy, learning_rate))

    def on_validation(self, progress, metrics, is_best):
        self.events.append(('validation', progress.step, metrics, is_best))

    def on_save(self, progress):
        self.events.append(('save', progress.step, progress))

    def on_end(self, progress, validation, logits):
        self.events.append(('end', progress.step, validation, logits))

    def steps(self, kind):
        return [event[1] for event in self.events if event[0] == kind]
