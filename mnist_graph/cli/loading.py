"""How the commands load data sets and trained models, and what they say about them on standard error."""

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


def load_measured_data(found, among_classes: bool = False):
    """The data set that models are to be measured on.

    Without flags that is what the (first) model was trained on.

    Args:
      found: A `saved_model.Found`.
      among_classes: Whether its classes may be some of those that the models
        read; labels are then numbers of the models' classes.

    Raises:
      DataError: The data set is gone, or its pictures or classes are not those of the models.
    """
    from mnist_graph import data

    described = found.descriptions[0]
    if FLAGS['dataset'].present or FLAGS.data_dir:
        same_data = FLAGS.dataset in (described.dataset_flag, described.dataset)
        folder = FLAGS.data_dir or (described.data_dir if same_data else None) or None
        dataset_flag = FLAGS.dataset
    else:
        dataset_flag, folder = described.dataset_flag, described.data_dir or None
        if folder and described.dataset not in data.DATASETS and not os.path.isdir(folder):
            raise DataError(f'{folder}: the data that the model was trained on is no longer there; give --data_dir.')
    dataset = load_data(dataset_flag, folder, n_validation=0, pictures=described.pictures)
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
    from mnist_graph.base import tensorflow
    from mnist_graph.models import saved_model
    from mnist_graph.training import cores

    if found.notice:
        process.note(found.notice)
    for problem in found.problems:
        process.note(f'{problem}; using the checkpoint before it.')
    process.note(found.summary())
    tensorflow.import_tensorflow()
    cores.share_cores(common_flags.n_threads())
    return saved_model.rebuild(found, common_flags.n_threads(), n_views)
