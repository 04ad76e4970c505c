"""Running an old script in this process, as if Python had been given it."""

import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

from mnist_graph.base.errors import MnistGraphError, UsageError
from mnist_graph.compat import downloads, faults, import_hooks, libraries, python2


def run(script: str, arguments: Sequence[str], note: Callable[[str], None], as_python_2: bool = False) -> None:
    """Runs the script; the process is good for nothing else afterwards.

    Args:
      script: Path of the file.
      arguments: Its own command line.
      note: Told one line about each thing the user should know.
      as_python_2: Convert it from Python 2 even if it does not look like it.

    Raises:
      UsageError: There is no such script, or it is no Python.
      MnistGraphError: It needs what there is no longer; names its line.
      SystemExit: As the script itself ends.
    """
    if not os.path.isfile(script):
        raise UsageError(f'{script}: there is no such script.')
    folder = os.path.dirname(os.path.abspath(script))
    code = python2.compile_script(python2.read(script), os.path.abspath(script), as_python_2)
    from mnist_graph.compat import tensorflow1

    if not sys.flags.safe_path:
        # The working directory, where a script may be named as a package that TensorFlow imports.
        del sys.path[0]
    libraries.mend(script, note)
    downloads.serve_mnist(note)
    tensorflow1.install()
    sys.path.insert(0, folder)
    import_hooks.read_as_old_python(folder)
    main = ModuleType('__main__')
    main.__dict__.update(__file__=script, __builtins__=__builtins__)
    sys.modules['__main__'] = main
    sys.argv = [script, *arguments]
    try:
        exec(code, main.__dict__)
    except Exception as error:
        reason = faults.explanation(error)
        if reason is None:
            faults.print_traceback(error, folder)
            sys.exit(1)
        place = faults.line_of(error, folder)
        raise MnistGraphError(f'{place}: {reason}' if place else reason) from None
