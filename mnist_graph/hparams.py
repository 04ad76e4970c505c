"""Every hyperparameter, defined once: type, default, bounds and help.

The command-line flags, the saved `hparams.json` and the search spaces of
sweeps are all derived from the fields of `HParams`; a new hyperparameter is
one new field here and its use in the library.

    from mnist_graph.hparams import HParams
    HParams(learning_rate=3e-4, hidden_units=(256, 128))
"""

import dataclasses
import difflib
import json
from collections.abc import Collection
from typing import Any

from mnist_graph.base.errors import UsageError
from mnist_graph.base.spec import Spec

ACTIVATIONS = ('linear', 'relu', 'sigmoid', 'tanh')
OPTIMIZERS = ('adam', 'rmsprop', 'momentum', 'gradient_descent')
INITIALIZERS = ('truncated_normal', 'glorot_uniform', 'he_normal')
SCHEDULES = ('constant', 'linear', 'cosine')


def _field(default: Any, *spec_args, **spec_kwargs):
    return dataclasses.field(default=default, metadata={'spec': Spec(*spec_args, **spec_kwargs)})


def _float(default, help, lower=0, upper=None, **open_ends):
    return _field(default, 'float', help, lower, upper, **open_ends)


def _int(default, help, lower=0, upper=None):
    return _field(default, 'int', help, lower, upper)


def _enum(default, help, choices):
    return _field(default, 'enum', help, choices=choices)


def _bool(default, help):
    return _field(default, 'bool', help)


