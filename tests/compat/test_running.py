"""Old scripts under `python -m mnist_graph.run_tf1`: small ones, each with many of the old ways."""

import numpy as np
import pytest

from helpers.data import write_idx_folder
from helpers.programs import run_python

pytest.importorskip('tf_keras')
pytest.importorskip('tf_slim')


@pytest.fixture
def old_folder(fresh_folder):
    """A working directory with a small MNIST_data/."""
    arrays = []
    for n in (300, 40):
        labels = (np.arange(n) % 10).astype(np.uint8)
        images = np.zeros((n, 28, 28), np.uint8)
        for index, label in enumerate(labels):
            images[index, 4 + 2 * label : 6 + 2 * label, 4:24] = 255
        arrays += [images, labels]
    write_idx_folder(fresh_folder / 'MNIST_data', arrays)
    return fresh_folder


def run(folder, script, *arguments, name='script.py'):
    (folder / name).write_text(script)
    return run_python('-m', 'mnist_graph.run_tf1', name, *arguments, folder=folder, timeout=300)


SOFTMAX = """
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data
from tensorflow.python.framework import ops
import matplotlib
matplotlib.use('TkAgg')
import matplotlib.pyplot as plt
import numpy as np
flags = tf.app.flags
FLAGS = flags.FLAGS
flags.DEFINE_integer('steps', 1, 'How many.')
flags.DEFINE_string('log_dir', 'logs', 'Where.')

def main(_):
    mnist = input_data.read_data_sets("MNIST_data/", one_hot=True, validation_size=50)
    x = tf.placeholder("float", [None, 784])
    y = tf.placeholder(tf.float32, [None, 10])
    hidden = tf.contrib.layers.fully_connected(x, 16, weights_initializer=tf.contrib.layers.xavier_initializer())
    with tf.device('/gpu:1'):
        logits = tf.layers.dense(tf.contrib.layers.flatten(hidden), 10)
    cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits, y))
    cell = tf.contrib.rnn.BasicLSTMCell(4)
    outputs, _ = tf.contrib.rnn.static_rnn(cell, tf.split(0, 2, tf.zeros([2, 3])), dtype=tf.float32)
    joined = tf.concat(1, outputs)
    step = tf.train.AdamOptimizer(0.05).minimize(cost)
    tf.scalar_summary('cost', cost)
    summaries = tf.merge_all_summaries()
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1)), tf.float32))
    with tf.Session() as sess:
        writer = tf.train.SummaryWriter(FLAGS.log_dir, sess.graph)
        sess.run(tf.initialize_all_variables())
        for i in range(FLAGS.steps):
            batch_x, batch_y = mnist.train.next_batch(50)
            _, text = sess.run([step, summaries], {x: batch_x, y: batch_y})
            writer.add_summary(text, i)
        print('joined', sess.run(joined).shape)
        print('accuracy', sess.run(accuracy, {x: mnist.test.images, y: mnist.test.labels}))
    plt.imshow(np.reshape(mnist.test.images[0], newshape=(28, 28)))
    plt.show()

if __name__ == '__main__':
    tf.app.run()
"""


def test_the_usual_old_ways_work(old_folder):
    ended = run(old_folder, SOFTMAX, '--steps=40', '--log_dir=elsewhere')
    assert (ended.code, ended.out) == (0, 'joined (1, 8)\naccuracy 1.0\n'), ended.err
    assert (old_folder / 'script-figure-1.png').read_bytes().startswith(b'\x89PNG')
    assert list((old_folder / 'elsewhere').iterdir())
    assert ended.err.splitlines() == [
        'input_data: MNIST_data (300 and 40 pictures), from MNIST_data/',
        'The script shows a picture: script-figure-1.png',
    ]


