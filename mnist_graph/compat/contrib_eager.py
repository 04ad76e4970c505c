"""`tensorflow.contrib.eager`: what scripts of 2017 and 2018 called `tfe`."""

from collections.abc import Callable, Iterator
from typing import Any


def members(tf: Any) -> dict[str, Any]:
    """{name: function or class}."""

    def value_and_gradients(function: Callable) -> Callable:
        def call(*arguments: Any) -> Any:
            with tf.GradientTape() as tape:
                value = function(*arguments)
            variables = tape.watched_variables()
            return value, list(zip(tape.gradient(value, variables), variables))

        return call

    def implicit_gradients(function: Callable) -> Callable:
        both = value_and_gradients(function)
        return lambda *arguments: both(*arguments)[1]

    def gradients_function(function: Callable, params: Any = None) -> Callable:
        def call(*arguments: Any) -> Any:
            tensors = [tf.convert_to_tensor(each) for each in arguments]
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                value = function(*tensors)
            return tape.gradient(value, tensors)

        return call

    class DatasetIterator:
        """Goes through a `tf.data.Dataset`."""

        def __init__(self, dataset: Any):
            self._iterator = iter(dataset)

        def __iter__(self) -> Iterator:
            return self

        def __next__(self) -> Any:
            return next(self._iterator)

        next = __next__

    class Network(tf.keras.Model):
        """A model that is told of its layers by `track_layer`."""

        def track_layer(self, layer: Any) -> Any:
            """Keeps the layer's variables as the model's own."""
            tracked = self.__dict__.setdefault('_tracked_by_name', [])
            setattr(self, f'tracked_{len(tracked)}', layer)
            tracked.append(layer.name)
            return layer

    return {
        'enable_eager_execution': tf.enable_eager_execution,
        'executing_eagerly': tf.executing_eagerly,
        'in_eager_mode': tf.executing_eagerly,
        'Iterator': DatasetIterator,
        'Network': Network,
        'Variable': lambda *arguments, **named: tf.Variable(*arguments, **{'use_resource': True, **named}),
        'GradientTape': tf.GradientTape,
        'implicit_gradients': implicit_gradients,
        'implicit_value_and_gradients': value_and_gradients,
        'gradients_function': gradients_function,
        'num_gpus': lambda: len(tf.config.list_physical_devices('GPU')),
        'py_func': tf.py_func,
        'Saver': tf.train.Saver,
        'Checkpoint': tf.train.Checkpoint,
    }
