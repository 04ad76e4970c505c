"""How good a classifier is, in numbers: intervals, tables by class, calibration."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Two-sided 95% of the standard normal distribution.
_Z_95 = 1.959963984540054
CALIBRATION_BINS = 15


class Report(NamedTuple):
    """How a classifier does on labelled pictures.

    Attributes:
      n: Number of pictures.
      accuracy: Fraction that is right.
      interval: (low, high), the 95% interval of the accuracy; see `wilson_interval`.
      loss: Mean cross-entropy in nats.
      calibration_error: See `calibration_error`.
      precision: float64 [classes]: of the pictures read as a class, the fraction that is it; nan if there are none.
      recall: float64 [classes]: of a class's pictures, the fraction read as it; nan if there are none.
      support: int64 [classes]: pictures of each class.
      confusion: int64 [classes, classes]: pictures by label (row) and by what was read (column).
      class_names: What each label stands for.
    """

    n: int
    accuracy: float
    interval: tuple[float, float]
    loss: float
    calibration_error: float
    precision: np.ndarray
    recall: np.ndarray
    support: np.ndarray
    confusion: np.ndarray
    class_names: tuple[str, ...]


def make(probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> Report:
    """The Report of float [n, classes] probabilities against int [n] labels; n is at least 1."""
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), len(class_names))
    right, support, read = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    n_right = int(right.sum())
    of_label = probabilities[np.arange(len(labels)), labels]
    return Report(
        n=len(labels),
        accuracy=n_right / len(labels),
        interval=wilson_interval(n_right, len(labels)),
        loss=float(-np.log(np.maximum(of_label, np.finfo(np.float64).tiny)).mean()),
        calibration_error=calibration_error(probabilities, labels),
        precision=np.divide(right, read, out=np.full(len(right), np.nan), where=read > 0),
        recall=np.divide(right, support, out=np.full(len(right), np.nan), where=support > 0),
        support=support,
        confusion=confusion,
        class_names=tuple(class_names),
    )


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """The 95% score interval of a fraction n_right / n (Wilson 1927), within [0, 1]; n is at least 1."""
    fraction, z_squared = n_right / n, _Z_95**2
    centre = (fraction + z_squared / (2 * n)) / (1 + z_squared / n)
    half = _Z_95 / (1 + z_squared / n) * math.sqrt(fraction * (1 - fraction) / n + z_squared / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, n_classes: int) -> np.ndarray:
    """int64 [classes, classes]: how many pictures of each label (row) were read as each class (column)."""
    pairs = labels.astype(np.int64) * n_classes + predictions
    return np.bincount(pairs, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, n_bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error: by how much a stated probability differs from how often it is right.

    Pictures are binned by the probability of their likeliest class, bin k holding
    (k / n_bins, (k + 1) / n_bins]; the result is the mean over bins, weighted by
    their pictures, of |accuracy - mean probability| (Naeini et al. 2015, with the
    15 equal bins of Guo et al. 2017).
    """
    confidences = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidences * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, weights=is_right - confidences, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(labels))


def worst_mistakes(probabilities: np.ndarray, labels: np.ndarray, most: int) -> np.ndarray:
    """Rows of at most `most` pictures that were read wrong, the largest loss first.

    The loss of a picture is minus the logarithm of its label's probability.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(probabilities[wrong, labels[wrong]], kind='stable')][:most]


def class_table(report: Report) -> str:
    """Precision, recall and support of each class, as lines of text."""
    width = max(5, *map(len, report.class_names))
    lines = [f'{"Class":<{width}}  Precision  Recall  Support']
    for name, precision, recall, support in zip(report.class_names, report.precision, report.recall, report.support):
        lines.append(f'{name:<{width}}  {_fraction(precision):>9}  {_fraction(recall):>6}  {support:>7}')
    return '\n'.join(lines)


def _fraction(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.4f}'


def confusion_table(report: Report) -> str:
    """The confusion matrix as lines of text, with a line that explains it."""
    names = report.class_names
    width = max(len(str(report.confusion.max())), *map(len, names)) + 2
    left = max(len('Label'), *map(len, names))
    lines = [
        'Pictures of each label (row) by what was read (column); a dot is none.',
        ' ' * left + '  Read as',
        f'{"Label":<{left}}' + ''.join(f'{name:>{width}}' for name in names),
    ]
    for name, row in zip(names, report.confusion):
        lines.append(f'{name:<{left}}' + ''.join(f'{count or ".":>{width}}' for count in row))
    return '\n'.join(lines)
