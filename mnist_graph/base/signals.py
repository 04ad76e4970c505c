"""Starting processes that Ctrl-C does not interrupt, although a terminal sends it to all processes."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Processes started meanwhile see no Ctrl-C, even before they have begun to ignore it themselves."""
    if not hasattr(signal, 'pthread_sigmask'):  # Windows
        yield
        return
    # Otherwise `multiprocessing` would start its resource tracker together with the first process, and unblock the signal
    # before that process starts.
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
