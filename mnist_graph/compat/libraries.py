"""Names and arguments that numpy, matplotlib, Pillow, SciPy and scikit-learn have dropped since 2019."""

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from mnist_graph.compat.import_hooks import after_import

_NUMPY_NAMES = {
    'int': int,
    'float': float,
    'object': object,
    'str': str,
    'long': np.int64,
    'float_': np.float64,
    'complex_': np.complex128,
    'unicode_': np.str_,
    'string_': np.bytes_,
    'Inf': np.inf,
    'infty': np.inf,
    'NaN': np.nan,
    'product': np.prod,
    'cumproduct': np.cumprod,
    'alltrue': np.all,
    'sometrue': np.any,
    'row_stack': np.vstack,
    'in1d': np.isin,
    'asscalar': lambda array: np.asarray(array).item(),
    'mat': np.asmatrix,
}


def mend(script: str, note: Callable[[str], None]) -> None:
    """Lets the script at path `script` use the older libraries; `note` is told of every picture file written."""
    os.environ['MPLBACKEND'] = 'Agg'
    _mend_numpy()
    pictures = functools.partial(_show_in_files, os.path.splitext(os.path.basename(script))[0], note)
    after_import('matplotlib', lambda module: setattr(module, 'use', _nothing))
    after_import('matplotlib.pyplot', lambda module: _mend_pyplot(module, pictures))
    after_import('PIL.Image', _mend_pillow)
    after_import('scipy.misc', _mend_scipy_misc)
    after_import('sklearn.manifold', _mend_tsne)
    after_import('sklearn.datasets', lambda module: setattr(module, 'fetch_mldata', _fetch_mnist))


def _nothing(*arguments: Any, **named: Any) -> None:
    """For calls that have no effect here."""


def _mend_numpy() -> None:
    for name, value in _NUMPY_NAMES.items():
        if name not in np.__dict__:
            setattr(np, name, value)
    for name in ('max', 'amax', 'min', 'amin'):
        setattr(np, name, _roomy(getattr(np, name)))
    np.random.random_integers = _random_integers  # type: ignore[assignment]
    reshape = np.reshape

    @functools.wraps(reshape)
    def reshape_by_any_name(a: Any, shape: Any = None, *arguments: Any, **named: Any) -> Any:
        return reshape(a, named.pop('newshape', shape), *arguments, **named)

    np.reshape = reshape_by_any_name


def _roomy(function: Callable) -> Callable:
    """Lets `np.max(labels) + 1` be an int64 for labels that are bytes, as before numpy 2, in which it stays a byte."""

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        return np.int64(result) if isinstance(result, np.integer) and result.dtype.itemsize < 8 else result

    return call


def _random_integers(low: int, high: int | None = None, size: Any = None) -> Any:
    """Whole numbers from `low` to `high`, both included, or from 1 to `low`."""
    first, last = (1, low) if high is None else (low, high)
    return np.random.randint(first, last + 1, size)


def _mend_pyplot(pyplot: Any, pictures: Callable[[Any], None]) -> None:
    pyplot.switch_backend('Agg')  # otherwise the first picture would do it
    pyplot.switch_backend = _nothing
    pyplot.show = lambda *arguments, **named: pictures(pyplot)
    pyplot.pause = lambda *arguments, **named: pictures(pyplot)
    pyplot.waitforbuttonpress = _nothing


_written: set[str] = set()


def _show_in_files(stem: str, note: Callable[[str], None], pyplot: Any) -> None:
    """Writes all open figures to STEM-figure-N.png in the working directory, and closes them as a user would."""
    for number in pyplot.get_fignums():
        index = number if pyplot.isinteractive() else len(_written) + 1
        name = f'{stem}-figure-{index}.png'
        pyplot.figure(number).savefig(name)
        if name not in _written:
            note(f'The script shows a picture: {name}')
        _written.add(name)
    if not pyplot.isinteractive():
        pyplot.close('all')


def _mend_pillow(image: Any) -> None:
    if not hasattr(image, 'ANTIALIAS'):
        image.ANTIALIAS = image.LANCZOS


def _mend_scipy_misc(misc: Any) -> None:
    """SciPy's functions for pictures, by Pillow."""
    from PIL import Image

    def to_image(array: Any, high: int = 255, low: int = 0, **named: Any) -> Any:
        array = np.asarray(array)
        if array.dtype != np.uint8:
            least, most = named.get('cmin', array.min()), named.get('cmax', array.max())
            array = low + (array - least) * (high - low) / ((most - least) or 1)
        return Image.fromarray(np.squeeze(np.clip(array, low, high) + 0.5).astype(np.uint8))

    def resize(array: Any, size: Any, interp: str = 'bilinear', mode: Any = None) -> Any:
        picture = to_image(array)
        if isinstance(size, (int, np.integer)):
            size = tuple(side * size // 100 for side in picture.size[::-1])
        elif isinstance(size, float):
            size = tuple(int(side * size) for side in picture.size[::-1])
        return np.asarray(picture.resize((size[1], size[0]), Image.Resampling[interp.upper()]))

    def read(name: Any, flatten: bool = False, mode: Any = None) -> Any:
        picture = Image.open(name)
        return np.asarray(picture.convert('F' if flatten else mode or picture.mode))

    def save(name: Any, array: Any, format: Any = None) -> None:
        to_image(array).save(name, format)

    misc.__dict__.update(toimage=to_image, imresize=resize, imread=read, imsave=save)
    misc.imrotate = lambda array, angle, interp='bilinear': np.asarray(to_image(array).rotate(angle))
    sys.modules['scipy.misc.pilutil'] = misc


def _mend_tsne(manifold: Any) -> None:
    """Lets TSNE take `n_iter`, the former name of `max_iter`."""
    original = manifold.TSNE

    # No subclass: scikit-learn reads the names of an estimator's arguments from its class.
    def tsne(*arguments: Any, n_iter: int | None = None, **named: Any) -> Any:
        return original(*arguments, **(named if n_iter is None else {**named, 'max_iter': n_iter}))

    manifold.TSNE = tsne


def _fetch_mnist(name: str, *arguments: Any, **named: Any) -> Any:
    """`fetch_mldata('MNIST original')`: 70,000 rows of pixels, 0 to 255, the training pictures first."""
    from sklearn.utils import Bunch

    from mnist_graph import data
    from mnist_graph.base.errors import DataError

    if 'mnist' not in name.lower():
        raise DataError(f'fetch_mldata({name!r}): mldata.org has gone, and only MNIST is replaced.')
    found = data.load(n_validation=0)
    images = np.concatenate([found.train.images, found.test.images]).reshape(len(found.train) + len(found.test), -1)
    return Bunch(data=images, target=np.concatenate([found.train.labels, found.test.labels]).astype(float))
