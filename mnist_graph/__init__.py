"""mnist_graph: a TensorFlow-1-style graph that learns to read handwritten digits.

Importing the package imports nothing else; the names below load their modules
when first used.

    import mnist_graph
    dataset = mnist_graph.load()
    network = mnist_graph.build(mnist_graph.HParams(), dataset.input_spec())

`from mnist_graph import tf` is `tensorflow.compat.v1`, imported without TensorFlow's start-up messages.
"""

import importlib
from typing import Any

__version__ = '1.0.0'

_HOMES = {'HParams': 'hparams', 'load': 'data', 'build': 'graph', 'MnistGraphError': 'base.errors'}
__all__ = ['__version__', 'HParams', 'MnistGraphError', 'build', 'load', 'tf']


def __getattr__(name: str) -> Any:
    if name == 'tf':
        return importlib.import_module(f'{__name__}.base.tensorflow').import_tensorflow()
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
