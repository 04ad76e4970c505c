"""The flags that several commands share, and how each hyperparameter becomes one.

A flag is checked as it is parsed, by its parser here, and is never written to.
"""

import re
from collections.abc import Callable
from typing import Any

from absl import flags

from mnist_graph import hparams as hparams_module
from mnist_graph.base import files
from mnist_graph.base.errors import UsageError
from mnist_graph.base.spec import BadValueError
from mnist_graph.choices.datasets import DATASETS, PICTURES
from mnist_graph.cli import command_line
from mnist_graph.hparams import DEFAULTS, SPECS, HParams

FLAGS = flags.FLAGS
# The order in which --help shows them.
GROUPS = ('search', 'training', 'network', 'regularisation', 'augmentation', 'data', 'run')
_DATA_FLAGS = ('dataset', 'data_dir', 'pictures', 'skip_bad_pictures', 'split', 'n_validation')
_WHICH_MODEL = (
    'Folder of a trained run, or pretrained, which is the reader that is shipped with this package. By default the newest '
    'run (which is also called runs/latest), or the shipped reader if there is no run yet.'
)
_SEARCH_FLAGS = ('search', 'sampler', 'n_trials', 'pruner', 'timeout', 'workers')


def group_of(name: str) -> str:
    """Which of GROUPS a flag belongs to."""
    if name in SPECS:
        return SPECS[name].group
    return 'data' if name in _DATA_FLAGS else 'search' if name in _SEARCH_FLAGS and 'search' in FLAGS else 'run'


class _HParamParser(flags.ArgumentParser):
    """Parses and checks one hyperparameter exactly as the library does, whose UsageError says what is wrong."""

    def __init__(self, name: str):
        self._name = name
        self.syntactic_help = ''

    def parse(self, argument: Any) -> Any:
        if not isinstance(argument, str):
            return argument
        try:
            return hparams_module.parse(self._name, argument)
        except BadValueError as error:
            raise ValueError(error.expected) from None

    def flag_type(self) -> str:
        return SPECS[self._name].kind


class PathParser(flags.ArgumentParser):
    """A path that the operating system and TensorFlow can use; a ~ at its beginning is expanded, as no shell does here."""

    syntactic_help = 'a path'

    def parse(self, argument: str) -> str:
        try:
            path = files.expand_user(argument)
        except UsageError as error:
            raise ValueError(str(error)) from None
        if command_line.has_undecodable_bytes(path):
            raise ValueError(command_line.UNDECODABLE)
        if '\0' in path:
            raise ValueError('no path can hold a zero byte')
        if re.match(r'\w+://', path):
            raise ValueError('is an address and no path; give a file or folder of this machine')
        return path


def define_path(name: str, help_text: str) -> None:
    """Defines a flag for a path, None by default."""
    flags.DEFINE(PathParser(), name, None, help_text, serializer=flags.ArgumentSerializer())


def define_enum(name: str, default: str, choices: tuple[str, ...], help_text: str) -> None:
    """Defines a flag whose value is one of several words, in small letters or capitals."""
    flags.DEFINE_enum(name, default, list(choices), help_text, case_sensitive=False)


def define_hparams() -> None:
    """Defines one flag for each field of HParams, and --recipe, which gives several of them."""
    flags.DEFINE_string(
        'recipe',
        None,
        'Name of a recipe, a list of flags that comes with this package, such as mlp_99_4. If you add further flags after '
        'it, they win.',
    )
    for name, spec in SPECS.items():
        if spec.kind == 'bool':
            flags.DEFINE_boolean(name, DEFAULTS[name], spec.help)
        else:
            # The bounds of whole numbers only guard against slips of the finger.
            bounds = spec.describe_bounds() if spec.kind == 'float' else ''
            help_text = f'{spec.help} {bounds[0].upper()}{bounds[1:]}.' if bounds else spec.help
            flags.DEFINE(_HParamParser(name), name, DEFAULTS[name], help_text)


def hparams_from_flags(base: HParams | None = None) -> HParams:
    """The HParams that the flags give; flags not given come from `base`, if there is one.

    Raises:
      UsageError: --n_iterations is given, but has no effect because --n_epochs is above 0.
    """
    hparams = HParams(
        **{name: getattr(base, name) if base and not FLAGS[name].present else FLAGS[name].value for name in SPECS}
    )
    if hparams.n_epochs and FLAGS['n_iterations'].present:
        raise UsageError(
            f'--n_iterations={hparams.n_iterations} has no effect beside --n_epochs={hparams.n_epochs}; '
            f'leave it out, or give --n_epochs=0, too.'
        )
    return hparams