ESTIMATOR = """
import helper
import tensorflow as tf
import tensorflow.contrib.slim as slim
from tensorflow.contrib.learn.python.learn.datasets.mnist import read_data_sets
mnist = read_data_sets('MNIST_data', validation_size=0)

def model_fn(features, labels, mode):
    logits = slim.fully_connected(features['images'], helper.units, activation_fn=None)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={'class': tf.argmax(logits, 1)})
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=tf.cast(labels, tf.int32)))
    step = tf.train.AdamOptimizer(0.05).minimize(loss, global_step=tf.train.get_global_step())
    accuracy = tf.metrics.accuracy(labels, tf.argmax(logits, 1))
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=step, eval_metric_ops={'accuracy': accuracy})

model = tf.estimator.Estimator(model_fn)
of = tf.estimator.inputs.numpy_input_fn
model.train(of({'images': mnist.train.images}, mnist.train.labels, batch_size=50, num_epochs=None, shuffle=True), steps=40)
found = model.evaluate(of({'images': mnist.test.images}, mnist.test.labels, batch_size=16, shuffle=False))
print 'accuracy', found['accuracy'], 'after', found['global_step'], 7 / 2
classes = [each['class'] for each in model.predict(of({'images': mnist.test.images}, shuffle=False))]
print len(classes), classes[3]
"""


def test_a_script_may_be_named_as_a_package_of_tensorflow(old_folder):
    (old_folder / 'tensorboard.py').write_text('this is no Python')
    (old_folder / 'own.py').write_text('value = 3')
    ended = run(old_folder, 'import own\nimport tensorflow as tf\nprint(own.value, tf.__version__)\n')
    assert (ended.code, ended.out) == (0, '3 1.15.5\n'), ended.err


def test_python_2_with_an_estimator_and_a_module_of_its_own(old_folder):
    (old_folder / 'helper.py').write_text("print 'helper'\nunits = 21 / 2\n")
    ended = run(old_folder, ESTIMATOR)
    assert (ended.code, ended.out) == (0, 'helper\naccuracy 1.0 after 40 3\n40 3\n'), ended.err


@pytest.mark.parametrize(
    ('script', 'message'),
    [
        (
            'import tensorflow as tf\n\ntf.contrib.crf.crf_log_likelihood(1, 2, 3)\n',
            'script.py, line 3: tensorflow.contrib.crf is not covered.',
        ),
        (
            'import math\nfrom tensorflow.contrib.tensor_forest.python import x\n',
            'script.py, line 2: tensorflow.contrib.tensor_forest is not covered.',
        ),
        (
            'import tensorflow as tf\nfrom tensorflow.contrib import tpu\n',
            'script.py, line 2: tensorflow.contrib.tpu is not covered.',
        ),
        ('import no_such_package\n', 'script.py, line 1: needs the package no_such_package, which is not installed'),
        (
            'import tensorflow_datasets_gone\n',
            'script.py, line 1: needs the package tensorflow_datasets_gone, which is not',
        ),
        (
            'from keras.wrappers.scikit_learn import K\n',
            'script.py, line 1: keras.wrappers is gone, and has no replacement',
        ),
        ('import numpy\nimport numpy.gone\n', 'script.py, line 2: numpy.gone is gone, and has no replacement here'),
        (
            'from keras.utils import gone\n',
            'script.py, line 1: Keras has no gone any more, and there is no replacement here',
        ),
        ('from tensorflow import gone\n', 'script.py, line 1: TensorFlow has no gone any more, and there is'),
        ('import keras\nkeras.backend.gone()\n', 'script.py, line 2: Keras has no gone any more, and there is no'),
        (
            'from keras.layers import Convolution2D\nConvolution2D(8, 3, border_mode="same")\n',
            'script.py, line 2: Keras has no argument border_mode any more, and there is no replacement here',
        ),
        (
            'import tensorflow as tf\ntf.estimator.Estimator(lambda features: 1).export_savedmodel("a")\n',
            'script.py, line 2: Estimator.export_savedmodel is not covered',
        ),
        ('import tensorflow as tf\ntf.no_such_name\n', 'script.py, line 2: TensorFlow has no no_such_name any more'),
    ],
)
def test_what_is_missing_is_named_with_its_line(old_folder, script, message):
    ended = run(old_folder, script)
    assert ended.code != 0 and ended.out == ''
    assert ended.err.startswith(f'mnist_graph: {message}') and ended.err.count('\n') == 1


