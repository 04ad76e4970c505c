"""TensorFlow as a guest: the threads that it is given."""

import os

import pytest

from helpers.programs import run_python
from mnist_graph.hparams import HParams

COUNT_THREADS = """
import os, sys
from mnist_graph.base import tensorflow
from mnist_graph.training import cores
tensorflow.import_tensorflow()
cores.share_cores(int(sys.argv[1]))
from mnist_graph import graph
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams
network = graph.build(HParams(hidden_units=(3,)), InputSpec(2, 2, 1, 2))
with cores.open_session(network, int(sys.argv[1])) as sess:
    sess.run(network.initializer)
    print(len(os.listdir('/proc/self/task')))
cores.share_cores(7)  # comes too late, and is no error
"""


@pytest.mark.skipif(not os.path.isdir('/proc/self/task'), reason='needs /proc to count threads')
def test_each_operation_gets_as_many_threads_as_are_asked_for(fresh_folder):
    """A graph with a loop makes TensorFlow's threads, so that a session's wish alone comes too late."""
    (fresh_folder / 'threads.py').write_text(COUNT_THREADS)
    counts = []
    for n_threads in (1, 4):
        ended = run_python('threads.py', str(n_threads), folder=fresh_folder)
        assert (ended.code, ended.err) == (0, '')
        counts.append(int(ended.out))
    # Three more within an operation, and three more operations at a time.
    assert counts[1] - counts[0] == 3 + 3


@pytest.mark.parametrize(
    'n_threads, changes, n_towers',
    [
        (1, {}, 1),
        (2, {}, 2),
        (4, {}, 4),
        (8, {}, 4),  # of 128 rows each tower keeps 32 or more
        (2, {'batch_size': 63}, 1),
        (2, {'batch_size': 64}, 2),
        (2, {'batch_size': 256}, 2),
        (2, {'batch_size': 257}, 1),
        (2, {'batch_norm': True}, 1),
        (2, {'model': 'cnn'}, 1),
        (2, {'hidden_units': (64, 1025)}, 1),
        (2, {'hidden_units': ()}, 2),
    ],
)
def test_towers(tf, n_threads, changes, n_towers):
    from mnist_graph.training import cores

    assert cores.share_cores(n_threads, HParams(**changes)) == n_towers
