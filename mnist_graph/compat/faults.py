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
        if error.name.startswith('tensorflow.contrib'):
            return contrib.not_covered(error.name)
        if error.name.startswith('tensorflow'):
            return f'{error.name} is gone, and has no replacement here'
        return f'needs the package {error.name.split(".")[0]}, which is not installed'
    if isinstance(error, ImportError) and (error.name or '').startswith('tensorflow.contrib'):
        wanted = re.search(r"cannot import name '(\w+)'", str(error))
        return contrib.not_covered(f'{error.name}.{wanted[1]}' if wanted else str(error.name))
    if isinstance(error, AttributeError) and getattr(error.obj, '__name__', '').startswith('tensorflow'):
        return f'TensorFlow has no {error.name} any more, and there is no replacement here'
    return None


def print_traceback(error: BaseException, folder: str) -> None:
    """The traceback from the script's own first line on."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith(folder):
        trace = trace.tb_next
    traceback.print_exception(error.with_traceback(trace or error.__traceback__), file=sys.stderr)