OLD_KERAS = """
from keras.layers.core import Dense, Flatten
from keras.layers.convolutional import Conv2D
import keras.layers.advanced_activations
from keras.layers import recurrent
from keras.engine.topology import Layer
from keras.engine import InputSpec, Model
from keras.utils import np_utils
from keras.utils.np_utils import to_categorical
from keras.utils.vis_utils import plot_model
from keras.backend.tensorflow_backend import set_session
from keras import backend as K
K.set_image_dim_ordering('tf')
print(K.image_dim_ordering(), np_utils.to_categorical([1], 2).tolist(), Dense is recurrent.Dense)
"""


def test_modules_of_keras_that_have_moved_are_found(old_folder):
    ended = run(old_folder, OLD_KERAS)
    assert (ended.code, ended.out) == (0, 'tf [[0.0, 1.0]] True\n'), ended.err


def test_the_scripts_own_errors_keep_their_traceback(old_folder):
    ended = run(old_folder, 'def half(n):\n    return n / 0\nhalf(3)\n')
    assert ended.code == 1 and ended.err.startswith('Traceback') and 'ZeroDivisionError' in ended.err
    assert 'mnist_graph' not in ended.err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [((), 'Name the script'), (('nowhere.py',), 'nowhere.py: there is no such script.'), (('--steps=1',), 'Name the')],
)
def test_a_script_must_be_named(fresh_folder, arguments, message):
    ended = run_python('-m', 'mnist_graph.run_tf1', *arguments, folder=fresh_folder)
    assert ended.code == 2 and ended.err.startswith(f'mnist_graph: {message}') and ended.err.count('\n') == 1


def test_importing_the_package_replaces_nothing(fresh_folder):
    code = (
        'import sys, mnist_graph.compat.running, mnist_graph.compat.tensorflow1, mnist_graph.run_tf1, numpy as np;'
        'print("tensorflow" in sys.modules, hasattr(np, "product"), "matplotlib" in sys.modules)'
    )
    assert run_python('-c', code, folder=fresh_folder).out == 'False False False\n'


OWN_INPUT_DATA = """
import gzip, os
from six.moves import urllib
import numpy as np
import tensorflow as tf
import tensorflow.contrib.layers as layers
path, _ = urllib.request.urlretrieve('http://yann.lecun.com/exdb/mnist/t10k-labels-idx1-ubyte.gz', 'labels.gz')
labels = np.frombuffer(gzip.open(path).read()[8:], np.uint8)
n_classes = np.max(labels) + 1
logits = tf.Variable(tf.random_normal([len(labels), n_classes]), name='logits')
layers.summarize_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
cost = tf.nn.softmax_cross_entropy_with_logits(_sentinel=None, labels=tf.one_hot(labels, 10), logits=logits, dim=-1)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(os.path.getsize(path) > 0, len(labels), n_classes, sess.run(cost).shape, tf.summary.merge_all() is not None)
"""


def test_a_script_with_its_own_input_data(old_folder):
    """It downloads MNIST from an address that is gone, and relies on numpy 1 and on lesser parts of contrib."""
    (old_folder / 'MNIST_data').rename(old_folder / 'cache')
    cache = old_folder / 'xdg' / 'mnist_graph'
    cache.parent.mkdir()
    (old_folder / 'cache').rename(cache)
    (old_folder / 'script.py').write_text(OWN_INPUT_DATA)
    ended = run_python(
        '-m', 'mnist_graph.run_tf1', 'script.py', folder=old_folder, timeout=300, XDG_CACHE_HOME=str(cache.parent)
    )
    assert (ended.code, ended.out) == (0, 'True 40 10 (40,) True\n'), ended.err
    assert ended.err.count(f'The script downloads MNIST; it gets {cache} instead.') == 1
