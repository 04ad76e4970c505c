"""Data sets: finding, downloading, reading and splitting them.

    from mnist_graph import data
    mnist = data.load()

There is no TensorFlow here.
"""

from mnist_graph.base.inputs import InputSpec, one_hot, to_input
from mnist_graph.data.dataset import MNIST_FINGERPRINT, Dataset, Split, look_like_digits
from mnist_graph.data.loading import DATASETS, NoDataError, load

__all__ = [
    'DATASETS',
    'MNIST_FINGERPRINT',
    'Dataset',
    'InputSpec',
    'NoDataError',
    'Split',
    'load',
    'look_like_digits',
    'one_hot',
    'to_input',
]
