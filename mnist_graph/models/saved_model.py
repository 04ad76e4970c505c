"""A trained network, rebuilt from its folder alone, ready to predict."""

import contextlib
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mnist_graph.base.errors import CheckpointError, DataError
from mnist_graph.data import Dataset, Split
from mnist_graph.models import pretrained
from mnist_graph.training import description, evaluation, metrics, run_folder, runs
from mnist_graph.training.checkpoint import Checkpoint, restore
from mnist_graph.training.description import Description

# The classes of a model that can look for digits; see `data.handwriting`.
DIGITS_AND_NONE = (*'0123456789', 'none')


class Found(NamedTuple):
    """Model folders that were found whole; nothing of TensorFlow is needed for that.

    Attributes:
      folders: Their paths; at least one.
      descriptions: What each folder's `hparams.json` says.
      checkpoints: The checkpoint of each.
      problems: A line for each damaged checkpoint that was passed over.
      notice: A line about newer runs that were passed over, or about the shipped reader standing in for a run; or ''.
    """

    folders: list[str]
    descriptions: list[Description]
    checkpoints: list[Checkpoint]
    problems: list[str]
    notice: str = ''

    @property
    def finds_digits(self) -> bool:
        """Whether these models tell digits from what is none, and so can look for them in pictures."""
        return self.descriptions[0].class_names == DIGITS_AND_NONE

    def summary(self) -> str:
        """Which model this is, in one line: folder, step, data set and validation accuracy of each."""
        parts: list[str] = []
        for folder, described, found in zip(self.folders, self.descriptions, self.checkpoints):
            accuracy = _validation_accuracy(folder, found)
            parts.append(
                f'{_shown(folder)}, step {found.step}, trained on {described.dataset}'
                + f', {accuracy}' * bool(accuracy)
            )
        return f'Model{"s" * (len(parts) > 1)}: {"; ".join(parts)}'

    def check_reads(self, dataset: Dataset) -> list[str]:
        """Checks that the models can be measured on a data set.

        Returns:
          A line for each model that was trained on other data.

        Raises:
          DataError: Its pictures have another shape, or it has classes that the models lack.
        """
        described = self.descriptions[0]
        expected, given = described.input_spec[:4], dataset.input_spec()[:4]
        is_part = set(dataset.class_names) <= set(described.class_names)
        if expected[: 3 if is_part else 4] != given[: 3 if is_part else 4]:
            raise DataError(
                f'{dataset.name}: has {_shape(given)}, but the model reads {_shape(expected)}; '
                f'give another --data_dir or --model_dir.'
            )
        if not is_part:
            raise DataError(
                f'{dataset.name}: has the classes {_listed(dataset.class_names)}, but the model reads '
                f'{_listed(described.class_names)}; give another --data_dir or --model_dir.'
            )
        return [
            f'The model was trained on other data ({each.dataset}, {each.fingerprint}) '
            f'than this ({dataset.name}, {dataset.fingerprint}).'
            for each in self.descriptions
            if each.fingerprint != dataset.fingerprint
        ]

    def check_shape(self, shape: tuple[int, ...], where: str) -> None:
        """Raises DataError unless pictures of this (height, width, channels) are what the models read."""
        expected = self.descriptions[0].input_spec[:3]
        if expected != shape:
            has, reads = ('x'.join(map(str, each)) for each in (shape, expected))
            raise DataError(f'{where}: has pictures of {has}, but the model reads {reads}; give another --data_dir.')

    def with_its_labels(self, dataset: Dataset, split: Split) -> Split:
        """A split of a data set that `check_reads` passed, labelled as the models label, which may know more classes."""
        numbers = [self.descriptions[0].class_names.index(name) for name in dataset.class_names]
        return Split(split.images, np.array(numbers, np.int32)[split.labels])


def _shown(folder: str) -> str:
    """A model's folder as --model_dir takes it."""
    return pretrained.NAME if folder == pretrained.FOLDER else folder


def _listed(names: Sequence[str]) -> str:
    return ', '.join(names[:10]) + ', ...' * (len(names) > 10)


def _shape(spec: tuple) -> str:
    return f'{spec[0]}x{spec[1]} pictures of {spec[2]} channel{"s" * (spec[2] > 1)} in {spec[3]} classes'


def _validation_accuracy(folder: str, found: Checkpoint) -> str:
    """'validation accuracy 0.9876', as measured at the checkpoint's step or else the best before it; '' if never."""
    for line in reversed(metrics.read(folder)):
        if line['step'] == found.step and isinstance(line.get('validation_accuracy'), float):
            return f'validation accuracy {line["validation_accuracy"]:.4f}'
    best = found.progress.get('best_accuracy', -1.0)
    return f'best validation accuracy {best:.4f}' if best >= 0 else ''


