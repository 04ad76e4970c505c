"""How every command starts, is stopped by a signal, and fails.

A user's mistake ends in one line on standard error and a non-zero exit code;
only a defect shows a traceback.
"""

import atexit
import contextlib
import errno
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import NoReturn, Self

from absl import app, flags

from mnist_graph.base.errors import MnistGraphError, UsageError
from mnist_graph.cli import command_line, help_text

FLAGS = flags.FLAGS
# Signal numbers as exit codes have them; Windows has no SIGPIPE, and no signal of that number.
_CODE_OF_SIGNALS, _SIGPIPE = 128, 13

Main = Callable[[Sequence[str]], int | None]


def run_command(main: Main, define_flags: Callable[[], None]) -> None:
    """Defines and parses the flags, calls `main` with what is left of the command line, and exits.

    Flags are defined here, and not when a command's module is imported, so that
    several of them may be imported together.
    """
    open_closed_streams()
    absl_flags = set(FLAGS)
    define_flags()
    own_flags = [name for name in FLAGS if name not in absl_flags]
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show must not end the program
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')
    logging.getLogger('matplotlib').setLevel(logging.WARNING)  # it tells of its font cache at the first picture
    # Before it ends Python would look for garbage among TensorFlow's objects, for a second.
    atexit.register(gc.freeze)

    def parse(argv: Sequence[str]) -> list[str]:
        if help_text.is_asked_for(argv):
            sys.exit(_guarded(lambda _: help_text.show(main, own_flags), argv))
        try:
            return command_line.parse(argv, own_flags)
        except UsageError as error:
            fail(str(error), error.exit_code)

    app.run(lambda arguments: _guarded(main, arguments), flags_parser=parse)


def open_closed_streams() -> None:
    """Connects standard streams that are closed, as by `>&-`, to the null device.

    Otherwise Python sets them to None, and files that are opened later get their numbers.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)  # converters and the processes of a sweep need it
    os.close(descriptor)
    for number, (name, mode) in enumerate({'stdin': 'r', 'stdout': 'w', 'stderr': 'w'}.items()):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))


def _guarded(main: Main, arguments: Sequence[str]) -> int:
    """Calls `main`; if a user, a disk or a signal ends it, there is an exit code for that and at most one line."""
    try:
        with _ended_by_signals():
            exit_code = main(arguments) or 0
            sys.stdout.flush()
            return exit_code
    except MnistGraphError as error:
        fail(str(error), error.exit_code)
    except BrokenPipeError:  # standard output was closed, as `| head` does
        _discard_output()
        return _CODE_OF_SIGNALS + _SIGPIPE
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        _discard_output()
        fail(f'The output cannot be written ({error.strerror}); free some space, or write it elsewhere.')
    except UnicodeEncodeError as error:
        text = str(error.object)
        if not command_line.has_undecodable_bytes(text):
            raise
        fail(f'{text[:200]}: {command_line.UNDECODABLE}.', UsageError.exit_code)
    except KeyboardInterrupt as error:
        sys.stderr.write('\nStopped.\n')
        return _CODE_OF_SIGNALS + (error.number if isinstance(error, _Ended) else signal.SIGINT)


def _discard_output() -> None:
    """Lets what is still to be written to standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(message: str, exit_code: int = 1) -> NoReturn:
    """Ends the program with one line on standard error."""
    sys.stdout.flush()
    sys.stderr.write(f'mnist_graph: {message}\n')
    sys.exit(exit_code)


def note(message: str) -> None:
    """One line on standard error about something the user should know."""
    sys.stdout.flush()
    sys.stderr.write(message + '\n')


def no_arguments(arguments: Sequence[str]) -> None:
    """Refuses words on the command line that are no flags.

    Raises:
      UsageError: There is one.
    """
    if len(arguments) > 1:
        raise UsageError(f'Unexpected argument {arguments[1]!r}; every setting is a --flag=value, see --help.')


def _ending_signals() -> list[int]:
    """Signals that ask a program to end; SIGHUP (the terminal is closed) unless it is to be ignored, as nohup asks.

    Windows has no SIGHUP.
    """
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, 'SIGHUP') and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers


@contextlib.contextmanager
def _handling(numbers: list[int], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """While active, `handler` gets these signals."""
    previous = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, before in zip(numbers, previous):
            signal.signal(number, before)


class _Ended(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived; temporary files and worker processes are to be removed as after Ctrl-C."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number


def _ended_by_signals() -> contextlib.AbstractContextManager[None]:
    def end(number: int, frame: FrameType | None) -> None:
        raise _Ended(number)

    return _handling([number for number in _ending_signals() if number != signal.SIGINT], end)


class StopRequest:
    """Notes the first Ctrl-C, SIGTERM or SIGHUP; the second stops at once.

    Attributes:
      signal: The signal's number, or 0 while there was none.
    """

    signal = 0

    def __bool__(self) -> bool:
        return bool(self.signal)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    @contextlib.contextmanager
    def listening(self) -> Iterator[Self]:
        """While active, signals are noted instead of ending the program."""
        with _handling(_ending_signals(), self._handle):
            yield self
