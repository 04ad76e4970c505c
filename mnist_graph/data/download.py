"""Fetches the four MNIST files from their public mirrors.

A file appears under its name only when it has the right size and SHA-256, so
an interrupted or tampered download is never mistaken for the real thing.
Proxies are taken from the environment (`https_proxy`), as urllib does.
"""

import hashlib
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import NamedTuple

from mnist_graph.base.errors import DataError
from mnist_graph.base.files import how_to_mend, remove_leftovers, sha256, write_atomically
from mnist_graph.data import folders

MIRRORS = ('https://storage.googleapis.com/cvdf-datasets/mnist/', 'https://ossci-datasets.s3.amazonaws.com/mnist/')
TIMEOUT_SECONDS = 5
# A mirror that answers, but more slowly than this on average, is given up too.
MIN_BYTES_PER_SECOND = 10_000
_CHUNK_BYTES = 1 << 16
# After so long nobody is still writing a file of this size.
_LEFTOVER_SECONDS = 60.0


class RemoteFile(NamedTuple):
    """A file as it must arrive: its name, size in bytes and SHA-256 in hex."""

    name: str
    size: int
    sha256: str


MNIST_FILES = (
    RemoteFile(
        'train-images-idx3-ubyte.gz', 9912422, '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'
    ),
    RemoteFile('train-labels-idx1-ubyte.gz', 28881, '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'),
    RemoteFile(
        't10k-images-idx3-ubyte.gz', 1648877, '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'
    ),
    RemoteFile('t10k-labels-idx1-ubyte.gz', 4542, 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'),
)


def is_mnist_file(path: str) -> bool:
    """Whether a file has the name and the content of one of the four."""
    return any(
        os.path.basename(path) == file.name and os.path.getsize(path) == file.size and sha256(path) == file.sha256
        for file in MNIST_FILES
    )


def download_mnist(folder: str, mirrors=MIRRORS, files=MNIST_FILES, show_progress: bool = False) -> None:
    """Puts the four gzipped IDX files into `folder`, which is made if it is missing.

    Args:
      folder: Where the files go; files already there are left alone.
      mirrors: Base addresses, each ending in '/', tried in turn for each file.
      files: What to fetch.
      show_progress: Draw a tqdm bar on standard error.

    Raises:
      DataError: A file could not be had from any mirror, and names every address
        tried and the files to place by hand; or it cannot be written.
    """
    with folders.made(folder):
        remove_leftovers(folder, _LEFTOVER_SECONDS)
        for file in files:
            path = os.path.join(folder, file.name)
            if os.path.exists(path):
                continue
            try:
                write_atomically(path, _from_any(mirrors, file, show_progress))
            except _FetchError as error:
                names = ', '.join(each.name for each in files)
                raise DataError(
                    f'{file.name} could not be downloaded ({error}). Place {names} in {folder} by hand.'
                ) from None
            except OSError as error:
                raise DataError(
                    f'{folder}: {file.name} cannot be written ({error.strerror}); {how_to_mend(error)}.'
                ) from None


class _FetchError(Exception):
    """Why one address, or each of several, did not give the file."""


def _from_any(mirrors: Sequence[str], file: RemoteFile, show_progress: bool) -> bytes:
    failures = []
    for mirror in mirrors:
        try:
            return _fetch(mirror + file.name, file, show_progress)
        except _FetchError as error:
            failures.append(f'{mirror + file.name}: {error}')
    raise _FetchError('; '.join(failures))


def _fetch(address: str, expected: RemoteFile, show_progress: bool) -> bytes:
    """The file at an address. Reading stops just past the expected size, however much is sent.

    Raises:
      _FetchError: It cannot be had there, or is another file.
    """
    from http.client import HTTPException

    from tqdm import tqdm

    content = bytearray()
    deadline = time.monotonic() + TIMEOUT_SECONDS + expected.size / MIN_BYTES_PER_SECOND
    try:
        with (
            # `urlopen` may be replaced, as run_tf1 does, so that scripts get what is downloaded here.
            urllib.request.build_opener().open(address, timeout=TIMEOUT_SECONDS) as response,
            tqdm(
                total=expected.size,
                unit='B',
                unit_scale=True,
                desc=expected.name,
                disable=not show_progress,
                leave=False,
            ) as bar,
        ):
            while len(content) <= expected.size and (chunk := response.read1(_CHUNK_BYTES)):
                if time.monotonic() > deadline:
                    raise _FetchError(f'sends too slowly ({len(content):,} bytes of {expected.size:,} so far)')
                content += chunk
                bar.update(len(chunk))
    except OSError as error:
        raise _FetchError(str(getattr(error, 'reason', None) or error.strerror or error)) from None
    except (HTTPException, ValueError) as error:
        raise _FetchError(' '.join(str(error).split()) or type(error).__name__) from None
    if len(content) != expected.size or hashlib.sha256(content).hexdigest() != expected.sha256:
        raise _FetchError(f'sent {len(content):,} bytes that are not the file (wrong size or SHA-256)')
    return bytes(content)
