"""How the commands that use trained models load them, and say which they use."""

from mnist_graph.cli import common_flags, process


def load(found, n_views: int):
    """Loads models, and says on standard error which they are.

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
