"""The four IDX files of MNIST and of the data sets that follow it: Fashion-MNIST, EMNIST, KMNIST, QMNIST and others.

They may be gzipped, and their names may have a prefix (`emnist-letters-train-images-idx3-ubyte.gz`) or a dot in place
of the last dash (`train-images.idx3-ubyte`). EMNIST's `emnist-letters-mapping.txt` gives its classes their names.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.data.idx import read_idx
from mnist_graph.data.raw_data import Part, RawData, ReadOptions, from_arrays
from mnist_graph.data.readers.format import Files, Format, folder_name, list_files

_IDX_NAME = re.compile(
    r'(?P<prefix>.*-)?(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx\d-(ubyte|int)(?P<gz>\.gz)?'
)
# Names that were changed, as browsers do with a second download: "train-images-idx3-ubyte (1).gz".
_NEARLY_IDX_NAME = re.compile(r'(?P<part>train|t10k|test)[-_. ]*(?P<kind>images|labels).*?(?P<gz>\.gz)?')

_MAX_MAPPING_BYTES = 1 << 16
# (part, kind) of the four files, in the order of `RawData`.
_ORDER = (('train', 'images'), ('train', 'labels'), ('test', 'images'), ('test', 'labels'))


def paths(folder: str) -> list[str]:
    """The IDX files in the folder, whether data sets are complete or not; [] if there is no such folder."""
    return [path for files in _by_prefix(folder).values() for path in files.values()]


def is_idx_name(name: str) -> bool:
    """Whether a file of this name is an IDX file, a whole or a half downloaded one."""
    return bool(_IDX_NAME.fullmatch(name) or name.endswith('.part') and _IDX_NAME.match(name))


def misnamed(folder: str) -> list[tuple[str, str]]:
    """(name, right name) of the files in the folder that seem to be IDX files under a changed name."""
    found = []
    for name in list_files(folder):
        if not is_idx_name(name) and (match := _NEARLY_IDX_NAME.fullmatch(name)):
            part = 'train' if match['part'] == 'train' else 't10k'
            dimensions = 3 if match['kind'] == 'images' else 1
            found.append((name, f'{part}-{match["kind"]}-idx{dimensions}-ubyte{match["gz"] or ""}'))
    return found


def _find(folder: str) -> list[Files]:
    return [tuple(files[key] for key in _ORDER) for files in _by_prefix(folder).values() if len(files) == len(_ORDER)]


def _read(folder: str, in_order: Files, options: ReadOptions) -> RawData:
    with ThreadPoolExecutor(len(_ORDER)) as pool:  # unpacking releases the interpreter lock
        train_images, train_labels, test_images, test_labels = pool.map(read_idx, in_order)
    train = Part(train_images, _first_column(train_labels), in_order[0], in_order[1])
    test = Part(test_images, _first_column(test_labels), in_order[2], in_order[3])
    raw = from_arrays(folder_name(folder), folder, train, test)
    prefix = _prefix(in_order[0])
    raw = raw._replace(class_names=_mapped(folder, prefix, raw.class_names))
    if not prefix.startswith('emnist'):
        return raw
    # EMNIST's files hold every picture transposed (Cohen et al. 2017, "EMNIST: an extension of MNIST").
    return raw._replace(train_images=raw.train_images.swapaxes(1, 2), test_images=raw.test_images.swapaxes(1, 2))


def _first_column(labels: np.ndarray) -> np.ndarray:
    """The classes among QMNIST's labels, int32 [n, 8]; other labels are what they are."""
    return labels[:, 0] if labels.ndim == 2 and labels.dtype.kind == 'i' and labels.shape[1] == 8 else labels


def _mapped(folder: str, prefix: str, class_names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of classes by EMNIST's mapping file: lines of a label and the codes of its characters.

    Raises:
      DataError: The file has other lines than that.
    """
    path = os.path.join(folder, f'{prefix}mapping.txt')
    if not os.path.isfile(path):
        return class_names
    characters = {}
    try:
        with open(path, encoding='ascii') as file:
            for line in file.read(_MAX_MAPPING_BYTES).split('\n'):
                if line.strip():
                    label, code, *_ = line.split()
                    characters[str(int(label))] = chr(int(code))
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror}).') from None
    except (ValueError, OverflowError):
        raise DataError(f'{path}: must have lines of a label and a character code, such as "1 65 97".') from None
    found = tuple(characters.get(name, name) for name in class_names)
    if len(set(found)) < len(found) or not all(name.isprintable() for name in found):
        raise DataError(f'{path}: gives two labels one name, or characters that cannot be printed.')
    return found


def _prefix(path: str) -> str:
    """What comes before "train-images" in the name of an IDX file, such as "emnist-letters-"."""
    match = _IDX_NAME.fullmatch(os.path.basename(path))
    return (match['prefix'] or '') if match else ''


def _by_prefix(folder: str) -> dict[str, dict[tuple[str, str], str]]:
    """{prefix: {('train' or 'test', 'images' or 'labels'): path}} of the IDX files; plain ones win over gzipped."""
    found: dict[str, dict[tuple[str, str], str]] = {}
    for name in sorted(list_files(folder), key=lambda name: (name.endswith('.gz'), name)):
        if match := _IDX_NAME.fullmatch(name):
            part = 'train' if match['part'] == 'train' else 'test'
            files = found.setdefault(match['prefix'] or '', {})
            files.setdefault((part, match['kind']), os.path.join(folder, name))
    return found


FORMAT = Format('the four IDX files', _find, _read)
