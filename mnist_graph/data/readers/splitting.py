"""Setting test pictures aside where a data set comes without any."""

import numpy as np

from mnist_graph.data.raw_data import Part, plain_labels

# Of every class, one picture in so many becomes a test picture.
_ONE_IN = 6
_SEED = 0


def split(whole: Part, where: str) -> tuple[Part, Part, str]:
    """(training part, test part, notice): a sixth of each class, drawn at random but always the same, is the test part.

    Raises:
      DataError: The labels are none, or not one for each picture.
    """
    whole.check_lengths()
    is_test = test_rows(plain_labels(whole.labels, whole.labels_where))
    train, test = (whole._replace(images=whole.images[rows], labels=whole.labels[rows]) for rows in (~is_test, is_test))
    return train, test, notice(where, is_test)


def notice(where: str, is_test: np.ndarray) -> str:
    """The line for the user that says how many pictures were set aside for testing."""
    return (
        f'{where}: has no labelled test pictures, so {int(is_test.sum())} of its {len(is_test)} pictures, a sixth of '
        f'each class at random, were set aside for testing.'
    )


def test_rows(labels: np.ndarray) -> np.ndarray:
    """bool [n]: which pictures become test pictures.

    Args:
      labels: int [n].
    """
    generator = np.random.default_rng(_SEED)
    is_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        is_test[generator.permutation(rows)[: len(rows) // _ONE_IN]] = True
    return is_test
