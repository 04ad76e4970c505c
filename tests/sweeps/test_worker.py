"""What a sweep's worker says of trials that cannot be trained, and how it tests one that it still has."""

import numpy as np
import pytest

from helpers.data import tiny_dataset
from mnist_graph.base.errors import CheckpointError, DataError, DivergedError, UsageError
from mnist_graph.hparams import HParams
from mnist_graph.sweeps.attempts import CRASHED, DIVERGED, UNUSABLE
from mnist_graph.sweeps.messages import Job
from mnist_graph.sweeps.trainer import set_values, variables_of_predictions
from mnist_graph.sweeps.worker import _outcome
from mnist_graph.training import cores

SPEC = tiny_dataset().input_spec()


@pytest.mark.parametrize(
    'error, expected',
    [
        (DivergedError('nan'), ('failed', 7, DIVERGED, 'nan')),
        (UsageError('warmup_steps=9: ...'), ('failed', 7, UNUSABLE, 'warmup_steps=9: ...')),
        (CheckpointError('full'), ('failed', 7, UNUSABLE, 'full')),
        (ZeroDivisionError('by zero'), ('failed', 7, CRASHED, 'ZeroDivisionError: by zero')),
        # Lost data is no fault of the trial: it ends the sweep, which then goes on where it was.
        (DataError('/data: no such folder'), ('unfit', '/data: no such folder')),
    ],
)
def test_errors(error, expected, capsys):
    def train(job):
        raise error

    assert _outcome(train, Job(7, {})) == expected
    assert bool(capsys.readouterr().err) == isinstance(
        error, ZeroDivisionError
    )  # a defect's traceback goes into the log


@pytest.mark.parametrize(
    'changes',
    [{'ema_decay': 0.9}, {'ema_decay': 0.9, 'batch_norm': True, 'dropout': 0.5}],
    ids=['averages', 'everything'],
)
def test_kept_values_come_back_into_a_graph_for_predictions(tf, changes):
    """A weight and its average have the same first value; and nothing else needs one."""
    from mnist_graph import graph

    network = graph.build(HParams(hidden_units=(6, 5), **changes), SPEC, training=False)
    random = np.random.default_rng(0)
    values = tf.nest.map_structure(
        lambda variable: (9 * random.random(variable.shape)).astype(variable.dtype.as_numpy_dtype),
        variables_of_predictions(network),
    )
    with cores.open_session(network, 1) as sess:
        set_values(network, sess, values)
        tf.nest.map_structure(np.testing.assert_array_equal, sess.run(variables_of_predictions(network)), values)
        answer = sess.run(network.probabilities, {network.X: np.ones((3, 64), np.float32), network.keep_prob: 1.0})
    np.testing.assert_allclose(answer.sum(axis=1), 1, rtol=1e-5)
