"""From the words of a command line to parsed flags: flagfiles, recipes, and hints about wrong names."""

import codecs
import os
import re
from collections.abc import Iterator, Sequence

from absl import flags

from mnist_graph.base.errors import UsageError
from mnist_graph.cli import recipes
from mnist_graph.hparams import closest

FLAGS = flags.FLAGS
UNDECODABLE = 'a path whose name is not UTF-8 text; rename it, or give another'
# Flags of this name are absl's own; their values are read here instead.
_FLAGFILE = 'flagfile'
# What other programs call it: the flag of ours.
_OTHER_NAMES = {
    **dict.fromkeys(('lr', 'step_size', 'rate'), 'learning_rate'),
    **dict.fromkeys(('epochs', 'num_epochs', 'nb_epoch', 'n_epoch', 'max_epochs'), 'n_epochs'),
    **dict.fromkeys(('iterations', 'steps', 'num_steps', 'max_steps', 'n_steps', 'train_steps'), 'n_iterations'),
    **dict.fromkeys(('batch', 'bs', 'minibatch', 'minibatch_size', 'train_batch_size'), 'batch_size'),
    **dict.fromkeys(('layers', 'hidden', 'hidden_layers', 'hidden_sizes', 'units'), 'hidden_units'),
    **dict.fromkeys(('data', 'input_dir', 'input_data_dir', 'data_path'), 'data_dir'),
    **dict.fromkeys(('logdir', 'output_dir', 'train_dir', 'checkpoint_dir', 'ckpt_dir'), 'model_dir'),
    **dict.fromkeys(('random_seed', 'rng_seed'), 'seed'),
    **dict.fromkeys(('optim', 'opt'), 'optimizer'),
    **dict.fromkeys(('num_workers', 'n_workers', 'threads', 'n_threads', 'n_jobs', 'jobs'), 'num_threads'),
    **dict.fromkeys(('validation', 'validation_size', 'n_valid'), 'n_validation'),
    **dict.fromkeys(('dropout_rate', 'drop_prob'), 'dropout'),
    **dict.fromkeys(('decay', 'l2', 'wd'), 'weight_decay'),
    **dict.fromkeys(('patience', 'early_stopping'), 'early_stopping_patience'),
    **dict.fromkeys(('scheduler', 'lr_schedule', 'schedule'), 'learning_rate_schedule'),
    **dict.fromkeys(
        ('finetune', 'fine_tune', 'pretrained', 'warm_start', 'warm_start_from', 'init'), 'init_checkpoint'
    ),
    **dict.fromkeys(('freeze', 'train_layers', 'trainable_layers'), 'trainable'),
    **dict.fromkeys(('bind', 'address', 'hostname', 'ip'), 'host'),
}
_OUTPUTS = ('output', 'out', 'output_file', 'output_dir', 'save_to')


def parse(argv: Sequence[str], own_flags: Sequence[str]) -> list[str]:
    """Gives the flags of a command line to absl; returns the program's name and the words that are no flags.

    Args:
      argv: As sys.argv.
      own_flags: Names of the flags that this command has.

    Raises:
      UsageError: A flag is unknown or its value is refused, or a flagfile cannot be read.
    """
    for name in own_flags:
        if FLAGS[name].boolean:
            FLAGS[name].parser = _BooleanParser()
    try:
        return FLAGS([argv[0], *_expanded(argv[1:])])
    except flags.UnrecognizedFlagError as error:
        raise UsageError(f'Unknown flag --{error.flagname}. {_hint(error.flagname, own_flags)}') from None
    except flags.Error as error:
        raise UsageError(' '.join(str(error).split())) from None


class _BooleanParser(flags.BooleanParser):
    """As absl's, but with a whole sentence as its message."""

    def parse(self, argument: str | bool | int) -> bool:
        try:
            return super().parse(argument)
        except (ValueError, TypeError):
            raise ValueError('must be true or false; --flag alone is true, and --noflag is false') from None


