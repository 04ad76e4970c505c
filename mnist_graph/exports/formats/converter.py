"""Converters run in a process of their own: they change much in theirs, and each call leaks about 20 MB."""

import os
import subprocess
import sys
from collections.abc import Sequence

from mnist_graph.base.errors import ExportError

_FOLDER = os.path.dirname(os.path.abspath(__file__))
# Runs a program, and ends it when nobody holds the other end of standard input any more, as when export was killed.
_WATCHED = """
import os, runpy, sys, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""
# Characters of a converter's last line that a message shows.
_MOST_SHOWN = 300


def run(program: str, arguments: Sequence[str]) -> None:
    """Runs a program of this folder, such as 'convert_to_onnx.py', to its end.

    Raises:
      ExportError: It failed; the message has its last line.
    """
    # -P keeps this folder, whose modules are named as others' packages, out of the path.
    command = [sys.executable, '-P', '-c', _WATCHED, os.path.join(_FOLDER, program), *arguments]
    watched, held = os.pipe()
    try:
        done = subprocess.run(command, stdin=watched, capture_output=True, text=True, errors='replace')
    finally:
        os.close(watched)
        os.close(held)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1][:_MOST_SHOWN] if lines else f'exit code {done.returncode}'
        raise ExportError(f'The model could not be converted ({reason}); choose another --format.')
