"""From arrays with names, such as x_train or test_labels, to a data set."""

import os
import re
from collections.abc import Iterable, Mapping

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.data.raw_data import Part, RawData, from_arrays
from mnist_graph.data.readers import splitting
from mnist_graph.data.readers.format import Files

_PARTS = re.compile('(?P<train>train(?:ing)?)|(?P<valid>val(?:id(?:ation)?)?)|(?P<test>test(?:ing)?)')
_KINDS = {
    **dict.fromkeys(('x', 'image', 'images', 'img', 'imgs', 'picture', 'pictures', 'data'), 'images'),
    **dict.fromkeys(('y', 'label', 'labels', 'target', 'targets'), 'labels'),
}
# The name of the data set, which comes before that of its part.
_PREFIX = re.compile('^.*?(?=train|test|val)', re.IGNORECASE)
# Parts that have no word for it: the whole, not split.
_WHOLE = 'whole'


def part_and_kind(name: str) -> tuple[str, str] | None:
    """('train', 'valid', 'test' or 'whole', 'images' or 'labels') that an array's name stands for, or None."""
    name = name.lower()
    match = _PARTS.search(name)
    part = match.lastgroup if match else None
    kind = _KINDS.get(re.sub('[^a-z]', '', _PARTS.sub('', name, count=1)))
    return (part or _WHOLE, kind) if kind else None


def is_part(folder_name: str) -> bool:
    """Whether a folder of this name holds the training, validation or test part of a data set."""
    return bool(_PARTS.fullmatch(folder_name.lower()))


def plain_name(name: str) -> str:
    """'train_images' for `kmnist-train-imgs.npz` or `train/images.npy`, or '' where the name tells no such thing."""
    return _prefix_and_name(name)[1]


def _prefix_and_name(name: str) -> tuple[str, str]:
    """The name of the data set and `plain_name`, such as 'kmnist-' and 'train_images' for `kmnist-train-imgs.npz`."""
    stem = os.path.splitext(name)[0]
    match = _PREFIX.match(stem)
    for prefix in ('', match[0] if match else ''):
        if (purpose := part_and_kind(stem.removeprefix(prefix))) and purpose[0] != _WHOLE:
            return prefix, '_'.join(purpose)
    return stem, ''


def group(folder: str, names: Iterable[str]) -> list[Files]:
    """The data sets that files with one or several arrays make up.

    Files such as `kmnist-train-imgs.npz` and `kmnist-train-labels.npz` belong
    together; one whose name tells of no such thing is a data set by itself.

    Args:
      folder: Where they are.
      names: Their names, or paths below the folder, such as `train/images.npy`.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_prefix_and_name(name)[0], []).append(os.path.join(folder, name))
    return [tuple(paths) for paths in groups.values()]


def to_raw_data(
    name: str,
    where: str,
    arrays: Mapping[str, np.ndarray],
    validation_first: bool = True,
    class_names: tuple[str, ...] = (),
) -> RawData:
    """A data set of named arrays.

    Args:
      name, where: See `RawData`.
      arrays: {name: array}; those with other names than are known are left out.
      validation_first: Whether pictures for validation come before the training
        pictures or behind them.
      class_names: What the labels stand for; by default their numbers.

    Raises:
      DataError: There are no pictures and labels to train on, or they contradict each other.
    """
    found: dict[tuple[str, str], tuple[str, np.ndarray]] = {}
    for key, array in arrays.items():
        # Of two for the same, such as scikit-learn's "images" and flat "data", the last by the alphabet.
        if (purpose := part_and_kind(key)) and (purpose not in found or key > found[purpose][0]):
            found[purpose] = (key, array)

    def part(which: str) -> Part | None:
        if (which, 'images') not in found or (which, 'labels') not in found:
            return None
        (images_key, images), (labels_key, labels) = found[which, 'images'], found[which, 'labels']
        return Part(images, labels, f'{where}: {images_key}', f'{where}: {labels_key}')

    notices: tuple[str, ...] = ()
    train, valid, test = part('train') or part(_WHOLE), part('valid'), part('test')
    if train is None:
        raise DataError(f'{where}: {_what_is_missing(arrays, "train")}')
    if test is None and any(each[0] == 'test' for each in found):
        raise DataError(f'{where}: {_what_is_missing(arrays, "test")}')
    if valid is not None:
        first, second = (valid, train) if validation_first else (train, valid)
        train = _joined(first, second)._replace(images_where=train.images_where, labels_where=train.labels_where)
        if validation_first:
            n = len(valid.labels)
            notices = (f'{where}: its {n} validation pictures come first; --n_validation={n} holds out just these.',)
    if test is None:
        train, test, notice = splitting.split(train, where)
        notices += (notice,)
    raw = from_arrays(name, where, train, test, class_names)
    return raw._replace(notices=notices + raw.notices)


def _what_is_missing(arrays: Mapping[str, np.ndarray], part: str) -> str:
    expected = [f'{kind}_{part}' for kind in ('x', 'y')]
    missing = next((key for key in expected if key not in arrays), expected[0])
    names = ', '.join(list(arrays)[:8])
    return f'has no array {missing} (nor {part}_images, {part}_labels and the like) among {names or "nothing"}.'


def _joined(first: Part, second: Part) -> Part:
    for part in (first, second):
        part.check_lengths()
    try:
        images = np.concatenate([first.images, second.images])
        return second._replace(images=images, labels=np.concatenate([first.labels, second.labels]))
    except (ValueError, TypeError):
        raise DataError(
            f'{first.images_where} has pictures of shape {first.images.shape[1:]}, but {second.images_where} of '
            f'{second.images.shape[1:]}.'
        ) from None