def _hint(name: str, own_flags: Sequence[str]) -> str:
    """What to write instead of an unknown flag."""
    word, _, value = name.partition(' ')
    if value and word in own_flags:
        return f'Write --{word}={value.strip()}, with an equals sign and no space.'
    if name == 'keep_prob' and 'dropout' in own_flags:
        return 'Use --dropout, the fraction of units to drop: 1 - keep_prob.'
    if (
        name in ('num_threads', 'num_workers', 'n_jobs', 'jobs')
        and 'num_threads' not in own_flags
        and 'workers' in own_flags
    ):
        return 'Use --workers, the number of processes that train.'
    known = _OTHER_NAMES.get(name)
    if name in _OUTPUTS:  # what commands write has a name in each
        known = next((each for each in ('output', 'report_dir', 'sweep_dir') if each in own_flags), known)
    if known not in own_flags:
        longer = [flag for flag in own_flags if flag.startswith(name)]
        known = longer[0] if len(longer) == 1 else closest(name, own_flags)
    return f'Did you mean --{known}?' if known else 'See --help.'


def has_undecodable_bytes(text: str) -> bool:
    """Whether a name from the system holds bytes that its encoding has no letters for (PEP 383)."""
    return any('\udc80' <= letter <= '\udcff' for letter in text)


# What a recipe may say of how `main` tests; it means nothing to a command that only trains, such as `sweep`.
_OF_TESTING = ('tta',)


def _expanded(arguments: Sequence[str], parents: tuple[str, ...] = ()) -> Iterator[str]:
    """The arguments, in which each flag that names a flagfile or a recipe is replaced by what that holds.

    Args:
      arguments: Of a command line, or the lines of a flagfile.
      parents: Real paths of the flagfiles that the arguments are in, the innermost last.
    """
    rest = iter(arguments)
    for argument in rest:
        if argument == '--':
            yield argument
            yield from rest
            return
        name, equals, value = argument.partition('=')
        name = name.lstrip('-') if name.startswith('-') else ''
        if name != _FLAGFILE and not (name == 'recipe' and 'recipe' in FLAGS):
            yield argument
            continue
        value = value if equals else next(rest, '')
        if not value:
            raise UsageError(f'--{name} needs a value; write --{name}={"NAME" if name == "recipe" else "FILE"}.')
        path = recipes.find(value) if name == 'recipe' else _beside(value, parents)
        for line in _from_file(path, parents):
            flag = line.partition('=')[0].lstrip('-')
            if name == 'recipe' and flag == 'search' and flag not in FLAGS:
                raise UsageError(f'--recipe={value}: is only for python -m mnist_graph.sweep; choose another one here.')
            if not (name == 'recipe' and flag in _OF_TESTING and flag not in FLAGS):
                yield line


def _beside(path: str, parents: tuple[str, ...]) -> str:
    """A flagfile that another one names is looked for in that one's folder, then in the working directory."""
    path = os.path.expanduser(path)
    beside = os.path.join(os.path.dirname(parents[-1]), path) if parents else path
    return beside if os.path.exists(beside) else path


def _from_file(path: str, parents: tuple[str, ...]) -> Iterator[str]:
    real = os.path.realpath(path)
    if real in parents:
        raise UsageError(f'--flagfile={path}: names itself, directly or through another flagfile; remove that line.')
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except OSError as error:
        raise UsageError(f'--flagfile={path}: cannot be read ({error.strerror}).') from None
    lines = [_argument(line.strip(), path) for line in _text(content, path).splitlines()]
    yield from _expanded([line for line in lines if line], (*parents, real))


def _text(content: bytes, path: str) -> str:
    """A flagfile's text: UTF-8, or UTF-16 as some of Windows's programs write it, with or without a mark."""
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b'\0' in content
    try:
        return content.decode('utf-16' if is_utf_16 else 'utf-8-sig')
    except UnicodeError:
        raise UsageError(
            f'--flagfile={path}: is not text in UTF-8; give a file with a --flag=value on each line.'
        ) from None


def _argument(line: str, path: str) -> str:
    """A line of a flagfile as the command line would have it; '' for a comment or an empty line.

    No shell takes quotation marks away there, and a space may stand for the equals sign.
    """
    line = _without_quotes(line, path)
    if line.startswith(('#', '//')):
        return ''
    flag = re.fullmatch(r'(--?\w+)(?:\s*=\s*|\s+)(.*)', line)
    return f'{flag[1]}={_without_quotes(flag[2], path)}' if flag else line


def _without_quotes(text: str, path: str) -> str:
    for mark in '"\'':
        if len(text) > 1 and text[0] == text[-1] == mark:
            return text[1:-1]
    if text.startswith('"'):
        raise UsageError(f'--flagfile={path}: the quotation mark in {text} is not closed.')
    return text
