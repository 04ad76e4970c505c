"""Compiling scripts of Python 2: `print`, tabs, the division of integers, and names that have gone.

The grammar is converted by the package fissix, the continuation of Python's own lib2to3.
"""

import ast
import builtins
import io
import re
import tokenize
from types import CodeType
from typing import Any

from mnist_graph.base.errors import UsageError

# Names, methods and modules that only Python 2 has.
_NAMES = {'basestring', 'cmp', 'execfile', 'long', 'raw_input', 'reduce', 'unichr', 'unicode', 'xrange'}
_METHODS = {'has_key', 'iteritems', 'iterkeys', 'itervalues'}
_MODULES = {'ConfigParser', 'Queue', 'StringIO', 'cPickle', 'cStringIO', 'urllib2'}
# `import` would turn `import helper` into `from . import helper`, which a script cannot do; the rest is cosmetic.
_SKIPPED_FIXES = {'import', 'idioms', 'ws_comma', 'buffer', 'set_literal', 'asserts', 'future'}
_DIVISION = '__division_of_python_2__'
# Spaces that a tab reaches to in Python 2, which Python 3 refuses to guess.
_TAB_SIZE = 8


def read(path: str) -> str:
    """The text of a Python file, in the encoding that it declares; bytes that do not fit it are read as Latin-1."""
    with open(path, 'rb') as file:
        content = file.read()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):
        text = content.decode('latin-1')
    return re.sub('\r\n?', '\n', text)


def compile_script(source: str, path: str, force: bool = False) -> CodeType:
    """Compiles a script, as Python 2's where it is that, or where `force` says so.

    Raises:
      UsageError: It is no Python at all; names the line.
    """
    try:
        tree = ast.parse(source, path)
        old = force or _uses_python_2(tree, source)
    except SyntaxError as error:
        tree, old = None, True
        reason = error
    if old:
        try:
            text = _converted(source, print_is_function=tree is not None)
            tree = _with_old_division(ast.parse(text, path))
        except (SyntaxError, ValueError) as error:
            if tree is None:
                wrong = error if isinstance(error, SyntaxError) and error.lineno else reason
                raise UsageError(f'{path}, line {wrong.lineno}: is no valid Python ({wrong.msg}).') from None
    assert tree is not None
    return compile(tree, path, 'exec', dont_inherit=True)


def _uses_python_2(tree: ast.Module, source: str) -> bool:
    """Whether a script that Python 3 can parse was yet written for Python 2."""
    if re.match(r'#!.*python2', source):
        return True
    nodes = list(ast.walk(tree))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    modules = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in imports if isinstance(node, ast.ImportFrom)}
    in_try = any(isinstance(node, ast.Try) for node in tree.body)  # a script that makes do with either
    used = {node.id for node in nodes if isinstance(node, ast.Name)} - stored - imported
    methods = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    if used & _NAMES or methods & _METHODS or (modules & _MODULES and not in_try):
        return True
    return _counts_with_a_quotient(nodes)


def _counts_with_a_quotient(nodes: list[ast.AST]) -> bool:
    """Whether `range` is given a quotient, which Python 3 refuses because it is no integer."""
    quotients = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _is_quotient(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    ranges = [
        node
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'range'
    ]
    arguments = [argument for node in ranges for argument in node.args]
    return any(_is_quotient(each) or (isinstance(each, ast.Name) and each.id in quotients) for each in arguments)


def _is_quotient(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)


def _converted(source: str, print_is_function: bool) -> str:
    """The script in Python 3's grammar.

    `print` is tried as a function or as a statement first, as the argument says.

    Raises:
      ValueError: It cannot be converted.
    """
    from fissix import refactor

    names = [
        name
        for name in refactor.get_fixers_from_package('fissix.fixes')
        if name.rpartition('.fix_')[2] not in _SKIPPED_FIXES
    ]
    text = '\n'.join(_expanded(line) for line in source.split('\n')) + '\n'
    failure: Exception | None = None
    for as_function in (print_is_function, not print_is_function):
        tool = refactor.RefactoringTool(names, {'print_function': True} if as_function else {})
        try:
            return str(tool.refactor_string(text, '<script>'))
        except Exception as error:  # its parser has errors of its own, without a common base
            failure = error
    raise ValueError(str(failure))


def _expanded(line: str) -> str:
    """A line whose indentation is spaces only."""
    stripped = line.lstrip(' \t')
    return line[: len(line) - len(stripped)].expandtabs(_TAB_SIZE) + stripped


class _OldDivision(ast.NodeTransformer):
    """Calls a function for each `/`, which divides integers as Python 2 does."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        call = ast.Call(ast.Name(_DIVISION, ast.Load()), [node.left, node.right], [])
        return ast.copy_location(call, node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div) or not isinstance(node.target, ast.Name):
            return node
        before = ast.Name(node.target.id, ast.Load())
        call = ast.Call(ast.Name(_DIVISION, ast.Load()), [before, node.value], [])
        return ast.copy_location(ast.Assign([node.target], call), node)


def _with_old_division(tree: ast.Module) -> ast.Module:
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == '__future__']
    if any(alias.name == 'division' for node in imports for alias in node.names):
        return tree
    setattr(builtins, _DIVISION, _divide)
    return ast.fix_missing_locations(_OldDivision().visit(tree))


def _divide(left: Any, right: Any) -> Any:
    import numpy as np

    if isinstance(left, (int, np.integer)) and isinstance(right, (int, np.integer)):
        return left // right
    return left / right
