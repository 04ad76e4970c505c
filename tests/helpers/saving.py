"""A small network whose checkpoints are saved and restored."""

import os

import numpy as np

from helpers.data import tiny_dataset
from helpers.networks import built, values_of
from mnist_graph.hparams import HParams
from mnist_graph.training import checkpoint

SPEC = tiny_dataset().input_spec()
TINY = HParams(hidden_units=(6, 5), ema_decay=0.9)


class Saving:
    """A small network in a session whose values are easily told apart."""

    def __init__(self, tf, folder, hparams=TINY):
        self.tf, self.folder = tf, str(folder)
        self.network = built(hparams, SPEC)
        with self.network.graph.as_default():
            self.variables = tf.global_variables()
            self.saver = tf.train.Saver(self.variables, max_to_keep=0)
        self.sess = tf.Session(graph=self.network.graph)
        self.sess.run(self.network.initializer)

    def step(self):
        network = self.network
        self.sess.run(
            network.train_step,
            {
                network.X: np.ones((2, 64), np.float32),
                network.Y: np.eye(4, dtype=np.float32)[:2],
                network.keep_prob: 0.5,
            },
        )

    def save(self, step, keep=3, **progress):
        return checkpoint.save(self.sess, self.saver, self.folder, step, progress, keep)

    def restore(self, found):
        checkpoint.restore(self.sess, self.saver, found, self.variables)

    def values(self):
        return values_of(self.network, self.sess)


def saved_steps(folder):
    """The steps of which there is any file of a checkpoint, in order."""
    names = (name for name in os.listdir(folder) if name != 'checkpoint')
    return sorted({int(name.split('-')[1].split('.')[0]) for name in names})
