"""Runs a script that was written for TensorFlow 1, as it is.

    python -m mnist_graph.run_tf1 script.py [its arguments]
    python -m mnist_graph.run_tf1 --python2 script.py [its arguments]

`import tensorflow` gives the script TensorFlow 1's interface, and
`tensorflow.examples.tutorials.mnist.input_data` gives it MNIST. Windows that it
would open become picture files. Scripts of Python 2 are converted; --python2
converts one that does not look like it. This needs the extra `tf1`.
"""

import atexit
import gc
import sys

from mnist_graph.base.errors import MnistGraphError, UsageError
from mnist_graph.cli import process


def main(arguments: list[str]) -> None:
    """Runs the script that the command line names.

    Raises:
      MnistGraphError: It cannot run; says why.
    """
    as_python_2 = arguments[:1] == ['--python2']
    words = arguments[1:] if as_python_2 else arguments
    if words[:1] in (['--help'], ['-h']):
        print(__doc__)
        return
    if not words or words[0].startswith('-'):
        raise UsageError('Name the script: python -m mnist_graph.run_tf1 script.py [its arguments].')
    from mnist_graph.compat import running

    running.run(words[0], words[1:], process.note, as_python_2)


def console_main() -> None:
    """The console command `mnist-graph-run-tf1`."""
    process.open_closed_streams()
    atexit.register(gc.freeze)  # as the other commands do, for a quick end
    try:
        main(sys.argv[1:])
    except MnistGraphError as error:
        process.fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        process.fail('Stopped.', 130)


if __name__ == '__main__':
    console_main()
