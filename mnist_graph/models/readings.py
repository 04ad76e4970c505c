"""The picture that a training predicts at its end, and what a network read in pictures."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mnist_graph import data, drawn
from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import extract

_DEFAULT_PICTURE = 'test_img.png'
# The class of what is no digit.
NONE = 'none'


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
      rows: The readings of the rows, top to bottom, that `text` joins with '/'; () where rows were not looked for.
      left_out: Share of the ink, in [0, 1], that was seen and is in no digit.
    """

    path: str
    text: str
    probability: float
    second: str
    second_probability: float
    probabilities: np.ndarray
    class_names: Sequence[str]
    rows: tuple[str, ...] = ()
    left_out: float = 0.0

    @property
    def n_read(self) -> int:
        """How many of the classes, the first ones, are read: all but `none`."""
        return n_read(self.class_names)

    @property
    def is_empty(self) -> bool:
        """Whether there is no digit in the picture."""
        return not len(self.probabilities)


def reading_of(
    path: str,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    row_lengths: Sequence[int] = (),
    left_out: float = 0.0,
    min_probability: float = 0.0,
) -> Reading:
    """The Reading of a picture.

    Args:
      path: The picture file.
      probabilities: float64 [digits, classes]; of no digits, if there are none.
      class_names: What each label stands for; one called 'none' is not read.
      row_lengths: Digits in each row; () where rows were not looked for.
      left_out: As of Reading.
      min_probability: Digits less likely are read as '?'.
    """
    if not len(probabilities):
        return Reading(path, '', 0.0, '', 0.0, probabilities, class_names, (), left_out)
    n = n_read(class_names)
    order = np.argsort(-probabilities[:, :n], axis=1, kind='stable')
    best = order[:, 0]
    digits = np.arange(len(probabilities))
    likeliest = probabilities[digits, best]
    probability = float(likeliest.prod())

    def text(labels: np.ndarray, unsure: np.ndarray) -> tuple[str, ...]:
        names = ['?' if each else class_names[label] for label, each in zip(labels, unsure)]
        between = '' if all(len(name) == 1 for name in names) else ' '
        ends = np.cumsum(row_lengths or [len(names)]).tolist()
        return tuple(between.join(names[start:stop]) for start, stop in zip([0, *ends], ends))

    rows = text(best, likeliest < min_probability)
    second, second_probability = '', 0.0
    if n > 1:
        # The digits are read apart, so the next likeliest reading differs in the one digit that is least sure.
        ratios = probabilities[digits, order[:, 1]] / likeliest
        least_sure = int(ratios.argmax())
        changed = best.copy()
        changed[least_sure] = order[least_sure, 1]
        second = '/'.join(text(changed, np.zeros(len(best), bool)))
        second_probability = probability * float(ratios[least_sure])
    rows_if_any = rows if row_lengths else ()
    return Reading(
        path, '/'.join(rows), probability, second, second_probability, probabilities, class_names, rows_if_any, left_out
    )


def n_read(class_names: Sequence[str]) -> int:
    """How many classes, the first ones, are read: all but `none`."""
    return len(class_names) - (class_names[-1] == NONE and len(class_names) > 2)


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
