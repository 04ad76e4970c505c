"""Pictures in folders named for their classes: `train/CLASS/*.png` and `test/CLASS/*.png`, or just `CLASS/*.png`.

The folders train and test may be spelt in other usual ways, and there may be one for validation.
"""

import os

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.base.picture_paths import PICTURE_ENDINGS
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import splitting
from mnist_graph.data.readers.format import Files, Format, files_in, folder_name, folders_in, list_files, list_folders
from mnist_graph.data.readers.pictures import read_pictures

_PART_NAMES = {
    **dict.fromkeys(('train', 'training', 'trainingset', 'train_images'), 'train'),
    **dict.fromkeys(('val', 'valid', 'validation'), 'val'),
    **dict.fromkeys(('test', 'testing', 'testset', 'test_images'), 'test'),
}
# Files that systems put into folders by themselves; not worth a line.
_SYSTEM_FILES = ('thumbs.db', 'desktop.ini')


def _find(folder: str) -> list[Files]:
    parts = _parts(folder)
    if 'train' in parts and _may_hold_classes(parts['train']):
        return [tuple(parts.values())]
    return [(folder,)] if _is_unsplit(folder) else []


def _may_hold_classes(root: str) -> bool:
    """Whether it has folders or pictures, or nothing at all; what has only other files is of another format."""
    return bool(list_folders(root)) or _holds_picture(root) or not list_files(root)


def _parts(folder: str) -> dict[str, str]:
    """{'train', 'val' or 'test': path} of the folders of this kind in a folder."""
    return {
        _PART_NAMES[name.lower()]: os.path.join(folder, name)
        for name in list_folders(folder)
        if name.lower() in _PART_NAMES
    }


def has_parts(folder: str) -> bool:
    """Whether there is a folder for training, validation or testing in it."""
    return bool(_parts(folder))


def _is_unsplit(folder: str) -> bool:
    """Whether two or more folders in it hold pictures, and none is a part of a data set."""
    return not _parts(folder) and sum(_holds_picture(os.path.join(folder, name)) for name in list_folders(folder)) >= 2


def _holds_picture(folder: str) -> bool:
    return any(map(_is_picture, list_files(folder)))


def _read(folder: str, files: Files, options: ReadOptions) -> RawData:
    parts = _parts(folder) or {'train': folder}
    class_names = _class_names(parts['train'])
    notices = []
    if len(parts) == 2 and 'val' in parts:
        parts['test'] = parts.pop('val')
        notices.append(f'{folder}: has no test folder, so the pictures in {parts["test"]} are those to test on.')
    # The validation pictures come first, since the first are held out.
    in_order = [(part, parts[part]) for part in ('val', 'train', 'test') if part in parts]
    paths, labels, n_files = [], [], {}
    for part, root in in_order:
        _check_classes(root, class_names, parts['train'])
        part_files, part_labels = _labelled_files(root, class_names)
        paths += part_files
        labels += part_labels
        n_files[part] = len(part_files)
    found = read_pictures(folder, paths, options)
    kept_labels = np.array(labels, np.int32)[found.kept]
    if 'test' in parts:
        is_test = found.kept >= len(paths) - n_files['test']
    else:
        is_test = splitting.test_rows(kept_labels)
        notices.append(splitting.notice(folder, is_test))
    for root, rows in ((parts['train'], ~is_test), (parts.get('test', folder), is_test)):
        if not rows.any():
            raise DataError(f'{root}: none of its pictures can be read, or there are too few.')
    if 'val' in parts:
        n = int(np.count_nonzero(found.kept < n_files['val']))
        notices.append(f'{folder}: its {n} validation pictures come first; --n_validation={n} holds out just these.')
    return RawData(
        folder_name(folder),
        found.images[~is_test],
        kept_labels[~is_test],
        found.images[is_test],
        kept_labels[is_test],
        class_names,
        folder,
        found.made_digits,
        tuple(filter(None, (_passed_over(folder, parts, class_names), *notices, *found.notices))),
    )


def _class_names(root: str) -> tuple[str, ...]:
    """Names of the folders in `root`: numbers by value, then words by the alphabet."""
    names = folders_in(root)
    if not names:
        raise DataError(f'{root}: has no folders; it must hold one for each class, as in {root}/7/picture.png.')
    return tuple(sorted(names, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)))


def _check_classes(root: str, class_names: tuple[str, ...], train_root: str) -> None:
    unknown = set(_class_names(root)) - set(class_names)
    if unknown:
        raise DataError(f'{root}: class {sorted(unknown)[0]!r} has no pictures in {train_root}.')


def _files(root: str, class_name: str) -> list[str]:
    """Names of the files of a class that are not hidden, sorted."""
    folder = os.path.join(root, class_name)
    if not os.path.isdir(folder):
        return []
    return [name for name in files_in(folder) if not name.startswith('.')]


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


def _passed_over(folder: str, parts: dict[str, str], class_names: tuple[str, ...]) -> str:
    """A line about the files that are no pictures, or ''."""
    names = [
        os.path.relpath(os.path.join(root, class_name, name), folder)
        for root in parts.values()
        for class_name in class_names
        for name in _files(root, class_name)
        if not _is_picture(name) and name.lower() not in _SYSTEM_FILES
    ]
    if not names:
        return ''
    return f"{folder}: passed over {len(names)} file{'s' * (len(names) > 1)} without a picture's ending, such as {names[0]}."


FORMAT = Format('train/CLASS/*.png and test/CLASS/*.png', _find, _read)
