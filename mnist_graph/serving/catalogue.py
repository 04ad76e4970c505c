"""The models that are served, and their versions, which are the checkpoints of their runs."""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.models import pretrained, saved_model
from mnist_graph.serving.limits import RequestError
from mnist_graph.training import checkpoint, evaluation, manifest

# Versions of one model that are in memory at a time; the others are loaded when they are asked for.
_MOST_LOADED = 8
# Seconds after which the folder is looked at for new checkpoints.
_LOOK_AGAIN = 1.0


class Version(NamedTuple):
    """One checkpoint in memory.

    Attributes:
      number: Its step.
      sess: A tf.Session with its values.
      scores: Probabilities, float64 [n, classes], of float32 [n, features].
      insides: ([n, classes] probabilities, a list of each layer's output) of the same.
    """

    number: int
    sess: Any
    scores: Callable[[np.ndarray], np.ndarray]
    insides: Callable[[np.ndarray], tuple[np.ndarray, list[np.ndarray]]]


class ServedModel:
    """One run's folder.

    Attributes:
      name: What requests call it.
      found: The `saved_model.Found` of it alone.
      description: What its folder says of it.
      finder: The model that finds digits in pictures for it, which may be itself; None if it reads no digits, or none can.
    """

    finder: 'ServedModel | None' = None

    def __init__(self, name: str, found: saved_model.Found, n_threads: int):
        import tensorflow.compat.v1 as tf

        from mnist_graph import graph
        from mnist_graph.models.inside import Inside

        self.name, self.found, self.description = name, found, found.descriptions[0]
        self._n_threads = n_threads
        self.network = graph.build(self.description.hparams, self.description.input_spec, training=False)
        self.inside = Inside(self.network)
        with self.network.graph.as_default():
            self._variables = tf.global_variables()
            self._saver = tf.train.Saver(self._variables)
        self._lock = threading.Lock()
        self._loaded: OrderedDict[int, Version] = OrderedDict()
        self._damaged: set[int] = set()
        self._steps: list[int] = []
        self._looked = -np.inf
        self.version(found.checkpoints[0].step)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a picture."""
        spec = self.description.input_spec
        return spec.height, spec.width, spec.channels

    def versions(self) -> list[int]:
        """The steps of all checkpoints that are not known to be damaged, ascending."""
        now = time.monotonic()
        if now - self._looked > _LOOK_AGAIN:
            folders = [os.path.join(self.found.folders[0], name) for name in (checkpoint.LAST, checkpoint.BEST)]
            try:
                self._steps = sorted({step for folder in folders for step in checkpoint.steps(folder)})
            except CheckpointError:
                self._steps = []
            self._damaged.intersection_update(self._steps)  # what was removed may be saved anew
            self._looked = now
        return [step for step in self._steps if step not in self._damaged]

    def newest(self) -> int:
        """The version that answers where none is asked for."""
        return max(self.versions(), default=self.found.checkpoints[0].step)

    def loaded(self, number: int | None = None) -> Version | None:
        """As `version`, but None where that would take a while."""
        return self._loaded.get(self.newest() if number is None else number)

    def version(self, number: int | None = None) -> Version:
        """A version, loaded if need be; None is the newest that is whole.

        Raises:
          RequestError: There is no such version.
        """
        wanted = self.newest() if number is None else number
        with self._lock:
            if wanted not in self._loaded:
                self._looked = -np.inf
                is_there = wanted in self.versions()  # else it may come later
                try:
                    self._loaded[wanted] = self._load(wanted)
                except CheckpointError:
                    if is_there:
                        self._damaged.add(wanted)
            if wanted in self._loaded:
                self._loaded.move_to_end(wanted)
                while len(self._loaded) > _MOST_LOADED:
                    self._loaded.popitem(last=False)  # its session is closed when the last request is done with it
                return self._loaded[wanted]
        if number is None and self.versions():
            return self.version()
        raise RequestError(404, f'Servable not found for request: Specific({self.name}, {wanted})')

    def _load(self, step: int) -> Version:
        found = self._whole(step)
        import tensorflow.compat.v1 as tf

        from mnist_graph.training import cores

        # A network for a few pictures is done sooner than another thread would have woken up: all is done in the caller's.
        sess = tf.Session(graph=self.network.graph, config=cores.session_config(self._n_threads, -1))
        with self.network.graph.as_default():
            checkpoint.restore(sess, self._saver, found, self._variables)
        scores = _make_callable(sess, self.network, [])
        insides = _make_callable(sess, self.network, self.inside.outputs)
        version = Version(step, sess, lambda X: scores(X)[0], insides)
        version.scores(np.zeros((1, self.description.input_spec.n_features), np.float32))  # which takes longest
        return version

    def _whole(self, step: int) -> manifest.Checkpoint:
        """The checkpoint of a step, verified.

        Raises:
          CheckpointError: There is none that is whole.
        """
        error = CheckpointError(f'{self.name}: no checkpoint of step {step}')
        for name in (checkpoint.LAST, checkpoint.BEST):
            folder = os.path.join(self.found.folders[0], name)
            if step in checkpoint.steps(folder):
                try:
                    return checkpoint.whole(folder, step)
                except CheckpointError as problem:
                    error = problem
        raise error


def _make_callable(sess: Any, network: Any, outputs: list[Any]) -> Callable[[np.ndarray], tuple[np.ndarray, list]]:
    """A function of float32 [n, features] that returns [n, classes] probabilities and a list of these tensors' values.

    `Session.run` sorts out anew in each call what is fed and fetched, which takes longer than a picture's network. What
    `Session.make_callable` prepares once, it prepares for fetches only, but the session does it for both.
    """
    from tensorflow.core.protobuf import config_pb2

    feeds, fetches = [network.X, network.keep_prob], [network.output_layer, *outputs]
    options = config_pb2.CallableOptions(feed=[each.name for each in feeds], fetch=[each.name for each in fetches])
    call = sess._make_callable_from_options(options)

    def run(X: np.ndarray) -> tuple[np.ndarray, list]:
        logits, *values = call(np.ascontiguousarray(X, np.float32), np.float32(1.0))
        return evaluation.softmax(logits), values

    return run


class Catalogue:
    """All models that are served, by name.

    Args:
      models: As `find` found them, the first being the one that reads where none is named.
      n_threads: Cores to use.
    """

    def __init__(self, models: dict[str, saved_model.Found], n_threads: int):
        self.models = {name: ServedModel(name, found, n_threads) for name, found in models.items()}
        finder = next((model for model in self.models.values() if model.found.folders == [pretrained.FOLDER]), None)
        for model in self.models.values():
            if model.found.finds_digits:
                model.finder = model
            elif model.description.reads_digits and set(model.description.class_names) <= set('0123456789'):
                if finder is None and pretrained.is_there():
                    finder = ServedModel(pretrained.NAME, saved_model.find(pretrained.FOLDER), n_threads)
                model.finder = finder

    def model(self, name: str | None) -> ServedModel:
        """A model by its name; None is the first.

        Raises:
          RequestError: There is none of this name.
        """
        if name is None:
            return next(iter(self.models.values()))
        if name not in self.models:
            raise RequestError(404, f'Servable not found for request: Latest({name})')
        return self.models[name]


def find(model_dirs: Sequence[str] | None) -> dict[str, saved_model.Found]:
    """Finds the models to serve; nothing of TensorFlow is needed for that.

    Args:
      model_dirs: Folders of runs, some of which may be in one comma-separated list; where it names none, the newest run
        is served, or the shipped reader where there is none.

    Returns:
      {name: model}; a name is the last part of the folder.

    Raises:
      CheckpointError: A folder holds no whole model.
      UsageError: Two folders have the same last part.
    """
    folders = [folder for entry in model_dirs or [] for folder in saved_model.split_list(entry)]
    models: dict[str, saved_model.Found] = {}
    for found in map(saved_model.find, folders) if folders else [saved_model.find(None, or_pretrained=True)]:
        name = os.path.basename(os.path.abspath(found.folders[0]))
        if name in models:
            raise UsageError(
                f'{found.folders[0]}: is called {name}, as {models[name].folders[0]} is; '
                f'requests need another name for each model.'
            )
        models[name] = found
    return models