def define(*names: str) -> None:
    """Defines shared flags by name."""
    for name in names:
        _SHARED_FLAGS[name]()


def n_threads() -> int:
    """--num_threads, or all usable cores."""
    from mnist_graph.base import tensorflow

    return FLAGS.num_threads or tensorflow.usable_cores()


_SHARED_FLAGS: dict[str, Callable[[], object]] = {
    'dataset': lambda: define_enum(
        'dataset',
        'auto',
        DATASETS,
        'Data set: mnist (downloaded if it is not there yet, also into --data_dir), drawn (digits that the package draws '
        'itself), handwriting (mnist with drawn and printed digits, and pictures of no digit as an eleventh class), or '
        'auto. With --data_dir, auto is what is in that folder; without it, auto is mnist, or drawn if MNIST cannot be '
        'downloaded.',
    ),
    'data_dir': lambda: define_path(
        'data_dir',
        'Folder with your data: the four MNIST files, mnist.npz, mnist.pkl.gz, train.csv, train/CLASS/*.png with '
        'test/CLASS/*.png, and the like. If it has several data sets, name a file of one. Nothing is written into it, '
        'unless you add --dataset=mnist, which downloads MNIST into it. Without --data_dir, MNIST is downloaded into the '
        'cache folder.',
    ),
    'trained_dataset': lambda: define_enum(
        'dataset',
        'auto',
        DATASETS,
        'Data set to measure on: mnist, drawn (digits that the package draws itself), handwriting (mnist with drawn and '
        'printed digits, and pictures of no digit as an eleventh class), or auto, which is what is in --data_dir or, '
        'without --data_dir, the data set that the model was trained on.',
    ),
    'trained_data_dir': lambda: define_path(
        'data_dir',
        'Folder of the data set to measure on; by default that of the data set that the model was trained on.',
    ),
    'pictures': lambda: define_enum(
        'pictures',
        'auto',
        PICTURES,
        'How folders of pictures in --data_dir are read: raw (as they are), digits (each is made into a 28x28 digit like '
        "MNIST's), or auto. auto is digits if the pictures are large, have several sizes, or are grey and show strokes on "
        'plain paper; otherwise it is raw. A line says which.',
    ),
    'skip_bad_pictures': lambda: flags.DEFINE_boolean(
        'skip_bad_pictures',
        False,
        'Go on without those pictures of --data_dir that cannot be read, and say how many they are.',
    ),
    'model_dir': lambda: define_path('model_dir', 'Folder of the run; by default a new one in runs/.'),
    'trained_model_dir': lambda: flags.DEFINE_multi(
        PathParser(),
        flags.ArgumentSerializer(),
        'model_dir',
        None,
        f'{_WHICH_MODEL} The probabilities of several models are averaged: separate them by commas, or give this flag '
        'several times.',
    ),
    'served_model_dir': lambda: flags.DEFINE_multi(
        PathParser(),
        flags.ArgumentSerializer(),
        'model_dir',
        None,
        f'{_WHICH_MODEL} To serve several models, separate them by commas, or give this flag several times.',
    ),
    'checkpoint': lambda: define_enum(
        'checkpoint',
        'last',
        ('last', 'best'),
        'Which checkpoint to use: the last one, or the one with the best validation accuracy.',
    ),
    'tested_checkpoint': lambda: define_enum(
        'checkpoint',
        'last',
        ('last', 'best'),
        'Which checkpoint to test and to predict with at the end: the last one, or the one with the best validation accuracy.',
    ),
    'tta': lambda: flags.DEFINE_integer(
        'tta',
        1,
        'How many slightly moved copies (views) of a picture each prediction is averaged over, at most 9; 1 is the picture '
        'alone.',
        lower_bound=1,
        upper_bound=9,
    ),
    'num_threads': lambda: flags.DEFINE_integer(
        'num_threads', 0, 'Processor cores to use; 0 uses all there are.', lower_bound=0, upper_bound=1024
    ),
}
