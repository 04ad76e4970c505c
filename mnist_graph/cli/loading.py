"""How the commands load data sets and trained models, and what they say about them on standard error."""

import contextlib
import os
import sys

from absl import flags

from mnist_graph.base.errors import DataError
from mnist_graph.cli import common_flags, process

FLAGS = flags.FLAGS


def load_data(dataset: str, data_dir: str | None, n_validation: int | None = None, pictures: str = 'auto'):
    """A `data.Dataset`, read as --pictures and --skip_bad_pictures say.

    Args:
      dataset, data_dir: As `data.load` takes them.
      n_validation: Pictures to hold out; None leaves the number to `data.load`.
      pictures: What --pictures is if it is not given.
    """
    from mnist_graph import data

    loaded = data.load(
        dataset,
        data_dir,
        n_validation,
        pictures=FLAGS.pictures if FLAGS['pictures'].present else pictures,
        skip_bad_pictures=FLAGS.skip_bad_pictures,
        show_progress=sys.stderr.isatty(),
    )
    for notice in loaded.notices:
        process.note(notice)
    return loaded


def check_still_there(described) -> None:
    """Raises DataError if a model was trained on a folder or file of data that has gone."""
    from mnist_graph import data

    folder = described.data_dir
    if folder and described.dataset not in data.DATASETS and not os.path.exists(folder):
        raise DataError(f'{folder}: the data that the model was trained on is no longer there; give --data_dir.')


def load_measured_data(found, among_classes: bool = False, or_drawn: bool = False):
    """The data set that models are to be measured on.

    Without --data_dir, --dataset=auto is what the (first) model was trained on.

    Args:
      found: A `saved_model.Found`.
      among_classes: Whether its classes may be some of those that the models
        read; labels are then numbers of the models' classes.
      or_drawn: Whether drawn digits, as a note says, take the place of data that
        cannot be downloaded, if the models read digits and no data is asked for.

    Raises:
      DataError: The data set is gone, or its pictures or classes are not those of the models.
    """
    from mnist_graph import data

    described = found.descriptions[0]
    if FLAGS.dataset != 'auto' or FLAGS.data_dir:
        same_data = FLAGS.dataset in (described.dataset_flag, described.dataset)
        folder = FLAGS.data_dir or (described.data_dir if same_data else None) or None
        dataset_flag = FLAGS.dataset
    else:
        dataset_flag, folder = described.dataset_flag, described.data_dir or None
        check_still_there(described)
    try:
        dataset = load_data(dataset_flag, folder, n_validation=0, pictures=described.pictures)
    except data.NoDataError:
        if not (or_drawn and described.reads_digits) or FLAGS['dataset'].present or FLAGS.data_dir:
            raise
        process.note('MNIST could not be downloaded, so this uses the drawn digits; --data_dir names other data.')
        dataset = load_data('drawn', None, n_validation=0)
    if among_classes:
        dataset = dataset.with_classes(described.class_names)
    for difference in found.check_reads(dataset):
        process.note(difference)
    return dataset


def load_model(found, n_views: int):
    """Loads models, and says which they are.

    Args:
      found: A `saved_model.Found`.
      n_views: As `saved_model.rebuild` takes it.

    Returns:
      A `saved_model.SavedModel` that uses as many cores as --num_threads says.
    """
    if found.notice:
        process.note(found.notice)
    for problem in found.problems:
        process.note(f'{problem}; using the checkpoint before it.')
    process.note(found.summary())
    return _rebuild(found, n_views)


def _rebuild(found, n_views: int):
    from mnist_graph.base import tensorflow
    from mnist_graph.models import saved_model
    from mnist_graph.training import cores

    tensorflow.import_tensorflow()
    cores.share_cores(common_flags.n_threads())
    return saved_model.rebuild(found, common_flags.n_threads(), n_views)


class ReadingModels(contextlib.ExitStack):
    """The model that reads, and the one that finds digits in pictures, each loaded when there is a picture for it.

    A model that was trained on digits alone cannot say that something is no
    digit. The shipped reader then finds the digits, and the model reads them.

    Attributes:
      class_names: Of the model that reads.
      find_digits: Whether several digits can be looked for: the model reads
        digits, and there is one that can find them.
    """

    def __init__(self, found, n_views: int):
        from mnist_graph.models import pretrained, saved_model

        super().__init__()
        described = found.descriptions[0]
        self.class_names = described.class_names
        self._found, self._n_views = found, n_views
        self._loaded: dict = {}
        self._finder_found = None
        if found.finds_digits:
            self._finder_found = found
        elif pretrained.is_there() and set(described.class_names) <= set('0123456789'):
            self._finder_found = saved_model.find(pretrained.FOLDER)
        self.find_digits = described.reads_digits and self._finder_found is not None

    def _reader(self):
        """The model that was asked for."""
        if 'reader' not in self._loaded:
            self._loaded['reader'] = self.enter_context(load_model(self._found, self._n_views))
        return self._loaded['reader']

    def _finder(self):
        """The model that finds digits, which may be the same."""
        if self._found.finds_digits:
            return self._reader()
        if 'finder' not in self._loaded:
            self._loaded['finder'] = self.enter_context(_rebuild(self._finder_found, 1))
        return self._loaded['finder']

    def score(self, images):
        """float64 [n, classes], of float32 [n, 28, 28] images, for `stream.stream`."""
        return self._finder().probabilities(images[..., None])

    def probabilities(self, pictures):
        """float64 [digits, classes] of all digits in the Prepared pictures."""
        import numpy as np

        reader = self._reader()
        if self._found.finds_digits and all(picture.page is not None for picture in pictures):
            scores = [digit.scores for picture in pictures for row in picture.page.rows for digit in row]
            return np.reshape(scores, (-1, len(self.class_names)))
        return reader.probabilities(np.concatenate([picture.images for picture in pictures]))
