"""The picture that a training predicts at its end, and what a network read in pictures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mnist_graph import data, drawn
from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import extract

_DEFAULT_PICTURE = 'test_img.png'


class Reading(NamedTuple):
    """What was read in one picture.

    Attributes:
      path: The picture file.
      text: The likeliest reading: a class name, or those of several digits in order.
      probability: Of that reading; for several digits the product of theirs.
      second: The next likeliest reading, which differs in one digit; '' if there is one class only.
      second_probability: Of that one.
      probabilities: float64 [digits, classes].
      class_names: What each label stands for.
    """

    path: str
    text: str
    probability: float
    second: str
    second_probability: float
    probabilities: np.ndarray
    class_names: Sequence[str]


def reading_of(path: str, probabilities: np.ndarray, class_names: Sequence[str]) -> Reading:
    """The Reading of a picture from the probabilities of its digits, float64 [digits, classes]."""
    order = np.argsort(-probabilities, axis=1, kind='stable')
    best = order[:, 0]
    rows = np.arange(len(probabilities))
    probability = float(probabilities[rows, best].prod())
    if probabilities.shape[1] < 2:
        return Reading(path, _join(best, class_names), probability, '', 0.0, probabilities, class_names)
    # The digits are read apart, so the next likeliest reading differs in the one digit that is least sure.
    ratios = probabilities[rows, order[:, 1]] / probabilities[rows, best]
    least_sure = int(ratios.argmax())
    second = best.copy()
    second[least_sure] = order[least_sure, 1]
    return Reading(
        path,
        _join(best, class_names),
        probability,
        _join(second, class_names),
        probability * float(ratios[least_sure]),
        probabilities,
        class_names,
    )


def _join(labels: np.ndarray, class_names: Sequence[str]) -> str:
    names = [class_names[label] for label in labels]
    return ('' if all(len(name) == 1 for name in names) else ' ').join(names)


def picture_to_predict(dataset: data.Dataset, path: str | None = None) -> np.ndarray | None:
    """The picture that a training on a data set predicts at its end, as its network takes it.

    Args:
      dataset: What is trained on.
      path: The picture file. None is test_img.png if it is there to be read, or
        else the same picture drawn anew.

    Returns:
      float32 [1, height, width, channels] in [0, 1], or None if no path is given
      and the network reads no digits.

    Raises:
      ImageError: The picture that `path` names cannot be read.
    """
    spec = dataset.input_spec()
    if path and not dataset.reads_digits:
        return extract.plain_resize(path, spec.height, spec.width, spec.channels)[None]
    if path:
        return extract.picture_to_digit(path)[None, :, :, None]
    if not (dataset.reads_digits and data.look_like_digits(spec, dataset.class_names)):
        return None
    try:
        digit = extract.picture_to_digit(_DEFAULT_PICTURE)
    except ImageError:
        digit = extract.picture_to_digit(drawn.test_picture())
    return digit[None, :, :, None]
