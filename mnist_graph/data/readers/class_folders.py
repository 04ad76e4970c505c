"""Pictures in folders named for their classes: `train/CLASS/*.png` and `test/CLASS/*.png`."""

import os

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers.format import Format, folder_name
from mnist_graph.data.readers.pictures import read_pictures
from mnist_graph.pictures.picture_paths import PICTURE_ENDINGS

# Files that systems put into folders by themselves; not worth a line.
_SYSTEM_FILES = ('thumbs.db', 'desktop.ini')


def _looks_like(folder: str) -> bool:
    return os.path.isdir(os.path.join(folder, 'train'))


def _read(folder: str, options: ReadOptions) -> RawData:
    train_root, test_root = os.path.join(folder, 'train'), os.path.join(folder, 'test')
    if not os.path.isdir(test_root):
        raise DataError(f'{folder}: has train/ but no test/ folder; put test/CLASS/*.png beside it.')
    class_names = _class_folders(train_root)
    unknown = set(_class_folders(test_root)) - set(class_names)
    if unknown:
        raise DataError(f'{test_root}: class {sorted(unknown)[0]!r} has no pictures in {train_root}.')
    train_files, train_labels = _labelled_files(train_root, class_names)
    test_files, test_labels = _labelled_files(test_root, class_names)
    found = read_pictures(folder, train_files + test_files, options)
    labels = np.array(train_labels + test_labels, np.int32)[found.kept]
    n_train = int(np.count_nonzero(found.kept < len(train_files)))
    for root, n in ((train_root, n_train), (test_root, len(labels) - n_train)):
        if not n:
            raise DataError(f'{root}: none of its pictures can be read.')
    return RawData(
        folder_name(folder),
        found.images[:n_train],
        labels[:n_train],
        found.images[n_train:],
        labels[n_train:],
        class_names,
        folder,
        found.made_digits,
        tuple(filter(None, (_passed_over(folder, class_names), *found.notices))),
    )


def _class_folders(root: str) -> tuple[str, ...]:
    """Names of the folders in `root`: numbers by value, then words by the alphabet."""
    names = [entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith('.')]
    if not names:
        raise DataError(f'{root}: has no folders; it must hold one for each class, as in {root}/7/picture.png.')
    return tuple(sorted(names, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)))


def _files(root: str, class_name: str) -> list[str]:
    """Names of the files of a class that are not hidden, sorted."""
    folder = os.path.join(root, class_name)
    if not os.path.isdir(folder):
        return []
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith('.'))


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PICTURE_ENDINGS


def _labelled_files(root: str, class_names: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """Picture files under `root` with their labels, in an order that mixes the classes.

    The first pictures become validation data, which must not be all of one class.
    """
    found = []
    for label, class_name in enumerate(class_names):
        names = [name for name in _files(root, class_name) if _is_picture(name)]
        found += [
            ((index + 0.5) / len(names), label, os.path.join(root, class_name, name))
            for index, name in enumerate(names)
        ]
    if not found:
        raise DataError(
            f'{root}: has no picture in any of its folders; their names must end in .png, .jpg or another '
            f"picture's ending."
        )
    found.sort()
    return [path for _, _, path in found], [label for _, label, _ in found]


def _passed_over(folder: str, class_names: tuple[str, ...]) -> str:
    """A line about the files that are no pictures, or ''."""
    names = [
        os.path.join(part, class_name, name)
        for part in ('train', 'test')
        for class_name in class_names
        for name in _files(os.path.join(folder, part), class_name)
        if not _is_picture(name) and name.lower() not in _SYSTEM_FILES
    ]
    if not names:
        return ''
    return f"{folder}: passed over {len(names)} file{'s' * (len(names) > 1)} without a picture's ending, such as {names[0]}."


FORMAT = Format('train/CLASS/*.png and test/CLASS/*.png', _looks_like, _read)
