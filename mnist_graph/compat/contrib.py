"""The parts of `tensorflow.contrib` that scripts about MNIST use most.

`layers`, `slim`, `framework` and `losses` are those of the package tf_slim.
"""

import sys
from types import ModuleType
from typing import Any, NoReturn

from mnist_graph import input_data
from mnist_graph.base.errors import UsageError
from mnist_graph.compat import contrib_eager, contrib_rnn

_ROOT = 'tensorflow.contrib'
_MODULES = (
    'data, distributions, eager, framework, keras, layers, learn.datasets, legacy_seq2seq, losses, metrics, '
    'nn, opt, rnn, seq2seq, slim, tensorboard.plugins.projector, training, util'
)


class NotCoveredError(UsageError, AttributeError):
    """A name of `tensorflow.contrib` for which there is no replacement."""


def not_covered(name: str) -> str:
    """The message about a part of `tensorflow.contrib` that a script asks for."""
    return f'{name} is not covered. What there is of {_ROOT}: {_MODULES}.'


def install(tf: Any) -> None:
    """Makes `tf.contrib`."""
    import tf_slim as slim
    from tf_slim.layers import summaries
    from tf_slim.ops import arg_scope
    from tf_slim.ops import variables as slim_variables

    root = _module('', {})
    tf.contrib = root
    initializers = {
        'xavier_initializer': slim.xavier_initializer,
        'xavier_initializer_conv2d': slim.xavier_initializer_conv2d,
        'variance_scaling_initializer': slim.variance_scaling_initializer,
    }
    layers = {
        **_public(slim.layers),
        **_public(summaries),
        **initializers,
        'arg_scope': slim.arg_scope,
        'optimize_loss': slim.optimize_loss,
    }
    framework = {
        **_public(slim_variables),
        **_public(arg_scope),
        'nest': tf.nest,
        'get_or_create_global_step': tf.train.get_or_create_global_step,
        'get_global_step': tf.train.get_global_step,
        'sort': tf.sort,
        'argsort': tf.argsort,
        'list_variables': tf.train.list_variables,
        'load_variable': tf.train.load_variable,
        'nest_map': tf.nest.map_structure,
    }
    contents = {
        'layers': layers,
        'slim': {**_public(slim), **initializers},
        'framework': framework,
        'losses': {**_public(slim.losses)},
        'metrics': {**_public(tf.metrics), 'accuracy': _accuracy(tf)},
        'rnn': contrib_rnn.members(tf),
        'legacy_seq2seq': contrib_rnn.legacy_sequence_members(tf),
        'seq2seq': contrib_rnn.sequence_members(tf),
        'eager': contrib_eager.members(tf),
        'distributions': {**_public(tf.distributions)},
        'keras': {**_public(tf.keras)},
        'data': {**_public(tf.data), **_public(tf.data.experimental)},
        'nn': _public(tf.nn),
        'opt': _public(tf.train),
        'training': {'HParams': HParams},
        'util': {'make_tensor_proto': tf.make_tensor_proto, 'make_ndarray': tf.make_ndarray},
    }
    for name, members in contents.items():
        setattr(root, name, _module(name, members))
    _below(root.layers, 'python.layers', root.layers.__dict__)
    for name, module in list(sys.modules.items()):
        if name.startswith('tf_slim.'):
            sys.modules[f'{_ROOT}.slim.{name.removeprefix("tf_slim.")}'] = module
    _install_learn(root)
    _install_projector(root)


def _public(module: Any) -> dict[str, Any]:
    return {name: getattr(module, name) for name in dir(module) if not name.startswith('_')}


def _module(name: str, members: dict[str, Any]) -> Any:
    """A module below `tensorflow.contrib`, which says so when a name is asked for that it lacks."""
    full_name = f'{_ROOT}.{name}'.rstrip('.')
    module = ModuleType(full_name)

    def missing(attribute: str) -> NoReturn:
        if attribute.startswith('__'):
            raise AttributeError(attribute)
        raise NotCoveredError(not_covered(f'{full_name}.{attribute}'))

    module.__dict__.update(members, __path__=[], __getattr__=missing)
    sys.modules[full_name] = module
    return module


def _below(parent: ModuleType, path: str, members: dict[str, Any]) -> None:
    """Makes the module `path` below `parent`, and those between them."""
    name = parent.__name__.removeprefix(f'{_ROOT}.')
    *between, last = path.split('.')
    for part in between:
        name = f'{name}.{part}'
        child = _module(name, {})
        setattr(parent, part, child)
        parent = child
    own = {key: value for key, value in members.items() if not key.startswith('__')}
    setattr(parent, last, _module(f'{name}.{last}', own))


def _install_learn(root: Any) -> None:
    """`contrib.learn`: of it only the data sets, and what is the same in `tf.estimator`."""

    def load_dataset(name: str) -> Any:
        if name != 'mnist':
            raise NotCoveredError(f'contrib.learn.datasets.load_dataset({name!r}) is not covered; only mnist is.')
        return input_data.read_data_sets('MNIST-data')

    learn = _module('learn', {})
    root.learn = learn
    mnist = {**_public(input_data), 'read_data_sets': input_data.read_data_sets}
    _below(learn, 'python.learn.datasets.mnist', mnist)
    _below(learn, 'datasets.mnist', mnist)
    learn.datasets.load_dataset = load_dataset
    learn.python.learn.datasets.load_dataset = load_dataset


def _install_projector(root: Any) -> None:
    """`contrib.tensorboard.plugins.projector`, where TensorBoard is installed."""
    try:
        from tensorboard.plugins import projector
    except ImportError:
        return
    root.tensorboard = _module('tensorboard', {})
    _below(root.tensorboard, 'plugins.projector', _public(projector))


def _accuracy(tf: Any) -> Any:
    """`contrib.metrics.accuracy`, the mean of the equal ones."""
    return lambda predictions, labels, weights=None, name=None: tf.reduce_mean(
        tf.cast(tf.equal(predictions, labels), tf.float32), name=name
    )


def _bool(text: str) -> bool:
    if text.lower() not in ('true', 'false', '1', '0'):
        raise ValueError(f'{text!r} is neither true nor false.')
    return text.lower() in ('true', '1')


class HParams:
    """`contrib.training.HParams`: values with names."""

    def __init__(self, **values: Any):
        self.__dict__.update(values)

    def values(self) -> dict[str, Any]:
        """The values by name."""
        return dict(self.__dict__)

    def add_hparam(self, name: str, value: Any) -> None:
        """Adds one."""
        setattr(self, name, value)

    def parse(self, text: str) -> 'HParams':
        """Reads `name=value,name=value`; each value gets the type of the one it replaces.

        Raises:
          ValueError: A value is not of that type; one that is true or false must be true, false, 1 or 0.
        """
        for part in filter(None, text.split(',')):
            name, _, value = part.partition('=')
            kind = type(getattr(self, name.strip()))
            setattr(self, name.strip(), _bool(value) if kind is bool else kind(value))
        return self