@dataclasses.dataclass(frozen=True)
class HParams:
    """One training run's hyperparameters, checked when made.

    The defaults are the tutorial's network with ReLU layers and its dropout
    connected. Everything from `model` on is an ingredient that the tutorial
    does not have, and is off by default, but for validation every `eval_steps`.

    Raises:
      UsageError: A value has the wrong type or is out of bounds.
    """

    learning_rate: float = _float(
        1e-4, 'Step size of the optimizer (its peak, if a schedule varies it).', 0, 10, open_lower=True
    )
    n_iterations: int = _int(1000, 'Training steps, one mini-batch each.', 1, 100_000_000)
    n_epochs: int = _int(
        0,
        'Passes over the training images, instead of --n_iterations; 0 means that --n_iterations counts.',
        0,
        1_000_000,
    )
    batch_size: int = _int(128, 'Images in each mini-batch.', 1, 1_000_000)
    dropout: float = _float(
        0.5, 'Fraction of units dropped while training; keep_prob = 1 - dropout.', 0, 1, open_upper=True
    )
    dropout_layers: str = _enum('last', 'Which hidden layers dropout follows.', ('last', 'all'))
    hidden_units: tuple[int, ...] = _field(
        (512, 256, 128),
        'ints',
        'Units of each hidden layer, comma-separated, first layer first.',
        1,
        65_536,
        may_be_empty=True,
    )
    activation: str = _enum('relu', 'Function applied to every hidden layer.', ACTIVATIONS)
    optimizer: str = _enum('adam', 'Rule that turns gradients into updates.', OPTIMIZERS)
    momentum: float = _float(0.9, 'Share of the last update that --optimizer=momentum keeps.', 0, 1, open_upper=True)
    n_validation: int = _int(5000, 'Images held out for validation: the first of the training set.', 0, 10_000_000)
    seed: int = _int(0, 'Start of every random choice: weights, batches, dropout, augmentation.', 0, 2**31 - 1)

    model: str = _enum(
        'mlp',
        'Network: fully connected layers, or convolutions followed by the layers of --hidden_units.',
        ('mlp', 'cnn'),
    )
    filters: tuple[int, ...] = _field(
        (32, 64, 64), 'ints', 'Channels of the three convolutions of --model=cnn, comma-separated.', 1, 4096, length=3
    )
    kernel_sizes: tuple[int, ...] = _field(
        (5, 3, 3),
        'ints',
        'Height and width of the filters of the three convolutions of --model=cnn, in pixels, comma-separated.',
        1,
        99,
        length=3,
    )
    batch_norm: bool = _bool(
        False, 'Shift and scale the units of every hidden layer to mean 0 and standard deviation 1 over each batch.'
    )
    initializer: str = _enum(
        'truncated_normal',
        'First weights: truncated_normal (stddev 0.1, biases 0.1), glorot_uniform or he_normal (biases 0).',
        INITIALIZERS,
    )
    standardize: bool = _bool(False, "Shift and scale pixels to the training images' mean 0 and standard deviation 1.")
    deskew: bool = _bool(
        False, 'Shear every image until its ink stands upright, in training (after --augment) and in use.'
    )
    augment: bool = _bool(False, 'Turn, scale, shear, shift and bend every training image anew each time it is used.')
    augment_rotation: float = _float(15.0, 'Largest turn of --augment, in degrees.', 0, 180)
    augment_scale: float = _float(
        0.12, 'Largest change of size of --augment on each axis, as a fraction.', 0, 1, open_upper=True
    )
    augment_shear: float = _float(0.15, 'Largest shear of --augment, in pixels per pixel.', 0, 1)
    augment_shift: float = _float(1.0, 'Largest shift of --augment on each axis, in pixels.', 0, 1000)
    augment_elastic: float = _float(0.8, "Standard deviation of --augment's elastic displacements, in pixels.", 0, 100)
    augment_taper: float = _float(
        0.0, 'Last fraction of training in which each image is augmented by a random part of the full strength.', 0, 1
    )
    label_smoothing: float = _float(
        0.0, 'Probability spread evenly over all classes in the training labels.', 0, 1, open_upper=True
    )
    distillation_temperature: float = _float(
        0.0,
        "Learn from a teacher (--teacher_model_dir) instead of the labels, with both sides' logits divided by this; "
        '0 is off.',
        0,
        1000,
    )
    weight_decay: float = _float(
        0.0, 'Decoupled weight decay: fraction of a weight removed per step, times the learning rate.', 0, 100
    )
    input_dropout: float = _float(
        0.0,
        'Fraction of input pixels set to zero while training; the others are divided by the fraction kept.',
        0,
        1,
        open_upper=True,
    )
    learning_rate_schedule: str = _enum(
        'constant',
        'The learning rate after its warm-up: constant, or linear or cosine, which fall to about 0 at the last step.',
        SCHEDULES,
    )
    warmup_steps: int = _int(0, 'Steps over which the learning rate first rises linearly to its peak.', 0, 100_000_000)
    ema_decay: float = _float(
        0.0,
        'Decay of the exponential moving average of the weights, which then is what is tested and used; 0 is off.',
        0,
        1,
        open_upper=True,
    )
    early_stopping_patience: int = _int(
        0, 'Stop after this many validations in a row without a new best accuracy; 0 never stops early.', 0, 1_000_000
    )
    eval_steps: int = _int(
        500, 'Steps from one validation to the next; validation also follows the last step.', 1, 100_000_000
    )

    def __post_init__(self):
        for name, spec in SPECS.items():
            object.__setattr__(self, name, spec.checked(name, getattr(self, name)))

    def to_dict(self) -> dict[str, Any]:
        """All values by name, as JSON can hold them (tuples become lists)."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = 'hyperparameters') -> 'HParams':
        """The inverse of `to_dict`; every name must be known.

        Raises:
          UsageError: An unknown name, or a value out of bounds; names `where`.
        """
        for name in values:
            if name not in SPECS:
                raise UsageError(f'{where}: unknown hyperparameter {name!r}.{did_you_mean(name)}')
        try:
            return cls(**values)
        except UsageError as error:
            raise UsageError(f'{where}: {error}') from None

    def to_flags(self, always: Collection[str] = ()) -> list[str]:
        """The command-line flags that make these of the defaults, in field order.

        Args:
          always: Names of those to write even where they are the default.
        """
        return [
            flag_text(name, getattr(self, name))
            for name in SPECS
            if (name in always or getattr(self, name) != DEFAULTS[name])
            and not (name == 'n_iterations' and self.n_epochs)
        ]  # which main refuses, as it has no effect


SPECS: dict[str, Spec] = {field.name: field.metadata['spec'] for field in dataclasses.fields(HParams)}
DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(HParams)}
ABOVE_ZERO = object()
# Hyperparameters of an ingredient: (the one that turns it on, its value then or ABOVE_ZERO).
NEEDS: dict[str, tuple[str, Any]] = {
    'momentum': ('optimizer', 'momentum'),
    'filters': ('model', 'cnn'),
    'kernel_sizes': ('model', 'cnn'),
    'dropout_layers': ('dropout', ABOVE_ZERO),
    **{name: ('augment', True) for name in SPECS if name.startswith('augment_')},
}


def missing_flag(name: str, hparams: HParams) -> str:
    """What the hyperparameter `name` of NEEDS has no effect without, as '--augment'; '' if it has one."""
    ingredient, value = NEEDS[name]
    if value is ABOVE_ZERO:
        return '' if getattr(hparams, ingredient) > 0 else f'a --{ingredient} above 0'
    return '' if getattr(hparams, ingredient) == value else flag_text(ingredient, value)


def flag_text(name: str, value: Any) -> str:
    """`--name=value` as a flagfile or a command line takes it; see `Spec.flag`."""
    return SPECS[name].flag(name, value)


def did_you_mean(name: str, known=None) -> str:
    """' Did you mean learning_rate?' or '' when nothing known is close to `name`."""
    close = difflib.get_close_matches(name, list(SPECS if known is None else known), n=1)
    return f' Did you mean {close[0]}?' if close else ''


def parse(name: str, text: str) -> Any:
    """One value of hyperparameter `name` from its text on a command line; see `Spec.parse`."""
    return SPECS[name].parse(name, text)


def differences(old: HParams, new: HParams, ignore: tuple[str, ...] = ()) -> list[str]:
    """'learning_rate: 0.0001 -> 0.001' for each field that differs."""
    return [
        f'{name}: {json.dumps(a)} -> {json.dumps(b)}'
        for (name, a), b in zip(old.to_dict().items(), new.to_dict().values())
        if a != b and name not in ignore
    ]
