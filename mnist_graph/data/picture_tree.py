"""A data set of pictures in folders named for their labels: `train/LABEL/*.png` and `test/LABEL/*.png`.

Pictures that all have one size are taken as they are. Of different sizes, they
are someone's photographs and drawings, and each is made into what MNIST would
have made of it.
"""

import os

import numpy as np

from mnist_graph.base.errors import DataError

# Pixels: the longest side of pictures that are not made digits. Larger ones are photographs.
_LARGEST_AS_IT_IS = 256


def read(folder: str) -> tuple:
    """Pictures in folders named for their labels.

    Returns:
      What `folder_reader.RawData` holds after its name.

    Raises:
      DataError: A folder is missing or has no pictures.
      ImageError: A picture cannot be read.
    """
    train_root, test_root = os.path.join(folder, 'train'), os.path.join(folder, 'test')
    if not os.path.isdir(test_root):
        raise DataError(f'{folder}: has train/ but no test/ folder; put test/LABEL/*.png beside it.')
    class_names = _class_folders(train_root)
    unknown = set(_class_folders(test_root)) - set(class_names)
    if unknown:
        raise DataError(f'{test_root}: label {sorted(unknown)[0]!r} has no pictures in {train_root}.')
    train_files, train_labels = _labelled_files(train_root, class_names)
    test_files, test_labels = _labelled_files(test_root, class_names)
    images, made_digits = _read_pictures(train_files + test_files, all(name.isdecimal() for name in class_names))
    n_train = len(train_files)
    return (
        images[:n_train],
        np.array(train_labels, np.int32),
        images[n_train:],
        np.array(test_labels, np.int32),
        class_names,
        folder,
        made_digits,
    )


def _class_folders(root: str) -> tuple[str, ...]:
    names = [entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith('.')]
    if not names:
        raise DataError(f'{root}: has no folders; it must hold one for each label, as in {root}/7/picture.png.')
    return tuple(sorted(names, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)))


def _labelled_files(root: str, class_names: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """Picture files under `root` with their labels, in an order that mixes the classes.

    The first pictures become validation data, which must not be all of one class.
    """
    pairs = []
    for label, class_name in enumerate(class_names):
        class_folder = os.path.join(root, class_name)
        files = (
            sorted(
                entry.path for entry in os.scandir(class_folder) if entry.is_file() and not entry.name.startswith('.')
            )
            if os.path.isdir(class_folder)
            else []
        )
        pairs += [((index + 0.5) / len(files), label, path) for index, path in enumerate(files)]
    if not pairs:
        raise DataError(f'{root}: has no picture in any of its folders.')
    pairs.sort()
    return [path for _, _, path in pairs], [label for _, label, _ in pairs]


def _read_pictures(paths: list[str], are_numbers: bool) -> tuple[np.ndarray, bool]:
    """uint8 [n, height, width, channels] of all files, and whether they were made digits.

    They are taken as they are if all have one size, of at most
    _LARGEST_AS_IT_IS pixels; else each is made a digit. So are grey ones of
    28x28 that show numbers, dark on light perhaps, as `predict` will make
    digits of what it reads; MNIST's own stay what they are.
    """
    from mnist_graph.pictures import extract

    pictures = []
    for path in paths:
        picture = extract.read_picture(path, longest_side=_LARGEST_AS_IT_IS + 1)
        if max(picture.shape) > _LARGEST_AS_IT_IS or pictures and picture.shape[:2] != pictures[0].shape[:2]:
            return _read_digits(paths), True
        pictures.append(_to_bytes(picture))
    if are_numbers and {picture.shape for picture in pictures} == {(28, 28, 1)}:
        return _read_digits(paths), True
    if any(picture.shape[2] == 3 for picture in pictures):  # grey ones among them were reduced to one channel
        pictures = [np.broadcast_to(picture, (*picture.shape[:2], 3)) for picture in pictures]
    return np.stack(pictures), False


def _read_digits(paths: list[str]) -> np.ndarray:
    from mnist_graph.pictures import extract

    return np.stack([_to_bytes(extract.picture_to_digit(path)[..., np.newaxis]) for path in paths])


def _to_bytes(picture: np.ndarray) -> np.ndarray:
    return np.round(picture * 255).astype(np.uint8)
