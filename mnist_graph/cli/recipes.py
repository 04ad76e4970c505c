"""Recipes: flagfiles that come with the package, found by their names.

In a checkout they are in its folder flags/; an installation has a copy of that
folder inside the package, as mnist_graph/recipes (see setup.py).
"""

import pathlib

import mnist_graph
from mnist_graph.base.errors import UsageError

_ENDING = '.flags'


def folder() -> pathlib.Path:
    """Where the recipes are."""
    package = pathlib.Path(mnist_graph.__file__).resolve().parent
    installed = package / 'recipes'
    return installed if installed.is_dir() else package.parent / 'flags'


def names() -> list[str]:
    """All recipes there are, without their ending."""
    return sorted(path.name.removesuffix(_ENDING) for path in folder().glob('*' + _ENDING))


def find(name: str) -> str:
    """The path of the flagfile of a recipe.

    Raises:
      UsageError: There is no recipe of that name; lists those there are.
    """
    known = names()
    if name.removesuffix(_ENDING) not in known:
        raise UsageError(f'--recipe={name}: there is no such recipe; use one of {", ".join(known) or "(none found)"}.')
    return str(folder() / (name.removesuffix(_ENDING) + _ENDING))
