"""Work that is done in forked children under strace, and what must be true of its folder afterwards."""

import os
import pathlib
import signal
import subprocess
import time
from typing import Any

from mnist_graph.base.errors import MnistGraphError


class Scene:
    """Some work on a folder that may fail or be killed at any system call; a subclass says which.

    Attributes:
      folder: The folder, below runs/, in the working directory.
      known: Regular expression of the names of files that may stay in runs/.
      description: The file whose presence makes the next attempt one that goes on.
    """

    folder: str
    known: str
    description: str

    def __init__(self):
        assert len(os.listdir('/proc/self/task')) == 1, 'threads would be lost in the children'

    def prepare(self) -> Any:
        """What is done in the child before strace watches; its value is passed to `work`."""

    def work(self, prepared: Any, resume: bool, stop: bool = False) -> None:
        """Does it from the start, or goes on; with `stop` ends early."""
        raise NotImplementedError

    def result(self) -> Any:
        """What must be the same whatever has happened on the way."""
        raise NotImplementedError

    def problem(self, saved_before: bool) -> str:
        """What is wrong with the folder after a failure, or ''; `saved_before`: whether something was saved earlier."""
        raise NotImplementedError

    def child(self, *options, trace: list[str] | None = None) -> tuple[int, str]:
        """Calls `work` in a child, under strace with these arguments.

        Returns:
          Its exit code (0; 1 for an error with a message for the user; 2 for any
          other; negative for a signal), and its message.
        """
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            self._in_child(writing, options, bool(trace))
        os.close(writing)
        tracer = None
        if trace:
            os.waitpid(pid, os.WUNTRACED)
            tracer = subprocess.Popen(
                ['strace', '-qq', '-y', '-s', '300', '-p', str(pid), *trace], stderr=subprocess.DEVNULL
            )
            while '\nTracerPid:\t0\n' in pathlib.Path(f'/proc/{pid}/status').read_text():
                time.sleep(0.001)
            os.kill(pid, signal.SIGCONT)
        with os.fdopen(reading, errors='replace') as file:
            message = file.read()
        if tracer:
            tracer.wait()
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), message

    def _in_child(self, writing: int, options, traced: bool) -> None:
        code, message = 0, ''
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what TensorFlow logs of its own
            prepared = self.prepare()
            if traced:
                os.kill(os.getpid(), signal.SIGSTOP)
            self.work(prepared, *options)
        except MnistGraphError as error:
            code, message = 1, str(error)
        except BaseException as error:
            code, message = 2, f'{type(error).__name__}: {error}'
        os.write(writing, message.encode(errors='replace'))
        os._exit(code)
