"""Names and orders of arguments that TensorFlow had before version 1.0 or dropped since."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

# {name before 1.0: where it is in TensorFlow 1}
_RENAMED = {
    'mul': 'multiply',
    'sub': 'subtract',
    'neg': 'negative',
    'inv': 'reciprocal',
    'pack': 'stack',
    'unpack': 'unstack',
    'select': 'where',
    'batch_matmul': 'matmul',
    'complex_abs': 'abs',
    'listdiff': 'setdiff1d',
    'all_variables': 'global_variables',
    'initialize_variables': 'variables_initializer',
    'merge_all_summaries': 'summary.merge_all',
    'merge_summary': 'summary.merge',
    'train.SummaryWriter': 'summary.FileWriter',
    'nn.rnn': 'nn.static_rnn',
    'nn.state_saving_rnn': 'nn.static_state_saving_rnn',
    'nn.bidirectional_rnn': 'nn.static_bidirectional_rnn',
}
_CROSS_ENTROPIES = (
    'softmax_cross_entropy_with_logits',
    'softmax_cross_entropy_with_logits_v2',
    'sparse_softmax_cross_entropy_with_logits',
    'sigmoid_cross_entropy_with_logits',
)


def put_back(tf: Any) -> None:
    """Gives the module of TensorFlow 1 the older names, and lets its functions take the older order of arguments."""
    for old, new in _RENAMED.items():
        *path, name = old.split('.')
        home = functools.reduce(getattr, path, tf)
        if not hasattr(home, name) and (found := _find(tf, new)):
            setattr(home, name, found)
    for name in _CROSS_ENTROPIES:
        setattr(tf.nn, name, _logits_first(getattr(tf.nn, name)))
    tf.concat = _axis_first(tf.concat)
    tf.split = _split(tf.split)
    _let_summaries_have_tags(tf)


def _find(tf: ModuleType, path: str) -> Any:
    try:
        return functools.reduce(getattr, path.split('.'), tf)
    except AttributeError:
        return None


def _logits_first(function: Callable) -> Callable:
    """Before 1.0 cross-entropy was called with logits and labels in this order; later only by name, behind a `_sentinel`."""

    @functools.wraps(function)
    def call(*arguments: Any, _sentinel: Any = None, **named: Any) -> Any:
        if arguments and arguments[0] is not None:
            named.update(zip(('logits', 'labels'), arguments))
            arguments = ()
        return function(*arguments, **named)

    return call


def _axis_first(function: Callable) -> Callable:
    """`tf.concat(axis, values)` of old is understood, too; there the axis is a number and the values are a list."""

    @functools.wraps(function)
    def call(values: Any = None, axis: Any = None, name: str = 'concat', concat_dim: Any = None) -> Any:
        if concat_dim is not None:
            return function(values, concat_dim, name)
        if isinstance(values, int) and not isinstance(axis, int):
            values, axis = axis, values
        return function(values, axis, name)

    return call


def _split(function: Callable) -> Callable:
    """`tf.split(axis, number, value)` of old is understood, too."""

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if 'split_dim' in named:
            named['axis'] = named.pop('split_dim')
            named['num_or_size_splits'] = named.pop('num_split')
        elif len(arguments) == 3 and isinstance(arguments[0], int) and not isinstance(arguments[2], int):
            arguments = (arguments[2], arguments[1], arguments[0])
        return function(*arguments, **named)

    return call


def _let_summaries_have_tags(tf: Any) -> None:
    """Before 1.0 the first argument was called `tag` or `tags`."""
    for kind in ('scalar', 'histogram', 'image', 'audio'):
        function = getattr(tf.summary, kind)

        def call(*arguments: Any, function: Callable = function, **named: Any) -> Any:
            for old in {'tag', 'tags'} & set(named):
                named['name'] = named.pop(old)
            return function(*arguments, **named)

        setattr(tf, f'{kind}_summary', functools.wraps(function)(call))
