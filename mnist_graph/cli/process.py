"""What the entry points share: their flags, how they start, and how they fail.

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
from collections.abc import Callable, Sequence

from absl import app, flags

from mnist_graph import hparams as hparams_module
from mnist_graph.base.errors import MnistGraphError, UsageError

FLAGS = flags.FLAGS
# What asks for help anywhere on the command line, whatever else is there.
_HELP = ['-h', *(dashes + word for dashes in ('-', '--') for word in ('help', 'helpshort', 'helpfull', '?'))]
# Flags defined by calls into this module belong to the entry point that makes them.
flags.disclaim_key_flags()


def run(main: Callable[[Sequence[str]], int | None], define_flags: Callable[[], None]) -> None:
    """Defines and parses the flags, calls `main` with what is left of the command line, and exits.

    Flags are defined here, and not when an entry point's module is imported, so
    that several of them may be imported together.
    """
    define_flags()
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show must not end the program
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')
    # --help lists the flags of the program, which absl takes to be sys.argv[0]. That is
    # this module's name under `python -m`, but not under an installed command.
    for flag in FLAGS.get_key_flags_for_module(main.__module__):
        FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    logging.getLogger('matplotlib').setLevel(logging.WARNING)  # it tells of its font cache at the first picture
    # Before it ends Python would look for garbage among TensorFlow's objects, for a second.
    atexit.register(gc.freeze)
    app.run(lambda arguments: _guarded(main, arguments), flags_parser=_parse_flags)


def _parse_flags(argv: Sequence[str]) -> list[str]:
    if any(argument in _HELP for argument in argv[1:]):
        sys.exit(_guarded(_print_help, argv))
    try:
        return FLAGS(argv)
    except flags.UnrecognizedFlagError as error:
        similar = hparams_module.closest(error.flagname, FLAGS)
        hint = f'Did you mean --{similar}?' if similar else 'See --help.'
        fail(f'Unknown flag --{error.flagname}. {hint}', UsageError.exit_code)
    except (flags.Error, OSError) as error:
        fail(' '.join(str(error).removeprefix('ERROR:: ').split()), UsageError.exit_code)
    except UnicodeError:
        fail('A --flagfile is not text in UTF-8; give one with a --flag=value on each line.', UsageError.exit_code)


def _print_help(argv: Sequence[str]) -> None:
    with contextlib.suppress(SystemExit):  # absl ends with 1 after printing the help that was asked for
        asked = next(argument for argument in argv if argument in _HELP)
        app.parse_flags_with_usage([argv[0], '--help' if asked == '-h' else asked])


def _guarded(main, arguments) -> int:
    try:
        exit_code = main(arguments) or 0
        sys.stdout.flush()
        return exit_code
    except MnistGraphError as error:
        fail(str(error), error.exit_code)
    except BrokenPipeError:  # standard output was closed, as `| head` does
        _discard_output()
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        _discard_output()
        fail(f'The output cannot be written ({error.strerror}); free some space, or write it elsewhere.')
    except KeyboardInterrupt:
        sys.stderr.write('\nStopped.\n')
        return 128 + signal.SIGINT


def _discard_output() -> None:
    """Lets what is still to be written to standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(message: str, exit_code: int = 1) -> None:
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


class StopRequest:
    """Notes the first Ctrl-C, SIGTERM or SIGHUP (the terminal is closed); the second stops at once.

    Attributes:
      signal: The signal's number, or 0 while there was none.
    """

    signal = 0

    def __bool__(self) -> bool:
        return bool(self.signal)

    def _handle(self, number, frame):
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    @contextlib.contextmanager
    def listening(self):
        """While active, signals are noted instead of ending the program."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup asks for
            numbers.append(signal.SIGHUP)
        previous = [signal.signal(number, self._handle) for number in numbers]
        try:
            yield self
        finally:
            for number, handler in zip(numbers, previous):
                signal.signal(number, handler)
