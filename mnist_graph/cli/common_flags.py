"""The flags that several commands share, and how each hyperparameter becomes one."""

import os
from collections.abc import Callable

from absl import flags

from mnist_graph import hparams as hparams_module
from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import DEFAULTS, SPECS, HParams

FLAGS = flags.FLAGS
# Flags defined by calls into this module belong to the entry point that makes them.
flags.disclaim_key_flags()


class _HParamParser(flags.ArgumentParser):
    """Parses and checks one hyperparameter exactly as the library does."""

    def __init__(self, name: str):
        self._name = name
        self.syntactic_help = ''

    def parse(self, argument):
        if not isinstance(argument, str):
            return argument
        try:
            return hparams_module.parse(self._name, argument)
        except UsageError as error:
            raise ValueError(str(error).partition(': ')[2]) from None

    def flag_type(self):
        return SPECS[self._name].kind


class _HParamSerializer(flags.ArgumentSerializer):
    def serialize(self, value):
        return ','.join(map(str, value)) if isinstance(value, tuple) else str(value)


class _PathParser(flags.ArgumentParser):
    """A path, whose ~ no shell expands after `--flag=`."""

    def parse(self, argument):
        return os.path.expanduser(argument)


def define_path(name: str, help_text: str) -> None:
    """Defines a flag for a path, None by default, for the entry point that calls this."""
    flags.DEFINE(_PathParser(), name, None, help_text, serializer=flags.ArgumentSerializer())


def define_hparams() -> None:
    """Defines one flag for each field of HParams, for the entry point that calls this."""
    for name, spec in SPECS.items():
        if spec.kind == 'bool':
            flags.DEFINE_boolean(name, DEFAULTS[name], spec.help)
        elif spec.kind == 'enum':
            flags.DEFINE_enum(name, DEFAULTS[name], list(spec.choices), spec.help)
        else:
            bounds = spec.describe_bounds()
            flags.DEFINE(
                _HParamParser(name),
                name,
                DEFAULTS[name],
                f'{spec.help} ({bounds[0].upper()}{bounds[1:]}.)',
                serializer=_HParamSerializer(),
            )


def hparams_from_flags(base: HParams | None = None) -> HParams:
    """The HParams that the flags give; flags not given come from `base`, if there is one.

    Raises:
      UsageError: --n_iterations is given where --n_epochs is in force, which it would not change.
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
    """Defines shared flags by name, for the entry point that calls this."""
    for name in names:
        _SHARED_FLAGS[name]()


def n_threads() -> int:
    """--num_threads, or all usable cores."""
    from mnist_graph.base import tensorflow

    return FLAGS.num_threads or tensorflow.usable_cores()


_SHARED_FLAGS: dict[str, Callable[[], object]] = {
    'dataset': lambda: flags.DEFINE_enum(
        'dataset',
        'auto',
        ['auto', 'mnist', 'drawn', 'handwriting'],
        'Data set: mnist, drawn (the built-in digits), handwriting (MNIST, other hands, print and no digits), or auto: what is in --data_dir, else MNIST by download, '
        'else, without --data_dir, drawn.',
    ),
    'data_dir': lambda: define_path(
        'data_dir',
        'Folder of the four MNIST files, of mnist.npz, or of train/LABEL/*.png and test/LABEL/*.png; '
        'by default the cache folder that MNIST is downloaded into.',
    ),
    'trained_dataset': lambda: flags.DEFINE_enum(
        'dataset',
        'auto',
        ['auto', 'mnist', 'drawn', 'handwriting'],
        'Data set to read, by default the one the model was trained on: mnist, drawn (the built-in digits), handwriting (MNIST, other hands, print and no digits), or auto: '
        'what is in --data_dir.',
    ),
    'trained_data_dir': lambda: define_path(
        'data_dir', 'Folder of the data set to read, by default of the one the model was trained on.'
    ),
    'model_dir': lambda: define_path('model_dir', 'Folder of the run: by default a new one under runs/.'),
    'trained_model_dir': lambda: flags.DEFINE_multi_string(
        'model_dir',
        None,
        'Folder of a trained run, by default the newest; several flags or a comma-separated '
        'list average their probabilities.',
    ),
    'checkpoint': lambda: flags.DEFINE_enum(
        'checkpoint', 'last', ['last', 'best'], 'Which checkpoint to use; best is the best on validation.'
    ),
    'num_threads': lambda: flags.DEFINE_integer(
        'num_threads', 0, 'Processor cores to use; 0 uses all there are.', lower_bound=0, upper_bound=1024
    ),
}
