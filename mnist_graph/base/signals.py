"""Starting processes that Ctrl-C in a terminal, which goes to all of them, does not reach."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Processes started meanwhile see no Ctrl-C, even before they have begun to ignore it themselves."""
    if not hasattr(signal, 'pthread_sigmask'):  # Windows
        yield
        return
    # `multiprocessing` would start this one together with its first process, and unblock the signal for that one.
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