def find(
    model_dirs: str | os.PathLike | Sequence[str | os.PathLike] | None,
    which: str = 'last',
    flag: str = '--model_dir',
    or_pretrained: bool = False,
) -> Found:
    """Finds one model, or several to be averaged, and checks all that can be checked quickly.

    Args:
      model_dirs: A folder of a run, a comma-separated list of some, or several of these; 'pretrained' is the
        shipped reader (a folder of that name is './pretrained'); None is the newest run.
      which: 'last' or 'best' (on validation) checkpoint.
      flag: The flag that gave the folders, for error messages.
      or_pretrained: Whether None is the shipped reader where there is no run.

    Raises:
      CheckpointError: A folder holds no whole model, or they read different
        kinds of pictures.
    """
    if isinstance(model_dirs, (str, os.PathLike)):
        model_dirs = [model_dirs]
    folders = [folder for entry in model_dirs or [] for folder in split_list(os.fspath(entry))]
    notice = ''
    if not folders and or_pretrained and pretrained.is_there() and runs.is_empty():
        folders, which = [pretrained.FOLDER], 'last'
        notice = 'There is no trained model here yet, so this uses the reader that is shipped with the package.'
    if not folders:
        newest = runs.newest()
        folders, notice = [newest.folder], newest.notice
    descriptions: list[Description] = []
    checkpoints: list[Checkpoint] = []
    problems: list[str] = []
    for folder in folders:
        described = description.read(folder, flag)
        first = descriptions[0] if descriptions else described
        if _reads(described) != _reads(first):
            raise CheckpointError(
                f'{folder}: reads pictures of another shape, of other classes or in another way than '
                f'{folders[0]}; only like models can be averaged.'
            )
        checkpoint, lines = run_folder.find_checkpoint(folder, which, flag)
        descriptions.append(described)
        checkpoints.append(checkpoint)
        problems += lines
    return Found(folders, descriptions, checkpoints, problems, notice)


def _reads(described: Description) -> tuple:
    return described.input_spec[:4], described.class_names, described.reads_digits


def split_list(entry: str) -> list[str]:
    """The folders of runs in 'a,b', which is two unless there is a folder of that very name."""
    folders = [entry] if os.path.isdir(os.path.expanduser(entry)) else entry.split(',')
    return [_real(folder) for folder in folders if folder]


def _real(folder: str) -> str:
    if folder in (pretrained.NAME, pretrained.FOLDER):
        return pretrained.FOLDER
    resolved = runs.resolve(folder)
    return os.path.join(os.curdir, resolved) if resolved == pretrained.NAME else resolved


class SavedModel(NamedTuple):
    """Networks with their trained values, used as a context manager.

    Attributes:
      description: What the first folder's `hparams.json` says.
      members: (network, session) of each folder; their probabilities are averaged.
      n_threads: Batches that are predicted at a time.
      problems: A line for each damaged checkpoint that was passed over.
      views: None, or the `views.Views` that makes the moved views of a picture to average over too.
    """

    description: Description
    members: list[tuple[Any, Any]]
    n_threads: int
    problems: list[str]
    views: Any = None

    def __enter__(self) -> 'SavedModel':
        return self

    def __exit__(self, *error) -> None:
        for _, sess in self.members:
            sess.close()
        if self.views:
            self.views.close()

    def probabilities(self, images: np.ndarray, show=None) -> np.ndarray:
        """float64 [n, classes], the mean over all members and views.

        Args:
          images: uint8 [n, height, width, channels], or float32 of that shape in [0, 1].
          show: Wraps the iteration over batches, as tqdm does.
        """
        if not self.views:
            return self._mean_over_members(images, show)
        return self.views.mean(images, self._mean_over_members, show)

    def _mean_over_members(self, images: np.ndarray, show=None) -> np.ndarray:
        total = np.zeros((len(images), self.description.input_spec.n_classes))
        for network, sess in self.members:
            total += evaluation.softmax(evaluation.logits(network, sess, images, self.n_threads, show))
        return total / len(self.members)

    def first_layer(self) -> np.ndarray:
        """float32 [height, width, channels, units]: what the first model's first layer multiplies pictures by.

        For a fully connected network height and width are the picture's, for
        convolutions the filter's.
        """
        network, sess = self.members[0]
        weight = next(iter(network.weights.values()))
        values = sess.run(network.tested(weight))
        return values if values.ndim == 4 else values.reshape(*self.description.input_spec[:3], -1)


def load(
    model_dirs: str | os.PathLike | Sequence[str | os.PathLike] | None,
    which: str = 'last',
    n_threads: int = 1,
    n_views: int = 1,
) -> SavedModel:
    """Finds and rebuilds models; see `find` and `rebuild`."""
    return rebuild(find(model_dirs, which), n_threads, n_views)


def rebuild(found: Found, n_threads: int = 1, n_views: int = 1) -> SavedModel:
    """Builds the networks of folders that were found, and gives them their trained values.

    Args:
      found: What `find` found.
      n_threads: Cores to use; see `cores.open_session`.
      n_views: Slightly moved views of each picture to average over, 1 (only
        the picture itself) to 9.

    Raises:
      CheckpointError: A checkpoint is of another network than its description, or has gone.
      UsageError: The pictures are too small to be moved.
    """
    import tensorflow.compat.v1 as tf

    from mnist_graph import graph
    from mnist_graph.network import views
    from mnist_graph.training import cores

    described, members = found.descriptions[0], []
    with contextlib.ExitStack() as opened:  # closes them if a later one fails
        for member, checkpoint in zip(found.descriptions, found.checkpoints):
            network = graph.build(member.hparams, member.input_spec, training=False)
            sess = opened.enter_context(contextlib.closing(cores.open_session(network, n_threads)))
            with network.graph.as_default():
                variables = tf.global_variables()
                restore(sess, tf.train.Saver(variables), checkpoint, variables)
            members.append((network, sess))
        moved = views.Views(described.input_spec, n_views) if n_views > 1 else None
        opened.pop_all()
    return SavedModel(described, members, n_threads, found.problems, moved)
