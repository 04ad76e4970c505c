"""`mnist.pkl.gz` of deeplearning.net, and dictionaries of arrays in `mnist.pkl`.

A pickle can run any code when it is loaded, so nothing is loaded here but numbers, texts, lists, dictionaries and
arrays, and those are rebuilt by this module.
"""

import io
import os
import pickle
import re
import struct
from typing import Any

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.data import unpacking
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import named_arrays
from mnist_graph.data.readers.format import Files, Format, folder_name, one_line

_NAMES = ('mnist.pkl.gz', 'mnist.pkl', 'mnist.pickle')
_KEYS_OF_PAIRS = {2: ('train', 'test'), 3: ('train', 'valid', 'test')}


def _find(folder: str) -> list[Files]:
    paths = [path for name in _NAMES if os.path.isfile(path := os.path.join(folder, name))]
    return [(paths[0],)] if paths else []  # the others are the same, packed otherwise


def _read(folder: str, files: Files, options: ReadOptions) -> RawData:
    (path,) = files
    content = _load(path)
    if isinstance(content, (tuple, list)) and len(content) in _KEYS_OF_PAIRS:
        pairs = dict(zip(_KEYS_OF_PAIRS[len(content)], content))
        if all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs.values()):
            content = {f'{part}_{kind}': array for part, pair in pairs.items() for kind, array in zip(('x', 'y'), pair)}
    if not isinstance(content, dict):
        raise DataError(f'{path}: holds no pairs of pictures and labels for training and testing.')
    try:
        arrays = {str(key): np.asarray(value) for key, value in content.items() if _is_array_like(value)}
    except (ValueError, TypeError, OverflowError):
        raise DataError(f'{path}: holds lists that are no arrays.') from None
    # The pictures for validation were the last of MNIST's training pictures, and become so again.
    return named_arrays.to_raw_data(folder_name(folder), path, arrays, validation_first=False)


def _is_array_like(value: Any) -> bool:
    """Whether it is an array or a list of numbers; lists in lists may be of any size without taking memory."""
    return isinstance(value, np.ndarray) or (
        isinstance(value, list) and all(isinstance(number, (int, float, np.number)) for number in value)
    )


def _without_stand_ins(value: Any) -> Any:
    """Arrays in place of `_Array`, in pairs or a dictionary of them."""
    if isinstance(value, _Array):
        return value.array
    if isinstance(value, dict):
        return {key: each.array if isinstance(each, _Array) else each for key, each in value.items()}
    if isinstance(value, (tuple, list)) and len(value) in _KEYS_OF_PAIRS:
        return [
            [each.array if isinstance(each, _Array) else each for each in pair]
            if isinstance(pair, (tuple, list)) and len(pair) == 2
            else pair
            for pair in value
        ]
    return value


def _load(path: str) -> Any:
    content = unpacking.read_maybe_gzipped(path)
    try:
        return _without_stand_ins(_Unpickler(io.BytesIO(content), encoding='latin1').load())
    except DataError:
        raise
    except Exception as error:  # damaged pickles raise anything
        raise DataError(f'{path}: is damaged, or holds more than arrays ({one_line(error)}).') from None


class _Type:
    """A numpy dtype on its way out of a pickle."""

    def __init__(self, code: str, *ignored: Any) -> None:
        if not re.fullmatch('[buif][1248]', code):
            raise ValueError(f'dtype {code!r}')
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        if state[1] in ('<', '>'):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """A numpy array on its way out of a pickle."""

    def __init__(self, *ignored: Any) -> None:
        self.array = np.empty(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, is_fortran, content = state
        self.array = _from_buffer(content, kind, shape, 'F' if is_fortran else 'C')


def _encode(content: Any, *encoding: str) -> bytes | bytearray:
    """Bytes, which Python 2 and old protocols pickle as a text."""
    if isinstance(content, str):
        return content.encode('latin1')
    if not isinstance(content, (bytes, bytearray)):  # bytes(10**12) would fill the memory
        raise ValueError(f'{type(content).__name__} in place of bytes')
    return content


def _from_buffer(content: Any, kind: _Type, shape: tuple[int, ...], order: Any) -> np.ndarray:
    return np.frombuffer(_encode(content), kind.dtype).reshape(shape, order=order)


def _scalar(kind: _Type, content: Any) -> Any:
    return np.frombuffer(_encode(content), kind.dtype)[0]


# What a pickled array names, and what stands in for it.
_STAND_INS: dict[tuple[str, str], Any] = {
    ('numpy', 'ndarray'): None,  # only ever an argument
    ('numpy', 'dtype'): _Type,
    ('_codecs', 'encode'): _encode,
    **{
        (f'numpy.{core}.multiarray', name): stand_in
        for core in ('core', '_core')
        for name, stand_in in (('_reconstruct', _Array), ('scalar', _scalar))
    },
    **{(f'numpy.{core}.numeric', '_frombuffer'): _from_buffer for core in ('core', '_core')},
}


def _load_bytearray(unpickler: Any) -> None:
    """What the original does, without taking memory for a size that is only claimed."""
    (size,) = struct.unpack('<Q', unpickler.read(8))
    unpickler.append(bytearray(unpickler.read(size)))


# The unpickler in Python, as that in C takes memory for whatever number a pickle puts into its memo.
class _Unpickler(pickle._Unpickler):
    """Loads a pickle without running what it names."""

    dispatch = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: _load_bytearray}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f'{module}.{name}')
        return _STAND_INS[module, name]


FORMAT = Format('mnist.pkl.gz', _find, _read, ('.pkl', '.pkl.gz', '.pickle'))
