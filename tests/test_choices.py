"""Every choice of every hyperparameter that has choices can be built and takes a step, fed and in the loop."""

import numpy as np
import pytest

from helpers.data import tiny_dataset
from helpers.networks import values_of
from helpers.programs import run_python
from mnist_graph.base.inputs import one_hot, to_input
from mnist_graph.hparams import SPECS, HParams

CHOICES = [(name, choice) for name, spec in SPECS.items() if spec.kind == 'enum' for choice in spec.choices]
DATASET = tiny_dataset(n_train=16, n_validation=0)


@pytest.mark.parametrize('name, choice', CHOICES)
def test_each_choice_builds_and_steps(tf, name, choice, capfd):
    from mnist_graph import graph

    small = {'hidden_units': (6, 5), 'filters': (2, 3, 2), 'batch_size': 8, 'dropout': 0.2, 'n_iterations': 4}
    network = graph.build(HParams(**{**small, 'learning_rate': 0.1, name: choice}), DATASET.input_spec())
    images, labels = DATASET.train.images, DATASET.train.labels
    with tf.Session(graph=network.graph) as sess:
        sess.run(network.initializer)
        values = [values_of(network, sess)]
        fed = {network.X: to_input(images), network.Y: one_hot(labels, 4), network.keep_prob: 0.8}
        sess.run(network.train_step, fed)
        values.append(values_of(network, sess))
        fed = {network.loop.images: images.reshape(16, -1), network.loop.labels: labels, network.keep_prob: 0.8}
        assert sess.run(network.loop.steps_done, fed) == 3
        values.append(values_of(network, sess))
    for before, after in zip(values, values[1:]):
        for variable in ('weights/out', 'biases/out'):
            assert np.isfinite(after[variable]).all() and (after[variable] != before[variable]).any()
    assert 'deprecated' not in capfd.readouterr().err


ADD_AN_OPTIMIZER = """
import sys
from mnist_graph.choices import optimizers
optimizers.OPTIMIZERS['adadelta'] = optimizers.OptimizerChoice(
    'Zeiler 2012', lambda tf, learning_rate, hparams: tf.train.AdadeltaOptimizer(learning_rate))
from absl import flags
from mnist_graph.cli import common_flags
common_flags.define_hparams()
flags.FLAGS(['program', '--optimizer=Adadelta'])
assert 'tensorflow' not in sys.modules
assert 'adadelta (Zeiler 2012)' in flags.FLAGS.get_help(), flags.FLAGS.get_help()
hparams = common_flags.hparams_from_flags()
from mnist_graph import graph
from mnist_graph.base.inputs import InputSpec
graph.build(hparams, InputSpec(2, 2, 1, 2))
try:
    flags.FLAGS(['program', '--optimizer=adadeltaa'])
except flags.IllegalFlagValueError as error:
    print('adadelta' in str(error).partition('one of')[2])
"""


def test_one_entry_in_a_table_adds_an_optimizer_with_its_flag_help_and_error_message(fresh_folder):
    ended = run_python('-c', ADD_AN_OPTIMIZER, folder=fresh_folder)
    assert (ended.code, ended.out) == (0, 'True\n'), ended.err


def test_importing_the_hyperparameters_is_quick(fresh_folder):
    """Flags are parsed before anything slow is imported."""
    slow = "[name for name in ('tensorflow', 'numpy', 'PIL', 'matplotlib') if name in sys.modules]"
    ended = run_python('-c', f'import sys, mnist_graph.hparams; print({slow})', folder=fresh_folder)
    assert (ended.code, ended.out, ended.err) == (0, '[]\n', '')
