"""Import hooks: mending a library when it is first imported, and reading a script's own modules as Python 2."""

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Sequence
from types import CodeType, ModuleType
from typing import Any

from mnist_graph.compat import python2

Patch = Callable[[Any], None]


def after_import(name: str, patch: Patch) -> None:
    """Calls `patch` with the module `name` as soon as it is imported, or now if it is."""
    if name in sys.modules:
        patch(sys.modules[name])
    else:
        sys.meta_path.insert(0, _PatchFinder(name, patch))


class _PatchFinder(importlib.abc.MetaPathFinder):
    """Finds one module as Python does, and has it patched."""

    def __init__(self, name: str, patch: Patch):
        self._name, self._patch = name, patch

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            loader, patch = spec.loader, self._patch
            execute = loader.exec_module

            def execute_and_patch(module: ModuleType) -> None:
                execute(module)
                patch(module)

            loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


def read_as_old_python(folder: str) -> None:
    """Lets modules in `folder`, where a script lies, be converted from Python 2 as the script itself is."""
    sys.meta_path.insert(0, _OldModuleFinder(folder))


class _OldModuleFinder(importlib.abc.MetaPathFinder):
    def __init__(self, folder: str):
        self._folder = folder

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> Any:
        where = [self._folder] if path is None else [each for each in path if self._owns(each)]
        spec = importlib.machinery.PathFinder.find_spec(fullname, where) if where else None
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _OldModuleLoader(spec.loader.name, spec.loader.path)
        return spec

    def _owns(self, path: str) -> bool:
        return os.path.join(os.path.abspath(path), '').startswith(os.path.join(self._folder, ''))


class _OldModuleLoader(importlib.machinery.SourceFileLoader):
    """Compiles a module as `python2` does; compiled files beside it are neither read nor written."""

    def get_code(self, fullname: str) -> CodeType:
        return python2.compile_script(python2.read(self.path), self.path)
