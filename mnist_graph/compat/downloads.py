"""MNIST for scripts that bring their own `input_data.py`, which downloads it from an address that is gone."""

import email.message
import functools
import gzip
import io
import os
import urllib.parse
import urllib.request
import urllib.response
from collections.abc import Callable
from typing import Any

from mnist_graph import data
from mnist_graph.base import files
from mnist_graph.data import idx
from mnist_graph.input_data import HOSTS_OF_MNIST

# {file: (part of the data set, its attribute)}
_FILES = {
    'train-images-idx3-ubyte.gz': ('train', 'images'),
    'train-labels-idx1-ubyte.gz': ('train', 'labels'),
    't10k-images-idx3-ubyte.gz': ('test', 'images'),
    't10k-labels-idx1-ubyte.gz': ('test', 'labels'),
}


def serve_mnist(note: Callable[[str], None]) -> None:
    """Lets `urllib.request` answer requests for MNIST's four files by the package's copy; `note` is told so once."""
    original = urllib.request.urlopen
    told: list[str] = []

    @functools.wraps(original)
    def urlopen(url: Any, *arguments: Any, **named: Any) -> Any:
        address = url.full_url if isinstance(url, urllib.request.Request) else str(url)
        parts = urllib.parse.urlsplit(address)
        name = os.path.basename(parts.path)
        if name not in _FILES or parts.hostname not in HOSTS_OF_MNIST:
            return original(url, *arguments, **named)
        content, origin = _content(name)
        if not told:
            told.append(name)
            note(f'The script downloads MNIST; it gets {origin} instead.')
        headers = email.message.Message()
        headers['Content-Length'] = str(len(content))
        return urllib.response.addinfourl(io.BytesIO(content), headers, address, 200)

    urllib.request.urlopen = urlopen


def _content(name: str) -> tuple[bytes, str]:
    """The gzipped IDX file of this name, and where it is from."""
    found = data.load(n_validation=0)
    path = os.path.join(files.cache_folder(), name)
    if found.name == 'mnist' and os.path.isfile(path):
        with open(path, 'rb') as file:
            return file.read(), files.cache_folder()
    part, attribute = _FILES[name]
    array = getattr(getattr(found, part), attribute)
    origin = 'drawn digits' if found.name == 'drawn' else files.cache_folder()
    return gzip.compress(idx.to_bytes(array[..., 0] if array.ndim == 4 else array), 1), origin
