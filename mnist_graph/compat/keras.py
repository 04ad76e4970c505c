"""Keras 2, as `tensorflow.keras` and as the package `keras`."""

import importlib
import sys
from typing import Any

import numpy as np

from mnist_graph import data

_API = 'tf_keras.api._v1.keras'


def install(tf: Any) -> None:
    """Lets `tf.keras`, `import tensorflow.keras.X` and `import keras.X` be the legacy Keras."""
    api = importlib.import_module(_API)
    tf.keras = api
    for name, module in list(sys.modules.items()):
        if name == _API or name.startswith(_API + '.'):
            rest = name.removeprefix(_API)
            sys.modules['tensorflow.keras' + rest] = module
            sys.modules['keras' + rest] = module
    mnist: Any
    for mnist in (api.datasets.mnist, importlib.import_module('tf_keras.src.datasets.mnist')):
        mnist.load_data = _load_data


def _load_data(path: str = 'mnist.npz') -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """MNIST as `keras.datasets.mnist` gives it: uint8 [n, 28, 28] and uint8 [n] of the training and the test set."""
    found = data.load(n_validation=0)
    return tuple((each.images[..., 0], each.labels.astype(np.uint8)) for each in (found.train, found.test))  # type: ignore[return-value]
