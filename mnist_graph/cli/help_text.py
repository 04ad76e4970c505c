"""What --help prints: what the program does, an example, and its flags in groups."""

import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence

from absl import flags

from mnist_graph.cli import common_flags

FLAGS = flags.FLAGS
# What asks for help anywhere on the command line, whatever else is there.
_WORDS = {'-h', *(dashes + word for dashes in ('-', '--') for word in ('help', 'helpshort', 'helpfull', '?'))}
# What absl adds to the help of a flag that may be given several times; our own help says so.
_SAID_OF_LISTS = ';\n    repeat this option to specify a list of values'
# Characters: where the explanations begin, and the longest line that is still easy to read.
_INDENT, _MOST_COLUMNS = 28, 100


def is_asked_for(argv: Sequence[str]) -> bool:
    """Whether a command line asks for help."""
    return any(argument in _WORDS for argument in argv[1:])


def show(main: Callable, names: Sequence[str]) -> None:
    """Prints the help of a command.

    Args:
      main: The `main` of the command. Its module's docstring says what the
        command does, shows how it is called, and says what else there is to know.
      names: Its flags, in the order in which they were defined.
    """
    columns = min(_MOST_COLUMNS, shutil.get_terminal_size((80, 24)).columns)
    print((sys.modules[main.__module__].__doc__ or '').strip().replace('`', ''))
    for group in common_flags.GROUPS:
        members = [name for name in names if common_flags.group_of(name) == group]
        if members:
            print(f'\n{group.capitalize()}:')
        for name in members:
            print(_entry(name, columns))
    print('\n--flagfile=FILE reads more flags from a file, which has one on each line.')


def _entry(name: str, columns: int) -> str:
    """The lines about one flag."""
    flag = FLAGS[name]
    title = f'  --{"[no]" * flag.boolean}{name}'
    values = getattr(flag.parser, 'enum_values', None) or []
    explanation = flag.help.removesuffix(_SAID_OF_LISTS).removeprefix(f'<{"|".join(values)}>: ')  # absl's own
    text = ' '.join(filter(None, [explanation, f'One of {", ".join(values)}.' if values else '', _default(flag)]))
    lines = textwrap.wrap(text, max(20, columns - _INDENT), break_on_hyphens=False)
    if len(title) < _INDENT - 1:
        first, *lines = lines
        title = f'{title:<{_INDENT}}{first}'
    return '\n'.join([title, *(' ' * _INDENT + line for line in lines)])


def _default(flag) -> str:
    """'Default: 5.', or '' if it is nothing, or if the help says itself what is done by default."""
    value = flag.default
    if value in (None, '', []) or flag.boolean and not value or 'by default' in flag.help.lower():
        return ''
    if isinstance(value, (tuple, list)):
        value = ','.join(map(str, value))
    return f'Default: {"true" if value is True else value}.'
