"""TensorFlow as a guest: the threads that it is given."""

import glob
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


NOISE = """
import os
from mnist_graph.base import tensorflow
with tensorflow._held_back_stderr():
    os.write(2, b'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n')
    os.write(2, b'E0000 00:00:1764290000.000001    1234 cuda_platform.cc:52] failed call to cuInit: INTERNAL: '
                b'CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)\\n')
    os.write(2, b'shown\\n')
"""


@pytest.mark.skipif(bool(glob.glob('/dev/nvidia[0-9]*')), reason='with a GPU this line is a fault')
def test_without_a_gpu_nothing_is_said_of_it(fresh_folder):
    (fresh_folder / 'program.py').write_text(NOISE)
    assert run_python('program.py', folder=fresh_folder) == (0, '', 'shown\n')


@pytest.mark.parametrize('before', ['', 'os.close(2)', 'sys.stderr = None'])
def test_the_import_is_quiet_whatever_standard_error_is(fresh_folder, before):
    (fresh_folder / 'program.py').write_text(
        f'import os, sys\n{before}\nfrom mnist_graph.base import tensorflow\n'
        'tf = tensorflow.import_tensorflow()\ntf.config.list_physical_devices("GPU")\n'
        'with tf.Session(graph=tf.Graph()): print("done")\n'
    )
    assert run_python('program.py', folder=fresh_folder) == (0, 'done\n', '')


def test_a_look_for_gpus_is_quiet_after_a_loud_import(fresh_folder):
    """As where a program imports TensorFlow by itself and then this package."""
    program = 'import os, tensorflow as tf\nos.write(2, b"--")\nfrom mnist_graph.base import tensorflow\n'
    (fresh_folder / 'program.py').write_text(
        program + 'tensorflow.import_tensorflow()\ntf.config.list_physical_devices()\n'
    )
    ended = run_python('program.py', folder=fresh_folder)
    assert ended.code == 0 and ended.err.partition('--')[2] == ''


def test_the_import_leaves_out_what_only_keras_needs(fresh_folder):
    """It takes a tenth of the import's time. Whoever wants it afterwards has it."""
    pytest.importorskip('h5py')
    (fresh_folder / 'program.py').write_text(
        'import os, sys\nfrom mnist_graph.base import tensorflow\ntensorflow.import_tensorflow()\n'
        'print({"h5py", "scipy", "tf_keras"} & set(sys.modules), "TF_USE_LEGACY_KERAS" in os.environ)\nimport h5py\n'
    )
    assert run_python('program.py', folder=fresh_folder) == (0, 'set() False\n', '')
