"""A session that only writes down what a training runs."""

import math

import numpy as np


class FakePlaceholder:
    """Has a shape, and may be a key of feeds."""

    name, shape = 'Y', (None, 1000)


def accuracy_at(step):
    """What the fake session measures after a step."""
    return step / 1024


def learning_rate_at(step):
    return 1 / (1 + step)


class FakeSession:
    """Stands in for a tf.Session: each run of the loop is recorded, and losses are as scripted.

    It gives what is fetched, in the order asked for, and refuses pictures that are not those of their labels.
    """

    def __init__(self, bad_step=None, loss_after=0.5, weights_sum=1.0):
        self.rows, self.step, self.runs = [], 0, []
        self._bad_step, self.loss_after, self._weights_sum = bad_step, loss_after, weights_sum

    def run(self, fetches, feed_dict):
        if 'steps_done' in fetches:
            assert set(feed_dict) == {'images', 'labels', 'keep_prob'}
            steps_done, loss, weights_sum = self.run_loop(*map(feed_dict.get, ('images', 'labels', 'keep_prob')))
            found = {'steps_done': steps_done, 'last_loss': loss, 'weights_sum': weights_sum}
        else:
            self.check_batch(**{getattr(key, 'name', key): value for key, value in feed_dict.items()})
            found = {
                'cross_entropy': self.loss_after,
                'accuracy': accuracy_at(self.step),
                'learning_rate': learning_rate_at(self.step),
                'global_step': self.step,
            }
        return [found[name] for name in fetches]

    def check_batch(self, X, Y, keep_prob):
        """The last mini-batch that was trained on, without dropout."""
        n_rows = (len(self.rows_of_run) - 1) % self.batch_size + 1
        assert Y.argmax(axis=1).tolist() == self.rows_of_run[-n_rows:]
        np.testing.assert_allclose(X, (Y.argmax(axis=1) % 256)[:, np.newaxis].repeat(4, axis=1) / 255, rtol=1e-6)
        assert keep_prob == 1.0

    def run_loop(self, images, labels, keep_prob):
        np.testing.assert_array_equal(images, (labels % 256)[:, np.newaxis].repeat(4, axis=1))
        self.rows_of_run = labels.tolist()
        n_steps = -(-len(labels) // self.batch_size)
        self.runs.append((self.step, n_steps, keep_prob))
        self.rows += labels.tolist()
        if self._bad_step is not None and self.step < self._bad_step <= self.step + n_steps:
            return self._bad_step, math.nan, math.nan
        self.step += n_steps
        return self.step, 0.5, self._weights_sum
