"""Trainings that are killed, and what is compared afterwards."""

import hashlib
import signal

from helpers.programs import run_python

# main, which kills itself as soon as it has shown a step.
_KILLED_AT = """
import os, signal, sys
from mnist_graph import main
from mnist_graph.cli.printer import TrainingPrinter

kill_at, on_display = int(sys.argv.pop(1)), TrainingPrinter.on_display

def killed(self, step, *measured):
    on_display(self, step, *measured)
    if step == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

TrainingPrinter.on_display = killed
main.console_main()
"""


def kill_at(step, *flags, folder):
    """Runs main in `folder`, as a program that SIGKILL ends once it has shown `step`."""
    killed = run_python('-c', _KILLED_AT, step, *flags, folder=folder)
    assert killed.code == -signal.SIGKILL and 'Traceback' not in killed.err, killed.err


def files_of(checkpoint):
    """SHA-256 of a checkpoint's two files, which are the same for the same values.

    Where files differ, pytest would compare a million bytes for hours to show how.
    """
    with (
        open(checkpoint.prefix + '.data-00000-of-00001', 'rb') as data,
        open(checkpoint.prefix + '.index', 'rb') as index,
    ):
        return [hashlib.file_digest(file, 'sha256').hexdigest() for file in (data, index)]
