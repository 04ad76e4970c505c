"""Keras 2, as `tensorflow.keras` and as the package `keras`."""

import importlib
import sys
from types import ModuleType
from typing import Any

import numpy as np

from mnist_graph import data

_API = 'tf_keras.api._v1.keras'
# {package of Keras: modules below it, up to 2.3, of which it now has the content itself}
_MERGED = {
    'layers': 'advanced_activations convolutional convolutional_recurrent core embeddings local merge noise normalization '
    'pooling recurrent wrappers',
    'utils': 'data_utils generic_utils io_utils layer_utils np_utils vis_utils',
    'backend': 'tensorflow_backend',
}
_DATA_FORMATS = {'th': 'channels_first', 'tf': 'channels_last'}


def install(tf: Any) -> None:
    """Lets `tf.keras`, `import tensorflow.keras.X` and `import keras.X` be the legacy Keras."""
    api = importlib.import_module(_API)
    tf.keras = api
    for name, module in list(sys.modules.items()):
        if name == _API or name.startswith(_API + '.'):
            rest = name.removeprefix(_API)
            sys.modules['tensorflow.keras' + rest] = module
            sys.modules['keras' + rest] = module
    _put_back_modules(api)
    _put_back_dim_ordering(api.backend)
    mnist: Any
    for mnist in (api.datasets.mnist, importlib.import_module('tf_keras.src.datasets.mnist')):
        mnist.load_data = _load_data


def _put_back_modules(keras: Any) -> None:
    """Lets `from keras.layers.core import Dense` and the like find what lies elsewhere now."""
    for name, merged in _MERGED.items():
        home = getattr(keras, name)
        for old in merged.split():
            sys.modules[f'keras.{name}.{old}'] = home
            if not hasattr(home, old):
                setattr(home, old, home)
    engine: Any = ModuleType('keras.engine')
    engine.__dict__.update({name: getattr(keras.layers, name) for name in ('Input', 'InputSpec', 'Layer')})
    engine.__dict__.update(Model=keras.Model, Sequential=keras.Sequential, __path__=[])
    for old in ('topology', 'training', 'base_layer', 'input_layer'):
        sys.modules[f'keras.engine.{old}'] = engine
        setattr(engine, old, engine)
    sys.modules['keras.engine'] = keras.engine = engine


def _put_back_dim_ordering(backend: Any) -> None:
    """The data format as Keras 1 called it: 'th' or 'tf'."""
    backend.set_image_dim_ordering = lambda name: backend.set_image_data_format(_DATA_FORMATS.get(name, name))
    backend.image_dim_ordering = lambda: {new: old for old, new in _DATA_FORMATS.items()}[backend.image_data_format()]


def _load_data(path: str = 'mnist.npz') -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """MNIST as `keras.datasets.mnist` gives it: uint8 [n, 28, 28] and uint8 [n] of the training and the test set."""
    found = data.load(n_validation=0)
    return tuple((each.images[..., 0], each.labels.astype(np.uint8)) for each in (found.train, found.test))  # type: ignore[return-value]
