"""Reading the documentation as a program: its pages, links, commands, programs and tables."""

import re
import shlex
from typing import NamedTuple

from helpers.programs import REPOSITORY

PAGES = {
    str(path.relative_to(REPOSITORY)): path
    for path in [
        *(REPOSITORY / name for name in ('README.md', 'CONTRIBUTING.md', 'CHANGELOG.md')),
        *sorted((REPOSITORY / 'docs').glob('*.md')),
    ]
}
_FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
_TUTORIAL_TABLE = '| the tutorial | here | why |'


class Command(NamedTuple):
    """One command of a page: its words, and the line as the page shows it."""

    words: tuple[str, ...]
    line: str


def text_of(page: str) -> str:
    """What a page of PAGES says."""
    return PAGES[page].read_text(encoding='utf-8')


def blocks(text: str, language: str) -> list[str]:
    """What the fenced blocks of this language hold."""
    return [content for name, content in _FENCE.findall(text) if name == language]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub('', text)


def anchors(text: str) -> set[str]:
    """What GitHub names the headings: lower case, without punctuation, and hyphens for spaces."""
    headings = re.findall(r'^#+ +(.+)$', prose(text), re.M)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def links(text: str) -> list[str]:
    """The targets of all links and pictures that lead into the repository."""
    targets = re.findall(r'\]\(([^)\s]+)\)', prose(text))
    return [target for target in targets if not re.match(r'[a-z]+:', target)]


def commands(text: str) -> list[Command]:
    """The commands in the blocks for a shell, in the page's order, and those in the prose that name a program of ours.

    Lines that end in a backslash are joined; `&&` and `;` end a command; comments are dropped.
    """
    found = []
    for block in blocks(text, 'sh') + blocks(text, 'powershell'):
        for line in block.replace('\\\n', ' ').splitlines():
            lexer = shlex.shlex(line.replace('\\', '/'), posix=True, punctuation_chars='&;')
            lexer.whitespace_split, lexer.commenters = True, '#'
            found += [Command(words, line) for words in _split(list(lexer))]
    for span in re.findall(r'`((?:python -m|python benchmarks/)[^`]+)`', prose(text)):
        found.append(Command(tuple(shlex.split(span)), span))
    return found


def _split(words: list[str]) -> list[tuple[str, ...]]:
    """The words between `&&` and `;`."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word in ('&&', ';'):
            parts.append([])
        else:
            parts[-1].append(word)
    return [tuple(part) for part in parts if part]


def flags_in_prose(text: str) -> set[str]:
    """Names of the flags that the prose mentions, as 'n_epochs' for `--n_epochs=5`."""
    spans = ' '.join(re.findall(r'`([^`]+)`', prose(text)))
    return {name.removeprefix('no') or name for name in re.findall(r'(?<![\w-])--(\w+)', spans)}


def tutorial_tables(text: str) -> list[list[tuple[str, str]]]:
    """Of each table from the tutorial to this package, the rows, each as (the tutorial's code, ours).

    Several pieces of code in a cell are joined by line breaks. A cell without code is ''.
    """
    tables = []
    for table in text.split(_TUTORIAL_TABLE)[1:]:
        lines = table.splitlines()[2:]
        rows = [line for line in lines[: next((i for i, line in enumerate(lines) if not line.startswith('|')), None)]]
        cells = [re.split(r' \| ', row.strip('| ')) for row in rows]
        tables.append([tuple('\n'.join(re.findall(r'`([^`]+)`', cell)) for cell in row[:2]) for row in cells])
    return tables
