"""How the commands load data sets and trained models, and what they say about them on standard error."""

import sys
from typing import Any

from absl import flags

from mnist_graph.cli import common_flags, process

FLAGS = flags.FLAGS


def load_data(dataset: str, data_dir: str | None, n_validation: int | None = None):
    """A `data.Dataset`, read as --pictures and --skip_bad_pictures say.

    Args:
      dataset, data_dir: As `data.load` takes them.
      n_validation: Pictures to hold out; None leaves the number to `data.load`.
    """
    from mnist_graph import data

    options: dict[str, Any] = {
        name: FLAGS[name].value for name in ('pictures', 'skip_bad_pictures') if FLAGS[name].present
    }
    if n_validation is not None:
        options['n_validation'] = n_validation
    loaded = data.load(dataset, data_dir, show_progress=sys.stderr.isatty(), **options)
    for notice in loaded.notices:
        process.note(notice)
    return loaded


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

    for problem in found.problems:
        process.note(f'{problem}; using the checkpoint before it.')
    process.note(found.summary())
    tensorflow.import_tensorflow()
    cores.share_cores(common_flags.n_threads())
    return saved_model.rebuild(found, common_flags.n_threads(), n_views)
