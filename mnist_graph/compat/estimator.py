"""A small `tf.estimator`: models of a `model_fn`, trained, evaluated and asked from dictionaries of arrays.

TensorFlow's own has been removed. There are no distributed training, exporting or canned models here.
"""

import collections
import sys
import tempfile
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np


class ModeKeys:
    """What a `model_fn` is called for."""

    TRAIN, EVAL, PREDICT = 'train', 'eval', 'infer'


class EstimatorSpec(NamedTuple):
    """What a `model_fn` returns."""

    mode: str
    predictions: Any = None
    loss: Any = None
    train_op: Any = None
    eval_metric_ops: dict[str, tuple[Any, Any]] | None = None
    export_outputs: Any = None
    training_chief_hooks: Any = ()
    training_hooks: Any = ()
    scaffold: Any = None
    evaluation_hooks: Any = ()
    prediction_hooks: Any = ()


class RunConfig:
    """Settings; all but `model_dir` are taken and have no effect."""

    def __init__(self, model_dir: str | None = None, **settings: Any):
        self.model_dir = model_dir
        self.__dict__.update(settings)

    def replace(self, **settings: Any) -> 'RunConfig':
        """A copy with other settings."""
        return RunConfig(**{**self.__dict__, **settings})


def install(tf: Any) -> None:
    """Makes `tf.estimator`, where TensorFlow has none."""
    module = ModuleType('tensorflow.estimator')
    inputs: Any = ModuleType('tensorflow.estimator.inputs')
    inputs.numpy_input_fn = _numpy_input_fn(tf)
    members = {
        'Estimator': _estimator(tf),
        'EstimatorSpec': EstimatorSpec,
        'ModeKeys': ModeKeys,
        'RunConfig': RunConfig,
        'TrainSpec': collections.namedtuple('TrainSpec', 'input_fn max_steps hooks', defaults=(None, ())),
        'EvalSpec': collections.namedtuple('EvalSpec', 'input_fn steps', defaults=(100,)),
        'train_and_evaluate': _train_and_evaluate,
        'inputs': inputs,
    }
    module.__dict__.update(members, __path__=[])
    tf.estimator = module
    sys.modules.update({'tensorflow.estimator': module, 'tensorflow.estimator.inputs': inputs})


def _train_and_evaluate(estimator: Any, train_spec: Any, eval_spec: Any) -> Any:
    estimator.train(train_spec.input_fn, max_steps=train_spec.max_steps)
    return estimator.evaluate(eval_spec.input_fn, eval_spec.steps), []


def _numpy_input_fn(tf: Any) -> Callable:
    def numpy_input_fn(
        x: Any,
        y: Any = None,
        batch_size: int = 128,
        num_epochs: int | None = 1,
        shuffle: bool | None = None,
        queue_capacity: int = 1000,
        num_threads: int = 1,
    ) -> Callable:
        def input_fn() -> Any:
            everything = x if y is None else (x, y)
            dataset = tf.data.Dataset.from_tensor_slices(everything)
            if shuffle:
                dataset = dataset.shuffle(queue_capacity)
            return dataset.repeat(num_epochs).batch(batch_size)

        return input_fn

    return numpy_input_fn


def _estimator(tf: Any) -> type:
    class Estimator:
        """Builds a graph by `model_fn` for each call, and carries the weights on in checkpoints."""

        def __init__(
            self,
            model_fn: Callable,
            model_dir: str | None = None,
            config: Any = None,
            params: Any = None,
            **ignored: Any,
        ):
            self._model_fn, self._params, self.config = model_fn, params, config or RunConfig()
            self.model_dir = model_dir or self.config.model_dir or tempfile.mkdtemp()
            self.params = params

        def _build(self, input_fn: Callable, mode: str) -> EstimatorSpec:
            tf.train.get_or_create_global_step()
            given = _call(input_fn, mode=mode, params=self._params, config=self.config)
            if isinstance(given, tf.data.Dataset):
                iterator = tf.data.make_initializable_iterator(given)
                tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
                given = iterator.get_next()
            features, labels = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
            arguments = {} if mode == ModeKeys.PREDICT else {'labels': labels}
            if mode == ModeKeys.PREDICT and 'labels' in _names(self._model_fn):
                arguments['labels'] = None
            return _call(self._model_fn, features, **arguments, mode=mode, params=self._params, config=self.config)

        def _session(self, hooks: Any = (), saving: bool = False) -> Any:
            return tf.train.MonitoredTrainingSession(
                checkpoint_dir=self.model_dir,
                hooks=list(hooks or ()),
                save_checkpoint_secs=600 if saving else None,
                save_summaries_steps=100 if saving else None,
                save_summaries_secs=None,
                log_step_count_steps=None,
            )

        def train(
            self, input_fn: Callable, hooks: Any = None, steps: Any = None, max_steps: Any = None, **_: Any
        ) -> Any:
            """Trains for so many steps more, up to `max_steps`, or as long as there is input."""
            with tf.Graph().as_default():
                spec = self._build(input_fn, ModeKeys.TRAIN)
                ends = [tf.train.StopAtStepHook(num_steps=steps, last_step=max_steps)] if steps or max_steps else []
                with self._session([*ends, *(hooks or ()), *spec.training_hooks], saving=True) as session:
                    while not session.should_stop():
                        session.run(spec.train_op)
            return self

        def evaluate(
            self, input_fn: Callable, steps: int | None = None, hooks: Any = None, **ignored: Any
        ) -> dict[str, Any]:
            """The metrics over the input, the mean loss, and the step."""
            with tf.Graph().as_default():
                spec = self._build(input_fn, ModeKeys.EVAL)
                metrics = dict(spec.eval_metric_ops or {})
                metrics['loss'] = tf.metrics.mean(spec.loss)
                values = {name: value for name, (value, _) in metrics.items()}
                updates = [update for _, update in metrics.values()]
                step = tf.train.get_global_step()
                found: dict[str, Any] = {}
                with self._session(hooks) as session:
                    for _ in _counting(steps):
                        try:
                            session.run(updates)
                        except tf.errors.OutOfRangeError:
                            break
                        found = session.run({**values, 'global_step': step})
            return found

        def predict(self, input_fn: Callable, predict_keys: Any = None, **_: Any) -> Iterator[Any]:
            """The predictions, picture by picture."""
            with tf.Graph().as_default():
                spec = self._build(input_fn, ModeKeys.PREDICT)
                with self._session() as session:
                    while True:
                        try:
                            batch = session.run(spec.predictions)
                        except (tf.errors.OutOfRangeError, StopIteration):
                            return
                        yield from _rows(batch)

    return Estimator


def _counting(steps: int | None) -> Iterator[int]:
    number = 0
    while steps is None or number < steps:
        yield number
        number += 1


def _rows(batch: Any) -> Iterator[Any]:
    if not isinstance(batch, dict):
        yield from np.asarray(batch)
        return
    for index in range(len(next(iter(batch.values())))):
        yield {name: values[index] for name, values in batch.items()}


def _names(function: Callable) -> tuple[str, ...]:
    import inspect

    return tuple(inspect.signature(function).parameters)


def _call(function: Callable, *arguments: Any, **named: Any) -> Any:
    """Calls with those named arguments that the function takes."""
    names = _names(function)
    return function(*arguments, **{name: value for name, value in named.items() if name in names or name == 'labels'})
