"""Tables with a picture in each row: Kaggle's `train.csv` and `test.csv`, `mnist_train.csv` and others like it.

Also UCI's `optdigits.tra` and `optdigits.tes`, and `zip.train` and `zip.test` (USPS). All of them may be gzipped.
"""

import os
import re

from mnist_graph.base.errors import DataError
from mnist_graph.data import table_file
from mnist_graph.data.raw_data import Part, RawData, ReadOptions, from_arrays
from mnist_graph.data.readers import splitting
from mnist_graph.data.readers.format import Files, Format, folder_name, list_files

_NAMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r'(?P<prefix>(?:.*[-_])?)(?P<part>train|test)(?:ing)?\.csv(?:\.gz)?',
        r'(?P<prefix>zip\.)(?P<part>train|test)(?:\.gz)?',
        r'(?P<prefix>optdigits\.)(?P<part>tra|tes)(?:\.gz)?',
    )
)
_PARTS = {'train': 'train', 'tra': 'train', 'test': 'test', 'tes': 'test'}


def _find(folder: str) -> list[Files]:
    """The tables to train on, each with that to test on if there is one; plain ones win over gzipped."""
    found: dict[str, dict[str, str]] = {}
    for name in sorted(list_files(folder), key=lambda name: (name.endswith('.gz'), name)):
        if match := next(filter(None, (pattern.fullmatch(name) for pattern in _NAMES)), None):
            parts = found.setdefault(match['prefix'].lower(), {})
            parts.setdefault(_PARTS[match['part'].lower()], os.path.join(folder, name))
    return [(parts['train'], *filter(None, [parts.get('test')])) for parts in found.values() if 'train' in parts]


def _read(folder: str, files: Files, options: ReadOptions) -> RawData:
    train_path = files[0]
    rows = table_file.read(train_path)
    if rows.labels is None:
        raise DataError(f'{train_path}: has no column "label".')
    train = Part(rows.pixels, rows.labels, train_path, train_path)
    notices: tuple[str, ...] = ()
    test = _test_part(files[1], rows.pixels.shape[1]) if len(files) > 1 else None
    if test is None:
        train, test, notice = splitting.split(train, train_path)
        notices = (notice,)
    raw = from_arrays(folder_name(folder), folder, train, test)
    if os.path.basename(train_path).startswith('emnist'):  # whose pictures are transposed, as in its IDX files
        raw = raw._replace(train_images=raw.train_images.swapaxes(1, 2), test_images=raw.test_images.swapaxes(1, 2))
    return raw._replace(notices=notices + raw.notices)


def _test_part(path: str, n_pixels: int) -> Part | None:
    """The test pictures, or None where they have no labels, as those of a competition."""
    rows = table_file.read(path, n_pixels)
    return None if rows.labels is None else Part(rows.pixels, rows.labels, path, path)


FORMAT = Format('train.csv and test.csv', _find, _read, ('.csv', '.csv.gz'))
