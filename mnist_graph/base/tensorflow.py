"""TensorFlow as a guest: imported late and quietly, given the cores there are.

Importing TensorFlow takes seconds, so the entry points parse their flags and
find their files first and call `import_tensorflow` only when a graph is about
to be built. Nothing here runs when the package is imported.
"""

import contextlib
import faulthandler
import functools
import gc
import glob
import logging
import os
import re
import sys
import tempfile

# Lines that TensorFlow's C++ static initialisers write to standard error on
# every start, whatever TF_CPP_MIN_LOG_LEVEL says, and that ask nothing of the
# user. Everything else that appears during the import is shown.
_KNOWN_LINES = (
    re.compile(rb'WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR'),
    re.compile(rb'[IW]\d{4} .*cudart_stub\.cc:\d+\] Could not find cuda drivers on your machine'),
    re.compile(rb'[IW]\d{4} .*port\.cc:\d+\] oneDNN custom operations are on'),
    re.compile(rb'[IW]\d{4} .*cpu_feature_guard\.cc:\d+\] '),
    re.compile(rb'To enable the following instructions: '),
    re.compile(rb'INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.'),  # LiteRT, at its first prediction
)
# TensorFlow holds a part of an older Keras, which looks for these to read files and sparse matrices of Keras, and
# does without them where they are not installed. They take a tenth of the import's time.
_NEEDED_BY_KERAS = ('h5py', 'scipy')
# Without an NVIDIA device this is the same news once more; with one it is a fault.
_NO_DEVICE_LINE = re.compile(rb'E\d{4} .*cuda_(?:platform|driver)\.cc:\d+\] failed call to cuInit')


def import_tensorflow():
    """Imports TensorFlow without its start-up chatter; returns `tensorflow.compat.v1`.

    Two environment variables, which TensorFlow's C++ code also reads later, get a
    value if they have none: TF_CPP_MIN_LOG_LEVEL=2 (errors only) and
    TF_ENABLE_ONEDNN_OPTS=1. All others stay as they were. Afterwards, `gc.freeze`
    takes all objects that exist out of garbage collection.
    """
    if 'tensorflow' in sys.modules:
        with held_back_stderr():
            return _import_and_look_for_gpus()
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    # oneDNN's matrix products are faster, and TensorFlow uses them by itself only
    # on the newest processors.
    os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')
    with held_back_stderr(), _no_garbage_collection(), _without_keras(), _without(*_NEEDED_BY_KERAS):
        return _import_and_look_for_gpus()


@functools.cache
def _import_and_look_for_gpus():
    import tensorflow.compat.v1 as tf

    tf.config.list_physical_devices()  # the first look for a GPU logs, too
    return tf


@contextlib.contextmanager
def held_back_stderr():
    """Collects what is written to file descriptor 2, then replays all but the known lines.

    A crash inside still shows its traceback: faulthandler writes to the real
    standard error.
    """
    _flush_stderr()
    try:
        real = os.dup(2)
    except OSError:  # standard error is closed, so there is nothing to hold back
        yield
        return
    was_enabled = faulthandler.is_enabled()
    faulthandler.enable(file=real)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            _flush_stderr()
            os.dup2(real, 2)
            faulthandler.disable()
            if was_enabled:
                faulthandler.enable(file=2)  # not sys.stderr, which may be no file, as in a notebook
            held.seek(0)
            for line in held.read().splitlines(keepends=True):
                if not _is_known(line):
                    os.write(2, line)
            os.close(real)


@contextlib.contextmanager
def only_errors_logged():
    """While active, TensorFlow's Python code logs neither news nor warnings, such as those about deprecated functions."""
    loggers = [logging.getLogger(name) for name in ('tensorflow', 'absl')]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


def _flush_stderr() -> None:
    if sys.stderr:  # None in a program without a console
        sys.stderr.flush()


def _is_known(line: bytes) -> bool:
    if _NO_DEVICE_LINE.match(line):
        return not glob.glob('/dev/nvidia[0-9]*')
    return not line.strip() or any(pattern.match(line) for pattern in _KNOWN_LINES)


@contextlib.contextmanager
def _no_garbage_collection():
    """The import makes a million objects that live on; looking for garbage among them, then or later, is in vain."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _without_keras():
    """Keeps TensorFlow from importing Keras, which this package never uses (a tenth of the time).

    `tensorflow/__init__.py` ends by importing Keras 3, unless this variable asks
    for the legacy package, whose absence it accepts. Where that is installed,
    as run_tf1 needs it, it is hidden meanwhile.
    """
    name = 'TF_USE_LEGACY_KERAS'
    if name in os.environ or 'tf_keras' in sys.modules:
        yield
        return
    os.environ[name] = '1'
    try:
        with _without('tf_keras'):
            yield
    finally:
        del os.environ[name]


@contextlib.contextmanager
def _without(*packages: str):
    """Meanwhile, these packages seem not to be installed, but for those that are imported already."""
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
