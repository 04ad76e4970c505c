"""Putting TensorFlow 1 in the place of TensorFlow 2, in this process and for good."""

import importlib.util
import os
import pkgutil
import sys
import warnings
from types import ModuleType
from typing import Any

from mnist_graph.base import extras
from mnist_graph.base.errors import UsageError
from mnist_graph.base.tensorflow import import_tensorflow
from mnist_graph.compat import contrib, estimator, keras, old_names, tutorials

_V1_MODULES = 'tensorflow._api.v2.compat.v1.'
# The last release of TensorFlow 1, for scripts that ask for the version.
_VERSION = '1.15.5'


def install() -> Any:
    """Makes `import tensorflow`, and what lies below it, TensorFlow 1; returns the module.

    Raises:
      UsageError: The packages of the extra `tf1` are not installed.
    """
    os.environ['TF_USE_LEGACY_KERAS'] = '1'  # asks TensorFlow for Keras 2, before it is imported
    for name in ('tf_keras', 'tf_slim', 'fissix'):
        if importlib.util.find_spec(name) is None:
            raise UsageError(f'run_tf1 needs the package {name}; install it with {extras.install_command("tf1")}.')
    tf = import_tensorflow()
    warnings.filterwarnings('ignore', '.* is deprecated and will be removed')
    tf.logging.set_verbosity(tf.logging.ERROR)  # else every second function says that it is deprecated
    importlib.import_module('tf_keras')
    _put_back_legacy_layers()
    tf.disable_v2_behavior()
    _put_back_moved_names()
    importlib.import_module('tf_slim')  # before the name "tensorflow" means something else
    modern = sys.modules['tensorflow']
    tf.__path__ = [*tf.__path__, *modern.__path__]
    tf.__version__ = tf.VERSION = _VERSION
    _alias_modules(tf, modern)
    old_names.put_back(tf)
    keras.install(tf)
    contrib.install(tf)
    estimator.install(tf)
    tutorials.install(tf)
    _place_softly()
    _let_flags_be_defined_again(tf)
    return tf


def _put_back_legacy_layers() -> None:
    """`tf.layers` looks for these modules where an earlier tf_keras had them."""
    package = importlib.import_module('tf_keras.src.legacy_tf_layers')
    sys.modules['tf_keras.legacy_tf_layers'] = package
    for found in pkgutil.iter_modules(package.__path__):
        if not found.name.endswith('_test'):
            module = importlib.import_module(f'{package.__name__}.{found.name}')
            sys.modules[f'tf_keras.legacy_tf_layers.{found.name}'] = module


def _put_back_moved_names() -> None:
    """Gives TensorFlow's modules the names back that tf_slim 1.1 and old scripts look for there."""
    for home, name, source in _MOVED:
        module = importlib.import_module(f'tensorflow.python.{home}')
        if not hasattr(module, name):
            new_home, _, new_name = source.rpartition('.')
            setattr(module, name, getattr(importlib.import_module(f'tensorflow.python.{new_home}'), new_name))


_MOVED = (
    ('framework.ops', 'Tensor', 'framework.tensor.Tensor'),
    (
        'framework.ops',
        'convert_to_tensor_or_indexed_slices',
        'framework.indexed_slices.convert_to_tensor_or_indexed_slices',
    ),
    ('framework.ops', 'IndexedSlices', 'framework.indexed_slices.IndexedSlices'),
    ('framework.tensor_shape', 'TensorSpec', 'framework.tensor.TensorSpec'),
    ('ops.control_flow_ops', 'cond', 'ops.cond.cond'),
    ('ops.control_flow_ops', 'while_loop', 'ops.while_loop.while_loop'),
    ('ops.control_flow_ops', 'Assert', 'ops.control_flow_assert.Assert'),
    ('ops.control_flow_ops', 'case', 'ops.control_flow_case.case'),
    ('ops.array_ops', 'stack', 'ops.array_ops_stack.stack'),
    ('ops.array_ops', 'unstack', 'ops.array_ops_stack.unstack'),
    ('ops.variable_scope', 'variable', 'ops.variable_v1.VariableV1'),
)


def _alias_modules(tf: Any, modern: ModuleType) -> None:
    """Lets `import tensorflow.X` find the modules of TensorFlow 1."""
    for name, module in list(sys.modules.items()):
        if name.startswith(_V1_MODULES):
            sys.modules['tensorflow.' + name.removeprefix(_V1_MODULES)] = module
    compat: Any = ModuleType('tensorflow.compat')
    compat.__dict__.update({name: value for name, value in vars(tf.compat).items() if not name.startswith('__')})
    compat.__dict__.update(v1=tf, v2=modern, __path__=[])
    sys.modules.update({'tensorflow.compat': compat, 'tensorflow.compat.v1': tf, 'tensorflow.compat.v2': modern})
    tf.compat = compat
    sys.modules['tensorflow'] = tf


def _place_softly() -> None:
    """A script that names GPUs which this machine has not runs on the processor."""
    from tensorflow.core.protobuf import config_pb2
    from tensorflow.python.client import session

    original = session.BaseSession.__init__

    def initialize(self: Any, target: str = '', graph: Any = None, config: Any = None) -> None:
        config = config or config_pb2.ConfigProto()
        config.allow_soft_placement = True
        original(self, target, graph, config)

    session.BaseSession.__init__ = initialize


def _let_flags_be_defined_again(tf: Any) -> None:
    """absl has flags of its own, such as --log_dir, that scripts define, too."""
    for flag in tf.flags.FLAGS._flags().values():
        flag.allow_override = True
