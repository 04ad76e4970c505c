"""What to type to install the packages that an optional part of this package needs."""

import os

from mnist_graph.base import files

# The folder that holds the package: a clone of the repository, or Python's folder of installed packages.
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def install_command(extra: str) -> str:
    """The command that installs an extra of setup.py, as "pip install -e '.[plots]'".

    In a clone of the repository it is the command that the documentation shows,
    with the path of the clone if that is not the working directory. pip knows an
    installed package by its name, and then installs only what the extra adds.
    """
    if os.path.isfile(os.path.join(_ROOT, 'setup.py')):
        return f"pip install -e '{files.relative(_ROOT)}[{extra}]'"
    return f"pip install 'mnist_graph[{extra}]'"
