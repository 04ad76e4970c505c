"""What to tell the user when a script ends in an error: one line where its cause is known, else its traceback."""

import os
import re
import sys
import traceback
from types import TracebackType

from mnist_graph.base.errors import MnistGraphError
from mnist_graph.compat import contrib

_HERE = os.path.dirname(os.path.abspath(__file__))


def line_of(error: BaseException, folder: str) -> str:
    """'script.py, line 12', the innermost line of the script or of its own modules in `folder`; '' if there is none."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.join(os.path.dirname(os.path.abspath(frame.filename)), '').startswith(os.path.join(folder, ''))
        and 'site-packages' not in frame.filename
        and not frame.filename.startswith(_HERE)
    ]
    return f'{os.path.relpath(frames[-1].filename)}, line {frames[-1].lineno}' if frames else ''


def explanation(error: BaseException) -> str | None:
    """Why a script cannot go on, where the reason lies outside of it and is known; else None."""
    if isinstance(error, MnistGraphError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _of_module(error.name)
    if isinstance(error, ImportError):
        return _of_import(error)
    if isinstance(error, AttributeError):
        return _of_attribute(error)
    if isinstance(error, TypeError) and (unknown := re.search(r"argument not understood:', '(\w+)'", str(error))):
        return _lacks('Keras', f'argument {unknown[1]}')
    return None


def _of_module(name: str) -> str:
    if name.startswith('tensorflow.contrib'):
        return contrib.not_covered(name)
    package = name.split('.')[0]
    if package != name and package in sys.modules:
        return f'{name} is gone, and has no replacement here'
    return f'needs the package {package}, which is not installed'


def _of_import(error: ImportError) -> str | None:
    if needed := re.search(r'requires (h5py)|(?:install|import) (pydot|graphviz)', str(error)):
        return f'needs the package {needed[1] or needed[2]}, which is not installed'
    home, wanted = error.name or '', re.search(r"cannot import name '(\w+)'", str(error))
    if home.startswith('tensorflow.contrib'):
        return contrib.not_covered(f'{home}.{wanted[1]}' if wanted else home)
    return _lacks(_library(home), wanted[1]) if wanted and _library(home) else None


def _of_attribute(error: AttributeError) -> str | None:
    if type(error.obj).__module__.startswith('mnist_graph.compat'):
        return f'{type(error.obj).__name__}.{error.name} is not covered'
    library = _library(getattr(error.obj, '__name__', ''))
    return _lacks(library, str(error.name)) if library else None


def _library(module: str) -> str:
    """Which of the two that are replaced a module is part of, or ''."""
    return {'tensorflow': 'TensorFlow', 'tf_keras': 'Keras', 'keras': 'Keras'}.get(module.split('.')[0], '')


def _lacks(library: str, name: str) -> str:
    return f'{library} has no {name} any more, and there is no replacement here'


def print_traceback(error: BaseException, folder: str) -> None:
    """The traceback from the script's own first line on."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith(folder):
        trace = trace.tb_next
    traceback.print_exception(error.with_traceback(trace or error.__traceback__), file=sys.stderr)
