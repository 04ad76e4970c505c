"""A trained network, rebuilt from its folder alone, ready to predict."""

from typing import Any, NamedTuple

import numpy as np

from mnist_graph import evaluation, run_folder
from mnist_graph.checkpoint import restore
from mnist_graph.description import Description


class SavedModel(NamedTuple):
    """Networks with their trained values, used as a context manager.

    Attributes:
      description: What the first folder's `hparams.json` says.
      members: (network, session) of each folder; their probabilities are averaged.
      n_threads: Cores that predictions use.
      problems: A line for each damaged checkpoint that was passed over.
    """

    description: Description
    members: list[tuple[Any, Any]]
    n_threads: int
    problems: list[str]

    def __enter__(self) -> 'SavedModel':
        return self

    def __exit__(self, *error) -> None:
        for _, sess in self.members:
            sess.close()

    def probabilities(self, images: np.ndarray, show=None) -> np.ndarray:
        """float64 [n, classes], the mean over all members.

        Args:
          images: uint8 [n, height, width, channels], or float32 of that shape in [0, 1].
          show: Wraps the iteration over batches, as tqdm does.
        """
        total = 0.0
        for network, sess in self.members:
            total = total + evaluation.softmax(evaluation.logits(network, sess, images, self.n_threads, show))
        return total / len(self.members)


def load(model_dirs: list[str], which: str = 'last', n_threads: int = 1) -> SavedModel:
    """Loads one model, or several to be averaged.

    Args:
      model_dirs: Folders of runs; all must read the same kind of picture.
      which: 'last' or 'best' (on validation) checkpoint.
      n_threads: Cores to use.

    Raises:
      CheckpointError: A folder holds no whole model, or they do not fit together.
    """
    import tensorflow.compat.v1 as tf

    from mnist_graph import description, graph, runtime
    from mnist_graph.errors import CheckpointError

    descriptions = [description.read(folder) for folder in model_dirs]
    members, problems = [], []
    for folder, described in zip(model_dirs, descriptions):
        if described.input_spec[:4] != descriptions[0].input_spec[:4]:
            raise CheckpointError(f'{folder}: reads pictures of another shape or other classes than '
                                  f'{model_dirs[0]}; only like models can be averaged.')
        found, lines = run_folder.find_checkpoint(folder, which)
        problems += lines
        network = graph.build(described.hparams, described.input_spec, training=False)
        sess = runtime.open_session(network, n_threads, n_threads)
        with network.graph.as_default():
            variables = tf.global_variables()
            restore(sess, tf.train.Saver(variables), found, variables)
        members.append((network, sess))
    return SavedModel(descriptions[0], members, n_threads, problems)
